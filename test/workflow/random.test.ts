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

  test("gives the numbers of SplitMix32: a run goes on after an upgrade with those it had", () => {
    for (const seed of [0, 1, 0x5eed, 2 ** 32 - 1]) {
      const next = seededRandom(seed);
      const wanted = Array.from({ length: 5 }, (_, index) => splitMix32(BigInt(seed), index + 1));
      expect(Array.from({ length: 5 }, next)).toEqual(wanted);
    }
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

/** The number at a place of the sequence, in whole numbers without an end: another way to it. */
function splitMix32(seed: bigint, place: number): number {
  const word = 2n ** 32n;
  const shaken = (value: bigint, bits: bigint) => value ^ (value / 2n ** bits);
  const counted = (seed + BigInt(place) * 0x9e3779b9n) % word;
  const once = (shaken(counted, 16n) * 0x21f0aaadn) % word;
  const twice = (shaken(once, 15n) * 0x735a2d97n) % word;
  return Number(shaken(twice, 15n)) / 2 ** 32;
}
