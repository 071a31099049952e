import { describe, expect, test } from "bun:test";
import { hashOf } from "../../src/calendar/file.ts";
import { assertFits, type HostJob } from "../../src/calendar/fit.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { REQUESTED, refusalOf, requested } from "../support/calendars.ts";

const first = requested();
const host: HostJob = {
  schedule: parseSchedule("0 3 * * *", { timezone: "UTC" }),
  offsetMs: 0,
  template: first.template,
  before: null,
  now: REQUESTED,
};
const refused = (calendar = first, changes: Partial<HostJob> = {}): Promise<string> =>
  refusalOf(() => assertFits(calendar, { ...host, ...changes }));

describe("a calendar fits a host", () => {
  test("that has the job as it was requested", async () => {
    expect(await refused()).toBe("");
  });

  test("only as the next in order, after the one that it was requested after", async () => {
    const before = { sequence: 1, hash: hashOf(first) };
    expect(await refused(first, { before })).toBe(
      "its number is 1, wanted 2: number 1 was installed last",
    );
    const third = requested({ before: { ...before, sequence: 2 } });
    expect(await refused(third)).toBe("its number is 3, wanted 1: none was installed last");
    const second = requested({ before });
    expect(await refused(second, { before })).toBe("");
    const other = { sequence: 1, hash: "ab".repeat(32) };
    expect(await refused(second, { before: other })).toBe(
      "it was requested after another calendar than the one that was installed last",
    );
  });

  test("only while its action is the job's", async () => {
    expect(await refused(first, { template: "ab".repeat(32) })).toBe(
      "the job's action has changed since it was requested",
    );
  });

  test("only while the job fires at these times", async () => {
    const schedule = parseSchedule("0 4 * * *", { timezone: "UTC" });
    expect(await refused(first, { schedule })).toBe(
      "window 1 at 2027-03-02T03:00:00Z is no fire time of the job's schedule",
    );
    expect(await refused(first, { schedule: null })).toMatch(/is no fire time/);
    expect(await refused(first, { offsetMs: 3_600_000 })).toBe(
      "window 1 at 2027-03-02T03:00:00Z is not valid when the job fires: its spread has changed",
    );
  });

  test("only while some of it is left", async () => {
    const now = Date.UTC(2027, 2, 4, 4);
    expect(await refused(first, { now })).toMatch(/^all its windows have passed/);
    expect(await refused(first, { now: now - 1_000 })).toBe("");
  });
});
