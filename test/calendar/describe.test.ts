import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { templateHash } from "../../src/calendar/action.ts";
import {
  describeCalendar,
  differences,
  type Fact,
  foldedLines,
} from "../../src/calendar/describe.ts";
import type { Calendar, Window } from "../../src/calendar/file.ts";
import { parseTemplate } from "../../src/mig/action.ts";
import { REQUESTED, refusalOf, requested, TEMPLATE } from "../support/calendars.ts";
import { bytesOf } from "../support/keys.ts";

const MINUTE = 60_000;

/** What is said under a label, lines below it included. */
function said(facts: readonly Fact[], label: string): string {
  const from = facts.findIndex(([name]) => name === label);
  const more = facts.slice(from + 1).findIndex(([name]) => name !== "");
  const lines = facts.slice(from, more === -1 ? undefined : from + 1 + more);
  return lines.map(([, text]) => text).join("\n");
}

/** A calendar whose only operation has these parameters, in a text of JSON. */
function withParameters(json: string): Calendar {
  const calendar = requested();
  const packed = gzipSync(json).toString("base64");
  const action = calendar.action.replace(/"parameters":"[^"]*"/, `"parameters":"${packed}"`);
  return { ...calendar, action, template: templateHash(parseTemplate(bytesOf(action))) };
}

/** A calendar in which the second of three windows is another. */
function withSecond(change: (window: Window) => Partial<Window>): Calendar {
  const calendar = requested();
  const windows = calendar.windows.map((window, index) =>
    index === 1 ? { ...window, ...change(window) } : window,
  );
  return { ...calendar, windows };
}

describe("what a person reads before signing", () => {
  test("has every line of the parameters", () => {
    const list = Array.from({ length: 3_000 }, (_, index) => index).join(",");
    const json = `{"empty":{},"list":[${list}],"none":[],"number":1e-7,"z":"a\\"[{:,"}`;
    const lines = said(describeCalendar(withParameters(json)), "told to")
      .split("\n")
      .slice(1);
    expect(lines.slice(0, 4)).toEqual(["{", '  "empty": {},', '  "list": [', "    0,"]);
    expect(lines.slice(-5)).toEqual([
      "  ],",
      '  "none": [],',
      '  "number": 1e-7,',
      '  "z": "a\\"[{:,"',
      "}",
    ]);
    expect(lines.length).toBe(3_008);
  });

  test("has long lines whole, in pieces", () => {
    const json = `{"a":"${"x".repeat(99_000)}END"}`;
    const facts = describeCalendar(withParameters(json));
    expect(Math.max(...facts.map(([, text]) => text.length))).toBeLessThanOrEqual(4_000);
    expect(said(facts, "told to").replaceAll("\n", "")).toMatch(/x{99000}END/);
    expect(foldedLines(`${"x".repeat(3_999)}\u{1f512}y`)).toEqual([
      "x".repeat(3_999),
      "\u{1f512}y",
    ]);
    expect(foldedLines("")).toEqual([""]);
  });

  test("is refused when it is too long to be read, and bounded however deep it is", async () => {
    const many = withParameters(`[${"0,".repeat(100_001)}0]`);
    expect(await refusalOf(() => describeCalendar(many))).toBe(
      "operation 1 has more than 100000 lines of parameters, which nobody can read",
    );
    const deep = describeCalendar(withParameters("[".repeat(9_000) + "]".repeat(9_000)));
    expect(said(deep, "told to").length).toBeLessThan(9_000 * 2 * 50);
  });

  test("tells for how long all windows are open, not some of them", () => {
    const open = (calendar: Calendar) => said(describeCalendar(calendar), "open");
    expect(open(requested())).toBe("for 1h2m, from 2m before each fire time");
    const wider = withSecond(({ firesAt }) => ({ expireAfter: firesAt + 1_200 * MINUTE }));
    expect(open(wider)).toBe(
      "for 1h2m to 20h2m (2027-03-03T03:00:00Z), from 2m before each fire time",
    );
    const moved = withSecond(({ firesAt }) => ({
      validFrom: firesAt + 600 * MINUTE,
      expireAfter: firesAt + 660 * MINUTE,
    }));
    expect(open(moved)).toMatch(/, from 2m before to 10h after each fire time$/);
    expect(said(describeCalendar(moved), "hours")).toBe("in UTC 03h (2) 13h (1)");
  });

  test("holds the schedule that is named against the times", async () => {
    expect(said(describeCalendar(requested()), "schedule")).toBe("0 3 * * * (UTC)");
    const lie = { ...requested(), schedule: "0 3 1 1 *" };
    expect(await refusalOf(() => describeCalendar(lie))).toBe(
      "window 1 at 2027-03-02T03:00:00Z is no fire time of the schedule that it names, " +
        "0 3 1 1 * (UTC)",
    );
    const odd = { ...requested(), timezone: "Nowhere" };
    expect(said(describeCalendar(odd), "schedule")).toBe(
      "0 3 * * * (Nowhere), which cannot be compared with these times here",
    );
  });
});

describe("what is new in a calendar", () => {
  const before = requested({ before: { sequence: 4, hash: "0".repeat(64) } });

  test("is nothing when only the times have moved on", () => {
    const next = { sequence: 5, hash: "1".repeat(64) };
    const later = requested({ before: next, now: REQUESTED + 86_400_000 });
    expect(differences(before, later)).toEqual([]);
  });

  test("is a number that goes back", () => {
    expect(differences(before, requested())).toEqual([
      "number: was 5, is 1: the host counts from there",
    ]);
  });

  test("is any change of its target and operations", () => {
    const template = parseTemplate(bytesOf(TEMPLATE.replace("online", "idle")));
    expect(
      differences(before, requested({ template, before: { sequence: 5, hash: "1".repeat(64) } })),
    ).toEqual(["target: was status='online', is status='idle'"]);
  });
});
