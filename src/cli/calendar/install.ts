// Install: `calendar install` and `withdraw`: what the host posts from now on. A calendar is
// installed whole or not at all, beside a daemon or without one.
import { templateHash, undated } from "../../calendar/action.ts";
import type { Calendar } from "../../calendar/file.ts";
import { assertFits } from "../../calendar/fit.ts";
import { judgeCalendar, keysOf } from "../../calendar/judge.ts";
import { RunnerError } from "../../errors.ts";
import { say } from "../../flow/edges.ts";
import type { Entity } from "../../jobs/entity.ts";
import { spreadOffsetMs } from "../../jobs/fires.ts";
import { newCalendar } from "../../journal/windows.ts";
import { errnoText } from "../../lib/os/errno.ts";
import { readRegular } from "../../lib/os/read.ts";
import { actionName } from "../../mig/action.ts";
import { formatClock, jsonAnswer, plural } from "../../view/text.ts";
import { UsageError } from "../flags.ts";
import { type JournalAccess, openJournalAccess } from "../open.ts";
import { Recorder } from "../record.ts";
import type { Call } from "../verb.ts";
import { asCalendarError, type Deed, readCalendar } from "./deed.ts";
import { jobTemplate, requireJob, summaryOf } from "./request.ts";
import { progressOf } from "./verify.ts";

export const install: Deed = { word: "FILE", run: installFile };
export const withdraw: Deed = { word: "JOB", run: withdrawJob };

async function installFile(call: Call, path: string): Promise<number> {
  const { flags, terminal } = call;
  const calendar = await readCalendar("install", path);
  const access = await openJournalAccess(call, { kind: "named", word: calendar.job });
  try {
    const entity = await requireJob(access, calendar.job, "install a calendar of");
    await check(call, { path, calendar, entity, access });
    const { journal, clock } = access.edges;
    const recorder = new Recorder(call, access);
    const row = await journal.write((tables) => {
      const inserted = tables.insertCalendar(newCalendar(calendar), clock.now());
      const detail = `${outcome(calendar)}, hash ${inserted?.hash ?? ""}`;
      if (inserted !== null)
        recorder.note(tables, { deed: "install", subject: calendar.job, detail });
      return inserted;
    });
    if (row === null) {
      const message = `Cannot install calendar "${path}": number ${calendar.sequence} is there already`;
      throw new RunnerError("CALENDAR", message, { hint: "request a new one" });
    }
    const said = outcome(calendar);
    say(access.edges, calendar.job, "notice", said);
    recorder.tell();
    if (flags.has("json")) terminal.json(jsonAnswer(summaryOf(path, calendar)));
    else terminal.out([`${calendar.job}: ${said}`, ...advice(entity)]);
    return 0;
  } finally {
    terminal.progress("");
    await access.close();
  }
}

interface Order {
  readonly path: string;
  readonly calendar: Calendar;
  readonly entity: Entity;
  readonly access: JournalAccess;
}

/** Everything that can be held against it. @throws {RunnerError} CALENDAR, for the first thing. */
async function check(call: Call, { path, calendar, entity, access }: Order): Promise<void> {
  const { clock, journal } = access.edges;
  const { job, schedule, spreadMs, minSigners } = entity;
  const template = await jobTemplate(call, access, entity);
  const keyring = call.flags.text("keyring") ?? access.config.calendarKeyring;
  if (keyring === null) {
    const message = `Cannot install calendar "${path}": no keyring says who may sign`;
    const hint = "set [calendar] keyring to a file of public keys, or use --keyring FILE";
    throw new RunnerError("CALENDAR", message, { path: access.config.path, hint });
  }
  const keys = keysOf([readKeyring(keyring)]);
  const now = clock.now();
  await asCalendarError(`install calendar "${path}"`, { job }, async () => {
    const action = undated(template, actionName(job));
    assertFits(calendar, {
      schedule,
      template: templateHash(action),
      before: journal.newestCalendar(job),
      now,
      offsetMs: spreadOffsetMs(job, spreadMs),
    });
    const judged = progressOf(call, calendar);
    await judgeCalendar(calendar, { keys, keyring, minSigners, now, judged });
  });
}

/** A ring that others can write is theirs, and so is who may sign. */
function readKeyring(path: string): Uint8Array {
  try {
    return readRegular(path, { sizeMax: KEYRING_SIZE_MAX, owned: {} });
  } catch (cause) {
    const message = `Cannot read keyring "${path}": ${errnoText(cause)}`;
    const hint = "name a file of public keys that only root or this user can write";
    throw new RunnerError("KEYRING", message, { hint }, { cause });
  }
}

const KEYRING_SIZE_MAX = 16 * 1024 * 1024;

function outcome({ sequence, windows, signers }: Calendar): string {
  const until = formatClock(windows.at(-1)?.firesAt ?? 0);
  const by = signers.map(({ fingerprint }) => fingerprint).join(", ");
  const what = `installed calendar ${sequence}: ${plural(windows.length, "window")}`;
  return `${what}, the last ${until}, signed by ${by}`;
}

function advice({ signing }: Entity): readonly string[] {
  if (signing === "calendar") return [];
  return ['note: the job signs live; it is used once the job has signing = "calendar"'];
}

async function withdrawJob(call: Call, job: string): Promise<number> {
  if (job === "") throw new UsageError("calendar withdraw takes one JOB");
  const access = await openJournalAccess(call, { kind: "named", word: job });
  try {
    const { journal, clock } = access.edges;
    const row = journal.calendar(job);
    if (row === null) {
      const message = `Cannot withdraw the calendar of job "${job}": none is installed`;
      throw new RunnerError("CALENDAR", message, { hint: "mig-runner status shows which are" });
    }
    const { left } = journal.coverage(row.id, clock.now());
    const said = `withdrew calendar ${row.sequence}, ${plural(left, "window")} left of it`;
    const recorder = new Recorder(call, access);
    await journal.write((tables) => {
      tables.withdrawCalendar(row.id, clock.now());
      recorder.note(tables, { deed: "withdraw", subject: job, detail: said });
    });
    say(access.edges, job, "notice", said);
    recorder.tell();
    if (call.flags.has("json")) {
      call.terminal.json(jsonAnswer({ job, sequence: row.sequence, windows: left }));
    } else {
      call.terminal.out([`${job}: ${said}; what MIG has been given already stays`]);
    }
    return 0;
  } finally {
    await access.close();
  }
}
