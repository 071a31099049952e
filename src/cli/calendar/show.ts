// Show: `calendar show` and `calendar diff`: the calendar that is installed, and whether the job is
// still what was signed.
import { templateHash, undated } from "../../calendar/action.ts";
import { describeAction, type Fact } from "../../calendar/describe.ts";
import { timeText } from "../../calendar/file.ts";
import { RunnerError } from "../../errors.ts";
import type { Entity } from "../../jobs/entity.ts";
import { spreadOffsetMs } from "../../jobs/fires.ts";
import { nextFire } from "../../jobs/schedule.ts";
import type { Journal } from "../../journal/journal.ts";
import type { CalendarRow, Coverage } from "../../journal/windows.ts";
import { type Action, actionName, parseTemplate } from "../../mig/action.ts";
import { type Instant, limitText, SECOND_MS } from "../../time.ts";
import { jsonAnswer, plural } from "../../view/text.ts";
import { openSpoolView, type SpoolView } from "../open.ts";
import { openReading } from "../reading.ts";
import type { Call } from "../verb.ts";
import { asCalendarError, type Deed, factLines } from "./deed.ts";
import { jobTemplate, requireJob } from "./request.ts";

export const show: Deed = { word: "JOB", run: showJob };
export const diff: Deed = { word: "JOB", run: diffJob };

/** Windows that are shown; more are counted. */
const SHOWN_MAX = 10;

/** Fire times that are looked for in the calendar. */
const COMPARED_MAX = 20_000;

const TABLES = ["calendar", "calendar_window"];

async function withCalendar<Value>(
  view: SpoolView,
  { job, attempt }: { readonly job: string; readonly attempt: string },
  work: (journal: Journal, row: CalendarRow) => Value | Promise<Value>,
): Promise<Value> {
  const { journal, close } = await openReading(view, { kind: "tables", tables: TABLES, job });
  try {
    const row = journal.calendar(job);
    if (row !== null) return await work(journal, row);
    const message = `Cannot ${attempt} job "${job}": none is installed`;
    throw new RunnerError("CALENDAR", message, {
      hint: `make one with mig-runner calendar request ${job}`,
    });
  } finally {
    await close();
  }
}

async function showJob(call: Call, job: string): Promise<number> {
  const view = await openSpoolView(call);
  const order = { job, attempt: "show the calendar of" };
  return await withCalendar(view, order, async (journal, row) => {
    const now = view.clock.now();
    const coverage = journal.coverage(row.id, now);
    const windows = journal.windows(row.id, now, SHOWN_MAX);
    if (call.flags.has("json")) {
      const { action, id, state, endedAt, ...known } = row;
      const times = windows.map(({ firesAt, validFrom, expireAfter }) => ({
        firesAt,
        validFromAt: validFrom,
        expireAfterAt: expireAfter,
      }));
      call.terminal.json(jsonAnswer({ ...known, ...coverage, windows: times }));
      return 0;
    }
    const told = await asCalendarError(`${order.attempt} job "${job}"`, { job }, () =>
      describeAction(actionIn(row)),
    );
    const facts: readonly Fact[] = [
      ["calendar", `number ${row.sequence}, requested ${timeText(row.requestedAt)}`],
      ["installed", timeText(row.installedAt)],
      ["signed by", row.signers.join(", ")],
      ...told,
      ["left", coverageText(coverage)],
      ...windows.map(({ firesAt }, index): Fact => [index === 0 ? "next" : "", timeText(firesAt)]),
    ];
    call.terminal.out([job, ...factLines(facts)]);
    return 0;
  });
}

/** How far a calendar reaches, in a few words. */
function coverageText({ left, all, lastAt }: Coverage): string {
  const until = lastAt === null ? "" : `, the last ${timeText(lastAt)}`;
  return `${left} of ${plural(all, "window")}${until}`;
}

function actionIn({ action }: CalendarRow): Action {
  return parseTemplate(new TextEncoder().encode(action));
}

async function diffJob(call: Call, job: string): Promise<number> {
  const view = await openSpoolView(call);
  const entity = await requireJob(view, job, "compare the calendar of");
  const template = await jobTemplate(call, view, entity);
  const order = { job, attempt: "compare the calendar of" };
  const changed = await withCalendar(view, order, async (journal, row) => {
    const attempt = `compare the calendar of job "${job}"`;
    const action = await asCalendarError(attempt, { job }, () => {
      return undated(template, actionName(job));
    });
    return [
      ...actionChanges(row, action),
      ...signerChanges(row, entity),
      ...lifeChanges(journal, row, { entity, now: view.clock.now() }),
      ...timeChanges(journal, row, { entity, now: view.clock.now() }),
    ];
  });
  if (call.flags.has("json")) call.terminal.json(jsonAnswer({ job, differences: changed }));
  else if (changed.length === 0) call.terminal.out([`${job}: the job is what was signed`]);
  else call.terminal.out([`${job}: the job is not what was signed`, ...changed.map(indented)]);
  return changed.length === 0 ? 0 : 1;
}

function indented(text: string): string {
  return `  ${text}`;
}

function actionChanges(row: CalendarRow, action: Action): readonly string[] {
  if (templateHash(action) === row.template) return [];
  const signed = actionIn(row);
  if (signed.target !== action.target) {
    return [`target: signed ${signed.target}, now ${action.target}`];
  }
  return ["action: it is another; what was signed is posted until a new calendar is installed"];
}

function signerChanges({ signers }: CalendarRow, { minSigners }: Entity): readonly string[] {
  if (signers.length >= minSigners) return [];
  return [`signers: signed by ${signers.length}, the job wants ${minSigners} now`];
}

/** How long agents may answer, counted from when the job fires. */
function lifeChanges(
  journal: Journal,
  row: CalendarRow,
  { entity, now }: { readonly entity: Entity; readonly now: Instant },
): readonly string[] {
  const { job, expiryMs, spreadMs } = entity;
  const [window] = journal.windows(row.id, now, 1);
  if (window === undefined) return [];
  const signedMs = window.expireAfter - window.firesAt - spreadOffsetMs(job, spreadMs);
  // A window is signed in whole seconds.
  if (Math.abs(signedMs - expiryMs) < SECOND_MS) return [];
  return [`expiry: signed ${limitText(signedMs)}, now ${limitText(expiryMs)}`];
}

/** Fire times of the schedule as it is now that nobody has signed, within the calendar. */
function timeChanges(
  journal: Journal,
  row: CalendarRow,
  { entity, now }: { readonly entity: Entity; readonly now: Instant },
): readonly string[] {
  const { schedule } = entity;
  const { lastAt, left } = journal.coverage(row.id, now);
  if (schedule === null) return ["schedule: the job has none any more"];
  if (lastAt === null) return ["schedule: no window is left"];
  let unsigned = 0;
  let used = 0;
  let at = nextFire(schedule, now);
  for (let count = 0; at !== null && at <= lastAt && count < COMPARED_MAX; count++) {
    if (journal.window(row.id, at) === null) unsigned++;
    else used++;
    at = nextFire(schedule, at);
  }
  return [
    ...(unsigned === 0 ? [] : [`schedule: ${plural(unsigned, "fire time")} nobody has signed`]),
    ...(used === left ? [] : [`schedule: ${plural(left - used, "window")} at no fire time`]),
  ];
}
