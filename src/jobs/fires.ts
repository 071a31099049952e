// Fires: which fire times of a job are to be run now, and which are recorded as missed.
// Pure rules over (schedule, how far it was decided, now). I2 and I7 begin here.
import { formatDuration } from "../go/duration.ts";
import { formatGoTime } from "../go/time.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { DAY_MS, HOUR_MS } from "../time.ts";
import type { OnMissed } from "./entity.ts";
import { nextFire, type Schedule } from "./schedule.ts";
import { zoneAbbreviation, zoneOffsetSeconds } from "./zone.ts";

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
}

export interface DecideOptions {
  readonly schedule: Schedule;
  readonly decidedAt: Instant;
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

/** A cursor further ahead than this was written under a wrong clock and is not believed. */
const CURSOR_AHEAD_MAX_MS: Milliseconds = DAY_MS;

/**
 * Decides all fire times in (decidedAt, now].
 *
 * The newest one is run when it is on time, or by `onMissed: "last"`; with "all" each of them
 * is. The rest is recorded as missed. A `decidedAt` more than a day ahead of `now` counts as now.
 */
export function decideFires(options: DecideOptions): Decision {
  const { schedule, now, onMissed, graceMs } = options;
  if (options.decidedAt >= now) {
    const decidedAt = options.decidedAt - now > CURSOR_AHEAD_MAX_MS ? now : options.decidedAt;
    return { fire: [], missed: null, decidedAt };
  }
  const passed = firesIn(schedule, options.decidedAt, now);
  if (passed.firstAt === null) return { fire: [], missed: null, decidedAt: now };
  const { recent, firstAt } = passed;
  const onTime = now - (recent.at(-1) ?? firstAt) <= graceMs;
  const runs = onMissed === "all" ? recent.length : onMissed === "last" || onTime ? 1 : 0;
  const fire = runs === 0 ? [] : recent.slice(-runs);
  const count = passed.count - fire.length;
  const lastAt = recent.at(-1 - fire.length) ?? passed.olderAt ?? firstAt;
  return { fire, missed: count === 0 ? null : { firstAt, lastAt, count }, decidedAt: now };
}

interface Passed {
  readonly firstAt: Instant | null;
  readonly count: number;
  /** The newest fire times, at most CATCH_UP_MAX. */
  readonly recent: readonly Instant[];
  /** The newest fire time before `recent`, when there are more. */
  readonly olderAt: Instant | null;
}

/** The fire times in (after, now]. Work is bounded however long ago `after` is. */
function firesIn(schedule: Schedule, after: Instant, now: Instant): Passed {
  const recent: Instant[] = [];
  let firstAt: Instant | null = null;
  let olderAt: Instant | null = null;
  let count = 0;
  let at = nextFire(schedule, after);
  while (at !== null && at <= now) {
    firstAt ??= at;
    count++;
    recent.push(at);
    if (recent.length > CATCH_UP_MAX) olderAt = recent.shift() ?? null;
    // So many that they are dense: only the last hour matters for what is run now.
    const from = count === FIRES_COUNTED_MAX ? Math.max(at, now - HOUR_MS) : at;
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
