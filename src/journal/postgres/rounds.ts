// Rounds: what a host does beside PostgreSQL again and again until it ends. That something fails is
// told once, and once that all is well again.
import { messageOf } from "../../errors.ts";
import type { Clock, Log } from "../../lib/ports.ts";
import { type Milliseconds, SECOND_MS } from "../../time.ts";

/** After what has failed: a lease lasts for no more than some renewals that nobody answers. */
const RETRY_MS: Milliseconds = SECOND_MS / 2;

export interface RoundsOptions {
  readonly clock: Clock;
  readonly log: Pick<Log, "emit">;
  /** Called at the end of each round while something fails. */
  readonly whileFailing: () => void;
}

/** Works that are done again and again, each for itself. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #ended = new AbortController();
  #wake = new AbortController();
  /** Works whose last round has failed. */
  readonly #failing = new Set<() => Promise<void>>();
  readonly #all: Promise<void>[] = [];

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Begins with a wait, and waits so long between two rounds. */
  each(waitMs: Milliseconds, work: () => Promise<void>): void {
    this.#all.push(this.#go(waitMs, work));
  }

  /** Ends the wait of each. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when each has ended. */
  async end(): Promise<void> {
    this.#ended.abort();
    this.#wake.abort();
    await Promise.all(this.#all);
  }

  async #go(waitMs: Milliseconds, work: () => Promise<void>): Promise<void> {
    const { clock, whileFailing } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const isFailing = this.#failing.has(work);
      await clock.sleep(isFailing ? Math.min(waitMs, RETRY_MS) : waitMs, this.#wake.signal);
      if (signal.aborted) return;
      this.#wake = this.#wake.signal.aborted ? new AbortController() : this.#wake;
      await this.#once(work);
      if (this.#failing.size > 0) whileFailing();
    }
  }

  async #once(work: () => Promise<void>): Promise<void> {
    const { log } = this.#options;
    try {
      await work();
      const isLast = this.#failing.delete(work) && this.#failing.size === 0;
      if (isLast) log.emit("notice", "cluster: PostgreSQL answers again");
    } catch (error) {
      const isFirst = this.#failing.size === 0;
      if (isFirst) log.emit("err", `cluster: ${messageOf(error)}; trying again`);
      this.#failing.add(work);
    }
  }
}
