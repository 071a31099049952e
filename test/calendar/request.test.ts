import { describe, expect, test } from "bun:test";
import { requestCalendar } from "../../src/calendar/request.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { parseTemplate } from "../../src/mig/action.ts";
import { orderOf, REQUESTED, refusalOf, requested } from "../support/calendars.ts";
import { bytesOf } from "../support/keys.ts";

const MINUTE = 60_000;
const utc = { timezone: "UTC" };
const times = (at: number): string => new Date(at).toISOString();

describe("a requested calendar", () => {
  test("is the first of its job, or follows the one before", () => {
    expect(requested()).toMatchObject({ sequence: 1, previous: null, signers: [] });
    const hash = "ab".repeat(32);
    const next = requested({ before: { sequence: 7, hash } });
    expect(next).toMatchObject({ sequence: 8, previous: hash });
  });

  test("has a window a fire time, two minutes ahead of it, as long as the action lives", () => {
    const [first] = requested().windows;
    expect(times(first?.firesAt ?? 0)).toBe("2027-03-02T03:00:00.000Z");
    expect(times(first?.validFrom ?? 0)).toBe("2027-03-02T02:58:00.000Z");
    expect(times(first?.expireAfter ?? 0)).toBe("2027-03-02T04:00:00.000Z");
  });

  test("ends with its count, with --until, or after 90 days", () => {
    expect(requested({ count: 2 }).windows.length).toBe(2);
    const until = Date.UTC(2027, 2, 5, 3);
    const days = requested({ count: 100, until }).windows.map(({ firesAt }) => times(firesAt));
    expect(days.at(-1)).toBe("2027-03-05T03:00:00.000Z");
    const far = requested({ count: 20_000, until: Date.UTC(2030, 0, 1) });
    expect(times(far.windows.at(-1)?.firesAt ?? 0)).toBe("2027-05-30T03:00:00.000Z");
  });

  test("is valid when the job really fires, which its spread makes later", () => {
    const [first] = requested({ offsetMs: 10 * MINUTE + 999 }).windows;
    expect(times(first?.firesAt ?? 0)).toBe("2027-03-02T03:00:00.000Z");
    expect(times(first?.validFrom ?? 0)).toBe("2027-03-02T03:08:00.000Z");
    expect(times(first?.expireAfter ?? 0)).toBe("2027-03-02T04:10:00.000Z");
  });

  test("has less lead where the window before is still open then, unless one is asked for", async () => {
    const schedule = parseSchedule("*/5 * * * *", utc);
    const dense = { schedule, expiryMs: 5 * MINUTE };
    const [, second] = requested(dense).windows;
    expect(second?.validFrom).toBe(second?.firesAt);
    expect(await refusalOf(() => requested({ ...dense, leadMs: MINUTE }))).toMatch(
      /^window 2 overlaps the one before it/,
    );
  });

  test("is refused when an action would outlive the next fire time", async () => {
    const schedule = parseSchedule("*/5 * * * *", utc);
    expect(await refusalOf(() => requested({ schedule, expiryMs: 10 * MINUTE }))).toBe(
      "its expiry of 10m is longer than the 5m between two fire times",
    );
  });

  test("is refused when nothing is to be signed", async () => {
    expect(await refusalOf(() => requested({ until: REQUESTED + MINUTE }))).toBe(
      "the job does not fire before 2027-03-01T12:01:00Z, first at 2027-03-02T03:00:00Z",
    );
    const never = parseSchedule("0 0 30 2 *", utc);
    expect(await refusalOf(() => requested({ schedule: never }))).toBe("the job never fires");
  });

  test("is refused when the API would refuse the action", async () => {
    const template = parseTemplate(bytesOf('{"target":"","operations":[]}'));
    expect(await refusalOf(() => requestCalendar(orderOf({ template })))).toMatch(
      /^its action cannot be posted: .*its target is empty/,
    );
  });

  test("holds no signature and no time of its template", () => {
    const text =
      '{"target":"t","operations":[{"module":"m","parameters":null}],"pgpsignatures":["x"],' +
      '"validfrom":"2020-01-01T00:00:00Z"}';
    const { action } = requested({ template: parseTemplate(bytesOf(text)) });
    const { pgpsignatures, validfrom, name } = JSON.parse(action);
    expect({ pgpsignatures, validfrom, name }).toEqual({
      pgpsignatures: null,
      validfrom: "0001-01-01T00:00:00Z",
      name: "mig-runner: sshd",
    });
  });
});
