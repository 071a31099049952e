import { describe, expect, test } from "bun:test";
import { decideFires, isAtLeast, spreadOffsetMs } from "../../src/jobs/fires.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { DAY_MS } from "../../src/time.ts";

const hourly = parseSchedule("0 * * * *", { timezone: "UTC" });
const at = (text: string) => Date.parse(`2026-11-23T${text}Z`);
const decide = (from: string, to: string, changes = {}) =>
  decideFires({
    schedule: hourly,
    decidedAt: at(from),
    now: at(to),
    onMissed: "skip",
    graceMs: 60_000,
    ...changes,
  });

describe("decideFires()", () => {
  test("runs the fire time that has just come", () => {
    expect(decide("02:00:00", "03:00:00")).toEqual({
      fire: [at("03:00:00")],
      missed: null,
      decidedAt: at("03:00:00"),
    });
  });

  test("runs nothing twice: what was decided stays decided (I2)", () => {
    expect(decide("03:00:00", "03:00:30").fire).toEqual([]);
  });

  test("records fire times that passed unattended as missed", () => {
    expect(decide("02:00:00", "06:30:00")).toEqual({
      fire: [],
      missed: { firstAt: at("03:00:00"), lastAt: at("06:00:00"), count: 4 },
      decidedAt: at("06:30:00"),
    });
  });

  test("runs the last missed one when the job wants it, and records the others", () => {
    const { fire, missed } = decide("02:00:00", "06:30:00", { onMissed: "last" });
    expect(fire).toEqual([at("06:00:00")]);
    expect(missed).toEqual({ firstAt: at("03:00:00"), lastAt: at("05:00:00"), count: 3 });
  });

  test("runs all missed ones when the job wants it, oldest first", () => {
    const { fire, missed } = decide("02:00:00", "05:30:00", { onMissed: "all" });
    expect(fire).toEqual([at("03:00:00"), at("04:00:00"), at("05:00:00")]);
    expect(missed).toBeNull();
  });

  test("bounds a catch-up, and records what is older", () => {
    const schedule = parseSchedule("* * * * *", { timezone: "UTC" });
    const { fire, missed } = decide("00:00:00", "05:00:30", { schedule, onMissed: "all" });
    expect(fire.length).toBe(100);
    expect(fire.at(-1)).toBe(at("05:00:00"));
    expect(missed).toEqual({ firstAt: at("00:01:00"), lastAt: at("03:20:00"), count: 200 });
  });

  test("does bounded work for a dense schedule after a long absence, and finds the newest", () => {
    const schedule = parseSchedule("* * * * * * *", { timezone: "UTC" });
    const { fire, missed } = decideFires({
      schedule,
      decidedAt: at("00:00:00") - 30 * 86_400_000,
      now: at("12:00:00"),
      onMissed: "last",
      graceMs: 0,
    });
    expect(fire).toEqual([at("12:00:00")]);
    expect(missed?.lastAt).toBe(at("11:59:59"));
  });

  test("never fires a schedule without a fire time (I7)", () => {
    const schedule = parseSchedule("0 0 30 2 *", { timezone: "UTC" });
    expect(decide("02:00:00", "23:00:00", { schedule, onMissed: "all" }).fire).toEqual([]);
  });

  test("does not believe a cursor that is days ahead of the clock", () => {
    const decidedAt = at("03:00:00") + 10 * 86_400_000;
    expect(decide("03:00:00", "04:00:00", { decidedAt }).decidedAt).toBe(at("04:00:00"));
  });

  test("keeps a cursor that is a little ahead: the clock was set back", () => {
    const decidedAt = at("03:00:00");
    const decision = decide("03:00:00", "02:50:00", { decidedAt });
    expect(decision).toEqual({ fire: [], missed: null, decidedAt });
  });
});

describe("spreadOffsetMs()", () => {
  test("is the same for a job at every start, and below the spread", () => {
    const offsets = ["a", "b", "compliance"].map((job) => spreadOffsetMs(job, 60_000));
    expect(offsets).toEqual(["a", "b", "compliance"].map((job) => spreadOffsetMs(job, 60_000)));
    for (const offset of offsets) expect(offset >= 0 && offset < 60_000).toBe(true);
  });

  test("spreads a hundred jobs over most of the span", () => {
    const offsets = Array.from({ length: 100 }, (_, index) => spreadOffsetMs(`job${index}`, 1_000));
    expect(new Set(offsets.map((offset) => Math.floor(offset / 100))).size).toBeGreaterThan(7);
  });

  test("is zero without a spread", () => {
    expect(spreadOffsetMs("a", 0)).toBe(0);
  });
});

describe("isAtLeast()", () => {
  test("holds for whatever may not have been counted to its end, and not for a day of minutes", () => {
    const schedule = parseSchedule("* * * * * * *", { timezone: "UTC" });
    const now = Date.UTC(2026, 0, 1);
    for (const onMissed of ["skip", "last", "all"] as const) {
      const order = { schedule, decidedAt: now - 365 * DAY_MS, now, onMissed, graceMs: 0 };
      const { missed } = decideFires(order);
      expect(isAtLeast(missed?.count ?? 0)).toBe(true);
    }
    expect(isAtLeast(24 * 60)).toBe(false);
    expect(isAtLeast(1)).toBe(false);
  });
});
