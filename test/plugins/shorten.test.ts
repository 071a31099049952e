// Shorten: a value within a number of bytes.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { shorten } from "../../plugins/lib/shorten.ts";
import { encodeJson } from "../../plugins/lib/text.ts";

/** For hangs. */
const LIMIT_MS = 120_000;

function sizeOf(value: unknown): number {
  return Buffer.byteLength(encodeJson(value));
}

describe("shorten()", () => {
  test(
    "never gives more bytes than there is room for, and counts when it gives less",
    () => {
      fc.assert(
        fc.property(
          fc.jsonValue({ stringUnit: "binary", maxDepth: 4 }),
          fc.integer({ min: 60, max: 600 }),
          (value, room) => {
            const { leftOut, value: kept } = shorten(value, room);
            if (typeof value === "object" || typeof value === "string") {
              expect(sizeOf(kept)).toBeLessThanOrEqual(room);
            }
            if (leftOut === 0) expect(encodeJson(kept)).toBe(encodeJson(value));
          },
        ),
        { numRuns: 100 },
      );
    },
    LIMIT_MS,
  );

  test("keeps the first entries of a long list whole", () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => ({ file: `/tmp/${index}` }));
    const { leftOut, value } = shorten({ found: entries }, 2_000);
    const { found } = value as { found: object[] };
    expect(found.length).toBeGreaterThan(70);
    expect(found).toEqual(entries.slice(0, found.length));
    expect(leftOut).toBe(10_000 - found.length);
  });

  test("gives each of a few parts its share, and the small ones all", () => {
    const long = Array.from({ length: 5_000 }, (_, index) => index);
    const value = { a: long, small: { x: 1 }, b: long, after: "text" };
    const { value: kept } = shorten(value, 4_000);
    const { a, after, b, small } = kept as typeof value;
    expect({ small, after }).toEqual({ small: { x: 1 }, after: "text" });
    expect(Object.keys(kept as object)).toEqual(["a", "small", "b", "after"]);
    for (const list of [a, b]) expect(list.length).toBeGreaterThan(300);
  });

  test("cuts one long text, between characters and with its escapes", () => {
    for (const text of ["\u0001".repeat(9_000), "\u{1f9a0}".repeat(9_000), '"'.repeat(9_000)]) {
      const { leftOut, value } = shorten([text], 500);
      const [cut = ""] = value as string[];
      expect(leftOut).toBe(1);
      expect(cut.isWellFormed() && cut.endsWith("…") && cut.length > 40).toBe(true);
    }
  });

  test("looks into no endless depth", () => {
    const deep = JSON.parse(`${'{"a":['.repeat(5_000)}1${"]}".repeat(5_000)}`);
    expect(sizeOf(shorten(deep, 1_000).value)).toBeLessThan(1_000);
  });
});
