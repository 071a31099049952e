// Pool: so much work at a time, at most one piece for a key. What waits is bounded by the keys.

/** Runs work with a limit. Work must not reject: what went wrong is its own to record. */
export class Pool {
  readonly #limit: () => number;
  readonly #running = new Set<number | string>();
  readonly #waiting = new Map<number | string, () => Promise<unknown>>();
  readonly #changed: (isIdle: boolean) => void;

  /**
   * @param limit How much at a time; asked each time where it can change.
   * @param changed Called whenever a piece of work has ended: there may be more to do. Told whether
   *   it was the last one.
   */
  constructor(limit: number | (() => number), changed: (isIdle: boolean) => void) {
    this.#limit = typeof limit === "number" ? () => limit : limit;
    this.#changed = changed;
  }

  /** Pieces of work that run now. */
  get running(): number {
    return this.#running.size;
  }

  /** How many more could run now. */
  get free(): number {
    return Math.max(0, this.#limit() - this.#running.size - this.#waiting.size);
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  has(key: number | string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /** Starts or queues work; false when there is one for the key already. */
  start(key: number | string, work: () => Promise<unknown>): boolean {
    if (this.has(key)) return false;
    this.#waiting.set(key, work);
    this.#pump();
    return true;
  }

  /** Forgets what has not started: at a stop. */
  clear(): void {
    this.#waiting.clear();
  }

  #pump(): void {
    for (const [key, work] of this.#waiting) {
      if (this.#running.size >= this.#limit()) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void work().finally(() => {
        this.#running.delete(key);
        this.#pump();
        this.#changed(this.idle);
      });
    }
  }
}
