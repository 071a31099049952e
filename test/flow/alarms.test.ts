import { describe, expect, test } from "bun:test";
import { Alarms, type AlarmsOptions } from "../../src/flow/alarms.ts";
import type { Notify } from "../../src/flow/edges.ts";
import { advance, advanceDelivery } from "../../src/journal/inflight.ts";
import type { AlarmOrder, DeliveryAnswer } from "../../src/ports.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

const DAY = 86_400_000;

/** Alarms over a world in which a job runs by hand of the test. */
function watch(changes: Partial<Notify> = {}, options: Partial<AlarmsOptions> = {}) {
  const world = openWorld();
  const told: AlarmOrder[] = [];
  const answers: DeliveryAnswer[] = [];
  const plugins = {
    ...world.edges.plugins,
    alarm(order: AlarmOrder): Promise<DeliveryAnswer> {
      told.push(order);
      return Promise.resolve(answers.shift() ?? { kind: "delivered", message: "told" });
    },
  };
  const notify = { plugins: ["slack"], on: null, repeatMs: null, ...changes };
  let jobs = [entity({ job: "nightly", plugins: [] })];
  const catalog = {
    entities: () => jobs.values(),
    states: () => jobs.map((one) => ({ job: one.job, entity: one, errors: [] })).values(),
  };
  const signal = new AbortController().signal;
  let now = NOON;
  const rest = () => Promise.resolve();
  const clock = { sleep: rest, until: rest, now: () => now };
  let alarms = begin();
  function begin(): Alarms {
    return new Alarms({ ...world.edges, clock, plugins, notify }, catalog, {
      ...{ downSince: () => null, signal, once: true, changed() {} },
      ...options,
    });
  }
  return {
    ...world,
    told,
    answers,
    events: () => told.map(({ body }) => JSON.parse(body).event as string),
    setClock(at: number) {
      now = at;
    },
    setJobs(next: typeof jobs) {
      jobs = next;
    },
    restart() {
      alarms = begin();
    },
    /** Looks and tells until there is nothing more to do now. */
    async turn(afterMs = 0) {
      now += afterMs;
      for (let turns = 0; turns < 4; turns++) {
        alarms.tick(now);
        while (!alarms.idle) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async ran(state: "done" | "failed", note: string | null = null) {
      await world.journal.write((tables) => {
        const run = tables.insertRun(
          { job: "nightly", firesAt: now, cause: "schedule", begunAt: now },
          "open",
          now,
        );
        if (run !== null) tables.saveRun({ ...run, state, note, endedAt: now });
      });
      now += 1_000;
    },
  };
}

describe("Alarms", () => {
  test("tells a failure once, however often it is looked at, and once that it is over", async () => {
    const site = watch();
    await site.turn();
    await site.ran("failed", "no target");
    for (let looks = 0; looks < 5; looks++) await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
    await site.ran("failed", "no target again");
    await site.turn(10_000);
    site.restart();
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
    expect(site.journal.openAlarms()).toMatchObject([
      { event: "failed", job: "nightly", count: 2, message: "run 2 failed: no target again" },
    ]);
    await site.ran("done");
    for (let looks = 0; looks < 3; looks++) await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "recovered"]);
    expect(site.journal.openAlarms()).toEqual([]);
    await site.ran("failed", "once more");
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "recovered", "failed"]);
  });

  test("tells what lasts again only after `repeat`", async () => {
    const site = watch({ repeatMs: DAY });
    await site.ran("failed", "no target");
    await site.turn();
    await site.turn(DAY - 20_000);
    expect(site.events()).toEqual(["failed"]);
    await site.turn(20_000);
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "failed"]);
  });

  test("tells only of what it is to tell, and keeps the rest for status", async () => {
    const site = watch({ on: ["late"] });
    await site.ran("failed", "no target");
    await site.turn();
    await site.ran("done");
    await site.turn();
    expect(site.events()).toEqual([]);
    expect(site.journal.alarms(9)).toMatchObject([{ event: "failed" }]);
  });

  test("tries again what was not told, with the same key, and says so at level alert (I6)", async () => {
    const site = watch();
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.ran("failed", "no target");
    await site.turn();
    expect(site.told.length).toBe(1);
    expect(site.lines.filter((line) => line.startsWith("alert"))).toEqual([
      expect.stringContaining("an alarm was not told by slack: no answer; trying again in"),
    ]);
    site.restart();
    await site.turn(5_000);
    await site.turn(60_000);
    expect(site.told.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(site.told[0]?.key).toBe(site.told[1]?.key ?? "");
    expect(site.told[0]?.body).toBe(site.told[1]?.body ?? "");
  });

  test("does not send an alarm about a plugin by that plugin", async () => {
    const site = watch({ plugins: ["slack", "mail"] });
    await site.journal.write((tables) => {
      const at = NOON;
      const run = tables.insertRun({ job: "nightly", firesAt: at, cause: "schedule" }, "open", at);
      const own = { runId: run?.id ?? 0, job: "nightly", step: "", name: "n", body: "{}" };
      const planned = tables.insertAction(
        { ...own, signature: "s", expireAt: at, sendOnly: false, plugins: ["slack"] },
        at,
      );
      const reply = new TextEncoder().encode("{}");
      const times = { expireAt: at, collectAt: at };
      tables.saveAction(advance(planned, { kind: "posted", actionId: 7, reply, ...times }, at));
      const row = tables.insertDelivery(
        { actionRow: planned.id, job: "nightly", plugin: "slack", key: "k" },
        at,
      );
      if (row === null) throw new Error("it is there already");
      const event = { kind: "failed", error: "exit status 1", nextAt: null } as const;
      tables.saveDelivery(advanceDelivery(row, event, at));
    });
    await site.turn();
    expect(site.told.map(({ plugin }) => plugin)).toEqual(["mail"]);
    const alone = watch();
    await alone.journal.write(
      (tables) =>
        void tables.insertAlarm({
          ...{ event: "dead", job: "gone", subject: "slack", runId: null, since: 1, raisedAt: 1 },
          ...{ toldAt: 1, count: 1, message: "m", hint: "h" },
        }),
    );
    await alone.turn();
    expect(alone.told).toEqual([]);
  });

  test("tells when the API is down for long, and leaves it while that is not known", async () => {
    let downSince: number | null | undefined = NOON - 600_000;
    const site = watch({}, { downSince: () => downSince });
    await site.turn();
    expect(site.events()).toEqual(["api"]);
    downSince = undefined;
    site.restart();
    await site.turn(10_000);
    expect(site.events()).toEqual(["api"]);
    downSince = null;
    await site.turn(10_000);
    expect(site.events()).toEqual(["api", "recovered"]);
  });

  test("ends the alarms of a job that is gone", async () => {
    const site = watch();
    await site.ran("failed", "no target");
    await site.turn();
    site.setJobs([]);
    await site.turn(10_000);
    expect(site.journal.openAlarms()).toEqual([]);
  });

  test("is told although a clock that was ahead has put it off (I7)", async () => {
    const site = watch();
    site.setClock(NOON + 400 * DAY);
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.ran("failed", "no target");
    await site.turn();
    site.setClock(NOON);
    await site.turn();
    expect(site.told.length).toBeGreaterThan(1);
  });

  test("does nothing where nobody is to be told", async () => {
    const world = openWorld();
    const none = { entities: () => [].values(), states: () => [].values() };
    const signal = new AbortController().signal;
    const alarms = new Alarms(world.edges, none, {
      ...{ downSince: () => null, signal, once: false, changed() {} },
    });
    alarms.tick(NOON);
    expect([alarms.nextAt, alarms.idle]).toEqual([null, true]);
  });
});
