// Schedule: when a job fires next.
//
//   text ──expression.ts──▶ lists ──wall.ts──▶ next wall time ──zone.ts──▶ instant (lib/cron/)
//
// Owns:     how the three work together, and the operator's error with its hint.
// Not here: the clock (every question brings its own instant), what firing does (flow/).
//
// Invariant I7: a fire time is later than the moment it was asked for, or null for never. Where the
// original went back in time (in an hour that a zone west of UTC skips, or in the second pass of a
// repeated hour) we go on to the next fire time.
import { assert, messageOf, nearest, RunnerError } from "../errors.ts";
import { CRON_NICKNAMES, type CronFields, parseCron } from "../lib/cron/expression.ts";
import { nextWall } from "../lib/cron/wall.ts";
import {
  calmBefore,
  instantOfWall,
  isZone,
  wallAt,
  type Zone,
  zoneNamed,
  zoneOffsetSeconds,
} from "../lib/cron/zone.ts";
import { formatRfc3339Nano } from "../lib/go/time.ts";
import type { Instant } from "../time.ts";

/** A parsed schedule. Plain data, small, and safe to share. */
export interface Schedule {
  /** As the operator wrote it. */
  readonly expression: string;
  /** A zone of the tz database; null: the zone of the host. */
  readonly timezone: string | null;
  readonly fields: CronFields;
  /** No fire time before this; null: always. */
  readonly from: Instant | null;
  /** No fire time at this or after it; null: for ever. */
  readonly until: Instant | null;
}

/** How an expression is read. */
export interface ScheduleOptions extends Partial<Pick<Schedule, "timezone" | "from" | "until">> {}

/** Schedules fire only between these: cron's years are 1970 to 2099, in any zone. */
const FIRST_AT: Instant = Date.UTC(1969, 11, 30);
const LAST_AT: Instant = Date.UTC(2100, 0, 3);

/** Ten thousand jobs have some dozens of schedules: each is kept once, for all that are alike. */
const SCHEDULES_MAX = 1_000;

const schedules = new Map<string, Schedule>();

/**
 * Reads a schedule in the original's language (lib/cron/). A schedule that can never fire is a
 * schedule: ask `neverFires`. The same text gives the same object again.
 *
 * @param options `timezone` defaults to null, the zone of the host; `from` and `until` to no bound.
 * @throws {RunnerError} SCHEDULE, for a wrong expression or a zone that does not exist. Its cause
 * is a RangeError with the original's text.
 */
export function parseSchedule(expression: string, options: ScheduleOptions = {}): Schedule {
  const { timezone = null, from = null, until = null } = options;
  const key = `${timezone ?? ""}\n${from ?? ""}\n${until ?? ""}\n${expression}`;
  const known = schedules.get(key);
  if (known !== undefined) return known;
  if (timezone !== null && !isZone(timezone)) {
    const cause = new RangeError(`unknown time zone ${timezone}`);
    throw badSchedule(expression, { cause, hint: zoneHint(timezone) });
  }
  try {
    const schedule = { expression, timezone, from, until, fields: parseCron(expression) };
    if (schedules.size >= SCHEDULES_MAX) schedules.clear();
    schedules.set(key, schedule);
    return schedule;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw badSchedule(expression, { cause, hint: expressionHint(expression, cause.message) });
  }
}

/**
 * The first fire time after `after`, or null when there is none.
 *
 * Always later than `after`, a whole second, and at most in 2099. Times that a zone skips or
 * repeats fire once: see `instantOfWall` in zone.ts for when. The answer does not depend on when it
 * is asked for: until a fire time has come, each call gives the same one. (The original asked once,
 * and slept; we ask again at every restart and tick.)
 */
export function nextFire(schedule: Schedule, after: Instant): Instant | null {
  assert(!Number.isNaN(after), "nextFire needs an instant");
  const last = Math.max(after, (schedule.from ?? FIRST_AT) - 1);
  if (last >= LAST_AT || hasEnded(schedule, last)) return null;
  const zone = zoneNamed(schedule.timezone);
  let at: Instant | null = calmBefore(zone, Math.max(last, FIRST_AT));
  do at = nextIn(zone, { fields: schedule.fields, after: at });
  while (at !== null && at <= last);
  return at === null || hasEnded(schedule, at) ? null : at;
}

/** Whether a schedule has no fire time at a time or after it, because it is bounded so. */
export function hasEnded({ until }: Pick<Schedule, "until">, at: Instant): boolean {
  return until !== null && at >= until;
}

/**
 * The next `count` fire times after `after`, one at a time; fewer when the schedule ends.
 *
 * This is the original's Next() over and over. When `after` lies in an hour that is repeated, or
 * just after one that was skipped, it may begin later than `nextFire` does: with `30 2 * * *`,
 * skipped and moved to 03:30, the original asked at 03:10 goes on to the next day.
 */
export function* nextFires(schedule: Schedule, after: Instant, count: number): Generator<Instant> {
  const { fields, timezone } = schedule;
  const zone = zoneNamed(timezone);
  let at: Instant | null = Math.max(after, FIRST_AT, (schedule.from ?? FIRST_AT) - 1);
  for (let made = 0; made < count && at < LAST_AT; made++) {
    at = nextIn(zone, { fields, after: at });
    if (at === null || hasEnded(schedule, at)) return;
    yield at;
  }
}

/** The original's Next(), except that it never goes back. */
function nextIn(zone: Zone, of: { fields: CronFields; after: Instant }): Instant | null {
  let wall: number | null = wallAt(zone, of.after);
  for (;;) {
    wall = nextWall(of.fields, wall);
    if (wall === null) return null;
    const at = instantOfWall(zone, wall);
    // In the second pass of a repeated hour, a wall time may mean the first pass, which is over.
    if (at > of.after) return at;
  }
}

/** A fire time in RFC 3339 with the zone's offset at it, `Z` for none, as Go prints it. */
export function formatFire(schedule: Schedule, at: Instant): string {
  const offsetSeconds = zoneOffsetSeconds(schedule.timezone, at);
  return formatRfc3339Nano({ unixSeconds: Math.floor(at / 1_000), nanoseconds: 0, offsetSeconds });
}

/** True when the schedule has no fire time after `now`, such as February 30 or a year gone by. */
export function neverFires(schedule: Schedule, now: Instant): boolean {
  return nextFire(schedule, now) === null;
}

/** What an operator should know about how the expression was read. Sentences without a period. */
export function scheduleWarnings(schedule: Schedule): readonly string[] {
  return schedule.fields.warnings;
}

/**
 * The text that the original's library has for a refused schedule, such as `missing field(s)`;
 * for any other error its message.
 */
export function scheduleFault(error: unknown): string {
  return error instanceof RunnerError && error.cause instanceof RangeError
    ? error.cause.message
    : messageOf(error);
}

function badSchedule(expression: string, why: { cause: RangeError; hint: string }): RunnerError {
  const message = `Cannot schedule by "${expression}": ${why.cause.message}`;
  return new RunnerError("SCHEDULE", message, { hint: why.hint }, { cause: why.cause });
}

function expressionHint(expression: string, fault: string): string {
  const [word = ""] = expression.trim().split(/\s+/);
  if (word.startsWith("@")) {
    const meant = /^@midnight$/i.test(word) ? "@daily" : nearest(word, CRON_NICKNAMES);
    return meant === null ? `Use one of ${CRON_NICKNAMES.join(", ")}` : `Use ${meant}`;
  }
  const count = expression.trim().split(/\s+/).length;
  if (fault.startsWith("missing")) {
    const has = expression.trim() === "" ? "" : `It has ${count} of them: `;
    const order = "minute hour day-of-month month day-of-week";
    return `${has}use five to seven fields, ${order}, for example "0 */4 * * *"`;
  }
  if (fault.startsWith("invalid interval")) return intervalHint(fault);
  const six = count === 6 ? sixHint(expression) : null;
  return six ?? rangeHint(fault);
}

/** What each field takes, by its name in messages. */
const RANGES: Readonly<Record<string, string>> = {
  second: "0 to 59",
  minute: "0 to 59",
  hour: "0 to 23",
  "day-of-month": "1 to 31, L (the last day), LW and 15W (the weekday nearest to the 15th)",
  month: "1 to 12 or jan to dec",
  "day-of-week": "0 to 7 (0 and 7 are sunday) or sun to sat, 5L (the last friday) and 5#2",
  year: "1970 to 2099",
};

function rangeHint(fault: string): string {
  const field = /^(?:syntax error in )?([a-z-]+) field/.exec(fault)?.[1] ?? "";
  const range = RANGES[field];
  const shapes = 'also lists, ranges and steps, such as "0,30 8-18/2 * * mon-fri"';
  return range === undefined ? `Use values, ${shapes}` : `The ${field} is ${range}; ${shapes}`;
}

function intervalHint(fault: string): string {
  const step = fault.replace("invalid interval ", "");
  return (
    `${step} is not a step of its field: steps begin at 1 and end with the largest value, 59 for ` +
    "minutes and seconds, 23 for hours, 31 for days, 12 for months, 6 for days of the week"
  );
}

/** Six fields are often meant to begin with seconds: said in the seven that this language wants. */
function sixHint(expression: string): string | null {
  try {
    const meant = `${expression.trim()} *`;
    parseCron(meant);
    return `Six fields end with a year; if it begins with seconds, write "${meant}"`;
  } catch {
    return null;
  }
}

function zoneHint(timezone: string): string {
  const known = ["UTC", ...Intl.supportedValuesOf("timeZone")];
  const tail = `/${timezone.trim().toLowerCase().replaceAll(" ", "_")}`;
  const meant = known.find((name) => name.toLowerCase().endsWith(tail)) ?? nearest(timezone, known);
  return meant === null ? "Use a name such as UTC or Europe/Berlin" : `Use ${meant}`;
}
