// Pool: so much work at a time, at most one piece for a key. What waits is bounded by the keys.

/** A piece of work. It may give its place to the next one before it has ended. */
export type Work = (giveWay: () => void) => Promise<unknown>;

/** So many times the limit may be at work at the most, with those that have given way. */
const AT_WORK_TIMES = 4;

/** Runs work with a limit. Work must not reject: what went wrong is its own to record. */
export class Pool {
  readonly #limit: () => number;
  readonly #running = new Set<number | string>();
  /** Those of them that have given their place to another. */
  readonly #givenWay = new Set<number | string>();
  readonly #waiting = new Map<number | string, Work>();
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
    return Math.max(0, this.#limit() - this.#busy - this.#waiting.size);
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  has(key: number | string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /** Starts or queues work; false when there is one for the key already. */
  start(key: number | string, work: Work): boolean {
    if (this.has(key)) return false;
    this.#waiting.set(key, work);
    this.#pump();
    return true;
  }

  /** Forgets what has not started: at a stop. */
  clear(): void {
    this.#waiting.clear();
  }

  /** How many hold a place. */
  get #busy(): number {
    return this.#running.size - this.#givenWay.size;
  }

  #pump(): void {
    for (const [key, work] of this.#waiting) {
      const limit = this.#limit();
      if (this.#busy >= limit || this.#running.size >= AT_WORK_TIMES * limit) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      const giveWay = (): void => {
        if (!this.#running.has(key)) return;
        this.#givenWay.add(key);
        this.#pump();
      };
      void work(giveWay).finally(() => {
        this.#running.delete(key);
        this.#givenWay.delete(key);
        this.#pump();
        this.#changed(this.idle);
      });
    }
  }
}
