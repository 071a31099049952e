// Line: the three forms of a log line, and what must not get into one.
import { describe, expect, test } from "bun:test";
import {
  facilityNumber,
  jsonText,
  localLine,
  networkLine,
  plainLine,
  priority,
} from "../../../src/lib/log/line.ts";
import { LOG_LEVELS } from "../../../src/lib/ports.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/time.ts";

const at = Date.UTC(2026, 10, 3, 4, 5, 6, 789);
const context = {
  at,
  level: "warning",
  hostname: "vm",
  pid: 7,
  facility: 3,
  offsetMs: () => 0,
} as const;

describe("plainLine()", () => {
  test("has local time and whole seconds", () => {
    expect(plainLine("text", at, 0)).toBe("2026/11/03 04:05:06 text\n");
    expect(plainLine("text", at, -5 * HOUR_MS)).toBe("2026/11/02 23:05:06 text\n");
  });

  test("is one line whatever the message holds, and has one end", () => {
    expect(plainLine("one\ntwo", at, 0)).toBe("2026/11/03 04:05:06 one\\ntwo\n");
    expect(plainLine("one\ntwo\n", at, 0)).toBe("2026/11/03 04:05:06 one\\ntwo\n");
    expect(plainLine("", at, 0)).toBe("2026/11/03 04:05:06 \n");
  });

  test("shows what would move a terminal's cursor, or turn its letters round", () => {
    expect(plainLine("a\x1b[2Jb\rc\td", at, 0)).toEndWith(" a\\x1b[2Jb\\rc\td\n");
    expect(plainLine("a\u202eb\u2066\ud800", at, 0)).toEndWith(" a\\u202eb\\u2066\\ud800\n");
  });

  test("has an end, however long the message is", () => {
    expect(plainLine("x".repeat(20_000_000), at, 0).length).toBeLessThan(20_000);
  });
});

describe("networkLine()", () => {
  test("has the zone of local time as RFC 3339 writes it", () => {
    const half = (sign: 1 | -1) => () => sign * (5 * HOUR_MS + 30 * MINUTE_MS);
    expect(networkLine("text", context)).toBe("<28>2026-11-03T04:05:06Z vm mig-runner[7]: text\n");
    expect(networkLine("text", { ...context, offsetMs: half(1) })).toContain(
      "2026-11-03T09:35:06+05:30 ",
    );
    expect(networkLine("text", { ...context, offsetMs: half(-1) })).toContain(
      "2026-11-02T22:35:06-05:30 ",
    );
  });

  test("is one line, whatever the message is", () => {
    const line = networkLine("one\ntwo\u2028\x00\n<0>forged\n\n", context);
    expect(line).toEndWith(": one\\ntwo\\u2028\\x00\\n<0>forged\n");
    expect(line.indexOf("\n")).toBe(line.length - 1);
  });
});

describe("jsonText()", () => {
  test("has all that a line is about in fields of its own, and none that it is not about", () => {
    const subject = {
      job: "nightly",
      run: 7,
      action: 12,
      step: "deep",
      plugin: "slack",
      alarm: "dead",
      hosts: 0,
    };
    const time = "2026-11-03T04:05:06.789Z";
    const own = { time, level: "warning", message: "text" };
    const parse = (about: object) =>
      JSON.parse(jsonText("text", { at, level: "warning", subject: about }));
    expect(parse(subject)).toEqual({ ...own, ...subject });
    expect(parse({})).toEqual(own);
    for (const [name, value] of Object.entries(subject)) {
      expect(parse({ [name]: value })).toEqual({ ...own, [name]: value });
    }
  });
});

describe("localLine()", () => {
  test("has the time that syslog(3) writes, and no end", () => {
    expect(localLine("text\n", context)).toBe("<28>Nov  3 04:05:06 mig-runner[7]: text");
    const later = { ...context, at: Date.UTC(2026, 0, 31, 23, 59, 59) };
    expect(localLine("text", later)).toBe("<28>Jan 31 23:59:59 mig-runner[7]: text");
  });
});

describe("priority()", () => {
  test("is the facility times eight and the level's number", () => {
    expect(LOG_LEVELS.map((level) => priority(3, level))).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
    expect(priority(23, "debug")).toBe(191);
  });
});

describe("facilityNumber()", () => {
  test("knows the names of syslog, in any case, with or without LOG_", () => {
    const numbers = ["kern", "user", "daemon", "cron", "authpriv", "local0", "local7"].map(
      facilityNumber,
    );
    expect(numbers).toEqual([0, 1, 3, 9, 10, 16, 23]);
    expect(facilityNumber("LOG_LOCAL3")).toBe(19);
    expect(facilityNumber("local8")).toBeNull();
    expect(facilityNumber("")).toBeNull();
  });
});
