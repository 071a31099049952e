import { describe, expect, test } from "bun:test";
import { scheduleAdvice, secondsFirst } from "../../src/jobs/advice.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";

const now = Date.parse("2026-01-14T10:17:35Z");

function advice(expression: string, timezone = "UTC"): readonly string[] {
  return scheduleAdvice(parseSchedule(expression, { timezone }), now);
}

describe("scheduleAdvice()", () => {
  test("says how six fields are read, when they fire, and what was probably meant", () => {
    // Every five hours, or every five minutes.
    expect(advice("0 */5 * * * *")).toEqual([
      '"0 */5 * * * *" is read as minute hour day month weekday year and fires next at ' +
        '2026-01-14T15:00:00Z and 2026-01-14T20:00:00Z; "0 */5 * * *" says the same. ' +
        'If it begins with seconds, write "0 */5 * * * * *", which fires next at ' +
        "2026-01-14T10:20:00Z and 2026-01-14T10:25:00Z",
    ]);
    // Day 9 of each month, or nine o'clock each day; in the schedule's own zone.
    const [text = ""] = advice("0 0 9 * * ?", "Europe/Berlin");
    expect(text).toContain("fires next at 2026-02-09T00:00:00+01:00 and 2026-03-09T00:00:00+01:00");
    expect(text).toContain('write "0 0 9 * * ? *", which fires next at 2026-01-15T09:00:00+01:00');
    // Years that two divides.
    const [even = ""] = advice("0 0 12 * * */2");
    expect(even).toContain("is read as minute hour day month weekday year");
    expect(even).toContain('write "0 0 12 * * */2 *"');
    expect(even).not.toContain("says the same");
  });

  test("tells every minute, or second, of a picked hour, or minute", () => {
    for (const expression of ["* 3 * * *", "* 3,15 * * *", "* */5 * * *", "? 0/6 * * mon"]) {
      expect({ expression, texts: advice(expression) }).toEqual({
        expression,
        texts: [
          `"${expression}" fires in every minute of each hour that it names: for once, begin with 0`,
        ],
      });
    }
    expect(advice("* */5 * * * * *")).toEqual([
      '"* */5 * * * * *" fires in every second of each minute that it names: ' +
        "for once, begin with 0",
    ]);
  });

  test("tells that either field of days is enough", () => {
    expect(advice("0 9 1-7 * mon")).toEqual([
      '"0 9 1-7 * mon" fires on day 1-7 of the month, and also on weekday mon, whichever it is; ' +
        'for the first one of a month, write "mon#1"',
    ]);
    expect(advice("0 9 13 * 5")).toEqual([
      '"0 9 13 * 5" fires on day 13 of the month, and also on weekday 5, whichever it is',
    ]);
  });

  test("tells a next time that is more than a year away", () => {
    expect(advice("0 0 29 2 *")).toEqual([
      '"0 0 29 2 *" fires next at 2028-02-29T00:00:00Z, in 776 days',
    ]);
    expect(advice("0 0 0 29 2 * *").length).toBe(1);
  });

  test("has nothing to say of schedules that mean what they say", () => {
    for (const expression of [
      "* * * * *",
      "*/5 * * * *",
      "0 3 * * *",
      "30 2 1 * *",
      "0 0 1 1 *",
      "0 */5 * * *",
      "* 9-17 * * 1-5",
      "0,30 8-18/2 * * mon-fri",
      "0 0 ? * mon",
      "0 0 L * *",
      "0 0 * * 1#1",
      "@daily",
      "@weekly",
      "@hourly",
      "@monthly",
      "@yearly",
      "* * * * * * *",
      "0 */5 * * * * *",
      "*/10 * * * * * *",
      "0 0 12 1 1 * 2040",
      "0 0 1 1 * 2040",
      // Six fields that cannot begin with seconds: there is no hour 31, and no month 0.
      "0 0 31 12 * *",
      "0 0 30 2 *",
    ]) {
      expect({ expression, texts: advice(expression) }).toEqual({ expression, texts: [] });
    }
  });
});

describe("secondsFirst()", () => {
  test("is the seven fields that six were meant for, if they can be", () => {
    expect(secondsFirst("0 */5 * * * *", null)?.expression).toBe("0 */5 * * * * *");
    expect(secondsFirst("0 0 31 12 * *", null)).toBeNull();
    expect(secondsFirst("0 3 * * *", null)).toBeNull();
  });
});
