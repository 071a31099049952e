// Pool: at most so many tasks at a time, at most one for a key. What waits is bounded by the keys.

/** Runs tasks with a limit. A task must not reject: what went wrong is its own to record. */
export class Pool {
  readonly #limit: number;
  readonly #running = new Set<number | string>();
  readonly #waiting = new Map<number | string, () => Promise<unknown>>();
  readonly #changed: () => void;

  /** @param changed Called whenever a task has ended: there may be more to do. */
  constructor(limit: number, changed: () => void) {
    this.#limit = limit;
    this.#changed = changed;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#running.size;
  }

  /** How many more could run now. */
  get free(): number {
    return Math.max(0, this.#limit - this.#running.size - this.#waiting.size);
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  has(key: number | string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /** Starts or queues a task; false when there is one for the key already. */
  start(key: number | string, task: () => Promise<unknown>): boolean {
    if (this.has(key)) return false;
    this.#waiting.set(key, task);
    this.#pump();
    return true;
  }

  /** Forgets what has not started: at a stop. */
  clear(): void {
    this.#waiting.clear();
  }

  #pump(): void {
    for (const [key, task] of this.#waiting) {
      if (this.#running.size >= this.#limit) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void task().finally(() => {
        this.#running.delete(key);
        this.#pump();
        this.#changed();
      });
    }
  }
}
