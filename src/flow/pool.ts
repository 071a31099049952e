// Pool: runs a limited number of pieces of work at a time, at most one for each key. Others wait.

/** A piece of work. It may give its place to the next one before it has ended. */
export type Work = (giveWay: () => void) => Promise<unknown>;

/** Work that has given way does not count; with it, at most this many times the limit runs. */
const AT_WORK_TIMES = 4;

/** Runs work within a limit. Work must not reject: it records itself what went wrong. */
export class Pool {
  readonly #limit: () => number;
  readonly #running = new Set<number | string>();
  /** Running work that has given its place to another piece. */
  readonly #givenWay = new Set<number | string>();
  readonly #waiting = new Map<number | string, Work>();
  readonly #changed: (isIdle: boolean) => void;

  /**
   * @param limit Pieces of work at a time; a function is asked each time.
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

  /** Pieces of work that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The keys of all work that it has. */
  get keys(): readonly (number | string)[] {
    return [...this.#running, ...this.#waiting.keys()];
  }

  /** How many more could run now. */
  get free(): number {
    return Math.max(0, this.#limit() - this.#busy - this.#waiting.size);
  }

  /**
   * How many are worth looking for that it does not have yet: some may turn out not to be for it.
   * What waits counts, so that never more wait than run.
   */
  get room(): number {
    return Math.max(0, this.#running.size + this.free - this.#waiting.size);
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  has(key: number | string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /**
   * Starts or queues work; false when the key has work already.
   *
   * @param isStillDue Asked of work that has waited for its place. @default it is
   */
  start(key: number | string, work: Work, isStillDue = (): boolean => true): boolean {
    if (this.has(key)) return false;
    let hasWaited = false;
    this.#waiting.set(key, async (giveWay) => {
      if (!hasWaited || isStillDue()) await work(giveWay);
    });
    this.#pump();
    hasWaited = true;
    return true;
  }

  /** Forgets the work that has not started: for a stop. */
  clear(): void {
    this.#waiting.clear();
  }

  /** How many pieces of work count for the limit. */
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
