// Outbox: the results that wait for a plugin, each tried when its time has come, in a bounded pool.
//
// Owns:     which deliveries are tried in this tick.
// Not here: what a try is, and when the next one is due (deliver.ts).
import type { DeliveryRow } from "../journal/inflight.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { deliverResult } from "./deliver.ts";
import { type Edges, leased } from "./edges.ts";
import { Pool } from "./pool.ts";

export interface OutboxOptions {
  /** `--once`: every result is tried in this pass, whatever its backoff says. */
  readonly once: boolean;
  /** Whether results of all runs are delivered; else only those that `isMine` takes. */
  readonly isAll: boolean;
  readonly signal: AbortSignal;
  isMine(runId: number): boolean;
  /** The job's own time limit for its plugins. */
  timeoutOf(job: string): Milliseconds | null;
  /** Does work and resolves with its value; null when it failed, after a pause (I7). */
  rested<Value>(work: () => Promise<Value>, job: string): Promise<Value | null>;
  changed(): void;
}

/** Undelivered results that are read to find those not tried yet. */
const UNTRIED_MAX = 1_000;

/** Starts the deliveries that are due. The runner ticks it. */
export class Outbox {
  readonly #edges: Edges;
  readonly #options: OutboxOptions;
  readonly pool: Pool;
  /** What was tried in this `--once` pass. */
  readonly #tried = new Set<number>();
  /** Tries that failed. */
  failures = 0;

  constructor(edges: Edges, options: OutboxOptions) {
    this.#edges = edges;
    this.#options = options;
    this.pool = new Pool(
      () => edges.limits.deliveriesMax,
      () => options.changed(),
    );
  }

  tick(now: Instant): void {
    const { once, signal, timeoutOf, rested } = this.#options;
    const due = once
      ? this.untried()
      : this.#edges.journal.dueDeliveries(now, this.pool.running + this.pool.free);
    for (const row of due) {
      const edges = leased(this.#edges, row.job);
      this.pool.start(row.id, async () => {
        this.#tried.add(row.id);
        const options = { signal, timeoutMs: timeoutOf(row.job) };
        const work = () => deliverResult(edges, row, options);
        if ((await rested(work, row.job)) === false) this.failures++;
      });
    }
  }

  /** Whether a result of a job that `isOf` means is at a plugin, or about to be. */
  isAtWork(isOf: (job: string) => boolean): boolean {
    const { journal } = this.#edges;
    const rows = this.pool.keys.map((id) => journal.delivery(Number(id)));
    return rows.some((row) => row !== null && isOf(row.job));
  }

  /** What this `--once` pass has not tried yet. */
  untried(): readonly DeliveryRow[] {
    const { once, isAll, isMine } = this.#options;
    if (!once) return [];
    const { journal } = this.#edges;
    return journal.undelivered(UNTRIED_MAX).filter(({ id, state, actionRow }) => {
      if (state !== "pending" || this.#tried.has(id)) return false;
      return isAll || isMine(journal.action(actionRow)?.runId ?? 0);
    });
  }
}
