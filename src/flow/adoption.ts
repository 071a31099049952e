// Adoption: when the original's in-flight records are looked at (I9): at the start, a while after a
// look that failed, and when this host has got jobs that another one has had.
import type { Catalog } from "../jobs/catalog.ts";
import type { Milliseconds } from "../time.ts";
import { adoptInflight } from "./adopt.ts";
import type { Edges } from "./edges.ts";

/** How long a start waits for in-flight records to be adopted. */
const PATIENCE_MS: Milliseconds = 100;

/** After records could not be adopted, how long until they are looked at again. */
const RETRY_MS: Milliseconds = 30_000;

export interface AdoptionOptions {
  /** `--once`: a look that fails is not made again. */
  readonly once: boolean;
  /** Does work whose failure is told. Resolves with whether it was done. */
  attempt(work: () => Promise<unknown>): Promise<boolean>;
  /** Work behind the first look. */
  lookedFirst(): Promise<unknown>;
  /** There may be something to do. */
  changed(): void;
}

/** Looks at in-flight records, one look at a time. */
export class Adoption {
  readonly #edges: Edges;
  readonly #catalog: Pick<Catalog, "entity">;
  readonly #options: AdoptionOptions;
  readonly #leaving = new AbortController();
  #isLooking = false;
  #isWanted = false;

  constructor(edges: Edges, catalog: Pick<Catalog, "entity">, options: AdoptionOptions) {
    this.#edges = edges;
    this.#catalog = catalog;
    this.#options = options;
  }

  get idle(): boolean {
    return !this.#isLooking;
  }

  /** The first look. Resolves after a moment: of very many records the rest is adopted meanwhile. */
  async start(): Promise<void> {
    const looked = this.#look(true);
    const patience = new AbortController();
    await Promise.race([looked, this.#edges.clock.sleep(PATIENCE_MS, patience.signal)]);
    patience.abort();
  }

  /** Looks again, once the jobs that there are now have been scanned. */
  want(): void {
    this.#isWanted = true;
  }

  /** Called after a scan. */
  tick(): void {
    if (this.#isWanted && !this.#isLooking && !this.#leaving.signal.aborted) void this.#look();
  }

  /** Ends a look between two records; the next start goes on. */
  stop(): void {
    this.#leaving.abort();
  }

  async #look(isFirst = false): Promise<void> {
    const { signal } = this.#leaving;
    const { attempt, changed, lookedFirst, once } = this.#options;
    this.#isLooking = true;
    this.#isWanted = false;
    const isDone = await attempt(() =>
      adoptInflight(this.#edges, (job) => this.#catalog.entity(job), { signal }),
    );
    if (isFirst && !signal.aborted) await attempt(lookedFirst);
    this.#isLooking = false;
    changed();
    if (isDone || once) return;
    const retry = this.#edges.clock.sleep(RETRY_MS, signal);
    void retry.then(() => {
      this.want();
      changed();
    });
  }
}
