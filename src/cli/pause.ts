// Pause: the verbs by which a person keeps a job from firing for a while, and lets it fire again.
// What is held is in the journal: it holds also for a daemon that is started later.
import { RunnerError } from "../errors.ts";
import { pauseReason } from "../jobs/hold.ts";
import type { PauseRow } from "../journal/pauses.ts";
import type { Instant } from "../time.ts";
import { formatClock, jsonAnswer } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import { type JournalAccess, openJournalAccess } from "./open.ts";
import { actorOf, Recorder } from "./record.ts";
import { type Call, JSON_FLAG, type Verb, WHY_FLAG } from "./verb.ts";

export const pause: Verb = {
  usage: "JOB [--until TIME] [--why TEXT] [--json]",
  flags: [
    {
      name: "until",
      kind: "text",
      value: "TIME",
      help: "When it ends by itself: in RFC 3339, or 8h, 3d from now (default: with unpause)",
    },
    WHY_FLAG,
    JSON_FLAG,
  ],
  help:
    "Keeps a job from firing by its schedule until a time, or until `mig-runner unpause JOB`. Its fire\n" +
    "times are recorded as skipped, raise no alarm, and are not made up for. Runs that have begun go\n" +
    "on, and `mig-runner run JOB` still fires it. A pause lasts over restarts, and can be made while\n" +
    "no mig-runner runs; a second one replaces the first. `status` and `next` show it, with who\n" +
    "made it and why.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg pause sshd-config --until 8h --why 'change 4711'\n" +
    "  mig-runner -c runner.cfg pause sshd-config --until 2026-12-24T06:00:00Z",
  async run(call) {
    const job = wordOf(call, "pause");
    return await withJournal(call, job, async (access) => {
      const { clock, journal, log } = access.edges;
      const now = clock.now();
      const until = call.flags.moment("until", now, "from now");
      if (until !== null && until <= now) {
        throw new UsageError("flag -until is over already: a time to come is wanted");
      }
      await assertJob(access, "pause", job);
      const why = call.flags.text("why") ?? "";
      const actor = actorOf(call);
      const recorder = new Recorder(call, access);
      const end = until === null ? "" : ` until ${new Date(until).toISOString()}`;
      const detail = `${end.trim()}${why === "" ? "" : `: ${why}`}`;
      const before = await journal.write((tables) => {
        const ended = tables.endPauses(job, now);
        tables.insertPause({ job, since: now, until, actor, why });
        recorder.note(tables, { deed: "pause", subject: job, detail });
        return ended;
      });
      log.emit("notice", `${job}: ${pauseReason({ actor, why })}${end}`, { job });
      recorder.tell();
      if (call.flags.has("json")) {
        call.terminal.json(jsonAnswer({ job, paused: true, until, by: actor, why }));
      } else call.terminal.out(pausedLines({ job, until, before }));
      return 0;
    });
  },
};

export const unpause: Verb = {
  usage: "JOB [--why TEXT] [--json]",
  flags: [WHY_FLAG, JSON_FLAG],
  help:
    "Ends the pause of a job: it fires again from its next fire time on. Fire times during the pause\n" +
    "stay skipped.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg unpause sshd-config",
  async run(call) {
    const job = wordOf(call, "unpause");
    return await withJournal(call, job, async (access) => {
      const { clock, journal, log } = access.edges;
      const why = call.flags.text("why") ?? "";
      const reason = why === "" ? "" : `: ${why}`;
      const recorder = new Recorder(call, access);
      const ended = await journal.write((tables) => {
        const pauses = tables.endPauses(job, clock.now());
        const detail = pauses.map(pauseReason).join(", ");
        if (pauses.length > 0) {
          recorder.note(tables, { deed: "unpause", subject: job, detail: `${detail}${reason}` });
        }
        return pauses;
      });
      if (ended.length === 0) {
        await assertJob(access, "unpause", job);
        const hint = "mig-runner status shows which jobs are paused";
        throw new RunnerError("ENTITY", `Cannot unpause job "${job}": it is not paused`, { hint });
      }
      log.emit("notice", `${job}: no longer paused, by ${actorOf(call)}${reason}`, { job });
      recorder.tell();
      if (call.flags.has("json")) call.terminal.json(jsonAnswer({ job, paused: false }));
      else call.terminal.out([`${job}: no longer paused`]);
      return 0;
    });
  },
};

function wordOf({ positionals: [job, ...others] }: Call, verb: string): string {
  if (job === undefined || others.length > 0) throw new UsageError(`${verb} takes one JOB`);
  return job;
}

async function withJournal(
  call: Call,
  job: string,
  work: (access: JournalAccess) => Promise<number>,
): Promise<number> {
  const access = await openJournalAccess(call, { kind: "named", word: job });
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

/** @throws {RunnerError} ENTITY, when there is no such job; a broken one may be paused. */
async function assertJob(access: JournalAccess, verb: string, job: string): Promise<void> {
  const jobs = (await loadJobs(access)).map((state) => state.job);
  if (jobs.includes(job)) return;
  throw unknownJob({ verb, job }, { jobs, path: access.config.runnersDirectory });
}

function pausedLines(pause: {
  readonly job: string;
  readonly until: Instant | null;
  readonly before: readonly PauseRow[];
}): string[] {
  const { job, until, before } = pause;
  const end = until === null ? "until mig-runner unpause" : `until ${formatClock(until)}`;
  const [instead] = before;
  const more = instead === undefined ? "" : `, no longer ${pauseReason(instead)}`;
  return [`${job}: paused ${end}${more}`];
}
