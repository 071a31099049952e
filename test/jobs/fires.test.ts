import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cutMissed, decideFires, isAtLeast, spreadOffsetMs } from "../../src/jobs/fires.ts";
import { type Blackout, holdsOf, type Pause, unheld } from "../../src/jobs/hold.ts";
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
      skipped: [],
      waitUntil: null,
      decidedAt: at("03:00:00"),
      aheadAt: null,
    });
  });

  test("runs nothing twice: what was decided stays decided (I2)", () => {
    expect(decide("03:00:00", "03:00:30").fire).toEqual([]);
  });

  test("records fire times that passed unattended as missed", () => {
    expect(decide("02:00:00", "06:30:00")).toEqual({
      fire: [],
      missed: { firstAt: at("03:00:00"), lastAt: at("06:00:00"), count: 4 },
      skipped: [],
      waitUntil: null,
      decidedAt: at("06:30:00"),
      aheadAt: null,
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

  test("leaves no fire time out between those that it counts and the newest", () => {
    const schedule = parseSchedule("* * * * * * *", { timezone: "UTC" });
    const options = { schedule, decidedAt: at("00:00:00") - 30 * 86_400_000, now: at("12:00:00") };
    const { fire, missed } = decideFires({ ...options, onMissed: "all", graceMs: 0 });
    expect([fire.length, fire[0], fire.at(-1)]).toEqual([100, at("11:58:21"), at("12:00:00")]);
    expect(missed?.lastAt).toBe(at("11:58:20"));
    // Hours before now there are none, and the newest one is what is run.
    const nights = parseSchedule("* * 0-2 * * * *", { timezone: "UTC" });
    const last = decideFires({ ...options, schedule: nights, onMissed: "last", graceMs: 0 });
    expect(last.fire).toEqual([at("02:59:59")]);
    expect(last.missed?.lastAt).toBe(at("02:59:58"));
  });

  test("never fires a schedule without a fire time (I7)", () => {
    const schedule = parseSchedule("0 0 30 2 *", { timezone: "UTC" });
    expect(decide("02:00:00", "23:00:00", { schedule, onMissed: "all" }).fire).toEqual([]);
  });

  test("decides nothing before its cursor", () => {
    const decidedAt = at("03:00:00");
    const decision = decide("03:00:00", "02:50:00", { decidedAt });
    expect(decision).toMatchObject({ fire: [], missed: null, decidedAt, aheadAt: null });
  });

  describe("after a clock that was ahead until 09:00, and had run 04:00 and 05:00", () => {
    const aheadAt = at("09:00:00");
    const runs = [at("04:00:00"), at("05:00:00")];
    const later = (from: string, to: string, changes = {}) =>
      decide(from, to, { aheadAt, hasRun: (time: number) => runs.includes(time), ...changes });

    test("runs in the present what has no run", () => {
      expect(later("02:30:00", "03:00:00")).toMatchObject({
        fire: [at("03:00:00")],
        missed: null,
        decidedAt: at("03:00:00"),
        aheadAt,
      });
      expect(later("03:00:00", "04:00:20")).toMatchObject({
        fire: [],
        missed: null,
        decidedAt: at("04:00:20"),
        aheadAt,
      });
    });

    test("catches up with what has no run, and counts what has one for neither", () => {
      const { fire, missed } = later("02:30:00", "06:30:00", { onMissed: "all" });
      expect([fire, missed]).toEqual([[at("03:00:00"), at("06:00:00")], null]);
      const skipped = later("02:30:00", "06:30:00");
      expect(skipped.fire).toEqual([]);
      expect(skipped.missed).toEqual({ firstAt: at("03:00:00"), lastAt: at("06:00:00"), count: 2 });
    });
  });

  test("decides nothing of before again at the very time that the other clock had reached", () => {
    const decision = decide("02:00:00", "05:00:00", { aheadAt: at("05:00:00"), onMissed: "all" });
    expect(decision).toMatchObject({ fire: [], missed: null, aheadAt: null });
    expect(decision.decidedAt).toBe(at("05:00:00"));
  });

  test("takes up from where it was when it was the clock of now that had been behind", () => {
    // The year before, a process began with a clock that was behind, and decided for some seconds.
    const options = { decidedAt: at("02:00:10") - 365 * 86_400_000, aheadAt: at("02:00:00") };
    const decision = decide("02:00:00", "04:00:05", { ...options, onMissed: "all" });
    expect(decision).toMatchObject({
      fire: [at("03:00:00"), at("04:00:00")],
      missed: null,
      decidedAt: at("04:00:05"),
      aheadAt: null,
    });
  });
});

describe("cutMissed()", () => {
  const missed = { firstAt: at("03:00:00"), lastAt: at("09:00:00"), count: 7 };
  const cut = (text: string, runs: readonly number[] = []) =>
    cutMissed(missed, { schedule: hourly, until: at(text), hasRun: (time) => runs.includes(time) });

  test("leaves what has passed, or is all to come", () => {
    expect(cut("09:00:00")).toEqual({ before: missed, after: null });
    expect(cut("02:59:59")).toEqual({ before: null, after: missed });
  });

  test("parts what has passed from what is to come", () => {
    expect(cut("05:30:00")).toEqual({
      before: { firstAt: at("03:00:00"), lastAt: at("05:00:00"), count: 3 },
      after: { firstAt: at("06:00:00"), lastAt: at("09:00:00"), count: 4 },
    });
    expect(cut("03:00:00").before).toEqual({ ...missed, lastAt: at("03:00:00"), count: 1 });
    expect(cut("08:59:59").after).toEqual({ ...missed, firstAt: at("09:00:00"), count: 1 });
  });

  test("does not count a fire time that has a run", () => {
    const { before } = cut("05:30:00", [at("04:00:00")]);
    expect(before).toEqual({ firstAt: at("03:00:00"), lastAt: at("05:00:00"), count: 2 });
    const five = { ...missed, count: 5 };
    const runs = [at("05:00:00"), at("06:00:00")];
    const hasRun = (time: number) => runs.includes(time);
    expect(cutMissed(five, { schedule: hourly, until: at("04:00:00"), hasRun }).after).toEqual({
      firstAt: at("07:00:00"),
      lastAt: at("09:00:00"),
      count: 3,
    });
  });
});

describe("decideFires() of what people hold", () => {
  const NONE = { pauses: [], blackouts: [] };
  const paused = (since: string, until: string | null, endedAt: string | null = null) => ({
    since: at(since),
    until: until === null ? null : at(until),
    actor: "ann",
    why: "works",
    endedAt: endedAt === null ? null : at(endedAt),
  });
  const frozen = (from: string, until: string): Blackout => ({
    name: "freeze",
    jobs: ["*"],
    action: "delay",
    why: "",
    span: { kind: "once", from: at(from), until: at(until) },
  });
  const held = (pauses: readonly Pause[], blackouts: readonly Blackout[] = []) => ({
    hold: holdsOf({ pauses, blackouts }),
  });
  const why = "paused by ann: works";

  test("skips what lies in a pause, and runs what comes at its end", () => {
    const hold = held([paused("03:00:00", "05:00:00")]);
    expect(decide("02:00:00", "03:00:05", hold)).toMatchObject({
      fire: [],
      missed: null,
      decidedAt: at("03:00:05"),
      waitUntil: null,
      skipped: [{ firstAt: at("03:00:00"), lastAt: at("03:00:00"), count: 1, reason: why }],
    });
    expect(decide("03:00:05", "05:00:00", hold)).toMatchObject({
      fire: [at("05:00:00")],
      skipped: [{ firstAt: at("04:00:00"), lastAt: at("04:00:00"), count: 1 }],
    });
  });

  test("skips what lay in a pause that is over, and misses what did not", () => {
    const hold = held([paused("03:30:00", null, "05:30:00")]);
    expect(decide("02:00:00", "08:30:00", hold)).toMatchObject({
      fire: [],
      missed: { firstAt: at("03:00:00"), lastAt: at("08:00:00"), count: 4 },
      skipped: [{ firstAt: at("04:00:00"), lastAt: at("05:00:00"), count: 2 }],
    });
  });

  test("leaves no fire time without a record when more are skipped than are counted", () => {
    const schedule = parseSchedule("* * * * *", { timezone: "UTC" });
    const begin = at("00:00:00") - 30 * DAY_MS;
    const withPause = (since: number, until: number | null) =>
      decideFires({
        ...held([{ since, until, actor: "ann", why: "works", endedAt: null }]),
        schedule,
        decidedAt: begin - 1,
        now: at("00:00:30"),
        onMissed: "skip",
        graceMs: 0,
      });
    const always = withPause(begin, null);
    expect(always.missed).toBe(null);
    expect(always.skipped).toMatchObject([{ firstAt: begin, lastAt: at("00:00:00"), reason: why }]);
    expect(isAtLeast(always.skipped[0]?.count ?? 0)).toBe(true);

    // It was paused until yesterday, or from the second day on: one record meets the other.
    const ended = at("00:00:00") - DAY_MS;
    const before = withPause(begin, ended);
    expect(before.skipped.length).toBe(1);
    expect(before.missed?.lastAt).toBe(at("00:00:00"));
    const next = (before.skipped[0]?.lastAt ?? 0) + 60_000;
    expect(before.missed?.firstAt).toBeLessThanOrEqual(next);
    const from = begin + DAY_MS;
    const after = withPause(from, null);
    expect(after.missed).toMatchObject({ firstAt: begin, lastAt: from - 60_000, count: 1_440 });
    expect(after.skipped).toMatchObject([{ firstAt: from, lastAt: at("00:00:00"), reason: why }]);
  });

  test("makes up for nothing while it is paused, whatever onmissed says", () => {
    for (const onMissed of ["last", "all"] as const) {
      const hold = held([paused("05:30:00", null)]);
      const { fire, skipped } = decide("04:00:00", "05:40:00", { ...hold, onMissed });
      expect([fire, skipped.map(({ lastAt }) => lastAt)]).toEqual([[], [at("05:00:00")]]);
    }
  });

  test("lets a delayed one wait, and runs the newest of them at the end, on time", () => {
    const hold = held([], [frozen("02:30:00", "05:30:00")]);
    expect(decide("02:00:00", "04:10:00", hold)).toMatchObject({
      fire: [],
      missed: null,
      skipped: [],
      decidedAt: at("03:00:00") - 1,
      waitUntil: at("05:30:00"),
    });
    const { fire, missed, skipped, waitUntil } = decide("02:59:59", "05:30:00", hold);
    expect([fire, missed, waitUntil]).toEqual([[at("05:00:00")], null, null]);
    const reason = 'blackout "freeze", a later one was run at its end';
    expect(skipped).toEqual([
      { firstAt: at("03:00:00"), lastAt: at("04:00:00"), count: 2, reason },
    ]);
  });

  test("misses a delayed one when nothing ran at the end either", () => {
    const hold = held([], [frozen("02:30:00", "03:30:00")]);
    expect(decide("02:00:00", "03:40:00", hold).missed).toMatchObject({ firstAt: at("03:00:00") });
    expect(decide("02:00:00", "03:40:00", { ...hold, onMissed: "last" }).fire).toEqual([
      at("03:00:00"),
    ]);
  });

  test("does not catch up in a blackout, but at its end", () => {
    const hold = held([], [frozen("03:30:00", "05:30:00")]);
    const early = decide("02:00:00", "03:40:00", { ...hold, onMissed: "last" });
    expect(early).toMatchObject({ fire: [], waitUntil: at("05:30:00") });
    expect(early.decidedAt).toBe(at("03:00:00") - 1);
  });

  test("runs or records each fire time once, and nothing against a hold, whenever it is asked", () => {
    const minute = fc.integer({ min: 0, max: 20 * 60 });
    const span = fc.tuple(minute, minute).map(([one, other]) => ({
      from: at("00:00:00") + Math.min(one, other) * 60_000,
      until: at("00:00:00") + Math.max(one, other) * 60_000,
    }));
    const world = fc.record({
      pauses: fc.array(span, { maxLength: 3 }),
      blackouts: fc.array(fc.tuple(span, fc.constantFrom("skip", "delay")), { maxLength: 3 }),
      looks: fc.array(minute, { minLength: 1, maxLength: 30 }),
      onMissed: fc.constantFrom("skip", "last", "all"),
    });
    fc.assert(
      fc.property(world, ({ pauses, blackouts, looks, onMissed }) => {
        const hold = holdsOf({
          pauses: pauses.map(({ from, until }) => ({
            since: from,
            until,
            actor: "ann",
            why: "",
            endedAt: null,
          })),
          blackouts: blackouts.map(([{ from, until }, action]) => ({
            name: "b",
            jobs: [],
            action,
            why: "",
            span: { kind: "once", from, until } as const,
          })),
        });
        const begin = at("00:30:00") - 1;
        const seen = new Map<number, number>();
        const note = (time: number) => seen.set(time, (seen.get(time) ?? 0) + 1);
        let decidedAt = begin;
        const last = at("00:00:00") + 22 * 3_600_000;
        // At the end as often as runs and what was skipped may take turns.
        const end = Array.from({ length: 12 }, () => 22 * 60);
        for (const look of [...looks.toSorted((a, b) => a - b), ...end]) {
          const now = at("00:00:00") + look * 60_000;
          const decision = decideFires({
            schedule: hourly,
            decidedAt,
            now,
            onMissed,
            graceMs: 60_000,
            hold,
          });
          const { fire, missed, skipped } = decision;
          for (const time of fire) {
            note(time);
            expect([hold(now)?.kind, hold(time)?.kind]).not.toContain("skip");
          }
          const times = skipped.flatMap(({ firstAt, lastAt }) => hoursIn(firstAt, lastAt));
          // In the order of time, and none over another: rewind.ts reckons with it.
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          const recorded = new Set(times);
          expect(recorded.size).toBe(times.length);
          for (const time of recorded) note(time);
          expect(skipped.reduce((sum, { count }) => sum + count, 0)).toBe(recorded.size);
          if (missed !== null) {
            const open = hoursIn(missed.firstAt, missed.lastAt).filter(
              (time) => !recorded.has(time) && !fire.includes(time),
            );
            expect(missed.count).toBe(open.length);
            for (const time of open) note(time);
          }
          // As launches do: the last run moves it, or what was decided where there is none.
          decidedAt = fire.at(-1) ?? decision.decidedAt;
        }
        expect([...seen.keys()].toSorted((a, b) => a - b)).toEqual(hoursIn(begin, last));
        expect([...seen.values()].every((count) => count === 1)).toBe(true);
      }),
    );
  });

  test("asks nothing of whoever holds nothing", () => {
    expect(holdsOf(NONE)).toBe(unheld);
  });
});

function hoursIn(from: number, until: number): number[] {
  const first = Math.ceil(from / 3_600_000) * 3_600_000;
  const count = Math.floor((until - first) / 3_600_000) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => first + index * 3_600_000);
}

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
