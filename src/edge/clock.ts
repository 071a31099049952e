// Clock: the machine's wall time, its timers, its dice and its secrets.
//
// A timer of the runtime counts elapsed time, stands still while the machine sleeps and overflows
// after 24 days. Waiting for a wall time is therefore done in short naps with a look at the clock
// between them.
import { assert } from "../errors.ts";
import type { Clock, Random } from "../lib/ports.ts";
import { DAY_MS, MINUTE_MS, type Milliseconds } from "../time.ts";

/** The longest time that a wait for a wall time trusts its timer: clock jumps show this late. */
export const NAP_MS_MAX = MINUTE_MS;

/** The longest single timer of `sleep`, well below the 2^31 ms at which timers overflow. */
const TIMER_MS_MAX = DAY_MS;

/** The machine's clock. `until` follows a wall clock that is set ahead, `sleep` does not. */
export function systemClock(): Clock {
  return {
    now: Date.now,
    async until(at, signal) {
      assert(!Number.isNaN(at), "until() needs an instant");
      const end = performance.now() + at - Date.now();
      const leftMs = (): number => Math.min(at - Date.now(), end - performance.now());
      for (let left = leftMs(); left > 0; left = leftMs()) {
        if (signal?.aborted) return;
        await nap(Math.min(left, NAP_MS_MAX), signal);
      }
    },
    async sleep(ms, signal) {
      assert(!Number.isNaN(ms), "sleep() needs a duration");
      const end = performance.now() + ms;
      for (let left = ms; left > 0; left = end - performance.now()) {
        if (signal?.aborted) return;
        await nap(Math.min(left, TIMER_MS_MAX), signal);
      }
    },
  };
}

/** A text that nobody can guess: 32 bytes in hexadecimal. */
export function secretText(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** The runtime's dice. Not for secrets. */
export function systemRandom(): Random {
  return { next: Math.random };
}

function nap(ms: Milliseconds, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    // Rounded up: a timer that fires a fraction early would cost one more turn of the loop.
    const timer = setTimeout(end, Math.ceil(ms));
    signal?.addEventListener("abort", end);
  });
}
