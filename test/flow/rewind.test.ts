import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import { isAhead, moveCursor, rewindCursor } from "../../src/flow/rewind.ts";
import type { Blackout } from "../../src/jobs/hold.ts";
import type { Clock } from "../../src/lib/ports.ts";
import { entity, NOON, openWorld, type World } from "../support/world.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const nightly = entity();
const SCHEDULE = "0 * * * * UTC";

/** A journal that was decided up to a time, with fire times recorded as missed by a clock. */
async function decided(
  world: World,
  decidedAt: number,
  missed: { first: number; last: number; count: number; at: number }[] = [],
) {
  await world.journal.write((tables) => {
    tables.setCursor("nightly", { decidedAt, schedule: SCHEDULE });
    for (const { first: firstAt, last: lastAt, count, at: recordedAt } of missed) {
      const reason = "nobody ran it in time";
      tables.insertMissed({ job: "nightly", firstAt, lastAt, count, reason, recordedAt });
    }
  });
}

const missedOf = (world: World) =>
  world.journal
    .missed("nightly", 9)
    .map(({ firstAt, lastAt, count }) => [firstAt, lastAt, count])
    .sort(([left = 0], [right = 0]) => left - right);

/** What is in force: what lies beyond the cursor is only kept. */
const inForce = (world: World) => {
  const { decidedAt = 0 } = world.journal.cursor("nightly") ?? {};
  return missedOf(world).filter(([firstAt = 0]) => firstAt <= decidedAt);
};

describe("rewindCursor()", () => {
  test("leaves a cursor of the present alone", async () => {
    const world = openWorld();
    await decided(world, NOON);
    await rewindCursor(world.edges, nightly);
    expect(world.journal.cursor("nightly")).toEqual({
      decidedAt: NOON,
      schedule: SCHEDULE,
      aheadAt: null,
    });
    expect(world.lines).toEqual([]);
  });

  test("sets one that is ahead back to now, and remembers how far it was", async () => {
    const world = openWorld();
    await decided(world, NOON + 12 * HOUR);
    await rewindCursor(world.edges, nightly);
    const { decidedAt, aheadAt } = world.journal.cursor("nightly") ?? {};
    expect([decidedAt, aheadAt]).toEqual([NOON, NOON + 12 * HOUR]);
    expect(world.lines.join("\n")).toContain(
      "nightly: fire times up to 12h0m0s ahead were decided",
    );
  });

  test("parts what is recorded as missed from what is still to come, and keeps that", async () => {
    const world = openWorld();
    await world.clock.moveTo(NOON + 30 * MINUTE);
    const late = NOON + 12 * HOUR;
    await decided(world, late, [
      { first: NOON - 2 * HOUR, last: NOON - HOUR, count: 2, at: NOON },
      { first: NOON, last: NOON + 11 * HOUR, count: 12, at: late },
      { first: late, last: late, count: 1, at: late },
    ]);
    await rewindCursor(world.edges, nightly);
    expect(inForce(world)).toEqual([
      [NOON - 2 * HOUR, NOON - HOUR, 2],
      [NOON, NOON, 1],
    ]);
    expect(missedOf(world).slice(2)).toEqual([
      [NOON + HOUR, NOON + 11 * HOUR, 11],
      [late, late, 1],
    ]);
  });

  test("decides again what was declared missed within the last minute", async () => {
    const world = openWorld();
    await world.clock.moveTo(NOON + 5_000);
    const late = NOON + 12 * HOUR;
    await decided(world, late, [{ first: NOON, last: late, count: 13, at: late }]);
    await rewindCursor(world.edges, nightly);
    expect(inForce(world)).toEqual([]);
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON - 1);
  });

  test("goes no further back than a minute, and not at all where nothing was declared missed", async () => {
    const world = openWorld();
    await world.clock.moveTo(NOON + 90_000);
    const late = NOON + 12 * HOUR;
    await decided(world, late, [{ first: NOON - 5 * HOUR, last: late, count: 18, at: late }]);
    await rewindCursor(world.edges, nightly);
    expect(inForce(world)).toEqual([[NOON - 5 * HOUR, NOON, 6]]);
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON + 30_000);
  });

  test("decides again what a clock that was a little ahead declared missed of a job posted ahead", async () => {
    const world = openWorld();
    await world.clock.moveTo(NOON + HOUR - 30_000);
    const at = NOON + HOUR;
    // Recorded by a clock 20 s ahead, of a fire time that is still to come.
    await decided(world, at + 5 * MINUTE, [{ first: at, last: at, count: 1, at: at - 10_000 }]);
    await rewindCursor(world.edges, entity({ postAheadMs: MINUTE }));
    expect(inForce(world)).toEqual([]);
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(at - 1);
  });

  test("does not count as missed what was skipped within, however long ago that was", async () => {
    const world = openWorld();
    await world.clock.moveTo(NOON + 3 * HOUR + 90_000);
    const late = NOON + 5 * HOUR;
    await decided(world, late, [{ first: NOON, last: late, count: 4, at: late }]);
    const skipped = { firstAt: NOON + HOUR, lastAt: NOON + 2 * HOUR, count: 2, recordedAt: late };
    await world.journal.write((tables) =>
      tables.insertMissed({ job: "nightly", ...skipped, kind: "skipped", reason: "paused" }),
    );
    await rewindCursor(world.edges, nightly);
    expect(inForce(world)).toContainEqual([NOON, NOON + 3 * HOUR, 2]);
  });

  test("keeps the distance of a job that is spread", async () => {
    const world = openWorld();
    const spread = entity({ spreadMs: 10 * MINUTE });
    // The first cursor of such a job is ahead of its own time, and of no clock.
    await decided(world, NOON);
    await rewindCursor(world.edges, spread);
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON);
    await decided(world, NOON + HOUR);
    await rewindCursor(world.edges, spread);
    const back = NOON - (world.journal.cursor("nightly")?.decidedAt ?? 0);
    expect(back).toBeGreaterThan(0);
    expect(back).toBeLessThan(10 * MINUTE);
  });
});

describe("moveCursor()", () => {
  const late = NOON + 12 * HOUR;
  const beyond = { first: NOON + HOUR, last: NOON + 4 * HOUR, count: 4, at: late };
  const move = (world: World, decidedAt: number, aheadAt: number | null) =>
    world.journal.write((tables) => {
      moveCursor(tables, nightly, { decidedAt, schedule: SCHEDULE, aheadAt });
    });

  test("cuts what lies beyond the cursor as it overtakes it", async () => {
    const world = openWorld();
    await decided(world, NOON, [beyond]);
    await move(world, NOON, late);
    await move(world, NOON + HOUR, late);
    expect(missedOf(world)).toEqual([[NOON + 2 * HOUR, NOON + 4 * HOUR, 3]]);
    await move(world, NOON + 3 * HOUR + 1, late);
    expect(missedOf(world)).toEqual([[NOON + 4 * HOUR, NOON + 4 * HOUR, 1]]);
    await move(world, NOON + 4 * HOUR, late);
    expect(missedOf(world)).toEqual([]);
  });

  test.each(["before", "after"])(
    "counts no fire time less for one skipped within, recorded %s",
    async (when) => {
      const world = openWorld();
      const missed = async () => await decided(world, NOON, [{ ...beyond, count: 3 }]);
      const skipped = { firstAt: NOON + 2 * HOUR, lastAt: NOON + 2 * HOUR, count: 1 };
      const skip = async () =>
        await world.journal.write((tables) =>
          tables.insertMissed({
            job: "nightly",
            ...skipped,
            kind: "skipped",
            reason: "paused",
            recordedAt: late,
          }),
        );
      for (const write of when === "before" ? [skip, missed] : [missed, skip]) await write();
      await move(world, NOON, late);
      // Of the four it overtakes one that was missed and one that was skipped: two are left.
      await move(world, NOON + 2 * HOUR, late);
      expect(missedOf(world)).toEqual([[NOON + 3 * HOUR, NOON + 4 * HOUR, 2]]);
    },
  );

  test("lets it count again where the clock of now had been behind", async () => {
    const world = openWorld();
    await decided(world, NOON, [beyond]);
    await move(world, NOON, late);
    await move(world, late + HOUR, null);
    expect(inForce(world)).toEqual([[NOON + HOUR, NOON + 4 * HOUR, 4]]);
  });

  test("lets it count again also where nothing is decided beyond the time that was reached", async () => {
    const world = openWorld();
    await decided(world, NOON, [beyond]);
    await move(world, NOON, late);
    // A catch-up that waits for the end of a blackout: the cursor stays where it was.
    await move(world, late, null);
    expect(inForce(world)).toEqual([[NOON + HOUR, NOON + 4 * HOUR, 4]]);
  });

  test("leaves what is recorded before the cursor alone", async () => {
    const world = openWorld();
    await decided(world, NOON, [{ first: NOON, last: NOON, count: 1, at: NOON }]);
    await move(world, NOON, late);
    await move(world, NOON + HOUR, late);
    expect(missedOf(world)).toEqual([[NOON, NOON, 1]]);
  });
});

describe("a job whose clock is set, and whose fire times are held, again and again", () => {
  const minutes = (from: number, until: number) => fc.integer({ min: from, max: until });
  const blackout = fc.record({
    from: minutes(-150, 1_800),
    lasts: minutes(30, 360),
    action: fc.constantFrom("skip", "delay"),
  });
  const life = fc.record({
    blackouts: fc.array(blackout, { maxLength: 4 }),
    looks: fc.array(
      fc.record({
        goes: minutes(0, 300),
        jumps: fc.option(minutes(-1_200, 1_200), { nil: 0 }),
      }),
      { minLength: 1, maxLength: 14 },
    ),
    onMissed: fc.constantFrom("skip", "last", "all"),
    overlap: fc.constantFrom("allow", "skip"),
    postAheadMs: fc.constantFrom(0, 2 * MINUTE),
  });

  const hoursIn = (from: number, until: number) =>
    Array.from(
      { length: Math.floor(until / HOUR) - Math.ceil(from / HOUR) + 1 },
      (_, index) => (Math.ceil(from / HOUR) + index) * HOUR,
    );

  /** Each fire time that is decided has a run or is counted once, whichever clock decided it. */
  function expectEachOnce({ journal }: World): void {
    const runs = new Set(journal.runs("nightly", 9_999).map(({ firesAt }) => firesAt));
    const rows = journal.missed("nightly", 9_999);
    const missed = new Set(rows.flatMap(({ firstAt, lastAt }) => hoursIn(firstAt, lastAt)));
    for (const at of runs) missed.delete(at);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(missed.size);
    const lost = hoursIn(NOON, journal.cursor("nightly")?.decidedAt ?? 0).filter(
      (at) => !runs.has(at) && !missed.has(at),
    );
    expect(lost).toEqual([]);
  }

  test("has a run or one record for each fire time (I2)", async () => {
    await fc.assert(
      fc.asyncProperty(life, async ({ blackouts, looks, ...keys }) => {
        const world = openWorld();
        const job = entity(keys);
        let now = NOON;
        const edges = {
          ...world.edges,
          clock: { ...world.edges.clock, now: () => now } as Clock,
          blackouts: blackouts.map(({ from, lasts, action }, index): Blackout => {
            const begin = NOON + from * MINUTE;
            const span = { kind: "once", from: begin, until: begin + lasts * MINUTE } as const;
            return { name: `b${index}`, jobs: ["*"], why: "", action, span };
          }),
        };
        await decided(world, NOON - 1);
        for (const { goes, jumps } of looks) {
          now = Math.max(NOON, now + (goes + jumps) * MINUTE);
          // Runs and what is skipped between them are decided one after the other.
          for (let times = 0; times < 4; times++) {
            await launchDue(edges, job, DAEMON_LATENESS);
            expectEachOnce(world);
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("isAhead()", () => {
  test("is true of what was decided by a later time than now", () => {
    expect([isAhead({ decidedAt: NOON }, NOON), isAhead({ decidedAt: NOON + 1 }, NOON)]).toEqual([
      false,
      true,
    ]);
  });
});
