import { describe, expect, test } from "bun:test";
import { parseWeekly } from "../../../src/lib/cron/weekly.ts";

/** 2026-11-23 is a Monday. */
const at = (text: string) => Date.parse(`2026-11-${text}`);

const endOf = (text: string, when: string, zone = "UTC") => {
  const end = parseWeekly(text, zone).endAt(at(when));
  return end === null ? null : new Date(end).toISOString().slice(8, 16);
};

describe("parseWeekly()", () => {
  test("reads hours of some days", () => {
    const text = "mon-fri 08:00-18:00";
    expect(endOf(text, "23T08:00:00Z")).toBe("23T18:00");
    expect(endOf(text, "27T17:59:59Z")).toBe("27T18:00");
    for (const when of ["23T07:59:59Z", "23T18:00:00Z", "28T12:00:00Z", "29T12:00:00Z"]) {
      expect([when, endOf(text, when)]).toEqual([when, null]);
    }
    expect(endOf("sat,sun 00:00-24:00", "29T12:00:00Z")).toBe("30T00:00");
    expect(endOf("fri-mon 1:00-2:00", "23T01:30:00Z")).toBe("23T02:00");
    expect(endOf("daily 03:00-03:30", "25T03:10:00Z")).toBe("25T03:30");
  });

  test("goes over midnight where the end is not later", () => {
    expect(endOf("sat 22:00-06:00", "29T05:00:00Z")).toBe("29T06:00");
    expect(endOf("sat 22:00-06:00", "28T05:00:00Z")).toBeNull();
  });

  test("reads one span from a day to another, also over the end of the week", () => {
    const text = "Saturday 22:00 - Mon 06:00";
    expect(endOf(text, "28T21:59:59Z")).toBeNull();
    expect(endOf(text, "28T22:00:00Z")).toBe("30T06:00");
    expect(endOf(text, "30T05:59:59Z")).toBe("30T06:00");
    expect(endOf(text, "30T06:00:00Z")).toBeNull();
  });

  test("goes by the wall clock of its zone", () => {
    expect(endOf("mon 00:00-02:00", "22T23:30:00Z", "Europe/Berlin")).toBe("23T01:00");
    expect(endOf("mon 00:00-02:00", "23T01:30:00Z", "Europe/Berlin")).toBeNull();
  });

  test("ends later than now, also in an hour that is repeated (I7)", () => {
    const week = parseWeekly("sun 00:00-02:30", "America/New_York");
    for (let minute = 0; minute < 240; minute++) {
      const now = Date.parse("2026-11-01T04:00:00Z") + minute * 60_000;
      const end = week.endAt(now);
      if (end !== null) expect(end).toBeGreaterThan(now);
    }
  });

  test("says what it cannot read", () => {
    const faults = [
      ["", '"" is no span of the week'],
      ["mon", '"mon" is no span of the week'],
      ["xyz 08:00-09:00", '"xyz" names no day'],
      ["mon 25:00-26:00", "25:00 is no time of the day"],
      ["mon 08:60-09:00", "08:60 is no time of the day"],
      ["mon,,tue 08:00-09:00", '"" names no day'],
    ] as const;
    for (const [text, fault] of faults) expect(() => parseWeekly(text, null)).toThrow(fault);
  });
});
