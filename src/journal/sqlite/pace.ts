// Pace: when the next group of works is written. A commit costs as much for one work as for a
// hundred, so when many come in a row, the next group waits a little; a single one never waits.
import type { Milliseconds } from "../../time.ts";

/** The pause after a group of several works: this many times as long as it took, up to a limit. */
const REST_TIMES = 3;
const REST_MAX_MS: Milliseconds = 8;

/** A group that was written. */
export interface Written {
  readonly works: number;
  readonly tookMs: Milliseconds;
  /** By a clock that is never set. */
  readonly endedAt: Milliseconds;
}

/** How long the next group waits for more. Pure. */
export function restMs({ works, tookMs, endedAt }: Written, now: Milliseconds): Milliseconds {
  if (works < 2) return 0;
  const wanted = Math.min(REST_TIMES * tookMs, REST_MAX_MS);
  return Math.max(0, Math.min(wanted, endedAt + wanted - now));
}

/** Runs what is to be flushed at the end of this turn of the event loop, or after a rest. */
export class Pace {
  #last: Written = { works: 0, tookMs: 0, endedAt: 0 };

  readonly schedule = (flush: () => void): void => {
    const waitMs = restMs(this.#last, performance.now());
    // A timer is rounded to a millisecond: a shorter rest is none.
    if (waitMs < 1) setImmediate(flush);
    else setTimeout(flush, waitMs);
  };

  /** A group was written, or could not be. @param beganAt By `performance.now()`. */
  wrote(works: number, beganAt: Milliseconds): void {
    const endedAt = performance.now();
    this.#last = { works, tookMs: endedAt - beganAt, endedAt };
  }
}
