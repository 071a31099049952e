// A clock that was wrong: ahead and set back, or behind and set right, under a runner that goes on.
import { describe, expect, test } from "bun:test";
import { DAEMON_LATENESS, ONCE_LATENESS } from "../src/flow/launch.ts";
import { Catalog } from "../src/jobs/catalog.ts";
import type { Entity } from "../src/jobs/entity.ts";
import { parseSchedule } from "../src/jobs/schedule.ts";
import { Runner } from "../src/runner.ts";
import { Stage } from "./support/stage.ts";
import { entity, NOON, openWorld, postedAs, type World } from "./support/world.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

/** What wrong clocks are ahead by: a zone, half a day, months, and beyond all schedules. */
const AHEAD = [2 * HOUR, 12 * HOUR, 90 * 24 * HOUR, 30 * YEAR] as const;

const eachSecond = parseSchedule("* * * * * * *", { timezone: "UTC" });

/** The posts of a world, by the fire times of their runs. */
function postsOf(world: World) {
  let id = 0;
  const at: number[] = [];
  world.api.create = () => {
    id++;
    at.push(world.clock.now());
    return Promise.resolve(postedAs(id, world.clock.now() + HOUR));
  };
  world.api.pages = ["end"];
  return at;
}

function runnerOf(world: World, job: Partial<Entity>, once = false) {
  const directory = { job: "nightly", path: "/runner/runners/nightly", files: [] };
  world.spool.scan = () => Promise.resolve([directory] as never);
  const catalog = new Catalog(() => Promise.resolve(entity(job)));
  const lateness = once ? ONCE_LATENESS : DAEMON_LATENESS;
  return new Runner(world.edges, catalog, { checkDirectoryMs: HOUR, lateness, once });
}

/** A daemon that ends in order. */
async function daemonOf(world: World, job: Partial<Entity>) {
  const runner = runnerOf(world, job);
  await runner.start();
  const ended = runner.run();
  return {
    async stop() {
      runner.stop();
      await ended;
    },
  };
}

const runsAt = (world: World): number[] =>
  world.journal.runs("nightly", 1_000).map(({ firesAt }) => firesAt);

describe("a clock that was ahead for five seconds", () => {
  test.each(AHEAD)("by %d ms does not hold up a job of each second", async (ahead) => {
    const world = openWorld();
    const posts = postsOf(world);
    const { stop } = await daemonOf(world, { schedule: eachSecond });
    await world.clock.moveBy(3 * SECOND);
    world.clock.jumpTo(world.clock.now() + ahead);
    await world.clock.moveBy(5 * SECOND);
    world.clock.jumpTo(world.clock.now() - ahead);
    const before = posts.length;
    await world.clock.moveBy(20 * SECOND);
    expect(posts.length - before).toBeGreaterThanOrEqual(20);
    expect(new Set(runsAt(world)).size).toBe(runsAt(world).length);
    // What is still to come is not in force, and is not shown.
    const now = world.clock.now();
    const missed = world.journal.missed("nightly", 99).filter(({ firstAt }) => firstAt <= now);
    expect(missed.every(({ lastAt }) => lastAt <= now)).toBe(true);
    await stop();
  });

  test.each(AHEAD)("by %d ms holds up nothing after a restart", async (ahead) => {
    const world = openWorld();
    const posts = postsOf(world);
    const first = await daemonOf(world, { schedule: eachSecond });
    world.clock.jumpTo(NOON + ahead);
    await world.clock.moveBy(5 * SECOND);
    await first.stop();
    world.clock.jumpTo(NOON + 10 * SECOND);
    const before = posts.length;
    const { stop } = await daemonOf(world, { schedule: eachSecond });
    await world.clock.moveBy(10 * SECOND);
    expect(posts.length - before).toBeGreaterThanOrEqual(10);
    await stop();
  });

  test.each(AHEAD)("by %d ms holds up no pass of --once", async (ahead) => {
    const world = openWorld();
    const posts = postsOf(world);
    const pass = async (): Promise<void> => {
      const runner = runnerOf(world, { schedule: eachSecond }, true);
      await runner.start();
      await runner.runOnce(false, () => {});
    };
    await pass();
    world.clock.jumpTo(NOON + ahead);
    await pass();
    // The first pass after that finds where the present is, each later one what came due since.
    for (let seconds = 5; seconds <= 20; seconds += 5) {
      world.clock.jumpTo(NOON + seconds * SECOND);
      await pass();
    }
    expect(runsAt(world)).toContain(NOON + 20 * SECOND);
    expect(posts.length).toBeGreaterThanOrEqual(4);
  });

  test("does not repeat the fire times that it ran when their time comes", async () => {
    const world = openWorld();
    const posts = postsOf(world);
    const { stop } = await daemonOf(world, { schedule: eachSecond, onMissed: "all" });
    await world.clock.moveBy(SECOND);
    world.clock.jumpTo(NOON + 30 * SECOND);
    await world.clock.moveBy(2 * SECOND);
    world.clock.jumpTo(NOON + 4 * SECOND);
    await world.clock.moveBy(40 * SECOND);
    const ran = runsAt(world);
    expect(new Set(ran).size).toBe(ran.length);
    expect(posts.length).toBe(ran.length);
    // Each second from the first on has its run, early or in time; none was missed.
    expect(ran.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 44 }, (_, index) => NOON + (index + 1) * SECOND),
    );
    expect(world.journal.missed("nightly", 9)).toEqual([]);
    await stop();
  });

  test("is not the run before, for which a job that must not overlap would wait", async () => {
    for (const overlap of ["skip", "queue"] as const) {
      const world = openWorld();
      postsOf(world);
      world.api.create = () => {
        const id = runsAt(world).length;
        return Promise.resolve(postedAs(id, world.clock.now() + 2 * SECOND));
      };
      const schedule = parseSchedule("*/10 * * * * * *", { timezone: "UTC" });
      const { stop } = await daemonOf(world, { schedule, overlap, expiryMs: 2 * SECOND });
      world.clock.jumpTo(NOON + YEAR);
      await world.clock.moveBy(11 * SECOND);
      world.clock.jumpTo(NOON + 15 * SECOND);
      await world.clock.moveBy(30 * SECOND);
      expect(runsAt(world)).toEqual(
        expect.arrayContaining([20, 30, 40].map((seconds) => NOON + seconds * SECOND)),
      );
      await stop();
    }
  });
});

describe("a wait that was set by a clock that was ahead", () => {
  test("of a delivery that is tried again goes on from now, also after a restart", async () => {
    for (const restart of [false, true]) {
      const world = openWorld();
      const wrong = NOON + 20 * YEAR + HOUR / 2;
      world.api.creates = [postedAs(7, wrong + HOUR / 2 + SECOND)];
      world.api.pages = ["end"];
      world.deliveries.splice(0, 1, { kind: "failed", message: "exit status 3" });
      const job = { plugins: ["mail"], expiryMs: SECOND };
      let runner = await daemonOf(world, job);
      // The action is posted, collected and delivered once by a time that is years away.
      world.clock.jumpTo(wrong);
      await world.clock.moveTo(wrong + HOUR / 2 + 3 * SECOND);
      expect(world.orders.length).toBe(1);
      if (restart) await runner.stop();
      world.clock.jumpTo(NOON);
      world.deliveries.splice(0, 1, { kind: "delivered", message: "taken" });
      if (restart) runner = await daemonOf(world, job);
      // The first wait is at most 5 s, and a clock that is set back is seen within 5 s.
      await world.clock.moveBy(10 * SECOND);
      expect(world.orders.length).toBe(2);
      expect(world.journal.undelivered(9)).toEqual([]);
      await runner.stop();
    }
  });

  test("of a workflow that sleeps, and of a step that is tried again, goes on from now", async () => {
    for (const restart of [false, true]) {
      const at: number[] = [];
      const stage: Stage = new Stage({
        async body(run) {
          await run.sleep("pause", "90s");
          await run.step("call", { retry: { max: 2, first: "20s", cap: "20s" } }, () => {
            at.push(stage.clock.now());
            if (at.length === 1) stage.clock.jumpTo(NOON + 2 * YEAR);
            if (at.length === 1) throw new Error("no answer");
          });
        },
      });
      await stage.boot();
      stage.clock.jumpTo(NOON + YEAR);
      await stage.request();
      await stage.move(10 * SECOND);
      if (restart) await stage.end();
      stage.clock.jumpTo(NOON + 10 * SECOND);
      if (restart) await stage.boot();
      await stage.move(96 * SECOND);
      expect(at.length).toBe(1);
      if (restart) await stage.end();
      stage.clock.jumpTo(NOON + 120 * SECOND);
      if (restart) await stage.boot();
      await stage.move(26 * SECOND);
      expect([at.length, stage.run().state]).toEqual([2, "done"]);
      await stage.stop();
    }
  });

  test("until the deadline of a run is as long as it was meant", async () => {
    const stage = new Stage({
      body: (run) => run.sleep("pause", "10h"),
      entity: { deadlineMs: 60 * SECOND },
    });
    await stage.boot();
    stage.clock.jumpTo(NOON + YEAR);
    await stage.request();
    stage.clock.jumpTo(NOON + SECOND);
    await stage.move(70 * SECOND);
    expect(stage.run().note).toBe("it was still open at its deadline");
    await stage.stop();
  });
});

describe("a clock that was behind", () => {
  test("and is set right repeats nothing, and catches up with nothing that was decided", async () => {
    const world = openWorld();
    postsOf(world);
    const job = { onMissed: "all" } as const;
    const first = await daemonOf(world, job);
    await world.clock.moveBy(3 * HOUR);
    await first.stop();
    const before = runsAt(world);
    // A host whose clock has no battery.
    world.clock.jumpTo(NOON - 20 * YEAR);
    const second = await daemonOf(world, job);
    await world.clock.moveBy(10 * SECOND);
    world.clock.jumpTo(NOON + 3 * HOUR + 60 * SECOND);
    await world.clock.moveBy(HOUR);
    expect(runsAt(world)).toEqual([NOON + 4 * HOUR, ...before]);
    expect(world.journal.missed("nightly", 9)).toEqual([]);
    await second.stop();
  });
});
