import { describe, expect, test } from "bun:test";
import {
  formatGoTime,
  formatRfc3339Nano,
  formatUtcDate,
  instantOf,
  parseTime,
  timeAt,
  ZERO_TIME,
} from "../../../src/lib/go/time.ts";

describe("parseTime()", () => {
  test("keeps nanoseconds and offset", () => {
    expect(parseTime("2026-01-02T03:04:05.123456789+05:30")).toEqual({
      unixSeconds: Date.UTC(2026, 0, 1, 21, 34, 5) / 1_000,
      nanoseconds: 123_456_789,
      offsetSeconds: 19_800,
    });
  });

  test("drops digits after the ninth", () => {
    expect(parseTime("2026-01-02T03:04:05.1234567899Z").nanoseconds).toBe(123_456_789);
  });

  test("reads years before 100 as they are", () => {
    expect(parseTime("0001-01-01T00:00:00Z")).toEqual(ZERO_TIME);
  });

  test("tolerates what Go 1.19 tolerates", () => {
    const plain = parseTime("2026-01-02T03:04:05Z");
    expect(parseTime("2026-01-02T3:04:05Z")).toEqual(plain);
    expect(parseTime("2026-01-02T03:04:05,5Z")).toEqual({ ...plain, nanoseconds: 500_000_000 });
    expect(parseTime("2026-01-02T03:04:05+25:00").offsetSeconds).toBe(90_000);
    expect(parseTime("2026-01-02T03:04:05+-1:00").offsetSeconds).toBe(-3_600);
    expect(parseTime("2026-01-02T03:04:.5Z")).toEqual({
      ...plain,
      unixSeconds: plain.unixSeconds - 5,
      nanoseconds: 500_000_000,
    });
  });

  test("refuses a day that the month does not have", () => {
    for (const day of ["2026-02-29", "2026-04-31", "1900-02-29", "2026-01-00", "2026-01-32"]) {
      expect(() => parseTime(`${day}T00:00:00Z`)).toThrow("day out of range");
    }
    expect(() => parseTime("2000-02-29T00:00:00Z")).not.toThrow();
  });

  test("says which part of which layout the text does not have", () => {
    expect(() => parseTime("2026-01-02 03:04:05Z")).toThrow(
      'parsing time "\\"2026-01-02 03:04:05Z\\"" as "\\"2006-01-02T15:04:05Z07:00\\"": ' +
        'cannot parse " 03:04:05Z\\"" as "T"',
    );
  });
});

describe("formatRfc3339Nano()", () => {
  test("trims the fraction and writes Z for UTC", () => {
    const time = { unixSeconds: 0, nanoseconds: 120_000_000, offsetSeconds: 0 };
    expect(formatRfc3339Nano(time)).toBe("1970-01-01T00:00:00.12Z");
    expect(formatRfc3339Nano({ ...time, nanoseconds: 0 })).toBe("1970-01-01T00:00:00Z");
    expect(formatRfc3339Nano({ ...time, offsetSeconds: -12_600 })).toBe(
      "1969-12-31T20:30:00.12-03:30",
    );
    expect(formatRfc3339Nano(ZERO_TIME)).toBe("0001-01-01T00:00:00Z");
  });
});

describe("instantOf()", () => {
  test("rounds down to a millisecond, before 1970 too", () => {
    const time = { unixSeconds: 1, nanoseconds: 999_999, offsetSeconds: 3_600 };
    expect(instantOf(time)).toBe(1_000);
    expect(instantOf({ ...time, unixSeconds: -1, nanoseconds: 1_999_999 })).toBe(-999);
  });

  test("undoes timeAt()", () => {
    for (const at of [0, 1, 999, -1, -1_001, 1_767_323_045_678]) {
      expect(instantOf(timeAt(at))).toBe(at);
    }
  });
});

describe("formatGoTime()", () => {
  test("writes date, clock, offset and zone", () => {
    const at = Date.UTC(2026, 10, 23, 15, 31);
    expect(formatGoTime(at, 0, "UTC")).toBe("2026-11-23 15:31:00 +0000 UTC");
    expect(formatGoTime(at + 250, 3_600, "CET")).toBe("2026-11-23 16:31:00.25 +0100 CET");
    expect(formatGoTime(at, -12_600, "")).toBe("2026-11-23 12:01:00 -0330 -0330");
  });
});

describe("formatUtcDate()", () => {
  test("is the date in UTC", () => {
    expect(formatUtcDate(Date.UTC(2026, 0, 2, 23, 59, 59, 999))).toBe("20260102");
  });
});
