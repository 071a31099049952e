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
});
