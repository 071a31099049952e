// Clock: waiting by the wall and by elapsed time, with the machine's own timers.
import { afterEach, describe, expect, jest, test } from "bun:test";
import { NAP_MS_MAX, systemClock, systemRandom } from "../../src/edge/clock.ts";
import { DAY_MS, HOUR_MS } from "../../src/time.ts";

const clock = systemClock();

afterEach(() => {
  jest.useRealTimers();
});

/** Lets the loops of the clock look at the time and set their next timer. */
async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve();
}

describe("systemClock()", () => {
  test("tells the wall time in whole milliseconds", () => {
    const before = Date.now();
    const now = clock.now();
    expect(Number.isInteger(now)).toBe(true);
    expect(now - before).toBeGreaterThanOrEqual(0);
  });

  test("until() resolves at once for a time that has passed", async () => {
    await clock.until(Date.now() - 1);
    await clock.until(-Infinity);
  });

  test("until() is never early", async () => {
    for (let count = 0; count < 20; count++) {
      const at = Date.now() + 3;
      await clock.until(at);
      expect(Date.now()).toBeGreaterThanOrEqual(at);
    }
  });

  test("until() follows a clock that jumps forward within a minute", async () => {
    jest.useFakeTimers({ now: 1_000_000 });
    let resolved = false;
    const waiting = clock.until(1_000_000 + 10 * HOUR_MS).then(() => {
      resolved = true;
    });
    jest.advanceTimersByTime(NAP_MS_MAX);
    await turn();
    expect(resolved).toBe(false);
    jest.setSystemTime(1_000_000 + 11 * HOUR_MS);
    jest.advanceTimersByTime(NAP_MS_MAX);
    await waiting;
    expect(resolved).toBe(true);
  });

  test("until() waits as long as it would have when the clock jumps back", async () => {
    jest.useFakeTimers({ now: 1_000_000 });
    let resolved = false;
    const waiting = clock.until(1_000_000 + 30_000).then(() => {
      resolved = true;
    });
    jest.setSystemTime(1_000_000 - HOUR_MS);
    jest.advanceTimersByTime(29_000);
    await turn();
    expect(resolved).toBe(false);
    jest.advanceTimersByTime(1_000);
    await waiting;
  });

  test("until() reaches a time further away than a timer can", async () => {
    jest.useFakeTimers({ now: 0 });
    let resolved = false;
    const waiting = clock.until(40 * DAY_MS).then(() => {
      resolved = true;
    });
    await turn();
    expect(resolved).toBe(false);
    jest.setSystemTime(40 * DAY_MS);
    jest.advanceTimersByTime(NAP_MS_MAX);
    await waiting;
  });

  test("sleep() ends after elapsed time, whatever the wall clock says", async () => {
    const from = performance.now();
    await clock.sleep(12);
    expect(performance.now() - from).toBeGreaterThanOrEqual(12);
    await clock.sleep(0);
    await clock.sleep(-5);
  });

  test("sleep() does not end at once for more than 2^31 ms", async () => {
    const stop = new AbortController();
    const from = performance.now();
    const waiting = clock.sleep(2 ** 31 + 5, stop.signal);
    const first = await Promise.race([waiting.then(() => "slept"), clock.sleep(20)]);
    expect(first).toBeUndefined();
    stop.abort();
    await waiting;
    expect(performance.now() - from).toBeLessThan(HOUR_MS);
  });

  test("both resolve as soon as their signal aborts, and at once if it has", async () => {
    const stop = new AbortController();
    const waiting = Promise.all([
      clock.until(Date.now() + DAY_MS, stop.signal),
      clock.sleep(DAY_MS, stop.signal),
    ]);
    stop.abort();
    await waiting;
    await clock.until(Date.now() + DAY_MS, stop.signal);
    await clock.sleep(DAY_MS, stop.signal);
  });

  test("refuses what is no time: it would wait for ever or not at all", async () => {
    expect(clock.until(Number.NaN)).rejects.toThrow("needs an instant");
    expect(clock.sleep(Number.NaN)).rejects.toThrow("needs a duration");
  });
});

describe("systemRandom()", () => {
  test("gives numbers from 0 up to but not 1, not always the same", () => {
    const random = systemRandom();
    const numbers = Array.from({ length: 100 }, () => random.next());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(1);
  });
});
