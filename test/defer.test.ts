// What can pass: it delays a run as long as its fire time can still be met, and ends none (I11).
import { describe, expect, test } from "bun:test";
import { RunnerError } from "../src/errors.ts";
import { DAEMON_LATENESS, ONCE_LATENESS } from "../src/flow/launch.ts";
import { Catalog } from "../src/jobs/catalog.ts";
import type { Entity } from "../src/jobs/entity.ts";
import { parseSchedule } from "../src/jobs/schedule.ts";
import { Runner } from "../src/runner.ts";
import { Stage } from "./support/stage.ts";
import { entity, NOON, openWorld, postedAs, type World } from "./support/world.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

const refused = new RunnerError("KEYRING", "Cannot sign: gpg refused to sign: no agent", {
  passing: true,
});
const tooMany = new RunnerError(
  "SPOOL",
  "Cannot read action.json",
  {},
  {
    cause: Object.assign(new Error("too many open files"), { code: "EMFILE" }),
  },
);
const wrongPassphrase = new RunnerError("KEYRING", "Cannot sign: the passphrase does not open it", {
  passing: false,
});

/** A runner over one job, whose key fails by `error` until a time. */
function runnerOf(
  world: World,
  {
    job = {},
    error,
    until,
    once = false,
  }: {
    readonly job?: Partial<Entity>;
    readonly error: Error;
    readonly until: number;
    readonly once?: boolean;
  },
) {
  const { clock, spool } = world;
  const directory = { job: "nightly", path: "/runner/runners/nightly", files: [] };
  spool.scan = () => Promise.resolve([directory] as never);
  world.edges.signer.sign = (text) =>
    clock.now() < until ? Promise.reject(error) : Promise.resolve(`signed ${text.length}`);
  let id = 0;
  world.api.pages = ["end"];
  world.api.create = (body) => {
    world.api.posted.push(body);
    id++;
    return Promise.resolve(postedAs(id, clock.now() + HOUR));
  };
  const catalog = new Catalog(() => Promise.resolve(entity(job)));
  const lateness = once ? ONCE_LATENESS : DAEMON_LATENESS;
  return new Runner(world.edges, catalog, { checkDirectoryMs: HOUR, lateness, once });
}

async function daemonOf(world: World, options: Parameters<typeof runnerOf>[1]) {
  const runner = runnerOf(world, options);
  await runner.start();
  const ended = runner.run();
  return {
    runner,
    async stop() {
      runner.stop();
      await ended;
    },
  };
}

const statesOf = (world: World) => world.journal.runs("nightly", 99).map(({ state }) => state);

describe("what can pass", () => {
  test.each([
    ["a gpg that is being started again", refused],
    ["too many open files", tooMany],
  ])("such as %s, delays a run and does not end it", async (_, error) => {
    const world = openWorld();
    const { stop } = await daemonOf(world, { error, until: NOON + HOUR + 1_800 });
    await world.clock.moveTo(NOON + HOUR + 1_799);
    expect(statesOf(world)).toEqual(["requested"]);
    await world.clock.moveTo(NOON + HOUR + 5 * SECOND);
    expect(world.api.posted.length).toBe(1);
    expect(world.journal.runs("nightly", 1)).toMatchObject([{ state: "open", note: null }]);
    expect(world.lines.some((line) => line.startsWith("err"))).toBe(false);
    await stop();
  });

  test("loses no fire time of a job of each second", async () => {
    const world = openWorld();
    const job = { schedule: parseSchedule("* * * * * * *", { timezone: "UTC" }) };
    const { stop } = await daemonOf(world, { job, error: refused, until: NOON + 4_800 });
    await world.clock.moveTo(NOON + 15_500);
    expect(world.api.posted.length).toBe(15);
    expect(new Set(statesOf(world))).toEqual(new Set(["open"]));
    expect(world.journal.missed("nightly", 9)).toEqual([]);
    await stop();
  });

  test("is tried until the action would have expired, then the run has failed, with the reason", async () => {
    const world = openWorld();
    const job = { expiryMs: 5 * MINUTE };
    const { stop } = await daemonOf(world, { job, error: refused, until: NOON + 9 * HOUR });
    await world.clock.moveTo(NOON + HOUR + 4 * MINUTE);
    expect(statesOf(world)).toEqual(["requested"]);
    await world.clock.moveTo(NOON + HOUR + 5 * MINUTE + 5 * SECOND);
    const [run] = world.journal.runs("nightly", 1);
    expect(run?.state).toBe("failed");
    expect(run?.note).toBe(`it did not begin in time: ${refused.message}`);
    await stop();
  });

  test("goes on after a restart, with what is left of its time", async () => {
    const world = openWorld();
    const options = { error: refused, until: NOON + HOUR + 90 * SECOND };
    const first = await daemonOf(world, options);
    await world.clock.moveTo(NOON + HOUR + 10 * SECOND);
    await first.stop();
    // Longer than a fire time that nobody saw may be late, and less than the action's life.
    await world.clock.moveTo(NOON + HOUR + 100 * SECOND);
    const second = await daemonOf(world, options);
    await world.clock.moveTo(NOON + HOUR + 101 * SECOND);
    expect(world.api.posted.length).toBe(1);
    await second.stop();
  });

  test("does not let a job that fails for long fill the journal", async () => {
    const world = openWorld();
    const job = { schedule: parseSchedule("* * * * * * *", { timezone: "UTC" }) };
    const { stop } = await daemonOf(world, { job, error: refused, until: NOON + HOUR });
    await world.clock.moveTo(NOON + 30 * SECOND);
    expect(statesOf(world).filter((state) => state === "requested")).toHaveLength(10);
    expect(statesOf(world).filter((state) => state === "failed")).toHaveLength(20);
    await stop();
  });

  test("is waited for by a pass, which else leaves it to the next and ends with a failure", async () => {
    const world = openWorld();
    await world.journal.write((tables) =>
      tables.setCursor("nightly", { decidedAt: NOON - 1, schedule: "0 * * * * UTC" }),
    );
    const short = runnerOf(world, { error: refused, until: NOON + 1_800, once: true });
    await short.start();
    const ended = short.runOnce(false, () => {});
    await world.clock.moveTo(NOON + 5 * SECOND);
    await ended;
    expect([world.api.posted.length, short.failures]).toEqual([1, 0]);
    await world.clock.moveTo(NOON + HOUR);
    const long = runnerOf(world, { error: refused, until: NOON + 9 * HOUR, once: true });
    await long.start();
    const gone = long.runOnce(false, () => {});
    await world.clock.moveTo(NOON + HOUR + 2 * MINUTE);
    await gone;
    expect([statesOf(world)[0], long.failures]).toEqual(["requested", 1]);
  });

  test("is retried for a step of a workflow that signs, which ends only when its time is over", async () => {
    const play = async (untilMs: number) => {
      const stage = new Stage({ body: (run) => run.collect("base").then(() => undefined) });
      await stage.boot();
      const begins = stage.clock.now();
      stage.sign = () => (stage.clock.now() < begins + untilMs ? Promise.reject(refused) : null);
      await stage.request();
      await stage.finish();
      await stage.stop();
      return stage.run();
    };
    expect(await play(1_800)).toMatchObject({ state: "done" });
    expect(await play(HOUR)).toMatchObject({ state: "failed" });
  });
});

describe("a mistake", () => {
  test("such as a wrong passphrase, ends a run at once", async () => {
    const world = openWorld();
    const { stop } = await daemonOf(world, { error: wrongPassphrase, until: NOON + 9 * HOUR });
    await world.clock.moveTo(NOON + HOUR + 1);
    expect(world.journal.runs("nightly", 1)).toMatchObject([
      { state: "failed", note: wrongPassphrase.message },
    ]);
    await stop();
  });

  test("in a file that was changed a moment ago may be half a file: it is read again", async () => {
    const world = openWorld();
    const broken = { template: { kind: "file", name: "action.json" } } as const;
    const whole = new TextEncoder().encode(
      '{"target":"id=1","operations":[{"module":"timedrift","parameters":{}}]}',
    );
    const changedAt = NOON + HOUR - SECOND;
    world.spool.changedAt = () => Promise.resolve(changedAt as never);
    world.spool.read = () =>
      Promise.resolve(world.clock.now() < NOON + HOUR + 3 * SECOND ? whole.slice(0, 20) : whole);
    const { stop } = await daemonOf(world, { job: broken, error: refused, until: 0 });
    await world.clock.moveTo(NOON + HOUR + 8 * SECOND);
    expect(world.api.posted.length).toBe(1);
    await stop();
  });

  test("in a file that nobody has changed for a while is one", async () => {
    const world = openWorld();
    const broken = { template: { kind: "file", name: "action.json" } } as const;
    world.spool.changedAt = () => Promise.resolve((NOON + HOUR - 30 * SECOND) as never);
    world.spool.read = () => Promise.resolve(new TextEncoder().encode("{"));
    const { stop } = await daemonOf(world, { job: broken, error: refused, until: 0 });
    await world.clock.moveTo(NOON + HOUR + SECOND);
    expect(statesOf(world)).toEqual(["failed"]);
    await stop();
  });
});
