// Defer: runs that cannot begin now because of something temporary (I11): a lock, a busy disk, a
// gpg agent that is restarting, a file that is being written. Such a run waits in the journal as
// `requested`, until a latest time to begin. Only a mistake in the job ends a run at once.
import { isPassing, RunnerError, RunnerErrors } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import { type RunRow, wasTried } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Edges } from "./edges.ts";

/** Tried again quickly at first: most temporary failures are over in a second. */
const DEFER_BACKOFF: Backoff = { firstMs: 1_000, capMs: 30_000, failuresMax: null };

/** A run may begin late by as long as its action lives, but at least by this. */
const LATE_MIN_MS: Milliseconds = MINUTE_MS;

/** A file that was changed less than this ago may still be being written. */
const SETTLED_MS: Milliseconds = 10_000;

/** Runs of one job that may wait: a job that fires each second must not fill the journal. */
const DEFERRED_MAX = 10;

/** The latest time at which a run that is tried now may still begin. Pure. */
export function beginBy({ expiryMs }: Pick<Entity, "expiryMs">, now: Instant): Instant {
  return now + Math.max(LATE_MIN_MS, expiryMs);
}

/** The wait after this many failures. */
export function deferMs(failures: number, roll: number): Milliseconds {
  return backoffMs(DEFER_BACKOFF, failures, roll) ?? 0;
}

/** Whether a run or step that failed for this may succeed a little later. */
export async function canBeMet(
  edges: Pick<Edges, "clock" | "spool">,
  job: string,
  error: unknown,
): Promise<boolean> {
  if (isPassing(error)) return true;
  // A key is not part of the job: somebody may be about to put it right.
  if (error instanceof RunnerError && error.code === "KEYRING") {
    return error.detail.passing !== false;
  }
  // A half-written file looks like a mistake in the job.
  if (!(error instanceof RunnerError || error instanceof RunnerErrors)) return false;
  const changedAt = await changedLast(edges.spool, job);
  return changedAt !== null && Math.abs(edges.clock.now() - changedAt) < SETTLED_MS;
}

/** Null where there is no job, also for a name that none can have. */
async function changedLast(spool: Edges["spool"], job: string): Promise<Instant | null> {
  try {
    return await spool.changedAt(job);
  } catch {
    return null;
  }
}

/** Lets a run wait, in a transaction. False when it must not wait any longer. */
export function deferRun(
  transaction: JournalTransaction,
  run: RunRow,
  order: { readonly entity: Entity; readonly why: string; readonly now: Instant },
): boolean {
  const { entity, why, now } = order;
  const { begunAt, deadlineAt } = run;
  const isFirst = !wasTried(run);
  if (isFirst) {
    const waiting = transaction
      .unsettledRuns(run.job, Number.MAX_SAFE_INTEGER)
      .filter((other) => other.state === "requested" && wasTried(other));
    if (waiting.length >= DEFERRED_MAX) return false;
  }
  const dates = isFirst
    ? { begunAt: now, deadlineAt: beginBy(entity, now) }
    : { begunAt, deadlineAt };
  transaction.saveRun({ ...run, ...dates, note: why });
  return true;
}

interface Wait {
  readonly failures: number;
  readonly sinceAt: Instant;
  readonly at: Instant;
}

/** When deferred runs are tried again. A new process tries them at once. */
export class Deferred {
  readonly #waits = new Map<number, Wait>();

  get size(): number {
    return this.#waits.size;
  }

  /** Notes a failure. @returns How long until the next. */
  add(runId: number, now: Instant, roll: number): Milliseconds {
    const before = this.#waits.get(runId);
    const failures = (before?.failures ?? 0) + 1;
    const waitMs = deferMs(failures, roll);
    this.#waits.set(runId, { failures, sinceAt: before?.sinceAt ?? now, at: now + waitMs });
    return waitMs;
  }

  /** Keeps only runs that are still asked for. */
  retain(isAsked: (runId: number) => boolean): void {
    for (const runId of this.#waits.keys()) if (!isAsked(runId)) this.#waits.delete(runId);
  }

  /** Whether a run waits for a time that is still to come. */
  isWaiting(runId: number, now: Instant): boolean {
    const at = this.#waits.get(runId)?.at ?? now;
    // Longer than any wait: the clock was set back, and the wait is over.
    return at > now && at - now <= DEFER_BACKOFF.capMs;
  }

  /** Whether some run has waited for less than `lessMs`: then a `--once` pass stays for it. */
  isFresh(now: Instant, lessMs: Milliseconds): boolean {
    return [...this.#waits.values()].some(({ sinceAt }) => now - sinceAt < lessMs);
  }

  nextAt(now: Instant): Instant | null {
    const times = [...this.#waits.values()].flatMap(({ at }) => (at > now ? at : []));
    return times.length === 0 ? null : Math.min(...times);
  }
}
