// Clock: time that stands still until a simulation moves it.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";

interface Waiter {
  readonly at: Instant;
  readonly wake: () => void;
}

/** A clock whose sleepers are woken in order, each with time to react. */
export class VirtualClock implements Clock {
  #now: Instant;
  readonly #sleepers = new Set<Waiter>();
  /** Waits of the runner's loop, which wakes by itself when there is something to do. */
  readonly #naps = new Set<Waiter>();
  #waits = 0;

  constructor(now: Instant) {
    this.#now = now;
  }

  /** How often anybody began to wait. */
  get waits(): number {
    return this.#waits;
  }

  now(): Instant {
    return this.#now;
  }

  until(at: Instant, signal?: AbortSignal): Promise<void> {
    return this.#wait(this.#naps, at, signal);
  }

  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void> {
    return this.#wait(this.#sleepers, this.#now + ms, signal);
  }

  /** When the next sleeper wakes; null when nobody sleeps. */
  nextSleep(): Instant | null {
    return earliest(this.#sleepers);
  }

  /** When the loop ends its nap; null when it does not nap. */
  nextNap(): Instant | null {
    return earliest(this.#naps);
  }

  /** Moves on to an instant and wakes everybody whose time it is. Never goes back. */
  moveTo(at: Instant): void {
    this.#now = Math.max(this.#now, at);
    for (const waiters of [this.#sleepers, this.#naps]) {
      for (const waiter of waiters) if (waiter.at <= this.#now) waiter.wake();
    }
  }

  /** Forgets all who wait: their process is gone. */
  forget(): void {
    this.#sleepers.clear();
    this.#naps.clear();
  }

  #wait(waiters: Set<Waiter>, at: Instant, signal?: AbortSignal): Promise<void> {
    this.#waits++;
    if (at <= this.#now || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        waiters.delete(waiter);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const waiter = { at, wake };
      waiters.add(waiter);
      signal?.addEventListener("abort", wake);
    });
  }
}

function earliest(waiters: Iterable<Waiter>): Instant | null {
  let first: Instant | null = null;
  for (const { at } of waiters) if (first === null || at < first) first = at;
  return first;
}
