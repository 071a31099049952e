import { describe, expect, test } from "bun:test";
import { parseCron } from "../../../src/lib/cron/expression.ts";
import { nextWall } from "../../../src/lib/cron/wall.ts";

/** The next `count` wall times as texts, without seconds when they are 0. */
function walls(expression: string, after: string, count = 3): readonly string[] {
  const fields = parseCron(expression);
  const found: string[] = [];
  let wall: number | null = Date.parse(`${after}Z`) / 1_000;
  while (found.length < count) {
    wall = nextWall(fields, wall);
    if (wall === null) break;
    found.push(new Date(wall * 1_000).toISOString().replace(/(:00)?\.000Z$/, ""));
  }
  return found;
}

describe("nextWall()", () => {
  test("answers later than the question, to the second", () => {
    expect(walls("0 12 * * *", "2026-01-14T11:59:59", 1)).toEqual(["2026-01-14T12:00"]);
    expect(walls("0 12 * * *", "2026-01-14T12:00:00", 1)).toEqual(["2026-01-15T12:00"]);
  });

  test("carries over seconds, minutes, hours, days, months and years", () => {
    expect(walls("58-59 59 23 * * * *", "2026-12-31T23:59:57")).toEqual([
      "2026-12-31T23:59:58",
      "2026-12-31T23:59:59",
      "2027-01-01T23:59:58",
    ]);
    expect(walls("30 * * * *", "2026-02-28T23:30:00", 1)).toEqual(["2026-03-01T00:30"]);
    expect(walls("15,45 8,20 * * *", "2026-02-28T08:20:00")).toEqual([
      "2026-02-28T08:45",
      "2026-02-28T20:15",
      "2026-02-28T20:45",
    ]);
  });

  test("skips the hour when its minutes are over, and the minute when its seconds are", () => {
    expect(walls("5 9,11 * * *", "2026-01-01T09:05:00", 1)).toEqual(["2026-01-01T11:05"]);
    expect(walls("10 5,7 * * * * *", "2026-01-01T09:05:30", 1)).toEqual(["2026-01-01T09:07:10"]);
  });

  test("finds leap days, over the year 2000 as well", () => {
    expect(walls("0 0 29 2 *", "1999-01-01T00:00:00")).toEqual([
      "2000-02-29T00:00",
      "2004-02-29T00:00",
      "2008-02-29T00:00",
    ]);
  });

  test("leaves out days that a month does not have", () => {
    expect(walls("0 0 31 * *", "2026-01-31T00:00:00")).toEqual([
      "2026-03-31T00:00",
      "2026-05-31T00:00",
      "2026-07-31T00:00",
    ]);
  });

  test("needs only one of two restricted day fields to match", () => {
    // 2026-01-16 is a Friday.
    expect(walls("0 0 18 * 5", "2026-01-15T00:00:00")).toEqual([
      "2026-01-16T00:00",
      "2026-01-18T00:00",
      "2026-01-23T00:00",
    ]);
  });

  test("moves nW to the nearest weekday within the month", () => {
    // August 2026 begins on a Saturday, May 2026 ends on a Sunday.
    expect(walls("0 0 1W 8 *", "2026-01-01T00:00:00", 1)).toEqual(["2026-08-03T00:00"]);
    expect(walls("0 0 31W 5 *", "2026-01-01T00:00:00", 1)).toEqual(["2026-05-29T00:00"]);
    expect(walls("0 0 15W 8 *", "2026-01-01T00:00:00", 1)).toEqual(["2026-08-14T00:00"]);
    expect(walls("0 0 16W 8 *", "2026-01-01T00:00:00", 1)).toEqual(["2026-08-17T00:00"]);
    expect(walls("0 0 31W 2 *", "2026-01-01T00:00:00", 1)).toEqual([]);
  });

  test("finds the last day, the last workday and the last weekday of a month", () => {
    expect(walls("0 0 L * *", "2028-02-01T00:00:00", 1)).toEqual(["2028-02-29T00:00"]);
    expect(walls("0 0 LW * *", "2026-05-01T00:00:00", 1)).toEqual(["2026-05-29T00:00"]);
    expect(walls("0 0 * * friL", "2026-01-15T00:00:00", 2)).toEqual([
      "2026-01-30T00:00",
      "2026-02-27T00:00",
    ]);
  });

  test("finds the n-th weekday, and only in months that have it", () => {
    expect(walls("0 0 * * 5#5", "2026-01-15T00:00:00", 2)).toEqual([
      "2026-01-30T00:00",
      "2026-05-29T00:00",
    ]);
  });

  test("ends with 2099, and begins with 1970", () => {
    expect(walls("0 0 31 12 *", "2098-06-01T00:00:00")).toEqual([
      "2098-12-31T00:00",
      "2099-12-31T00:00",
    ]);
    expect(walls("* * * * *", "1969-12-31T12:00:00", 1)).toEqual(["1970-01-01T00:00"]);
  });

  test("answers null for days that no month has and for empty fields (I7)", () => {
    expect(walls("0 0 30 2 *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("59-0 * * * *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("0 22-2 * * *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("0 0 25-5 * *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("0 0 1 11-2 *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("50-10 * * * * * *", "2026-01-01T00:00:00")).toEqual([]);
    expect(walls("0 0 1 1 * 2030-2026", "2026-01-01T00:00:00")).toEqual([]);
  });
});
