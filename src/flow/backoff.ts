// Backoff: how long to wait before trying again: doubled with each failure, capped, and with jitter
// so that many failures of one cause do not all try again at the same moment.
import type { Milliseconds } from "../time.ts";

export interface Backoff {
  readonly firstMs: Milliseconds;
  readonly capMs: Milliseconds;
  /** After this many failures the work is given up; null: never (as for collects, I4). */
  readonly failuresMax: number | null;
}

/** Posting: quick, because the action's own expiry ends it. */
export const POST_BACKOFF: Backoff = { firstMs: 1_000, capMs: 60_000, failuresMax: null };

/** Collecting: an API that is down delays it and never ends it. */
export const COLLECT_BACKOFF: Backoff = { firstMs: 2_000, capMs: 300_000, failuresMax: null };

/** Delivering: about 20 hours until the delivery is dead. */
export const DELIVERY_BACKOFF: Backoff = { firstMs: 5_000, capMs: 3_600_000, failuresMax: 30 };

/**
 * The wait after `failures` (1 or more), or null when `failuresMax` is reached.
 *
 * @param roll Uniform in [0, 1): the wait is between half and the whole of the doubled step.
 */
export function backoffMs(backoff: Backoff, failures: number, roll: number): Milliseconds | null {
  if (backoff.failuresMax !== null && failures >= backoff.failuresMax) return null;
  const step = Math.min(backoff.capMs, backoff.firstMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(step / 2 + (step / 2) * roll);
}
