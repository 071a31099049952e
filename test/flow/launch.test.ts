import { describe, expect, test } from "bun:test";
import {
  DAEMON_LATENESS,
  launchDue,
  launchRequested,
  ONCE_LATENESS,
} from "../../src/flow/launch.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { entity, NOON, openWorld, type World } from "../support/world.ts";

const HOUR = 3_600_000;

const decided = (world: World, decidedAt: number) =>
  world.journal.write((tables) =>
    tables.setCursor("nightly", { decidedAt, schedule: "0 * * * * UTC" }),
  );

const firesOf = (world: World) => world.journal.runs("nightly", 99).map(({ firesAt }) => firesAt);

describe("launchDue()", () => {
  test("plans the fire time that has come, and moves the cursor with it", async () => {
    const world = openWorld();
    await decided(world, NOON - HOUR);
    const { planned } = await launchDue(world.edges, entity(), DAEMON_LATENESS);
    expect(planned).toMatchObject([{ job: "nightly", state: "planned", expireAt: NOON + 300_000 }]);
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON);
    expect(firesOf(world)).toEqual([NOON]);
  });

  test("plans a fire time once, however often it is asked (I2)", async () => {
    const world = openWorld();
    await decided(world, NOON - HOUR);
    await launchDue(world.edges, entity(), DAEMON_LATENESS);
    await decided(world, NOON - HOUR);
    const again = await launchDue(world.edges, entity(), DAEMON_LATENESS);
    expect(again).toEqual({ planned: [], failed: 0, deferred: [], waitUntil: null });
    expect(firesOf(world)).toEqual([NOON]);
  });

  test("records what nobody ran in time, and runs the last by onmissed", async () => {
    const world = openWorld();
    await decided(world, NOON - 5 * HOUR);
    world.clock.jumpTo(NOON + HOUR / 2);
    await launchDue(world.edges, entity({ onMissed: "last" }), DAEMON_LATENESS);
    expect(firesOf(world)).toEqual([NOON]);
    expect(world.journal.missed("nightly", 9)).toMatchObject([
      { firstAt: NOON - 4 * HOUR, lastAt: NOON - HOUR, count: 4 },
    ]);
  });

  test("begins again when the schedule has changed: the old one's times are not missed", async () => {
    const world = openWorld();
    await world.journal.write((tables) =>
      tables.setCursor("nightly", { decidedAt: NOON - 5 * HOUR, schedule: "* * * * * UTC" }),
    );
    await launchDue(world.edges, entity(), DAEMON_LATENESS);
    expect(world.journal.missed("nightly", 9)).toEqual([]);
  });

  test("decides by the new schedule from then on, also where nothing is due", async () => {
    const world = openWorld();
    world.clock.jumpTo(NOON + HOUR / 2);
    const now = world.clock.now();
    // What the old one had decided up to a moment ago would hide that it is another.
    for (const decidedAt of [now - 1_000, now]) {
      await world.journal.write((tables) =>
        tables.setCursor("nightly", { decidedAt, schedule: "* * * * * UTC" }),
      );
      await launchDue(world.edges, entity(), DAEMON_LATENESS);
      expect(world.journal.cursor("nightly")?.schedule).toBe("0 * * * * UTC");
      expect(firesOf(world)).toEqual([]);
    }
  });

  test("takes other bounds for another schedule: what lay outside of them is not missed", async () => {
    const world = openWorld();
    const bounded = (until: number) =>
      entity({ schedule: parseSchedule("0 * * * *", { timezone: "UTC", until }) });
    await launchDue(world.edges, bounded(NOON + HOUR), DAEMON_LATENESS);
    world.clock.jumpTo(NOON + 5 * HOUR + 1);
    await launchDue(world.edges, bounded(NOON + HOUR), DAEMON_LATENESS);
    expect(firesOf(world)).toEqual([]);
    expect(world.journal.missed("nightly", 9)).toEqual([]);
    await launchDue(world.edges, bounded(NOON + 9 * HOUR), DAEMON_LATENESS);
    expect(world.journal.missed("nightly", 9)).toEqual([]);
    world.clock.jumpTo(NOON + 6 * HOUR);
    await launchDue(world.edges, bounded(NOON + 9 * HOUR), DAEMON_LATENESS);
    expect(firesOf(world)).toEqual([NOON + 6 * HOUR]);
  });

  test("finds a fire time of the last minute for a job that --once sees first", async () => {
    const world = openWorld();
    world.clock.jumpTo(NOON + 59_000);
    expect((await launchDue(world.edges, entity(), ONCE_LATENESS)).planned.length).toBe(1);
    const late = openWorld();
    late.clock.jumpTo(NOON + 61_000);
    expect((await launchDue(late.edges, entity(), ONCE_LATENESS)).planned).toEqual([]);
  });

  test("records a failed run for a job's own mistake, with the reason", async () => {
    const world = openWorld();
    await decided(world, NOON - HOUR);
    const broken = entity({ template: { kind: "inline", json: '{"target":"","operations":[]}' } });
    expect(await launchDue(world.edges, broken, DAEMON_LATENESS)).toEqual({
      planned: [],
      failed: 1,
      deferred: [],
      waitUntil: null,
    });
    const [run] = world.journal.runs("nightly", 1);
    expect(run).toMatchObject({ firesAt: NOON, state: "failed" });
    expect(run?.note).toContain("its target is empty");
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON);
  });

  test("keeps fire times apart by the job's overlap", async () => {
    for (const [overlap, runs, missed] of [
      ["allow", 2, 0],
      ["queue", 2, 0],
      ["skip", 1, 1],
    ] as const) {
      const world = openWorld();
      await decided(world, NOON - 1);
      await launchDue(world.edges, entity({ overlap }), DAEMON_LATENESS);
      world.clock.jumpTo(NOON + HOUR);
      const { planned } = await launchDue(world.edges, entity({ overlap }), DAEMON_LATENESS);
      expect(planned.length).toBe(overlap === "allow" ? 1 : 0);
      expect(firesOf(world).length).toBe(runs);
      expect(world.journal.missed("nightly", 9).length).toBe(missed);
      expect(world.journal.runsIn("requested", 9).length).toBe(overlap === "queue" ? 1 : 0);
    }
  });

  test("never fires a job without a schedule (I7)", async () => {
    const world = openWorld();
    const { planned } = await launchDue(world.edges, entity({ schedule: null }), ONCE_LATENESS);
    expect(planned).toEqual([]);
  });
});

describe("launchRequested()", () => {
  test("opens the run that was asked for, once", async () => {
    const world = openWorld();
    const run = await world.journal.write((tables) =>
      tables.insertRun({ job: "nightly", firesAt: NOON, cause: "manual" }, "requested", NOON),
    );
    if (run === null) throw new Error("not written");
    expect((await launchRequested(world.edges, entity(), run)).planned.length).toBe(1);
    expect(world.journal.run(run.id)?.state).toBe("open");
    expect((await launchRequested(world.edges, entity(), run)).planned).toEqual([]);
  });

  test("takes nothing away that was signed for the next fire time", async () => {
    const world = openWorld();
    const taken: number[] = [];
    const take = (_: unknown, launchAt: number): Promise<null> => {
      taken.push(launchAt);
      return Promise.resolve(null);
    };
    const edges = { ...world.edges, presigned: { take } };
    await decided(world, NOON - 1);
    await launchDue(edges, entity(), DAEMON_LATENESS);
    expect(taken).toEqual([NOON]);
    const run = await world.journal.write((tables) =>
      tables.insertRun({ job: "nightly", firesAt: NOON + 1, cause: "manual" }, "requested", NOON),
    );
    if (run === null) throw new Error("not written");
    expect((await launchRequested(edges, entity(), run)).planned.length).toBe(1);
    expect(taken).toEqual([NOON]);
  });
});
