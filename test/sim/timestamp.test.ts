import { describe, expect, test } from "bun:test";
import { formatRfc3339Nano, type GoTime, ZERO_TIME } from "../../src/lib/go/time.ts";
import {
  compareTimestamps,
  millisOf,
  parseTimestamp,
  storedTimestamp,
  timestampOfMicros,
} from "../../src/sim/timestamp.ts";

function at(text: string): GoTime {
  return parseTimestamp(text) as GoTime;
}

describe("parseTimestamp()", () => {
  test("gives a time, or null for what is none", () => {
    expect(parseTimestamp("0001-01-01T00:00:00Z")).toEqual(ZERO_TIME);
    expect(parseTimestamp("2026-02-30T00:00:00Z")).toBeNull();
    expect(parseTimestamp("yesterday")).toBeNull();
  });
});

describe("storedTimestamp()", () => {
  test("rounds to microseconds in UTC, over the second if need be", () => {
    const stored = (text: string) => formatRfc3339Nano(storedTimestamp(at(text)));
    expect(stored("2026-11-23T15:55:20.0954794Z")).toBe("2026-11-23T15:55:20.095479Z");
    expect(stored("2026-11-23T15:55:20.9999996Z")).toBe("2026-11-23T15:55:21Z");
    expect(stored("2026-11-23T17:55:20.5+02:00")).toBe("2026-11-23T15:55:20.5Z");
  });
});

describe("timestampOfMicros(), millisOf(), compareTimestamps()", () => {
  test("convert and order", () => {
    const time = timestampOfMicros(1_500_000_250);
    expect(time).toEqual({ unixSeconds: 1_500, nanoseconds: 250_000, offsetSeconds: 0 });
    expect(millisOf(time)).toBe(1_500_000.25);
    expect(compareTimestamps(time, { ...time, nanoseconds: 0 })).toBeGreaterThan(0);
    expect(compareTimestamps(ZERO_TIME, time)).toBeLessThan(0);
  });
});
