// Comings: which jobs have come to this host of a cluster from another one, or gone there, as
// against those whose files were put here or removed: of the spool a host sees its own jobs alone.
import type { Spool } from "../ports.ts";

const NONE: ReadonlySet<string> = new Set();

/** What has come and gone, by what each scan sees. */
export class Comings {
  /** What lay here and was another host's, by the last scan. */
  #elsewhere = NONE;
  readonly #came = new Set<string>();

  /** A scan of the spool has seen these. */
  scanned(jobs: readonly string[], spool: Pick<Spool, "elsewhere">): void {
    const seen = new Set(jobs);
    for (const job of this.#came) if (!seen.has(job)) this.#came.delete(job);
    for (const job of seen) if (this.#elsewhere.has(job)) this.#came.add(job);
    this.#elsewhere = spool.elsewhere?.() ?? NONE;
  }

  /** The line of a job that is taken up. */
  addedText(job: string): string {
    return this.#came.delete(job) ? `cluster: this host has job ${job} now` : `added entity ${job}`;
  }

  /** The line of a job that is given up. */
  removedText(job: string): string {
    return this.#elsewhere.has(job)
      ? `cluster: this host has job ${job} no longer`
      : `removed entity ${job}`;
  }
}
