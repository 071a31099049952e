import { describe, expect, test } from "bun:test";
import { formatClock, formatDistance, plural } from "../../src/view/text.ts";

describe("formatClock()", () => {
  test("shows the clock of a zone", () => {
    expect(formatClock(Date.UTC(2026, 6, 1, 12), "Europe/Berlin")).toBe("2026-07-01 14:00:00");
  });
});

describe("formatDistance()", () => {
  const now = Date.UTC(2026, 0, 1);
  for (const [ms, text] of [
    [0, "now"],
    [500, "now"],
    [61_000, "in 1m1s"],
    [-3_600_000, "1h ago"],
    [93_784_000, "in 1d2h"],
  ] as const) {
    test(`says "${text}" for ${ms} ms`, () => expect(formatDistance(now + ms, now)).toBe(text));
  }
});

describe("plural()", () => {
  test("counts things in English", () => {
    expect([plural(1, "job"), plural(0, "job"), plural(2, "entry")]).toEqual([
      "1 job",
      "0 jobs",
      "2 entries",
    ]);
  });
});
