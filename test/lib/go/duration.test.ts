import { describe, expect, test } from "bun:test";
import { durationToMs, formatDuration, parseDuration } from "../../../src/lib/go/duration.ts";

describe("parseDuration()", () => {
  test("adds up numbers with units in any order", () => {
    expect(parseDuration("1h30m")).toBe(5_400_000_000_000n);
    expect(parseDuration("30m1h")).toBe(5_400_000_000_000n);
    expect(parseDuration("1.5s")).toBe(1_500_000_000n);
    expect(parseDuration(".5s")).toBe(500_000_000n);
    expect(parseDuration("5.s")).toBe(5_000_000_000n);
    expect(parseDuration("1µs")).toBe(parseDuration("1μs"));
  });

  test("takes one sign, for the whole", () => {
    expect(parseDuration("-1h30m")).toBe(-5_400_000_000_000n);
    expect(() => parseDuration("1h-30m")).toThrow('unknown unit "h-"');
    expect(() => parseDuration("--1h")).toThrow('time: invalid duration "--1h"');
  });

  test("wants a unit after every number but a lone 0", () => {
    for (const text of ["0", "+0", "-0"]) expect(parseDuration(text)).toBe(0n);
    expect(() => parseDuration("00")).toThrow('time: missing unit in duration "00"');
    expect(() => parseDuration("5")).toThrow('time: missing unit in duration "5"');
  });

  test("reaches from -2^63 to 2^63 - 1", () => {
    expect(parseDuration("9223372036854775807ns")).toBe(2n ** 63n - 1n);
    expect(parseDuration("-9223372036854775808ns")).toBe(-(2n ** 63n));
    expect(() => parseDuration("9223372036854775808ns")).toThrow(RangeError);
    expect(() => parseDuration("2562048h")).toThrow(RangeError);
  });

  test("wraps around at 2^64, as Go's sum does", () => {
    expect(parseDuration("9223372036854775808ns9223372036854775808ns")).toBe(0n);
  });

  test("drops digits of a fraction that 63 bits cannot hold", () => {
    expect(parseDuration("0.33333333333333333333h")).toBe(1_200_000_000_000n);
  });

  test("quotes bytes outside ASCII in hexadecimal", () => {
    expect(() => parseDuration("1é")).toThrow(
      'unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"',
    );
  });
});

describe("formatDuration()", () => {
  test("uses the largest unit below a second, and all three above", () => {
    expect(formatDuration(0n)).toBe("0s");
    expect(formatDuration(999n)).toBe("999ns");
    expect(formatDuration(1_500n)).toBe("1.5µs");
    expect(formatDuration(24_143_280n)).toBe("24.14328ms");
    expect(formatDuration(300_000_000_000n)).toBe("5m0s");
    expect(formatDuration(3_661_000_000_001n)).toBe("1h1m1.000000001s");
    expect(formatDuration(-1_500_000_000n)).toBe("-1.5s");
  });
});

describe("durationToMs()", () => {
  test("rounds up", () => {
    expect(durationToMs(0n)).toBe(0);
    expect(durationToMs(1n)).toBe(1);
    expect(durationToMs(1_000_000n)).toBe(1);
    expect(durationToMs(1_000_001n)).toBe(2);
    expect(durationToMs(-1n)).toBe(0);
    expect(durationToMs(-1_000_001n)).toBe(-1);
  });
});
