// Breaker: a circuit breaker in front of the API. While the API is down, one request at a time
// finds out whether it is up again; the other actions wait.
//
// closed ──3 failures in a row──▶ open until `probeAt` ──▶ one probe ──▶ closed, or open again
import type { Instant, Milliseconds } from "../time.ts";

/** What the requests of one process have shown of the API. */
export class ApiHealth {
  #breaker: Breaker = CLOSED;
  #downSince: Instant | null | undefined;

  /** Since when the API has not answered. Null: it does. Undefined: not asked yet. */
  get downSince(): Instant | null | undefined {
    return this.#downSince;
  }

  /** Whether the API answered the last request; null before the first. */
  get isUp(): boolean | null {
    return this.#downSince === undefined ? null : this.#downSince === null;
  }

  /** A request was answered, or not. */
  asked(ok: boolean, now: Instant): void {
    this.#breaker = afterRequest(this.#breaker, ok, now);
    this.#downSince = ok ? null : (this.#downSince ?? now);
  }

  /** How many requests may start now. */
  admits(now: Instant): "all" | "one" | "none" {
    return admits(this.#breaker, now);
  }

  /** When the next request may start. Null: now. A probe that is due waits for work (I7). */
  nextAt(now: Instant): Instant | null {
    const { probeAt } = this.#breaker;
    return probeAt !== null && probeAt > now ? probeAt : null;
  }
}

export interface Breaker {
  /** Failures in a row: answers that never came, not refusals. */
  readonly failures: number;
  /** While set and in the future, nothing is asked; once it has come, one request may try. */
  readonly probeAt: Instant | null;
}

export const CLOSED: Breaker = { failures: 0, probeAt: null };

/** Failures in a row that open it. */
export const FAILURES_MAX = 3;

const PROBE_FIRST_MS: Milliseconds = 2_000;
const PROBE_CAP_MS: Milliseconds = 60_000;

/** The breaker after a request that was answered (`ok`) or not. Pure. */
export function afterRequest(breaker: Breaker, ok: boolean, now: Instant): Breaker {
  if (ok) return CLOSED;
  const failures = breaker.failures + 1;
  if (failures < FAILURES_MAX) return { failures, probeAt: null };
  const wait = Math.min(PROBE_CAP_MS, PROBE_FIRST_MS * 2 ** Math.min(failures - FAILURES_MAX, 10));
  return { failures, probeAt: now + wait };
}

/** How many requests may start now: all, one probe, or none. */
export function admits(breaker: Breaker, now: Instant): "all" | "one" | "none" {
  if (breaker.probeAt === null) return "all";
  // Longer than any wait: the clock was set back, and the wait is over.
  const leftMs = breaker.probeAt - now;
  return leftMs <= 0 || leftMs > PROBE_CAP_MS ? "one" : "none";
}
