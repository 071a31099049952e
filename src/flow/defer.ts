// Defer: a run that cannot be begun now because of something that can pass (I11): a lock, a busy
// disk, gpg that is being started again, a file that is being written. It waits in the journal as
// requested, with a time until when it may begin; only a mistake in the job ends a run at once.
import { mayPass, RunnerError, RunnerErrors } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Edges } from "./edges.ts";

/** Begun again quickly at first: most of what passes takes a second. */
const DEFER_BACKOFF: Backoff = { firstMs: 1_000, capMs: 30_000, triesMax: null };

/** A run may begin this late at the least, and as late as its action would live. */
const LATE_MIN_MS: Milliseconds = MINUTE_MS;

/** A file that was changed this shortly before may be half of what it is to be. */
const SETTLED_MS: Milliseconds = 10_000;

/** Runs of one job that wait so: a job of every second must not fill the journal. */
const DEFERRED_MAX = 10;

/** Until when a run that is tried now may begin. Pure. */
export function beginBy({ expiryMs }: Pick<Entity, "expiryMs">, now: Instant): Instant {
  return now + Math.max(LATE_MIN_MS, expiryMs);
}

/** The wait after so many tries. */
export function deferMs(tries: number, roll: number): Milliseconds {
  return backoffMs(DEFER_BACKOFF, tries, roll) ?? 0;
}

/** Whether a run or step that failed for this may succeed a little later. */
export async function canBeMet(
  edges: Pick<Edges, "clock" | "spool">,
  job: string,
  error: unknown,
): Promise<boolean> {
  if (mayPass(error)) return true;
  // A key is no part of the job: whatever is wrong with it, somebody may be about to mend it.
  if (error instanceof RunnerError && error.code === "KEYRING") {
    return error.detail.passing !== false;
  }
  // A half-written file looks like any mistake.
  if (!(error instanceof RunnerError || error instanceof RunnerErrors)) return false;
  const changedAt = await edges.spool.changedAt(job).catch(() => null);
  return changedAt !== null && Math.abs(edges.clock.now() - changedAt) < SETTLED_MS;
}

/** Lets a run wait, in a transaction. False when it must not wait any longer. */
export function deferRun(
  transaction: JournalTransaction,
  run: RunRow,
  order: { readonly entity: Entity; readonly why: string; readonly now: Instant },
): boolean {
  const { entity, why, now } = order;
  const { begunAt, deadlineAt } = run;
  const first = deadlineAt === null;
  if (first) {
    const waiting = transaction
      .unsettledRuns(run.job, Number.MAX_SAFE_INTEGER)
      .filter((other) => other.state === "requested" && other.deadlineAt !== null);
    if (waiting.length >= DEFERRED_MAX) return false;
  }
  const dates = first
    ? { begunAt: now, deadlineAt: beginBy(entity, now) }
    : { begunAt, deadlineAt };
  transaction.saveRun({ ...run, ...dates, note: why });
  return true;
}

interface Wait {
  readonly tries: number;
  readonly sinceAt: Instant;
  readonly at: Instant;
}

/** When runs that wait so are tried again. A new process tries them at once. */
export class Deferred {
  readonly #waits = new Map<number, Wait>();

  get size(): number {
    return this.#waits.size;
  }

  /** Notes a try that failed. @returns How long until the next. */
  add(runId: number, now: Instant, roll: number): Milliseconds {
    const before = this.#waits.get(runId);
    const tries = (before?.tries ?? 0) + 1;
    const waitMs = deferMs(tries, roll);
    this.#waits.set(runId, { tries, sinceAt: before?.sinceAt ?? now, at: now + waitMs });
    return waitMs;
  }

  /** The run has begun, or does not wait any more. */
  delete(runId: number): void {
    this.#waits.delete(runId);
  }

  /** Keeps only runs that are still asked for. */
  retain(isAsked: (runId: number) => boolean): void {
    for (const runId of this.#waits.keys()) if (!isAsked(runId)) this.#waits.delete(runId);
  }

  /** Whether a run waits for a time that is still to come. */
  isWaiting(runId: number, now: Instant): boolean {
    const at = this.#waits.get(runId)?.at ?? now;
    // Further away than any wait: the clock was set back.
    return at > now && at - now <= DEFER_BACKOFF.capMs;
  }

  /** Whether one has been tried for less than this: then it is worth staying for. */
  isFresh(now: Instant, lessMs: Milliseconds): boolean {
    return [...this.#waits.values()].some(({ sinceAt }) => now - sinceAt < lessMs);
  }

  nextAt(now: Instant): Instant | null {
    const times = [...this.#waits.values()].flatMap(({ at }) => (at > now ? at : []));
    return times.length === 0 ? null : Math.min(...times);
  }
}
