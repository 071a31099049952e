import { describe, expect, test } from "bun:test";
import { aheadFault, coverageWarning, newCoverageWarning } from "../../src/calendar/coverage.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { entity, NOON } from "../support/world.ts";

const DAY = 86_400_000;

/** A calendar of so many days, of which so many are left. */
const reach = (days: number, leftDays: number, left = 30) => ({
  left,
  lastAt: NOON + leftDays * DAY,
  requestedAt: NOON + (leftDays - days) * DAY,
});

describe("the coverage of a calendar", () => {
  test("is enough while a week and a quarter are left", () => {
    expect(coverageWarning(reach(60, 16), NOON)).toBeNull();
    expect(coverageWarning(reach(20, 8), NOON)).toBeNull();
  });

  test("is little in its last week, or its last quarter if that is longer", () => {
    expect(coverageWarning(reach(60, 14), NOON)).toBe(
      "30 windows are left, for 14d: request the next calendar",
    );
    expect(coverageWarning(reach(20, 6), NOON)).toMatch(/^30 windows are left, for 6d/);
  });

  test("is little below three windows, however far they reach", () => {
    expect(coverageWarning(reach(90, 80, 2), NOON)).toMatch(/^2 windows are left/);
    expect(coverageWarning(reach(90, 80, 1), NOON)).toMatch(/^1 window is left/);
    expect(coverageWarning(reach(90, 80, 3), NOON)).toBeNull();
  });

  test("is none without a window", () => {
    const none = { left: 0, lastAt: null, requestedAt: NOON };
    expect(coverageWarning(none, NOON)).toBe("no window is left: its fire times will be missed");
  });

  test("is told when it begins to be little, and when nearly nothing is left", () => {
    const enough = { left: 31, lastAt: NOON + 7 * DAY, requestedAt: NOON - DAY };
    const little = { ...enough, left: 30 };
    expect(newCoverageWarning(enough, little, NOON + 1)).toMatch(/^30 windows/);
    expect(newCoverageWarning(enough, little, NOON + DAY)).toBeNull();
    expect(newCoverageWarning({ ...enough, left: 3 }, { ...enough, left: 2 }, NOON)).toMatch(/^2/);
  });
});

describe("a job", () => {
  const fault = (changes: Parameters<typeof entity>[0], hasAction = true) =>
    aheadFault({ entity: entity(changes), hasAction }, NOON);

  test("can be signed ahead when it fires by a schedule, with an action of its own", () => {
    expect(fault({})).toBeNull();
    expect(fault({ workflow: true })).toBeNull();
  });

  test("cannot when nobody knows when it fires, or what it posts", () => {
    expect(fault({ schedule: null })).toBe("it fires by hand only");
    expect(fault({ workflow: true }, false)).toBe("its workflow makes its actions when it runs");
  });

  test("cannot when two of its actions would live at the same time", () => {
    const schedule = parseSchedule("0,10 * * * *", { timezone: "UTC" });
    expect(fault({ schedule, expiryMs: 600_000 })).toBeNull();
    expect(fault({ schedule, expiryMs: 660_000 })).toBe(
      "its expiry of 11m is longer than the 10m between two fire times (2026-11-23T13:00:00Z)",
    );
  });
});
