import { describe, expect, test } from "bun:test";
import { DAEMON_LATENESS, ONCE_LATENESS } from "../src/flow/launch.ts";
import { Catalog } from "../src/jobs/catalog.ts";
import type { Entity } from "../src/jobs/entity.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import type { CreateAnswer } from "../src/mig/api.ts";
import type { AlarmOrder, DeliveryAnswer, JobDirectory } from "../src/ports.ts";
import { Runner } from "../src/runner.ts";
import { settle } from "./support/clock.ts";
import { Scratch } from "./support/edge.ts";
import {
  command,
  entity,
  fillDisk,
  NOON,
  openWorld,
  postedAs,
  type World,
} from "./support/world.ts";

const HOUR = 3_600_000;

function directory(job: string, version = 1): JobDirectory {
  const path = `/runner/runners/${job}`;
  return { job, path, files: [{ name: "entity.cfg", mtimeMs: version, size: 1, inode: 1 }] };
}

/** A runner over jobs that a test can change, running until the test ends it. */
async function start(world: World, entities: Map<string, Entity | Error>) {
  let version = 1;
  world.spool.scan = () =>
    Promise.resolve([...entities.keys()].map((job) => directory(job, version)) as never);
  const catalog = new Catalog(({ job }) => {
    const found = entities.get(job);
    return found instanceof Error || found === undefined
      ? Promise.reject(found)
      : Promise.resolve(found);
  });
  const runner = new Runner(world.edges, catalog, {
    checkDirectoryMs: 60_000,
    lateness: DAEMON_LATENESS,
    once: false,
  });
  await runner.start();
  const ended = runner.run();
  return {
    runner,
    touch: () => version++,
    async stop() {
      runner.stop();
      await ended;
    },
  };
}

/** The edges of a world in which alarms are told to a plugin; those that were. */
function watched(world: World) {
  const told: string[] = [];
  const alarm = ({ body }: AlarmOrder): Promise<DeliveryAnswer> => {
    told.push((JSON.parse(body) as { event: string }).event);
    return Promise.resolve({ kind: "delivered", message: "told" });
  };
  const notify = { plugins: ["slack"], on: null, repeatMs: null };
  return { told, edges: { ...world.edges, plugins: { ...world.edges.plugins, alarm }, notify } };
}

describe("Runner.runOnce()", () => {
  test("tells at its end what went wrong in it, and ends, also when the disk is full", async () => {
    const world = openWorld();
    const { clock, journal, spool } = world;
    const { told, edges } = watched(world);
    const broken = entity({ schedule: null, template: { kind: "inline", json: "{" } });
    const options = { checkDirectoryMs: 60_000, lateness: ONCE_LATENESS, once: true };
    const pass = async (jobs: readonly string[]) => {
      spool.scan = () => Promise.resolve(jobs.map((job) => directory(job)) as never);
      const runner = new Runner(edges, new Catalog(() => Promise.resolve(broken)), options);
      await runner.start();
      let turns = 0;
      const ended = runner.runOnce(false, () => {
        // No such pass has so many.
        if (++turns > 99) runner.stop();
      });
      await clock.moveBy(60_000);
      await ended;
      expect(turns).toBeLessThan(9);
      return runner.failures;
    };
    const run = { job: "nightly", firesAt: NOON, cause: "manual" } as const;
    await journal.write((tables) => tables.insertRun(run, "requested", NOON));
    expect([await pass(["nightly"]), told]).toEqual([1, ["failed"]]);
    // The job is gone, and the disk does not take that its alarm is over.
    const makeRoom = fillDisk(world);
    expect([await pass([]), told]).toEqual([1, ["failed"]]);
    makeRoom();
    expect([await pass([]), told]).toEqual([0, ["failed", "recovered"]]);
  });

  test("tells of an API that no pass has reached for long, and once that it is back", async () => {
    const world = openWorld();
    const { api, clock, spool } = world;
    const { told, edges } = watched(world);
    const nobody = { message: "nothing listens there", status: null, retryAfterMs: null };
    api.create = () => Promise.resolve({ kind: "unsent", refusal: false, ...nobody });
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const options = { checkDirectoryMs: 60_000, lateness: ONCE_LATENESS, once: true };
    const job = entity({ schedule: null, expiryMs: 10 * HOUR });
    const pass = async () => {
      const runner = new Runner(edges, new Catalog(() => Promise.resolve(job)), options);
      await runner.start();
      await runner.runOnce(false, () => {});
      await clock.moveBy(5 * 60_000);
    };
    const run = { job: "nightly", firesAt: NOON, cause: "manual" } as const;
    await world.journal.write((tables) => tables.insertRun(run, "requested", NOON));
    await pass();
    await pass();
    expect(told).toEqual([]);
    await pass();
    await pass();
    expect(told).toEqual(["api"]);
    api.create = () => Promise.resolve(postedAs(7, NOON + HOUR));
    await pass();
    await pass();
    expect(told).toEqual(["api", "recovered"]);
  });

  test("waits for what is in flight without a look every moment, where alarms are told", async () => {
    const world = openWorld();
    const { api, clock, journal, spool } = world;
    const { told, edges } = watched(world);
    api.creates = [postedAs(7, NOON + 300_000)];
    api.pages = [[command(1, 1, "expired")]];
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const run = { job: "nightly", firesAt: NOON, cause: "manual" } as const;
    await journal.write((tables) => tables.insertRun(run, "requested", NOON));
    const catalog = new Catalog(() => Promise.resolve(entity({ schedule: null, expectAgents: 1 })));
    const options = { checkDirectoryMs: 60_000, lateness: ONCE_LATENESS, once: true };
    const runner = new Runner(edges, catalog, options);
    await runner.start();
    let turns = 0;
    const ended = runner.runOnce(true, () => {
      if (++turns > 999) runner.stop();
    });
    await clock.moveBy(299_000);
    // One every five seconds.
    expect(turns).toBeLessThan(70);
    await clock.moveBy(5_000);
    await ended;
    expect([journal.actionById(7)?.state, told]).toEqual(["settled", ["coverage"]]);
  });

  test("tries again at its time, also while another action keeps the pass busy", async () => {
    const world = openWorld();
    const { api, clock, edges, journal, spool } = world;
    spool.scan = () => Promise.resolve([directory("nightly"), directory("slow")] as never);
    const catalog = new Catalog(({ job }) => Promise.resolve(entity({ job, schedule: null })));
    for (const job of ["nightly", "slow"]) {
      const run = { job, firesAt: NOON, cause: "manual" } as const;
      await journal.write((tables) => tables.insertRun(run, "requested", NOON));
    }
    const slow = Promise.withResolvers<CreateAnswer>();
    const attempts: number[] = [];
    api.create = (body) => {
      if (body.includes("slow")) return slow.promise;
      attempts.push(clock.now() - NOON);
      return Promise.resolve({
        kind: "unsent",
        refusal: false,
        message: "HTTP 429: later",
        status: 429,
        retryAfterMs: 1_000,
      });
    };
    const options = { checkDirectoryMs: 60_000, lateness: ONCE_LATENESS, once: true };
    const runner = new Runner(edges, catalog, options);
    await runner.start();
    const ended = runner.runOnce(false, () => {});
    await clock.moveBy(1_500);
    expect(attempts).toEqual([0, 1_000]);
    runner.stop();
    slow.resolve(postedAs(7, NOON + HOUR));
    await ended;
  });
});

describe("Runner", () => {
  test("rests when it cannot remember that it tells an alarm (I7)", async () => {
    const world = openWorld();
    const { told, edges } = watched(world);
    await world.journal.write((tables) => {
      const what = { event: "late", job: "nightly", subject: "", runId: null, count: 1 } as const;
      const times = { since: NOON, raisedAt: NOON, toldAt: NOON };
      const { id } = tables.insertAlarm({ ...what, ...times, message: "late", hint: "" });
      tables.insertNotice({ alarmId: id, plugin: "slack", body: '{"event":"late"}' }, NOON);
    });
    const { stop } = await start({ ...world, edges }, new Map([["nightly", entity()]]));
    const makeRoom = fillDisk(world);
    const { write } = world.journal;
    let writes = 0;
    // More would be without end.
    const tried = (work: Parameters<typeof write>[0]): Promise<unknown> =>
      ++writes < 999 ? write.call(world.journal, work) : new Promise(() => {});
    world.journal.write = tried as typeof write;
    await world.clock.moveBy(60_000);
    expect([writes < 60, told]).toEqual([true, []]);
    makeRoom();
    await world.clock.moveBy(60_000);
    expect(told).toContain("late");
    await stop();
  });

  test("tells the next fire time, not one that passed while nothing ran", async () => {
    const world = openWorld();
    const decided = { decidedAt: NOON - HOUR, schedule: "0 * * * * UTC" };
    await world.journal.write((tables) => tables.setCursor("nightly", decided));
    await world.clock.moveTo(NOON + 10 * 60_000);
    const { stop } = await start(world, new Map([["nightly", entity({})]]));
    await world.clock.moveTo(NOON + 20 * 60_000);
    const told = world.lines.filter((line) => line.includes("will run at"));
    expect(told).toEqual(["info nightly: will run at 2026-11-23 13:00:00 +0000 UTC (in 50m0s)"]);
    await stop();
  });

  test("takes an action from its fire time to its plugin", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + HOUR + 300_000)];
    world.api.pages = [[command(1, 1)]];
    const { stop } = await start(world, new Map([["nightly", entity({ plugins: ["mail"] })]]));
    await world.clock.moveTo(NOON + HOUR - 1);
    expect(world.api.posted.length).toBe(0);
    await world.clock.moveTo(NOON + HOUR);
    expect(world.api.posted.length).toBe(1);
    await world.clock.moveTo(NOON + HOUR + 299_999);
    expect(world.spool.results.size).toBe(0);
    await world.clock.moveTo(NOON + HOUR + 300_001);
    expect(world.orders).toMatchObject([{ plugin: "mail", actionId: 7, attempt: 1 }]);
    expect(world.journal.runs("nightly", 1)).toMatchObject([{ state: "done" }]);
    await stop();
  });

  test("fires once a fire time, and in no moment between (I2, I7)", async () => {
    const world = openWorld();
    let id = 0;
    world.api.create = (body) => {
      world.api.posted.push(body);
      id++;
      return Promise.resolve(postedAs(id, world.clock.now() + 300_000));
    };
    world.api.pages = ["end"];
    const { stop } = await start(world, new Map([["nightly", entity()]]));
    await world.clock.moveTo(NOON + 6 * HOUR);
    expect(world.api.posted.length).toBe(6);
    expect(world.spool.results.size).toBe(5);
    await stop();
  });

  test("keeps the other jobs running when one is broken (I8)", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + 2 * HOUR)];
    const { runner, stop } = await start(
      world,
      new Map<string, Entity | Error>([
        ["broken", new Error("missing schedule")],
        ["nightly", entity()],
      ]),
    );
    await world.clock.moveTo(NOON + HOUR);
    expect(world.api.posted.length).toBe(1);
    expect(world.lines).toContain("err broken: /runner/runners/broken: missing schedule");
    expect(runner.failures).toBe(1);
    await stop();
  });

  test("does what another process asks for within a second, told by the journal alone", async () => {
    using scratch = new Scratch();
    const world = openWorld();
    const path = scratch.in("journal.db");
    const other = openJournal({ path, schedule: queueMicrotask });
    const journal = openJournal({ path, schedule: queueMicrotask });
    Object.assign(world.edges, { journal });
    world.api.creates = [postedAs(7, NOON + HOUR)];
    const { stop } = await start(world, new Map([["nightly", entity({ schedule: null })]]));
    await world.clock.moveBy(10_000);
    const run = { job: "nightly", firesAt: NOON, cause: "manual" } as const;
    await other.write((tables) => tables.insertRun(run, "requested", NOON));
    await world.clock.moveBy(1_000);
    expect(world.api.posted.length).toBe(1);
    await stop();
    await Promise.all([journal.close(), other.close()]);
  });

  test("stops firing a job that was removed, and fires one that was added", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + 9 * HOUR)];
    const jobs = new Map([["nightly", entity()]]);
    const { stop } = await start(world, jobs);
    jobs.delete("nightly");
    jobs.set("other", entity({ job: "other" }));
    await world.clock.moveTo(NOON + HOUR);
    expect(world.api.posted.map((body) => JSON.parse(body).name)).toEqual(["mig-runner: other"]);
    expect(world.lines).toContain("info removed entity nightly");
    await stop();
  });

  test("looks at the spool as often as ever after the clock was set back (I8)", async () => {
    const world = openWorld();
    const jobs = new Map<string, Entity | Error>([["nightly", entity({})]]);
    const { stop } = await start(world, jobs);
    world.clock.jumpTo(NOON - 5 * HOUR);
    jobs.set("other", entity({ job: "other" }));
    await world.clock.moveBy(61_000);
    expect(world.lines).toContain("info added entity other");
    await stop();
  });

  test("retries a delivery until the plugin takes it (I6)", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + HOUR + 1_000)];
    world.api.pages = ["end"];
    world.deliveries.splice(0, 1, { kind: "failed", message: "exit status 3" });
    world.deliveries.push({ kind: "failed", message: "exit status 3" });
    world.deliveries.push({ kind: "delivered", message: "wrote 2 bytes to plugin" });
    const { stop } = await start(
      world,
      new Map([["nightly", entity({ plugins: ["mail"], expiryMs: 1_000 })]]),
    );
    await world.clock.moveTo(NOON + HOUR + 60_000);
    expect(world.orders.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(world.orders.map(({ key }) => key)).size).toBe(1);
    expect(world.journal.runs("nightly", 1)).toMatchObject([{ state: "done" }]);
    await stop();
  });

  test("has a job in hand whose delivery is at its plugin, however often it was tried", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + HOUR + 1_000)];
    world.api.pages = ["end"];
    const failed = { kind: "failed", message: "exit status 3" } as const;
    world.deliveries.splice(0, 1, failed, failed, failed, failed);
    const { deliver } = world.edges.plugins;
    let [took, takes] = [(_: DeliveryAnswer): void => {}, 0];
    const slow: typeof deliver = (order) =>
      ++takes < 5 ? deliver(order) : new Promise((resolve) => (took = resolve));
    Object.assign(world.edges.plugins, { deliver: slow });
    const { runner, stop } = await start(
      world,
      new Map([["nightly", entity({ plugins: ["mail"], expiryMs: 1_000 })]]),
    );
    // Right when the fifth attempt begins: the next one would be due much later.
    for (let at = NOON + HOUR; takes < 5; at += 1_000) await world.clock.moveTo(at);
    const isNightly = (job: string) => job === "nightly";
    expect([takes, runner.isAtWork(isNightly)]).toEqual([5, true]);
    took({ kind: "delivered", message: "wrote 2 bytes to plugin" });
    await settle();
    expect(runner.isAtWork(isNightly)).toBe(false);
    await stop();
  });

  test("does not spin on a delivery that a full disk cannot remember (I7)", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + HOUR + 60_000)];
    world.api.pages = ["end"];
    let makeRoom = () => {};
    world.edges.plugins.deliver = (order) => {
      world.orders.push(order);
      if (world.orders.length === 1) makeRoom = fillDisk(world);
      // A loop that spins must fail the test, not hang it.
      if (world.orders.length === 100) return new Promise(() => undefined);
      return Promise.resolve({ kind: "delivered", message: "taken" });
    };
    const { stop } = await start(
      world,
      new Map([["nightly", entity({ plugins: ["mail"], expiryMs: 60_000 })]]),
    );
    await world.clock.moveTo(NOON + HOUR + 90_000);
    // Nothing is given to a plugin that cannot be remembered (I1).
    expect(world.orders.map(({ attempt }) => attempt)).toEqual([1]);
    makeRoom();
    await world.clock.moveTo(NOON + HOUR + 120_000);
    expect(world.orders.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(world.journal.deliveriesOf(1)).toMatchObject([{ state: "delivered" }]);
    await stop();
  });

  test("knows of a fire time that passed while a job was broken and the disk full", async () => {
    const world = openWorld();
    const makeRoom = fillDisk(world);
    const jobs = new Map<string, Entity | Error>([["nightly", entity({})]]);
    const { stop, touch } = await start(world, jobs);
    jobs.set("nightly", new Error("a mistake"));
    touch();
    await world.clock.moveTo(NOON + HOUR + 10 * 60_000);
    makeRoom();
    jobs.set("nightly", entity({}));
    touch();
    await world.clock.moveTo(NOON + HOUR + 20 * 60_000);
    const [firstAt, lastAt] = [NOON + HOUR, NOON + HOUR];
    expect(world.journal.missed("nightly", 9)).toMatchObject([{ firstAt, lastAt, count: 1 }]);
    await stop();
  });

  test("adopts records of the original later when the disk was full at the start (I9)", async () => {
    const world = openWorld();
    const action = '{"id":9,"name":"x","expireafter":"2026-11-23T12:00:01Z","pgpsignatures":[]}';
    const text = `{"action":${action},"commands":null,"name":"nightly","plugin":""}`;
    const bytes = new TextEncoder().encode(text);
    const path = "/runner/runners/nightly/inflight/9.json";
    world.spool.found = [{ job: "nightly", name: "9.json", path, kind: "bytes", bytes }];
    world.api.pages = ["end"];
    const makeRoom = fillDisk(world);
    const { stop } = await start(world, new Map([["nightly", entity({})]]));
    await world.clock.moveTo(NOON + 60_000);
    expect(world.journal.actionById(9)).toBeNull();
    makeRoom();
    await world.clock.moveTo(NOON + 120_000);
    expect(world.journal.actionById(9)).toMatchObject({ state: "settled" });
    await stop();
  });

  test("adopts records of jobs that another host has had when they come (I9)", async () => {
    const world = openWorld();
    world.api.pages = ["end"];
    const { runner, stop } = await start(world, new Map([["nightly", entity({})]]));
    await world.clock.moveTo(NOON + 1_000);
    const action = '{"id":9,"name":"x","expireafter":"2026-11-23T12:00:01Z","pgpsignatures":[]}';
    const text = `{"action":${action},"commands":null,"name":"nightly","plugin":""}`;
    const bytes = new TextEncoder().encode(text);
    const path = "/runner/runners/nightly/inflight/9.json";
    world.spool.found = [{ job: "nightly", name: "9.json", path, kind: "bytes", bytes }];
    runner.rescan();
    await world.clock.moveTo(NOON + 60_000);
    expect(world.journal.actionById(9)).toBeNull();
    runner.rescan(true);
    await world.clock.moveTo(NOON + 120_000);
    expect(world.journal.actionById(9)).toMatchObject({ state: "settled" });
    await stop();
  });

  test("does not take the API for up because an action expires that could not be posted", async () => {
    const world = openWorld();
    const nobody = { message: "nothing listens there", status: null, retryAfterMs: null };
    world.api.creates = [{ kind: "unsent", refusal: false, ...nobody }];
    const { runner, stop } = await start(world, new Map([["nightly", entity({})]]));
    await world.clock.moveTo(NOON + HOUR + 1_000);
    const downSince = runner.api.downSince(world.clock.now());
    expect(downSince).toBeNumber();
    await world.clock.moveTo(NOON + HOUR + 30 * 60_000);
    const [run] = world.journal.runs("nightly", 1);
    const later = runner.api.downSince(world.clock.now());
    expect([run?.state, later]).toEqual(["failed", downSince]);
    await stop();
  });

  test("asks an API that is down with one probe, not with all that waits", async () => {
    const world = openWorld();
    let id = 0;
    world.api.create = () => Promise.resolve(postedAs(++id, NOON + HOUR + 60_000));
    world.api.pages = [{ after: [], message: "connection refused" }];
    const jobs = new Map(
      Array.from({ length: 50 }, (_, index) => [`job${index}`, entity({ job: `job${index}` })]),
    );
    const { stop } = await start(world, jobs);
    await world.clock.moveTo(NOON + HOUR + 60_000);
    const before = world.api.asked.length;
    await world.clock.moveTo(NOON + HOUR + 20 * 60_000);
    // Three tries of a page each; a probe a minute at the most, for twenty minutes.
    expect(world.api.asked.length - before).toBeLessThan(3 * 35);
    world.api.pages = ["end"];
    await world.clock.moveTo(NOON + HOUR + 40 * 60_000);
    expect(world.spool.results.size).toBeGreaterThanOrEqual(50);
    await stop();
  });
});
