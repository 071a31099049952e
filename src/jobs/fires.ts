// Fires: which fire times of a job are to be run now, and which are recorded as missed.
// Pure rules over (schedule, how far it was decided, now). I2 and I7 begin here.

import { zoneAbbreviation, zoneOffsetSeconds } from "../lib/cron/zone.ts";
import { formatDuration } from "../lib/go/duration.ts";
import { formatGoTime } from "../lib/go/time.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { HOUR_MS } from "../time.ts";
import type { Entity, OnMissed } from "./entity.ts";
import { type FireHold, type FireHoldAt, unheld } from "./hold.ts";
import { nextFire, type Schedule } from "./schedule.ts";

/** Missed fire times, from the first to the last. */
export interface Missed {
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
}

/** Fire times that were skipped on purpose: by a pause or a blackout. */
export interface Skipped extends Missed {
  readonly reason: string;
}

export interface Decision {
  /** Fire times to run now, oldest first. */
  readonly fire: readonly Instant[];
  readonly missed: Missed | null;
  /**
   * In the order of time; neighbours with the same reason are one record. Each goes over no fire
   * time of another one, while `missed` may go over some: see rewind.ts.
   */
  readonly skipped: readonly Skipped[];
  /** When the delayed fire times after `decidedAt` are to be decided; null: none is delayed. */
  readonly waitUntil: Instant | null;
  /** This decision covers all fire times up to here. */
  readonly decidedAt: Instant;
  /** As in the options, while it is later than `decidedAt`. */
  readonly aheadAt: Instant | null;
}

export interface DecideOptions {
  readonly schedule: Schedule;
  readonly decidedAt: Instant;
  /** Up to here fire times were decided by a clock that was ahead (rewind.ts). @default null */
  readonly aheadAt?: Instant | null;
  /** Whether there is a run at a fire time up to `aheadAt`. @default never */
  readonly hasRun?: (at: Instant) => boolean;
  readonly now: Instant;
  readonly onMissed: OnMissed;
  /** Whether a pause or a blackout holds a fire time. @default none is held */
  readonly hold?: FireHoldAt;
  /** At most this late a fire time is still on time; for a delayed one, from the delay's end. */
  readonly graceMs: Milliseconds;
}

/** The most fire times that one decision counts; from there on the count means "at least". */
const FIRES_COUNTED_MAX = 10_000;

/** Whether a count is a least number, because not all missed fire times were counted. */
export function isAtLeast(count: number): boolean {
  return count >= FIRES_COUNTED_MAX - CATCH_UP_MAX;
}

/** With onMissed "all": how many are run at once; older ones are recorded as missed. */
const CATCH_UP_MAX = 100;

/**
 * Decides all fire times in (decidedAt, now].
 *
 * The newest one is run when it is on time, or by `onMissed: "last"`; with "all" each of them
 * is. The rest is recorded as missed.
 *
 * Held fire times are skipped or delayed. While the job is held at this moment, earlier fire times
 * are not made up for either: who pauses a job does not want last night's run now.
 *
 * After a clock that was ahead (rewind.ts), fire times up to `aheadAt` that have a run already are
 * left out. Once `aheadAt` has passed, nothing before it is decided again: then it was the present
 * clock that had been behind, and all of that was decided before.
 */
export function decideFires(options: DecideOptions): Decision {
  const { schedule, now, onMissed, graceMs, aheadAt: ahead = null, hold = unheld } = options;
  const isAhead = ahead !== null && ahead > now;
  const aheadAt = isAhead ? ahead : null;
  const after = isAhead ? options.decidedAt : Math.max(options.decidedAt, ahead ?? 0);
  const nothing = { fire: [], missed: null, skipped: [], waitUntil: null, aheadAt };
  if (after >= now) return { ...nothing, decidedAt: after };
  const isOpen = isAhead ? (at: Instant) => options.hasRun?.(at) !== true : () => true;
  const passed = firesIn(schedule, { after, now }, { isOpen, hold });
  const { recent, firstAt, skipped, waiting } = passed;
  // A delayed fire time is not decided yet, and neither is any after it.
  const decided = {
    ...nothing,
    skipped,
    decidedAt: waiting === null ? now : waiting.at - 1,
    waitUntil: waiting?.until ?? null,
  };
  if (firstAt === null) return decided;
  const newest = recent.at(-1) ?? firstAt;
  const onTime = now - dueAt(newest, hold(newest)) <= graceMs;
  const runs = onMissed === "all" ? recent.length : onMissed === "last" || onTime ? 1 : 0;
  const fire = runs === 0 ? [] : recent.slice(-runs);
  const count = passed.count - fire.length;
  const lastAt = recent.at(-1 - fire.length) ?? passed.olderAt ?? firstAt;
  const missed = count === 0 ? null : { firstAt, lastAt, count };
  return inOrder(heldNow({ ...decided, fire, missed }, hold(now), { onTime, now }), now);
}

/** When a fire time is due: at once, or at the end of its delay. */
function dueAt(at: Instant, held: FireHold | null): Instant {
  return held?.kind === "delay" ? held.until : at;
}

/** The decision when a hold is in force at this moment. */
function heldNow(
  decision: Decision,
  held: FireHold | null,
  { onTime, now }: { readonly onTime: boolean; readonly now: Instant },
): Decision {
  const { fire, missed, skipped, waitUntil } = decision;
  const [firstAt] = fire;
  if (held === null || firstAt === undefined) return decision;
  if (held.kind === "skip") {
    const all = [...skipped];
    const openBefore = missed?.lastAt ?? null;
    for (const at of fire) addSkipped(all, { at, reason: held.reason, openBefore });
    return { ...decision, fire: [], skipped: all };
  }
  // A fire time just before the hold is still on time, and is run.
  if (onTime || held.until <= now) return decision;
  return {
    ...decision,
    fire: [],
    decidedAt: firstAt - 1,
    skipped: skipped.filter((each) => each.lastAt < firstAt),
    waitUntil: Math.min(held.until, waitUntil ?? held.until),
  };
}

/**
 * Ends the decision before fire times that were skipped after one to run: each run moves the
 * cursor, so those are decided the next time, which follows at once.
 */
function inOrder(decision: Decision, now: Instant): Decision {
  const { fire, skipped } = decision;
  const [first] = fire;
  const behind = skipped.find(({ lastAt }) => first !== undefined && lastAt > first);
  if (first === undefined || behind === undefined) return decision;
  const before = fire.filter((at) => at < behind.lastAt);
  return {
    ...decision,
    fire: before,
    decidedAt: before.at(-1) ?? first,
    waitUntil: now,
    skipped: skipped.filter(({ lastAt }) => lastAt < first),
  };
}

/** A fire time that is skipped. */
interface SkippedFire {
  readonly at: Instant;
  readonly reason: string;
  /** The newest fire time before it that is not skipped; null: there is none. */
  readonly openBefore: Instant | null;
}

/** Adds a skipped fire time to the records, at its place in time. */
function addSkipped(skipped: Skipped[], { at, reason, openBefore }: SkippedFire): void {
  const place = skipped.findLastIndex(({ lastAt }) => lastAt < at);
  const before = skipped[place];
  if (before?.reason === reason && (openBefore ?? before.firstAt) <= before.lastAt) {
    skipped[place] = { ...before, lastAt: at, count: before.count + 1 };
  } else {
    skipped.splice(place + 1, 0, { firstAt: at, lastAt: at, count: 1, reason });
  }
}

/** Where a record of missed fire times is cut in two, and which of them it does not count. */
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
  const isOpen = (at: Instant): boolean => !hasRun(at);
  const passed = firesIn(schedule, { after: firstAt - 1, now: until }, { isOpen, hold: unheld });
  const last = passed.recent.at(-1);
  // Other fire times of that span may stand in another record.
  const counted = Math.min(passed.count, missed.count);
  const before = last === undefined ? null : { firstAt, lastAt: last, count: counted };
  const next = firstOpen(schedule, { after: Math.max(until, firstAt - 1), lastAt, isOpen });
  // Where the count means "at least", a smaller one is not wrong.
  const count = Math.max(1, missed.count - (before?.count ?? 0));
  return { before, after: next === null ? null : { firstAt: next, lastAt, count } };
}

/** The first fire time of a record after a time; its last one is always its own. */
function firstOpen(
  schedule: Schedule,
  rest: { readonly after: Instant; readonly lastAt: Instant; isOpen(at: Instant): boolean },
): Instant | null {
  const { after, lastAt, isOpen } = rest;
  let next = nextFire(schedule, after);
  for (let seen = 0; seen < FIRES_COUNTED_MAX && next !== null && next < lastAt; seen++) {
    if (isOpen(next)) break;
    next = nextFire(schedule, next);
  }
  return next === null || next > lastAt ? null : next;
}

interface Passed {
  readonly firstAt: Instant | null;
  readonly count: number;
  /** The newest fire times, at most CATCH_UP_MAX. */
  readonly recent: readonly Instant[];
  /** When there are more: the newest before `recent`, or the time up to which they are left out. */
  readonly olderAt: Instant | null;
  readonly skipped: readonly Skipped[];
  /** The first fire time that is still delayed: the search ended there. */
  readonly waiting: { readonly at: Instant; readonly until: Instant } | null;
}

interface FireRules {
  isOpen(at: Instant): boolean;
  readonly hold: FireHoldAt;
}

/** A time shortly before the newest fire times: an hour ago, or further back until there are some. */
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
  { isOpen, hold }: FireRules,
): Passed {
  const found = new Found();
  let seen = 0;
  let at = nextFire(schedule, after);
  while (at !== null && at <= now) {
    seen++;
    if (isOpen(at)) {
      const held = hold(at);
      if (held?.kind === "delay" && held.until > now) {
        return found.passed({ at, until: held.until });
      }
      found.add(at, held);
    }
    // After so many only the last ones matter for what is run now: jump to them.
    const from: Instant = seen === FIRES_COUNTED_MAX ? recentFrom(schedule, { at, now }) : at;
    if (from > at) found.leaveOut(from);
    at = nextFire(schedule, from);
  }
  return found.passed(null);
}

/** Fire times as they are found, oldest first. */
class Found {
  readonly #recent: Instant[] = [];
  readonly #skipped: Skipped[] = [];
  #firstAt: Instant | null = null;
  #olderAt: Instant | null = null;
  #count = 0;
  /** Until when the newest in `recent` was held. */
  #delayedUntil: Instant | null = null;

  add(at: Instant, held: FireHold | null): void {
    if (held?.kind === "skip") {
      this.#skip(at, held.reason);
      return;
    }
    const until = held?.until ?? null;
    if (until !== null && until === this.#delayedUntil) this.#supersede(held?.reason ?? "");
    this.#delayedUntil = until;
    this.#firstAt ??= at;
    this.#count++;
    this.#recent.push(at);
    if (this.#recent.length > CATCH_UP_MAX) this.#olderAt = this.#recent.shift() ?? null;
  }

  /** Of several that are delayed until the same moment only the newest is run. */
  #supersede(reason: string): void {
    const before = this.#recent.pop();
    if (before === undefined) return;
    this.#count--;
    if (this.#firstAt === before) this.#firstAt = null;
    this.#skip(before, `${reason}, a later one was run at its end`);
  }

  #skip(at: Instant, reason: string): void {
    const openBefore = this.#recent.at(-1) ?? this.#olderAt;
    addSkipped(this.#skipped, { at, reason, openBefore });
  }

  /** Leaves out all up to a time: they will not be run. */
  leaveOut(until: Instant): void {
    // They belong to the record of the last one that was seen: its count means "at least".
    const newest = this.#recent.at(-1) ?? this.#olderAt;
    const last = this.#skipped.at(-1);
    const isSkipped = last !== undefined && last.lastAt > (newest ?? Number.NEGATIVE_INFINITY);
    if (isSkipped) this.#skipped[this.#skipped.length - 1] = { ...last, lastAt: until };
    this.#olderAt = isSkipped ? newest : until;
    this.#recent.length = 0;
    this.#delayedUntil = null;
  }

  passed(waiting: Passed["waiting"]): Passed {
    const recent = this.#recent;
    const skipped = this.#skipped;
    return {
      firstAt: this.#firstAt,
      count: this.#count,
      recent,
      olderAt: this.#olderAt,
      skipped,
      waiting,
    };
  }
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

/** The keys of a job that say how far from its fire times it is launched. */
type Offset = Pick<Entity, "job" | "spreadMs" | "postAheadMs">;

/** How much later than its fire times a job is launched; less than 0 when it posts ahead. */
export function launchOffsetMs({ job, spreadMs, postAheadMs }: Offset): Milliseconds {
  return spreadOffsetMs(job, spreadMs) - postAheadMs;
}

/** When a job is launched next; null: never by itself. */
export function nextLaunch(
  entity: Offset & Pick<Entity, "schedule">,
  now: Instant,
): Instant | null {
  const offset = launchOffsetMs(entity);
  const next = entity.schedule === null ? null : nextFire(entity.schedule, now - offset);
  return next === null ? null : next + offset;
}

/** The latest fire time that can be launched at `now`. */
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
