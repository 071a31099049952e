import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/workflow/random.ts";

describe("seededRandom()", () => {
  test("gives the same numbers for a seed, others for another", () => {
    const take = (seed: number) => {
      const next = seededRandom(seed);
      return Array.from({ length: 100 }, next);
    };
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
    expect(new Set(take(0)).size).toBe(100);
  });

  test("spreads numbers evenly from 0 up to 1", () => {
    const next = seededRandom(2 ** 32 - 1);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let count = 0; count < 10_000; count++) {
      const value = next();
      expect(value >= 0 && value < 1).toBe(true);
      buckets[Math.floor(value * 10)]! += 1;
    }
    // Ten standard deviations of 30.
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(300);
  });
});
