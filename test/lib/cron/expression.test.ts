import { describe, expect, test } from "bun:test";
import { CRON_NICKNAMES, parseCron } from "../../../src/lib/cron/expression.ts";

function warningsOf(expression: string): readonly string[] {
  return parseCron(expression).warnings;
}

function fault(expression: string): string {
  try {
    parseCron(expression);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  return "accepted";
}

describe("parseCron()", () => {
  test("reads five fields as minute, hour, day, month, weekday", () => {
    expect(parseCron("5 4 3 2 1")).toMatchObject({
      seconds: [0],
      minutes: [5],
      hours: [4],
      monthDays: { days: [3], workdays: [], last: false, lastWorkday: false },
      months: [2],
      weekDays: { days: [1], nth: [], last: [] },
      warnings: [],
    });
    expect(parseCron("5 4 3 2 1").years).toHaveLength(130);
  });

  test("reads a sixth field as the year, and a seventh as seconds before the others", () => {
    expect(parseCron("5 4 3 2 1 2030")).toMatchObject({ seconds: [0], years: [2030] });
    expect(parseCron("6 5 4 3 2 1 2030")).toMatchObject({
      seconds: [6],
      minutes: [5],
      years: [2030],
    });
  });

  test("sorts lists and drops repeats", () => {
    expect(parseCron("30,5,10-12,11,05 * * * *").minutes).toEqual([5, 10, 11, 12, 30]);
  });

  test("counts steps from a value, a range or the least value to the end", () => {
    expect(parseCron("*/20 * * * *").minutes).toEqual([0, 20, 40]);
    expect(parseCron("50/4 * * * *").minutes).toEqual([50, 54, 58]);
    expect(parseCron("10-20/5 * * * *").minutes).toEqual([10, 15, 20]);
    expect(parseCron("0 0 */10 * *").monthDays?.days).toEqual([1, 11, 21, 31]);
    expect(parseCron("0 0 1 1 * */59").years).toEqual([1970, 2029, 2088]);
  });

  test("reads names of months and weekdays, short and whole, in any case", () => {
    expect(parseCron("0 0 1 jan,FEBRUARY,Sep-nov *").months).toEqual([1, 2, 9, 10, 11]);
    expect(parseCron("0 0 * * mon-Wednesday,SAT").weekDays?.days).toEqual([1, 2, 3, 6]);
  });

  test("takes 7 for Sunday", () => {
    expect(parseCron("0 0 * * 7").weekDays?.days).toEqual([0]);
    expect(parseCron("0 0 * * 7-3").weekDays?.days).toEqual([0, 1, 2, 3]);
    expect(parseCron("0 0 * * 7/2").weekDays?.days).toEqual([0, 2, 4, 6]);
    expect(parseCron("0 0 * * 7L,7#3").weekDays).toEqual({
      days: [],
      nth: [{ week: 3, weekday: 0 }],
      last: [0],
    });
  });

  test("reads L, LW and nW in the day field, with any list beside them", () => {
    expect(parseCron("0 0 15w,L,3,lw,1W * *").monthDays).toEqual({
      days: [3],
      workdays: [1, 15],
      last: true,
      lastWorkday: true,
    });
  });

  test("reads dL and d#n in the weekday field, sorted by week and weekday", () => {
    expect(parseCron("0 0 * * fri#2,2#2,monL,1#1,5#2").weekDays).toEqual({
      days: [],
      nth: [
        { week: 1, weekday: 1 },
        { week: 2, weekday: 2 },
        { week: 2, weekday: 5 },
      ],
      last: [1],
    });
  });

  test("lifts a day restriction by * or ? anywhere in its list", () => {
    expect(parseCron("0 0 1,* * 2,?")).toMatchObject({ monthDays: null, weekDays: null });
    expect(parseCron("0 0 1-31 * 0-6").monthDays).not.toBeNull();
  });

  test("overlooks mistakes after a * in a plain field, but not before it, nor in a day field", () => {
    expect(parseCron("*,nonsense * * * *").minutes).toHaveLength(60);
    expect(fault("nonsense,* * * * *")).toBe("syntax error in minute field: 'nonsense'");
    expect(fault("0 0 *,nonsense * *")).toBe("syntax error in day-of-month field: 'nonsense'");
  });

  test("reports a bad step before a mistake that stands to the left of it in the field", () => {
    expect(fault("nonsense,*/0 * * * *")).toBe("invalid interval */0");
  });

  test("replaces nicknames inside the text, in lower case only", () => {
    expect(CRON_NICKNAMES).toHaveLength(6);
    expect(parseCron("@weekly")).toEqual(parseCron("0 0 0 * * 0 *"));
    expect(parseCron("@annually").months).toEqual([1]);
    expect(fault("@Daily")).toBe("missing field(s)");
    expect(fault("@dailyx")).toBe("syntax error in year field: '*x'");
  });

  test("parts fields by ASCII blanks only", () => {
    expect(parseCron(" 1\t2\n3\f4\r5 ")).toMatchObject({ minutes: [1], hours: [2], months: [4] });
    expect(fault("1\u00a02 3 4 5")).toBe("missing field(s)");
    expect(fault("0\u000b0 * * * *")).toBe("syntax error in minute field: '0\u000b0'");
  });

  test("shows a mistake as it was written and a step in lower case", () => {
    expect(fault("0 0 * * FOO")).toBe("syntax error in day-of-week field: 'FOO'");
    expect(fault("0 0 * * FRI/9")).toBe("invalid interval fri/9");
  });

  test("gives a zero-padded month or weekday its plain meaning, with a warning", () => {
    expect(parseCron("0 0 1 06,09/2 *").months).toEqual([6, 9, 11]);
    expect(parseCron("0 0 * * 01-05,06L").weekDays).toEqual({
      days: [1, 2, 3, 4, 5],
      nth: [],
      last: [6],
    });
    expect(warningsOf("0 0 1 06 *")).toEqual([
      'In the month field "06" is read as 6; the original took month 0',
    ]);
    expect(warningsOf("0 0 * * 03#2")).toEqual([
      'In the day-of-week field "03" is read as 3; the original took sunday',
    ]);
  });

  test("does not warn of padding where the original reads it alike", () => {
    expect(warningsOf("05 08 01 10 00,07")).toEqual([]);
  });

  test("reads a weekday range to 7 or Sunday as it is meant, with a warning", () => {
    expect(parseCron("0 0 * * 5-7").weekDays?.days).toEqual([0, 5, 6]);
    expect(parseCron("0 0 * * sat-sun").weekDays?.days).toEqual([0, 6]);
    expect(parseCron("0 0 * * 3-7/2").weekDays?.days).toEqual([0, 3, 5]);
    expect(parseCron("0 0 * * 0-7").weekDays?.days).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(warningsOf("0 0 * * 5-7")).toEqual([
      'In the day-of-week field "5-7" is read as friday to sunday; the original took no day',
    ]);
    expect(warningsOf("0 0 * * sun-7")).toEqual([
      'In the day-of-week field "sun-7" is read as the whole week; the original took sunday alone',
    ]);
  });

  test("reads a range from Sunday to Sunday as one day, without a warning", () => {
    for (const range of ["7-7", "sun-sun", "0-0", "7-sun", "sun-sunday", "07-7"]) {
      const { weekDays, warnings } = parseCron(`0 0 * * ${range}`);
      expect({ range, days: weekDays?.days, warnings }).toEqual({ range, days: [0], warnings: [] });
    }
  });

  test("takes a range that counts down for empty, and says how to write it", () => {
    const written = (expression: string) => /write "(.*)"$/.exec(warningsOf(expression)[0] ?? "");
    expect(parseCron("0 22-2 * * *").hours).toEqual([]);
    expect(parseCron("0 22-2,5 * * *").hours).toEqual([5]);
    expect(written("0 22-2 * * *")?.[1]).toBe("22-23,0-2");
    expect(written("0 22-2/2 * * *")?.[1]).toBe("22-23/2,0-2/2");
    expect(written("0 22-3/3 * * *")?.[1]).toBe("22-23/3,1-3/3");
    expect(written("59-0 * * * *")?.[1]).toBe("59,0");
    expect(written("50-3/10 * * * *")?.[1]).toBe("50-59/10,0-3/10");
    expect(written("55-1/10 * * * *")?.[1]).toBe("55-59/10");
    expect(written("0 0 25-5 * *")?.[1]).toBe("25-31,1-5");
    expect(written("0 0 1 nov-feb *")?.[1]).toBe("11-12,1-2");
    expect(written("0 0 * * fri-mon")?.[1]).toBe("5-6,0-1");
    expect(written("0 0 * * 5-0")?.[1]).toBe("5-6,0");
    expect(written("0 0 1 1 * 2030-2026")?.[1]).toBe("2026-2030");
  });

  test("warns of fields after the seventh", () => {
    expect(warningsOf("0 0 3 * * * 2030 x y")).toEqual([
      'Everything after the seventh field is ignored, from "x" on',
    ]);
  });

  test("shares its long lists between schedules", () => {
    const [left, right] = [parseCron("5 * * * *"), parseCron("6 * 1 * *")];
    expect(left.years).toBe(right.years);
    expect(left.hours).toBe(right.hours);
    expect(left.seconds).toBe(right.seconds);
  });
});
