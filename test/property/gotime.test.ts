// Go's times against JavaScript's Date.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatGoTime,
  formatRfc3339Nano,
  formatUtcDate,
  instantOf,
  parseTime,
  timeAt,
} from "../../src/lib/go/time.ts";

const FIRST = Date.UTC(2000, 0, 1) - 1_900 * 365 * 86_400_000;
const LAST = Date.UTC(9999, 11, 30);
const instant = fc.integer({ min: FIRST, max: LAST });
const offsetMinutes = fc.integer({ min: -23 * 60, max: 23 * 60 });

describe("parseTime()", () => {
  test("reads what Date writes", () => {
    fc.assert(
      fc.property(instant, (at) => {
        expect(instantOf(parseTime(new Date(at).toISOString()))).toBe(at);
      }),
    );
  });

  test("undoes formatRfc3339Nano(), to the nanosecond and the offset", () => {
    const time = fc.record({
      unixSeconds: fc.integer({ min: FIRST / 1_000, max: LAST / 1_000 }).map(Math.floor),
      nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
      offsetSeconds: offsetMinutes.map((minutes) => minutes * 60),
    });
    fc.assert(
      fc.property(time, (value) => {
        expect(parseTime(formatRfc3339Nano(value))).toEqual(value);
      }),
    );
  });

  test("moves the instant, not the clock, by an offset", () => {
    fc.assert(
      fc.property(instant, offsetMinutes, (at, minutes) => {
        const offsetSeconds = minutes * 60;
        const text = formatRfc3339Nano({ ...timeAt(at), offsetSeconds });
        const clock = new Date(at + offsetSeconds * 1_000).toISOString();
        expect(text.slice(0, 19)).toBe(clock.slice(0, 19));
        expect(Date.parse(text)).toBe(at);
      }),
    );
  });
});

describe("formatGoTime() and formatUtcDate()", () => {
  test("show the clock that Date shows", () => {
    fc.assert(
      fc.property(instant, offsetMinutes, (at, minutes) => {
        const [date = "", time = ""] = new Date(at + minutes * 60_000).toISOString().split("T");
        const seconds = time.slice(0, 8);

        expect(formatGoTime(at, minutes * 60, "ZONE")).toStartWith(`${date} ${seconds}`);
        const utcDate = new Date(at).toISOString().slice(0, 10).replaceAll("-", "");
        expect(formatUtcDate(at)).toBe(utcDate);
      }),
    );
  });
});
