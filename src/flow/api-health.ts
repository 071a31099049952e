// API health: whether the API answers, and since when it does not. While it is down, one request at
// a time finds out whether it is up again, and the other actions wait: a circuit breaker.
//
// closed ──3 failures in a row──▶ open until `probeAt` ──▶ one probe ──▶ closed, or open again
import type { Journal } from "../journal/journal.ts";
import { HOUR_MS, type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";

/** Where the journal keeps since when the API has not answered: a state that is no job's. */
const DOWN_SINCE = { job: "", key: "api down since" } as const;

/** How often the journal is told that this is still so. */
const STILL_MS: Milliseconds = 10 * MINUTE_MS;

/** What was true so long ago says nothing: nobody has asked since. */
const FORGOTTEN_MS: Milliseconds = HOUR_MS;

/**
 * What the requests of one process have shown of the API. Since when it has not answered is in the
 * journal: it is as down for a process that was started while it was, and for the next `--once`.
 */
export class ApiHealth {
  readonly #journal: Pick<Journal, "stateAt" | "write">;
  #breaker: Breaker = CLOSED;
  #downSince: Instant | null | undefined;
  /** When it was asked last. */
  #askedAt: Instant | null = null;
  /** What the journal says; undefined while that is not known. */
  #recorded: Instant | null | undefined;
  /** When it was told so. */
  #recordedAt: Instant = 0;

  constructor(journal: Pick<Journal, "stateAt" | "write">) {
    this.#journal = journal;
  }

  /** Since when the API has not answered. Null: it does. Undefined: nobody has asked for long. */
  readonly downSince = (now: Instant): Instant | null | undefined =>
    this.#isLongAgo(now) ? undefined : this.#downSince;

  /** Whether the API answered the last request; null before the first. */
  get isUp(): boolean | null {
    return this.#downSince === undefined ? null : this.#downSince === null;
  }

  /** A request was answered, or not. */
  asked(ok: boolean, now: Instant): void {
    this.#breaker = afterRequest(this.#breaker, ok, now);
    if (this.#recorded === undefined) this.#recorded = this.#read(now);
    const seen = this.#downSince === undefined ? this.#recorded : this.#downSince;
    const known = this.#isLongAgo(now) ? null : seen;
    this.#askedAt = now;
    // What a clock that was ahead has noted must not hold back the present (I7).
    this.#downSince = ok ? null : Math.min(known ?? now, now);
    const isOld = !ok && Math.abs(now - this.#recordedAt) >= STILL_MS;
    if (this.#downSince !== this.#recorded || isOld) this.#record(this.#downSince, now);
  }

  /** Whether so long has passed since the last request, or the clock was set by so much. */
  #isLongAgo(now: Instant): boolean {
    return this.#askedAt !== null && Math.abs(now - this.#askedAt) >= FORGOTTEN_MS;
  }

  #read(now: Instant): Instant | null {
    const { job, key } = DOWN_SINCE;
    const row = this.#journal.stateAt(job, key);
    if (row === null || now - row.setAt >= FORGOTTEN_MS) return null;
    const since: unknown = JSON.parse(row.value);
    this.#recordedAt = row.setAt;
    return typeof since === "number" ? since : null;
  }

  /** Nothing waits for it: what could not be recorded is at the next request. */
  #record(since: Instant | null, now: Instant): void {
    this.#recorded = since;
    this.#recordedAt = now;
    const { job, key } = DOWN_SINCE;
    const recorded = this.#journal.write((tables) => {
      if (since === null) tables.removeState(job, key);
      else tables.setState({ job, key, value: JSON.stringify(since), runId: null, setAt: now });
    });
    recorded.catch(() => {
      this.#recorded = undefined;
    });
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
