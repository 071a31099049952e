// Clock: time that stands still until somebody moves it. Who waits is woken in order.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";

interface Waiter {
  at: Instant;
  /** A wait of the runner's loop, which wakes by itself when there is something to do. */
  readonly isNap: boolean;
  readonly wake: () => void;
}

/** A clock without a clockwork. */
export class VirtualClock implements Clock {
  #now: Instant;
  /** In the order in which they began to wait. */
  readonly #waiters = new Set<Waiter>();
  #waits = 0;

  constructor(now: Instant) {
    this.#now = now;
  }

  /** How often anybody began to wait. */
  get waits(): number {
    return this.#waits;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  now(): Instant {
    return this.#now;
  }

  until(at: Instant, signal?: AbortSignal): Promise<void> {
    return this.#wait(at, true, signal);
  }

  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void> {
    return this.#wait(this.#now + ms, false, signal);
  }

  /** When the next sleeper wakes; null when nobody sleeps. */
  nextSleep(): Instant | null {
    return this.#next(({ isNap }) => !isNap)?.at ?? null;
  }

  /** When the loop ends its nap; null when it does not nap. */
  nextNap(): Instant | null {
    return this.#next(({ isNap }) => isNap)?.at ?? null;
  }

  /** Wakes who waits next, at `limit` at the latest; false when nobody does, and it is `limit`. */
  step(limit: Instant): boolean {
    const next = this.#next();
    const isDue = next !== null && next.at <= limit;
    this.#now = Math.max(this.#now, isDue ? next.at : limit);
    if (isDue) next.wake();
    return isDue;
  }

  /** Moves on to an instant and wakes everybody whose time it is by then. Never goes back. */
  passTo(at: Instant): void {
    let isOn = true;
    while (isOn) isOn = this.step(at);
  }

  /** Sets the wall clock without waking anybody: a jump. No wait grows by one that goes back. */
  jumpTo(at: Instant): void {
    const back = Math.max(0, this.#now - at);
    for (const waiter of this.#waiters) waiter.at -= back;
    this.#now = at;
  }

  /** Forgets all who wait: their process is gone. */
  forget(): void {
    this.#waiters.clear();
  }

  #wait(at: Instant, isNap: boolean, signal?: AbortSignal): Promise<void> {
    this.#waits++;
    if (at <= this.#now || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const waiter: Waiter = { at, isNap, wake };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", wake);
    });
  }

  #next(isMeant: (waiter: Waiter) => boolean = () => true): Waiter | null {
    let first: Waiter | null = null;
    for (const waiter of this.#waiters) {
      if (isMeant(waiter) && (first === null || waiter.at < first.at)) first = waiter;
    }
    return first;
  }
}
