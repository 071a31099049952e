import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  compareTimestamps,
  formatTimestamp,
  millisOf,
  parseTimestamp,
  storedTimestamp,
  type Timestamp,
  timestampOfMicros,
  ZERO_TIME,
} from "../../src/sandbox/timestamp.ts";

interface Vector {
  json: string;
  marshal?: string;
  unix?: number;
  error?: string;
}

const vectors: Vector[] = readFileSync(
  new URL("../golden/time/vectors.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line))
  // Times that are no JSON text, or that hold an escape, which Go does not decode here.
  .filter(({ json }: Vector) => /^"[^\\]*"$/.test(json));

function at(text: string): Timestamp {
  return parseTimestamp(text) as Timestamp;
}

describe("parseTimestamp() and formatTimestamp()", () => {
  test("read and write times as Go 1.19 does", () => {
    const wrong = vectors.filter(({ json, marshal, unix }) => {
      const time = parseTimestamp(JSON.parse(json));
      if (time === null) return marshal !== undefined;
      return `"${formatTimestamp(time)}"` !== marshal || time.seconds !== unix;
    });
    console.log(`golden sandbox time: ${vectors.length - wrong.length} of ${vectors.length}`);
    expect(wrong).toEqual([]);
    expect(vectors.length).toBeGreaterThan(30);
  });

  test("know Go's zero time", () => {
    expect(formatTimestamp(ZERO_TIME)).toBe("0001-01-01T00:00:00Z");
    expect(parseTimestamp("0001-01-01T00:00:00Z")).toEqual(ZERO_TIME);
  });
});

describe("storedTimestamp()", () => {
  test("rounds to microseconds in UTC, over the second if need be", () => {
    const stored = (text: string) => formatTimestamp(storedTimestamp(at(text)));
    expect(stored("2026-11-23T15:55:20.0954794Z")).toBe("2026-11-23T15:55:20.095479Z");
    expect(stored("2026-11-23T15:55:20.9999996Z")).toBe("2026-11-23T15:55:21Z");
    expect(stored("2026-11-23T17:55:20.5+02:00")).toBe("2026-11-23T15:55:20.5Z");
  });
});

describe("timestampOfMicros(), millisOf(), compareTimestamps()", () => {
  test("convert and order", () => {
    const time = timestampOfMicros(1_500_000_250);
    expect(time).toEqual({ seconds: 1_500, nanos: 250_000, offsetMinutes: 0 });
    expect(millisOf(time)).toBe(1_500_000.25);
    expect(compareTimestamps(time, { ...time, nanos: 0 })).toBeGreaterThan(0);
    expect(compareTimestamps(ZERO_TIME, time)).toBeLessThan(0);
  });
});
