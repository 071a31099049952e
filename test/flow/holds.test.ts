import { describe, expect, test } from "bun:test";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import type { Blackout } from "../../src/jobs/hold.ts";
import { entity, NOON, openWorld, type World } from "../support/world.ts";

const HOUR = 3_600_000;

const pause = (world: World, since: number, until: number | null = null) =>
  world.journal.write((tables) =>
    tables.insertPause({ job: "nightly", since, until, actor: "ann", why: "works" }),
  );

const decided = (world: World, decidedAt: number) =>
  world.journal.write((tables) =>
    tables.setCursor("nightly", { decidedAt, schedule: "0 * * * * UTC" }),
  );

const firesOf = (world: World) => world.journal.runs("nightly", 99).map(({ firesAt }) => firesAt);

describe("launchDue() of a paused job", () => {
  test("posts nothing, and records who wanted it so, as one record while it lasts", async () => {
    const world = openWorld();
    await decided(world, NOON - 1);
    await pause(world, NOON - HOUR);
    for (const hours of [0, 1, 2]) {
      world.clock.jumpTo(NOON + hours * HOUR);
      await launchDue(world.edges, entity(), DAEMON_LATENESS);
    }
    expect(firesOf(world)).toEqual([]);
    const rows = world.journal.missed("nightly", 9);
    const reason = "paused by ann: works";
    expect(rows).toMatchObject([
      { kind: "skipped", firstAt: NOON, lastAt: NOON + 2 * HOUR, count: 3, reason },
    ]);
    expect(world.journal.missed("nightly", 9, "missed")).toEqual([]);
  });

  test("knows what lay in a pause that was made and ended while nothing ran", async () => {
    const world = openWorld();
    await decided(world, NOON - 5 * HOUR);
    await pause(world, NOON - 4.5 * HOUR);
    await world.journal.write((tables) => tables.endPauses("nightly", NOON - 2.5 * HOUR));
    await launchDue(world.edges, entity({ onMissed: "all" }), DAEMON_LATENESS);
    const before = firesOf(world);
    // What is behind the pause is decided at once the next time, when the cursor is behind it.
    await launchDue(world.edges, entity({ onMissed: "all" }), DAEMON_LATENESS);
    expect([...firesOf(world)].toReversed()).toEqual([NOON - 2 * HOUR, NOON - HOUR, NOON]);
    expect(before.length).toBeLessThanOrEqual(3);
    expect(world.journal.missed("nightly", 9)).toMatchObject([
      { kind: "skipped", firstAt: NOON - 4 * HOUR, lastAt: NOON - 3 * HOUR, count: 2 },
    ]);
  });

  test("begins another record for another reason", async () => {
    const world = openWorld();
    await decided(world, NOON - 1);
    await pause(world, NOON - HOUR, NOON + HOUR);
    await launchDue(world.edges, entity(), DAEMON_LATENESS);
    await world.journal.write((tables) => {
      tables.endPauses("nightly", NOON + 1);
      const by = { actor: "ben", why: "" };
      tables.insertPause({ job: "nightly", since: NOON + 1, until: null, ...by });
    });
    world.clock.jumpTo(NOON + HOUR);
    await launchDue(world.edges, entity(), DAEMON_LATENESS);
    expect(world.journal.missed("nightly", 9).map(({ reason }) => reason)).toEqual([
      "paused by ben",
      "paused by ann: works",
    ]);
  });
});

describe("launchDue() in a blackout", () => {
  const blackout = (changes: Partial<Blackout> = {}): Blackout => ({
    name: "freeze",
    jobs: ["night*"],
    action: "delay",
    why: "",
    span: { kind: "once", from: NOON - 1, until: NOON + 2.5 * HOUR },
    ...changes,
  });

  test("waits, and runs the newest fire time once when it is over", async () => {
    const world = openWorld();
    const edges = { ...world.edges, blackouts: [blackout()] };
    await decided(world, NOON - 1);
    for (const hours of [0, 1, 2]) {
      world.clock.jumpTo(NOON + hours * HOUR);
      const { planned, waitUntil } = await launchDue(edges, entity(), DAEMON_LATENESS);
      expect([planned, waitUntil]).toEqual([[], NOON + 2.5 * HOUR]);
    }
    expect(world.journal.cursor("nightly")?.decidedAt).toBe(NOON - 1);
    world.clock.jumpTo(NOON + 2.5 * HOUR);
    const { waitUntil } = await launchDue(edges, entity(), DAEMON_LATENESS);
    expect([firesOf(world), waitUntil]).toEqual([[NOON + 2 * HOUR], null]);
    expect(world.journal.missed("nightly", 9)).toMatchObject([{ kind: "skipped", count: 2 }]);
  });

  test("holds no job that its patterns do not name", async () => {
    const world = openWorld();
    const edges = { ...world.edges, blackouts: [blackout({ jobs: ["daily"] })] };
    await decided(world, NOON - 1);
    expect((await launchDue(edges, entity(), DAEMON_LATENESS)).planned.length).toBe(1);
  });
});
