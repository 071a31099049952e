// Fires: which fire times of a job are to be run now, and which are recorded as missed.
// Pure rules over (schedule, how far it was decided, now). I2 and I7 begin here.

import { zoneAbbreviation, zoneOffsetSeconds } from "../lib/cron/zone.ts";
import { formatDuration } from "../lib/go/duration.ts";
import { formatGoTime } from "../lib/go/time.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { HOUR_MS } from "../time.ts";
import type { Entity, OnMissed } from "./entity.ts";
import { nextFire, type Schedule } from "./schedule.ts";

/** Fire times that nobody ran, first to last. */
export interface Missed {
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
}

export interface Decision {
  /** Fire times to run now, oldest first. */
  readonly fire: readonly Instant[];
  readonly missed: Missed | null;
  /** Everything up to here is decided by this. */
  readonly decidedAt: Instant;
  /** As in the options, while it is later than `decidedAt`. */
  readonly aheadAt: Instant | null;
}

export interface DecideOptions {
  readonly schedule: Schedule;
  readonly decidedAt: Instant;
  /** What a clock that was ahead, or is behind now, has decided beyond `decidedAt`. @default null */
  readonly aheadAt?: Instant | null;
  /** Whether there is a run at a fire time up to `aheadAt`. @default never */
  readonly hasRun?: (at: Instant) => boolean;
  readonly now: Instant;
  readonly onMissed: OnMissed;
  /** A fire time at most this late still counts as on time. */
  readonly graceMs: Milliseconds;
}

/** Fire times counted one by one in a decision; beyond it the count stands for "at least". */
export const FIRES_COUNTED_MAX = 10_000;

/** Whether so many were missed that they were not all counted: it is said as "at least". */
export function isAtLeast(count: number): boolean {
  return count >= FIRES_COUNTED_MAX - CATCH_UP_MAX;
}

/** With onMissed "all": how many are run in one go; older ones are recorded as missed. */
export const CATCH_UP_MAX = 100;

/**
 * Decides all fire times in (decidedAt, now].
 *
 * The newest one is run when it is on time, or by `onMissed: "last"`; with "all" each of them
 * is. The rest is recorded as missed.
 *
 * Up to `aheadAt` fire times with a run are left out. Once that time has passed, nothing before it
 * is decided: it was the clock of now that had been behind, and all of it was decided before.
 */
export function decideFires(options: DecideOptions): Decision {
  const { schedule, now, onMissed, graceMs, aheadAt: ahead = null } = options;
  const isAhead = ahead !== null && ahead >= now;
  const aheadAt = isAhead ? ahead : null;
  const after = isAhead ? options.decidedAt : Math.max(options.decidedAt, ahead ?? 0);
  if (after >= now) return { fire: [], missed: null, decidedAt: after, aheadAt };
  const isOpen = isAhead ? (at: Instant) => options.hasRun?.(at) !== true : () => true;
  const passed = firesIn(schedule, { after, now }, isOpen);
  if (passed.firstAt === null) return { fire: [], missed: null, decidedAt: now, aheadAt };
  const { recent, firstAt } = passed;
  const onTime = now - (recent.at(-1) ?? firstAt) <= graceMs;
  const runs = onMissed === "all" ? recent.length : onMissed === "last" || onTime ? 1 : 0;
  const fire = runs === 0 ? [] : recent.slice(-runs);
  const count = passed.count - fire.length;
  const lastAt = recent.at(-1 - fire.length) ?? passed.olderAt ?? firstAt;
  const missed = count === 0 ? null : { firstAt, lastAt, count };
  return { fire, missed, decidedAt: now, aheadAt };
}

/** Where a record is cut in two, and which of its fire times it does not count. */
export interface MissedCut {
  readonly schedule: Schedule;
  readonly until: Instant;
  readonly hasRun: (at: Instant) => boolean;
}

/** The parts of a record that lie up to a time and after it; null for one that is empty. Pure. */
export function cutMissed(
  missed: Missed,
  { schedule, until, hasRun }: MissedCut,
): { readonly before: Missed | null; readonly after: Missed | null } {
  const { firstAt, lastAt } = missed;
  if (lastAt <= until) return { before: missed, after: null };
  const passed = firesIn(schedule, { after: firstAt - 1, now: until }, (at) => !hasRun(at));
  const last = passed.recent.at(-1);
  const before = last === undefined ? null : { firstAt, lastAt: last, count: passed.count };
  const next = nextFire(schedule, Math.max(until, firstAt - 1));
  const isOver = next === null || next > lastAt;
  // Where it stands for "at least" so many, less is not wrong.
  const count = Math.max(1, missed.count - (before?.count ?? 0));
  return { before, after: isOver ? null : { firstAt: next, lastAt, count } };
}

interface Passed {
  readonly firstAt: Instant | null;
  readonly count: number;
  /** The newest fire times, at most CATCH_UP_MAX. */
  readonly recent: readonly Instant[];
  /** When there are more: the newest before `recent`, or a time up to which they are left out. */
  readonly olderAt: Instant | null;
}

/** From where on the newest fire times up to now are looked at: an hour ago, or where there are. */
function recentFrom(
  schedule: Schedule,
  { at, now }: { readonly at: Instant; readonly now: Instant },
): Instant {
  for (let spanMs = HOUR_MS; now - spanMs > at; spanMs *= 2) {
    const next = nextFire(schedule, now - spanMs);
    if (next !== null && next <= now) return now - spanMs;
  }
  return at;
}

/** The open fire times in (after, now]. Work is bounded however long ago `after` is. */
function firesIn(
  schedule: Schedule,
  { after, now }: { readonly after: Instant; readonly now: Instant },
  isOpen: (at: Instant) => boolean,
): Passed {
  const recent: Instant[] = [];
  let firstAt: Instant | null = null;
  let olderAt: Instant | null = null;
  let count = 0;
  let seen = 0;
  let at = nextFire(schedule, after);
  while (at !== null && at <= now) {
    seen++;
    if (isOpen(at)) {
      firstAt ??= at;
      count++;
      recent.push(at);
    }
    if (recent.length > CATCH_UP_MAX) olderAt = recent.shift() ?? null;
    // So many that they are dense: only the last ones matter for what is run now.
    const from: Instant = seen === FIRES_COUNTED_MAX ? recentFrom(schedule, { at, now }) : at;
    if (from > at) {
      olderAt = from;
      recent.length = 0;
    }
    at = nextFire(schedule, from);
  }
  return { firstAt, count, recent, olderAt };
}

/**
 * A delay that is the same for a job at every start, spread evenly over [0, spreadMs).
 * FNV-1a over the name, mixed once more, so that jobs made from one template do not fire at once.
 */
export function spreadOffsetMs(job: string, spreadMs: Milliseconds): Milliseconds {
  if (spreadMs <= 0) return 0;
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(job)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  // Names often differ in their last letter only, which FNV leaves in the low bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return Math.floor(((hash >>> 0) / 2 ** 32) * spreadMs);
}

/** What of a job says how far from its fire times it is launched. */
type Offset = Pick<Entity, "job" | "spreadMs" | "postAheadMs">;

/** How much later than its fire times a job is launched; less than 0 when it posts ahead. */
export function launchOffsetMs({ job, spreadMs, postAheadMs }: Offset): Milliseconds {
  return spreadOffsetMs(job, spreadMs) - postAheadMs;
}

/** Until when a fire time can lie that is launched at `now` by a clock that is right. */
export function launchHorizon(entity: Offset, now: Instant): Instant {
  return now + Math.max(0, -launchOffsetMs(entity));
}

/** The line that says when a job runs next, in the original's words and forms. */
export function fireText(when: {
  readonly firesAt: Instant;
  readonly now: Instant;
  /** Null: the zone of the host. */
  readonly timezone: string | null;
}): string {
  const { firesAt, now, timezone } = when;
  const offset = zoneOffsetSeconds(timezone, firesAt);
  const at = formatGoTime(firesAt, offset, zoneAbbreviation(timezone, firesAt));
  return `will run at ${at} (in ${formatDuration(BigInt(Math.round(firesAt - now)) * 1_000_000n)})`;
}
