// Breaker: keeps a thousand waiting actions from knocking at an API that is down.
//
// closed ──3 failures in a row──▶ open until `probeAt` ──▶ one probe ──▶ closed, or open again
import type { Instant, Milliseconds } from "../time.ts";

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
  // Further away than any wait: the clock was set back.
  const leftMs = breaker.probeAt - now;
  return leftMs <= 0 || leftMs > PROBE_CAP_MS ? "one" : "none";
}
