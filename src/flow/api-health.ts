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
 * Of several hosts all write it there, and whoever tells people goes by that: it may have asked for
 * nothing itself, and an answer that one of them has had is one for all.
 */
export class ApiHealth {
  readonly #journal: Pick<Journal, "stateAt" | "write">;
  readonly #isShared: boolean;
  #breaker: Breaker = CLOSED;
  #downSince: Instant | null | undefined;
  /** When it was asked last. */
  #askedAt: Instant | null = null;
  /** What is being written to the journal; null: nothing. */
  #writing: Written | null = null;

  /** @param isShared Whether other hosts have the same journal. */
  constructor(journal: Pick<Journal, "stateAt" | "write">, isShared = false) {
    this.#journal = journal;
    this.#isShared = isShared;
  }

  /** Since when the API has not answered. Null: it does. Undefined: nobody has asked for long. */
  readonly downSince = (now: Instant): Instant | null | undefined => {
    if (!this.#isShared) return this.#isLongAgo(now) ? undefined : this.#downSince;
    const noted = this.#noted(now);
    return noted?.isOld === true ? undefined : (noted?.since ?? null);
  };

  /** Whether the API answered the last request; null before the first. */
  get isUp(): boolean | null {
    return this.#downSince === undefined ? null : this.#downSince === null;
  }

  /** A request was answered, or not. */
  asked(ok: boolean, now: Instant): void {
    this.#breaker = afterRequest(this.#breaker, ok, now);
    const noted = this.#noted(now);
    // What could not be written is known here all the same.
    const isOwn = !this.#isShared && this.#downSince !== undefined && !this.#isLongAgo(now);
    const told = noted?.isOld === true ? null : noted?.since;
    const known = isOwn ? this.#downSince : told;
    this.#askedAt = now;
    // What a clock that was ahead has noted must not hold back the present (I7).
    this.#downSince = ok ? null : Math.min(known ?? now, now);
    const isNoted = this.#downSince === (noted?.since ?? null);
    const isStill = ok || (noted !== null && Math.abs(now - noted.setAt) < STILL_MS);
    if (!isNoted || !isStill) this.#record(this.#downSince, now);
  }

  /** Whether so long has passed since the last request, or the clock was set by so much. */
  #isLongAgo(now: Instant): boolean {
    return this.#askedAt !== null && Math.abs(now - this.#askedAt) >= FORGOTTEN_MS;
  }

  /** What the journal says, or is about to; null: nothing. */
  #noted(now: Instant): Noted | null {
    const noted = this.#writing ?? this.#recorded();
    if (noted === null || noted.since === null) return null;
    return { ...noted, isOld: Math.abs(now - noted.setAt) >= FORGOTTEN_MS };
  }

  #recorded(): Written | null {
    const row = this.#journal.stateAt(DOWN_SINCE.job, DOWN_SINCE.key);
    const since: unknown = row === null ? null : JSON.parse(row.value);
    return row === null || typeof since !== "number" ? null : { since, setAt: row.setAt };
  }

  /** Nothing waits for it: what could not be recorded is at the next request. */
  #record(since: Instant | null, now: Instant): void {
    const { job, key } = DOWN_SINCE;
    const written = { since, setAt: now };
    this.#writing = written;
    const recorded = this.#journal.write((tables) => {
      if (since === null) tables.removeState(job, key);
      else tables.setState({ job, key, value: JSON.stringify(since), runId: null, setAt: now });
    });
    const end = (): void => {
      if (this.#writing === written) this.#writing = null;
    };
    recorded.then(end, end);
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

/** Since when the API has not answered, as a state of the journal. */
interface Written {
  /** Null: it answers, which is said by no row. */
  readonly since: Instant | null;
  readonly setAt: Instant;
}

interface Noted extends Written {
  /** Nobody has said so for so long that it says nothing any more. */
  readonly isOld: boolean;
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
