// Clock: time that moves only when a test moves it. Everything that waits is woken in order.
import type { Clock } from "../../src/lib/ports.ts";
import type { Instant, Milliseconds } from "../../src/time.ts";

interface Waiter {
  at: Instant;
  readonly order: number;
  readonly wake: () => void;
}

export class VirtualClock implements Clock {
  #now: Instant;
  #order = 0;
  readonly #waiters = new Set<Waiter>();

  constructor(now: Instant) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  until(at: Instant, signal?: AbortSignal): Promise<void> {
    if (at <= this.#now || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const waiter: Waiter = { at, order: this.#order++, wake };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", wake);
    });
  }

  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void> {
    return this.until(this.#now + ms, signal);
  }

  /** Moves time on to `at`, waking everybody on the way, each with time to react. */
  async moveTo(at: Instant): Promise<void> {
    await settle();
    for (;;) {
      const next = this.#next();
      if (next === null || next.at > at) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await settle();
    }
    this.#now = Math.max(this.#now, at);
    await settle();
  }

  async moveBy(ms: Milliseconds): Promise<void> {
    await this.moveTo(this.#now + ms);
  }

  /** Moves from wait to wait until `done`, or throws after `limitMs` of virtual time. */
  async moveUntil(done: () => boolean, limitMs: Milliseconds = 86_400_000): Promise<void> {
    const end = this.#now + limitMs;
    await settle();
    while (!done()) {
      const next = this.#next();
      if (next === null) throw new Error("nothing waits any more, and it has not happened");
      if (next.at > end) throw new Error(`not within ${limitMs} ms of virtual time`);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await settle();
    }
  }

  /** Wakes who waits next, at `limit` at the latest; false when nobody does, and it is `limit`. */
  step(limit: Instant): boolean {
    const next = this.#next();
    if (next === null || next.at > limit) {
      this.#now = Math.max(this.#now, limit);
      return false;
    }
    this.#now = Math.max(this.#now, next.at);
    next.wake();
    return true;
  }

  /** Sets the wall clock without waking anybody: a jump. No wait grows by one that goes back. */
  jumpTo(at: Instant): void {
    const back = Math.max(0, this.#now - at);
    for (const waiter of this.#waiters) waiter.at -= back;
    this.#now = at;
  }

  #next(): Waiter | null {
    let best: Waiter | null = null;
    for (const waiter of this.#waiters) {
      if (best === null || waiter.at < best.at) best = waiter;
      else if (waiter.at === best.at && waiter.order < best.order) best = waiter;
    }
    return best;
  }
}

/** Lets everything that is ready run: promises, and what they make ready. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
