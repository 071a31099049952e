// Next: when a schedule fires next, for people, as JSON, and for a stream of JSON lines.
//
// Owns:     the text, the JSON, and the answer to one line of --batch.
// Not here: flags, jobs, standard input and the clock; the caller brings all of them.
import { messageOf } from "../errors.ts";
import { zoneOffsetSeconds } from "../lib/cron/zone.ts";
import { instantOf, parseTime } from "../lib/go/time.ts";
import { type Instant, type Milliseconds, SECOND_MS, spanText } from "../time.ts";
import { scheduleAdvice } from "./advice.ts";
import { type FireHoldAt, unheld } from "./hold.ts";
import {
  formatFire,
  nextFire,
  nextFires,
  parseSchedule,
  type Schedule,
  scheduleFault,
  scheduleWarnings,
} from "./schedule.ts";

/** The most fire times that one question may ask for. */
export const NEXT_COUNT_MAX = 1_000_000;

/** What to show of a schedule. */
export interface NextQuestion {
  /** Fire times are later than this. */
  readonly from: Instant;
  /** 0 to NEXT_COUNT_MAX. */
  readonly count: number;
  /** How much later than its fire times the job runs, by its spread. @default 0 */
  readonly delayMs?: Milliseconds;
  /** What holds fire times of the job. @default nothing */
  readonly hold?: FireHoldAt;
  /** Runs of the job that people have asked for at a time to come. @default none */
  readonly asked?: readonly AskedRun[];
}

/** A run that somebody has asked for at a time. */
export interface AskedRun {
  readonly at: Instant;
  readonly run: number;
}

/** What is said of it behind its time. */
export function askedText({ run }: AskedRun): string {
  return `run ${run}, asked for by hand`;
}

/** The defaults of what a line of --batch leaves out. */
export interface BatchDefaults {
  readonly from: Instant;
  /** Null: the zone of the host. */
  readonly timezone: string | null;
  readonly count: number;
}

/**
 * The answer of `mig-runner next` as JSON: one object `{"expr","tz","next","warnings"}`, where `tz`
 * is null for the zone of the host. Where fire times are held, `held` has each that is with what
 * becomes of it: `{"at","action","until","reason"}`. A schedule that is bounded has `from` and
 * `until` too. Runs that people have asked for are `asked`:
 * `{"at","run"}`.
 */
export function encodeNext(schedule: Schedule, question: NextQuestion): string {
  const next = firesOf(schedule, question).map((at) => formatFire(schedule, at));
  const { expression: expr, timezone: tz } = schedule;
  const held = heldOf(schedule, question);
  const warnings = warningsOf(schedule, question);
  const asked = (question.asked ?? []).map(({ at, run }) => ({
    at: formatFire(schedule, at),
    run,
  }));
  return JSON.stringify({
    expr,
    tz,
    next,
    warnings,
    ...boundsOf(schedule),
    ...(held.length === 0 ? {} : { held }),
    ...(asked.length === 0 ? {} : { asked }),
  });
}

function boundsOf(schedule: Schedule): Readonly<Record<string, string>> {
  const bounds = (["from", "until"] as const).flatMap((name) => {
    const at = schedule[name];
    return at === null ? [] : [[name, formatFire(schedule, at)] as const];
  });
  return Object.fromEntries(bounds);
}

function heldOf(schedule: Schedule, question: NextQuestion) {
  const { hold = unheld, delayMs = 0 } = question;
  return firesOf(schedule, question).flatMap((at) => {
    const held = hold(at - delayMs);
    if (held === null) return [];
    const until = held.kind === "delay" ? formatFire(schedule, held.until + delayMs) : null;
    return [{ at: formatFire(schedule, at), action: held.kind, until, reason: held.reason }];
  });
}

function firesOf(schedule: Schedule, { from, count, delayMs = 0 }: NextQuestion): Instant[] {
  return [...nextFires(schedule, from - delayMs, count)].map((at) => at + delayMs);
}

/**
 * The same in lines for people: one a fire time, with its weekday and how far it is from `from`,
 * then the warnings.
 */
export function renderNext(schedule: Schedule, question: NextQuestion): string[] {
  const { from, count, delayMs = 0, asked = [] } = question;
  const fires = firesOf(schedule, question);
  const held = new Map(heldOf(schedule, question).map((each) => [each.at, each]));
  const rows = fires.map((at) => {
    const { action, until, reason } = held.get(formatFire(schedule, at)) ?? {};
    const line = describeFire(schedule, { at, from });
    if (action === undefined) return { at, line };
    const what = action === "skip" ? "skipped" : `waits until ${until}`;
    return { at, line: `${line}  ${what}: ${reason}` };
  });
  for (const run of asked) {
    const line = `${describeFire(schedule, { at: run.at, from })}  ${askedText(run)}`;
    rows.push({ at: run.at, line });
  }
  const lines = rows.toSorted((left, right) => left.at - right.at).map(({ line }) => line);
  if (fires.length < count && nextFire(schedule, (fires.at(-1) ?? from) - delayMs) === null) {
    lines.push(endText(schedule, question, fires.length));
  }
  const { from: begin } = schedule;
  if (begin !== null && begin > from) {
    lines.unshift(`begins at ${formatFire(schedule, begin)}, in ${waitText(begin - from)}`);
  }
  return [...lines, ...warningsOf(schedule, question).map((warning) => `warning: ${warning}`)];
}

/** Why there are no more fire times. */
function endText(schedule: Schedule, { from }: NextQuestion, shown: number): string {
  const never = shown === 0 ? "never" : "never again";
  const { until } = schedule;
  if (until === null) return never;
  const ends = until <= from ? "has ended" : "ends";
  return `${never}: its schedule ${ends} at ${formatFire(schedule, until)}`;
}

function warningsOf(schedule: Schedule, { from }: NextQuestion): readonly string[] {
  return [...scheduleWarnings(schedule), ...scheduleAdvice(schedule, from)];
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function describeFire(schedule: Schedule, when: { at: Instant; from: Instant }): string {
  const { at, from } = when;
  const wallMs = at + zoneOffsetSeconds(schedule.timezone, at) * 1_000;
  const weekday = WEEKDAYS[new Date(wallMs).getUTCDay()];
  return `${formatFire(schedule, at)}  ${weekday}  in ${waitText(at - from)}`;
}

/** Rounded up: a wait that is shown as 0s would seem to be over. */
function waitText(ms: Milliseconds): string {
  return spanText(Math.ceil(ms / SECOND_MS) * SECOND_MS);
}

/**
 * The answer to one line of --batch, without a newline: `{"next":[...]}`, or `{"error":"..."}` with
 * the fault in the original's words. Never throws: the lines after a bad one are still answered.
 *
 * @param line A JSON object with `expr` (required), `from` (RFC 3339), `tz` (a zone's name) and
 * `n` (0 to NEXT_COUNT_MAX). Members that are missing or null have the defaults; others are left.
 */
export function answerBatchLine(line: string, defaults: BatchDefaults): string {
  try {
    const { expression, timezone, from, count } = parseBatchLine(line, defaults);
    const schedule = parseSchedule(expression, { timezone });
    const next = [...nextFires(schedule, from, count)].map((at) => formatFire(schedule, at));
    return JSON.stringify({ next });
  } catch (error) {
    return JSON.stringify({ error: scheduleFault(error) });
  }
}

function parseBatchLine(line: string, defaults: BatchDefaults) {
  const value: unknown = parseJson(line);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error('Cannot read this line: not an object such as {"expr":"0 3 * * *"}');
  }
  const { expr, tz, from, n }: Record<string, unknown> = { ...value };
  if (typeof expr !== "string") throw wrongMember("expr", expr, "a cron expression");
  const timezone = tz ?? defaults.timezone;
  if (timezone !== null && typeof timezone !== "string") throw wrongMember("tz", tz, "a zone");
  const count = n ?? defaults.count;
  if (typeof count !== "number" || !Number.isInteger(count) || !isCount(count)) {
    throw wrongMember("n", n, `a whole number from 0 to ${NEXT_COUNT_MAX}`);
  }
  return { expression: expr, timezone, from: parseFrom(from, defaults), count };
}

function isCount(count: number): boolean {
  return count >= 0 && count <= NEXT_COUNT_MAX;
}

function parseFrom(from: unknown, defaults: BatchDefaults): Instant {
  if (from === undefined || from === null) return defaults.from;
  if (typeof from !== "string") throw wrongMember("from", from, "a time in RFC 3339");
  return instantOf(parseTime(from));
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`Cannot read this line as JSON: ${messageOf(cause)}`, { cause });
  }
}

function wrongMember(name: string, value: unknown, wanted: string): Error {
  return new Error(`Cannot read "${name}" of this line: ${JSON.stringify(value)}, not ${wanted}`);
}
