// Durations against exact arithmetic on the parts that a text was made of.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { durationToMs, formatDuration, parseDuration } from "../../src/lib/go/duration.ts";

const UNITS = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
} as const;

const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]));
const anyDuration = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

describe("parseDuration()", () => {
  test("is the sum of its whole parts", () => {
    const part = fc.record({ count: fc.bigInt({ min: 0n, max: 100_000n }), unit });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (parts, negative) => {
          const text = parts.map(({ count, unit }) => `${count}${unit}`).join("");
          const sum = parts.reduce((total, { count, unit }) => total + count * UNITS[unit], 0n);
          expect(parseDuration(`${negative ? "-" : ""}${text}`)).toBe(negative ? -sum : sum);
        },
      ),
    );
  });

  test("cuts a fraction off after the nanosecond", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 999_999 }),
        fc.constantFrom("ms", "s"),
        (digits, unit) => {
          const text = `0.${String(digits).padStart(6, "0")}${unit}`;
          expect(parseDuration(text)).toBe((BigInt(digits) * UNITS[unit]) / 1_000_000n);
        },
      ),
    );
  });

  test("undoes formatDuration()", () => {
    fc.assert(
      fc.property(anyDuration, (ns) => {
        expect(parseDuration(formatDuration(ns))).toBe(ns);
      }),
    );
  });
});

describe("durationToMs()", () => {
  test("is the first whole millisecond that is not shorter", () => {
    const exact = fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n });
    fc.assert(
      fc.property(exact, (ns) => {
        const ms = BigInt(durationToMs(ns));
        expect(ms * 1_000_000n >= ns && (ms - 1n) * 1_000_000n < ns).toBe(true);
      }),
    );
  });
});
