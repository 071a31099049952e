// Coverage: how far the calendar of a job reaches and when to warn about it; also which jobs can be
// signed ahead at all. Pure; the journal and the job are handed in.
import type { Entity } from "../jobs/entity.ts";
import { nextFire } from "../jobs/schedule.ts";
import { DAY_MS, type Instant, limitText, type Milliseconds, spanText } from "../time.ts";
import { timeText } from "./file.ts";

/** What is left of an installed calendar. */
export interface Reach {
  /** Windows whose fire times are still to come. */
  readonly left: number;
  /** When the last of them is; null: none is left. */
  readonly lastAt: Instant | null;
  /** When the calendar was requested. */
  readonly requestedAt: Instant;
}

/** People need this long to sign a new calendar: some may be on holiday. */
const EARLY_MS: Milliseconds = 7 * DAY_MS;

/** The share of the time that the calendar covered when it was new. */
const EARLY_SHARE = 0.25;

const WINDOWS_FEW = 3;

/**
 * Why a new calendar is wanted; null while there is enough: no window, fewer than three, or less
 * than a week or a quarter of the whole time, whichever is longer.
 */
export function coverageWarning({ left, lastAt, requestedAt }: Reach, now: Instant): string | null {
  if (left === 0 || lastAt === null) return "no window is left: its fire times will be missed";
  const earlyMs = Math.max(EARLY_MS, (lastAt - requestedAt) * EARLY_SHARE);
  const leftMs = lastAt - now;
  if (left >= WINDOWS_FEW && leftMs >= earlyMs) return null;
  const windows = left === 1 ? "1 window is" : `${left} windows are`;
  return `${windows} left, for ${spanText(leftMs)}: request the next calendar`;
}

/** The warning if it is new since a moment before: it is given once, and again when it is worse. */
export function newCoverageWarning(before: Reach, after: Reach, now: Instant): string | null {
  const warning = coverageWarning(after, now);
  if (warning === null) return null;
  const isFirst = coverageWarning(before, now - 1) === null;
  return isFirst || after.left < WINDOWS_FEW ? warning : null;
}

/** Fire times that are checked for windows that would overlap. */
const LOOKED_MAX = 200;

/**
 * Why a job cannot be signed ahead; null when it can.
 *
 * @param job.hasAction Whether it has an action of its own.
 */
export function aheadFault(
  { entity, hasAction }: { readonly entity: Entity; readonly hasAction: boolean },
  now: Instant,
): string | null {
  const { schedule, expiryMs } = entity;
  if (schedule === null) return "it fires by hand only";
  if (!hasAction) return "its workflow makes its actions when it runs";
  let before = nextFire(schedule, now);
  for (let looked = 0; before !== null && looked < LOOKED_MAX; looked++) {
    const at = nextFire(schedule, before);
    if (at !== null && at - before < expiryMs) {
      const apart = `${limitText(at - before)} between two fire times (${timeText(before)})`;
      return `its expiry of ${limitText(expiryMs)} is longer than the ${apart}`;
    }
    before = at;
  }
  return null;
}
