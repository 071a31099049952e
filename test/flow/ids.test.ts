// Ids: each id is new once, however many there are and however close to each other.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Ids } from "../../src/flow/ids.ts";

describe("Ids", () => {
  test("answer as a Set does", () => {
    const id = fc.oneof(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 1_000 }), (all) => {
        const [ids, set] = [new Ids(), new Set<number>()];
        for (const each of all) {
          expect(ids.add(each)).toBe(!set.has(each));
          set.add(each);
        }
      }),
    );
  });

  test("hold a large fleet, in order, backwards, and far above 32 bits", () => {
    const ids = new Ids();
    const numbers = Array.from({ length: 100_000 }, (_, index) => index + 1);
    const far = numbers.map((each) => each * 2 ** 33);
    const all = [...numbers, ...far];
    expect(all.filter((each) => ids.add(each))).toHaveLength(all.length);
    expect(all.toReversed().filter((each) => ids.add(each))).toEqual([]);
  });

  test("cost the same whoever chose them: in any order, and alike for a table of hashes", () => {
    // Ids that fell into one place of the table that was here before, found by trying.
    const alike: number[] = [];
    for (let id = 1; alike.length < 20_000; id++) {
      let bits = Math.imul(id, 0x85ebca6b);
      bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
      if (((bits ^ (bits >>> 16)) & 0xff) === 0) alike.push(id);
    }
    for (const order of [
      alike,
      alike.toReversed(),
      alike.toSorted((a, b) => (a % 97) - (b % 97)),
    ]) {
      const ids = new Ids();
      expect(order.filter((each) => ids.add(each))).toHaveLength(alike.length);
      expect(order.filter((each) => ids.add(each))).toEqual([]);
    }
  });
});
