import { describe, expect, test } from "bun:test";
import { answerBatchLine, encodeNext, NEXT_COUNT_MAX, renderNext } from "../../src/jobs/next.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";

const from = Date.parse("2026-03-28T12:00:00Z");
const defaults = { from, timezone: "UTC", count: 1 };

function answer(question: unknown): unknown {
  return JSON.parse(answerBatchLine(JSON.stringify(question), defaults));
}

function errorOf(line: string): string {
  return JSON.parse(answerBatchLine(line, defaults)).error;
}

describe("renderNext()", () => {
  const schedule = parseSchedule("30 2 * * *", { timezone: "Europe/Berlin" });

  test("shows a line a fire time, with its weekday and how far it is", () => {
    expect(renderNext(schedule, { from, count: 2 })).toEqual([
      "2026-03-29T03:30:00+02:00  Sun  in 13h30m",
      "2026-03-30T02:30:00+02:00  Mon  in 1d12h",
    ]);
  });

  test("never shows a wait of 0s", () => {
    const soon = Date.parse("2026-03-30T00:29:59.900Z");
    expect(renderNext(schedule, { from: soon, count: 1 })[0]).toEndWith("  in 1s");
  });

  test("says when a schedule ends, and what it warns of", () => {
    const never = parseSchedule("0 22-2 * * *", { timezone: "UTC" });
    expect(renderNext(never, { from, count: 2 })).toEqual([
      "never",
      'warning: In the hour field "22-2" counts down and matches nothing; write "22-23,0-2"',
    ]);
    const once = parseSchedule("0 0 1 1 * 2027", { timezone: "UTC" });
    expect(renderNext(once, { from, count: 2 }).at(0)).toEndWith("in 278d12h");
    expect(renderNext(once, { from, count: 2 }).at(1)).toBe("never again");
    expect(renderNext(once, { from, count: 1 }).length).toBe(1);
  });

  test("gives one JSON object for machines", () => {
    expect(JSON.parse(encodeNext(schedule, { from, count: 1 }))).toEqual({
      expr: "30 2 * * *",
      tz: "Europe/Berlin",
      next: ["2026-03-29T03:30:00+02:00"],
      warnings: [],
    });
  });
});

describe("answerBatchLine()", () => {
  test("answers with the fire times in the asked zone", () => {
    const question = { expr: "@daily", from: "2026-01-01T00:00:00Z", tz: "Asia/Kathmandu", n: 2 };
    expect(answer(question)).toEqual({
      next: ["2026-01-02T00:00:00+05:45", "2026-01-03T00:00:00+05:45"],
    });
  });

  test("fills in what is missing or null, and ignores what it does not know", () => {
    const next = ["2026-03-28T13:00:00Z"];
    expect(answer({ expr: "@hourly" })).toEqual({ next });
    expect(answer({ expr: "@hourly", from: null, tz: null, n: null, id: 7 })).toEqual({ next });
  });

  test("answers an empty list for never and for none", () => {
    expect(answer({ expr: "0 0 30 2 *", n: 5 })).toEqual({ next: [] });
    expect(answer({ expr: "* * * * *", n: 0 })).toEqual({ next: [] });
  });

  test("gives the original's words for a bad expression", () => {
    expect(answer({ expr: "61 * * * *" })).toEqual({
      error: "syntax error in minute field: '61'",
    });
    expect(answer({ expr: "@daily", tz: "Mars" })).toEqual({ error: "unknown time zone Mars" });
  });

  test("answers every bad line with one error in one line", () => {
    const lines = ["", "{", "[]", "null", "7", "{}", '{"expr":1}', '{"expr":"@daily","tz":1}'];
    const members = ['"n":-1', '"n":1.5', '"n":"1"', `"n":${NEXT_COUNT_MAX + 1}`, '"from":"now"'];
    const bad = [...lines, ...members.map((member) => `{"expr":"@daily",${member}}`)];
    for (const line of bad) {
      expect(answerBatchLine(line, defaults)).not.toContain("\n");
      expect({ line, error: errorOf(line) }).toEqual({ line, error: expect.any(String) });
    }
    expect(errorOf('{"expr":"@daily","n":-1}')).toBe(
      'Cannot read "n" of this line: -1, not a whole number from 0 to 1000000',
    );
  });
});
