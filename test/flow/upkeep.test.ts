import { describe, expect, test } from "bun:test";
import { queueDeliveries } from "../../src/flow/deliver.ts";
import { closeRun } from "../../src/flow/runs.ts";
import { removeOld, removeSurplus, STEP_MAX, Upkeep } from "../../src/flow/upkeep.ts";
import { type ActionRow, advance, advanceDelivery } from "../../src/journal/inflight.ts";
import { NOON, openWorld, type World } from "../support/world.ts";

const DAY = 86_400_000;
const reply = new TextEncoder().encode('{"id":7}');

/** A shelf that tells what it was asked. */
class MemoryShelf {
  readonly dates: string[] = [];
  files: number[] = [];

  removeBefore(
    date: string,
    { limit, isKept }: { readonly limit: number; isKept(actionId: number): boolean },
  ): Promise<number> {
    this.dates.push(date);
    const old = this.files.filter((id) => !isKept(id)).slice(0, limit);
    this.files = this.files.filter((id) => !old.includes(id));
    return Promise.resolve(old.length);
  }
}

interface Kind {
  readonly actionId: number;
  readonly at: number;
  readonly state?: "posted" | "swept" | "pending" | "dead" | "done";
  readonly job?: string;
}

/** A run of `at` with one action, as far as `state` says. */
async function make(world: World, kind: Kind): Promise<ActionRow> {
  const { actionId, at, state = "done", job = "nightly" } = kind;
  return await world.journal.write((tables) => {
    const run = tables.insertRun({ job, firesAt: at, cause: "schedule" }, "open", at);
    if (run === null) throw new Error("the run is there already");
    const own = { runId: run.id, job, step: "", name: "n", body: "{}", signature: "s" };
    const planned = tables.insertAction(
      { ...own, expireAt: at, sendOnly: false, plugins: ["mail"] },
      at,
    );
    const times = { expireAt: at, collectAt: at };
    let row = advance(planned, { kind: "posted", actionId, reply, ...times }, at);
    tables.saveAction(row);
    if (state === "posted") return row;
    const statuses = { success: 1 };
    const completeness = { fetched: 1, sent: 1, counters: null, statuses, strays: 0 };
    const sweepAt = state === "swept" ? at + 7 * DAY : null;
    row = advance(row, { kind: "collected", resultPath: "/r", completeness, sweepAt }, at);
    tables.saveAction(row);
    queueDeliveries(tables, row, at);
    const [delivery] = tables.deliveriesOf(row.id);
    if (delivery === undefined || state === "pending") return row;
    const failed = { kind: "failed", error: "x", nextAt: null } as const;
    const event = state === "dead" ? failed : ({ kind: "delivered" } as const);
    tables.saveDelivery(advanceDelivery(delivery, event, at));
    if (state !== "done") return row;
    tables.saveAction(advance(row, { kind: "delivered" }, at));
    closeRun(tables, run.id, at);
    return row;
  });
}

const keep = (world: World, shelf: MemoryShelf, kept: { journalMs?: number; resultsMs?: number }) =>
  removeOld(world.edges, {
    journalMs: kept.journalMs ?? null,
    resultsMs: kept.resultsMs ?? null,
    shelf,
  });

describe("removeOld() of rows", () => {
  test("forgets a run with all of it, and keeps the newest and the cursor (I2)", async () => {
    const world = openWorld();
    const old = await make(world, { actionId: 1, at: NOON - 40 * DAY });
    const last = await make(world, { actionId: 2, at: NOON - 39 * DAY });
    const young = await make(world, { actionId: 3, at: NOON - DAY, job: "other" });
    const cursor = { decidedAt: NOON - 39 * DAY, schedule: "@daily", aheadAt: null };
    const missed = { job: "nightly", firstAt: 1, lastAt: 2, count: 2, reason: "down" };
    await world.journal.write((tables) => {
      tables.setCursor("nightly", cursor);
      tables.insertMissed({ ...missed, recordedAt: NOON - 40 * DAY });
      tables.insertMissed({ ...missed, recordedAt: NOON });
    });
    expect(await keep(world, new MemoryShelf(), { journalMs: 30 * DAY })).toBe(false);
    expect(world.journal.run(old.runId)).toBeNull();
    expect(world.journal.actionById(1)).toBeNull();
    expect(world.journal.deliveriesOf(old.id)).toEqual([]);
    expect(world.journal.run(last.runId)).not.toBeNull();
    expect(world.journal.run(young.runId)).not.toBeNull();
    expect(world.journal.cursor("nightly")).toEqual(cursor);
    expect(world.journal.missed(null, 9)).toMatchObject([{ recordedAt: NOON }]);
  });

  test("never forgets what is in flight, undelivered, given up, or waits for a sweep", async () => {
    const world = openWorld();
    const states = ["posted", "swept", "pending", "dead"] as const;
    for (const [index, state] of states.entries()) {
      await make(world, { actionId: index + 1, at: NOON - 90 * DAY + index, state });
    }
    await make(world, { actionId: 9, at: NOON });
    await keep(world, new MemoryShelf(), { journalMs: DAY });
    expect(world.journal.runs("nightly", 9).length).toBe(5);
  });

  test("takes away the record that would be adopted without its row (I9)", async () => {
    const world = openWorld();
    await make(world, { actionId: 1, at: NOON - 40 * DAY });
    await make(world, { actionId: 2, at: NOON });
    await world.spool.writeInflight("nightly", 1, reply);
    await keep(world, new MemoryShelf(), { journalMs: DAY });
    expect([...world.spool.records.keys()]).toEqual([]);
  });

  test("keeps a run whose result somebody asks to deliver again at this moment", async () => {
    const world = openWorld();
    const asked = await make(world, { actionId: 1, at: NOON - 40 * DAY });
    const old = await make(world, { actionId: 2, at: NOON - 39 * DAY });
    await make(world, { actionId: 3, at: NOON });
    const spool = Object.create(world.spool) as typeof world.spool;
    // Another process writes between the look at what is old and its removal.
    spool.removeInflight = async (job, actionId) => {
      await world.journal.write((tables) => {
        const [delivery] = tables.deliveriesOf(asked.id);
        if (delivery === undefined || delivery.state === "pending") return;
        tables.saveDelivery(advanceDelivery(delivery, { kind: "redeliver" }, NOON));
      });
      return await world.spool.removeInflight(job, actionId);
    };
    const retention = { journalMs: DAY, resultsMs: null, shelf: new MemoryShelf() };
    await removeOld({ ...world.edges, spool }, retention);
    expect(world.journal.run(old.runId)).toBeNull();
    expect(world.journal.run(asked.runId)).not.toBeNull();
    expect(world.journal.deliveriesOf(asked.id)).toMatchObject([{ state: "pending" }]);
  });

  test("works in steps, so that nothing else waits for long", async () => {
    const world = openWorld();
    for (let index = 0; index < STEP_MAX + 2; index++) {
      await make(world, { actionId: index + 1, at: NOON - 40 * DAY + index });
    }
    expect(await keep(world, new MemoryShelf(), { journalMs: DAY })).toBe(true);
    expect(world.journal.runs("nightly", 1_000).length).toBe(2);
    expect(await keep(world, new MemoryShelf(), { journalMs: DAY })).toBe(false);
    expect(world.journal.runs("nightly", 1_000).length).toBe(1);
  });
});

describe("removeOld() of results", () => {
  test("removes those of days that are over, unless somebody still needs them (I6)", async () => {
    const world = openWorld();
    const at = NOON - 40 * DAY;
    await make(world, { actionId: 1, at });
    for (const [index, state] of (["posted", "swept", "pending", "dead"] as const).entries()) {
      await make(world, { actionId: index + 2, at: at + 1 + index, state });
    }
    const shelf = new MemoryShelf();
    shelf.files = [1, 2, 3, 4, 5, 77];
    await keep(world, shelf, { resultsMs: 30 * DAY });
    expect(shelf.dates).toEqual(["20261024"]);
    expect(shelf.files).toEqual([2, 3, 4, 5]);
  });

  test("keeps one that an operator has asked to deliver again", async () => {
    const world = openWorld();
    const row = await make(world, { actionId: 1, at: NOON - 40 * DAY });
    const [delivery] = world.journal.deliveriesOf(row.id);
    if (delivery === undefined) throw new Error("nothing was delivered");
    await world.journal.write((tables) =>
      tables.saveDelivery(advanceDelivery(delivery, { kind: "redeliver" }, NOON)),
    );
    const shelf = new MemoryShelf();
    shelf.files = [1];
    await keep(world, shelf, { resultsMs: 30 * DAY });
    expect(shelf.files).toEqual([1]);
  });

  test("keeps those of a workflow that has not ended, whose body may read them", async () => {
    const world = openWorld();
    const row = await make(world, { actionId: 1, at: NOON - 40 * DAY });
    await world.journal.write((tables) => {
      const run = tables.run(row.runId);
      if (run !== null) tables.saveRun({ ...run, state: "paused", endedAt: null });
    });
    const shelf = new MemoryShelf();
    shelf.files = [1];
    await keep(world, shelf, { resultsMs: 30 * DAY });
    expect(shelf.files).toEqual([1]);
  });
});

describe("Upkeep", () => {
  test("makes a step at once, another soon while there is more, then one an hour", async () => {
    const world = openWorld();
    const shelf = new MemoryShelf();
    shelf.files = Array.from({ length: STEP_MAX + 1 }, (_, index) => index + 1);
    const retention = { journalMs: null, resultsMs: DAY, shelf };
    const changed = Promise.withResolvers<void>();
    const upkeep = new Upkeep({ ...world.edges, retention }, changed.resolve);
    upkeep.tick(NOON);
    await changed.promise;
    expect([shelf.files.length, upkeep.nextAt]).toEqual([1, NOON + 1_000]);
    upkeep.tick(NOON + 999);
    expect(shelf.dates.length).toBe(1);
    upkeep.tick(NOON + 1_000);
    expect(upkeep.nextAt).toBe(NOON + 1_000 + 3_600_000);
    await Promise.resolve();
    upkeep.tick(NOON - 30 * DAY);
    expect(upkeep.nextAt).toBe(NOON - 30 * DAY + 3_600_000);
  });

  test("removes runs that are too many, and makes the next step soon while there are more", async () => {
    const world = openWorld();
    for (const id of [1, 2, 3]) await make(world, { actionId: id, at: NOON - (9 - id) * DAY });
    const retention = { journalMs: null, resultsMs: null, shelf: new MemoryShelf(), runs: 1 };
    const step = async () => {
      const changed = Promise.withResolvers<void>();
      const upkeep = new Upkeep({ ...world.edges, retention }, changed.resolve);
      upkeep.tick(NOON);
      await changed.promise;
      return [world.journal.runs("nightly", 9).length, upkeep.nextAt];
    };
    expect(await step()).toEqual([1, NOON + 1_000]);
    expect(await step()).toEqual([1, NOON + 3_600_000]);
  });

  test("tells what it cannot remove, and tries it again at its next time", async () => {
    const world = openWorld();
    const shelf = new MemoryShelf();
    shelf.removeBefore = () => Promise.reject(new Error("Cannot remove: permission denied"));
    const retention = { journalMs: null, resultsMs: DAY, shelf };
    const changed = Promise.withResolvers<void>();
    const upkeep = new Upkeep({ ...world.edges, retention }, changed.resolve);
    expect(upkeep.failures).toBe(0);
    upkeep.tick(NOON);
    await changed.promise;
    expect([upkeep.failures, upkeep.nextAt]).toEqual([1, NOON + 3_600_000]);
    expect(world.lines).toEqual(["err Cannot remove: permission denied"]);
  });

  test("does nothing where everything is kept", () => {
    const world = openWorld();
    const upkeep = new Upkeep(world.edges, () => {});
    upkeep.tick(NOON);
    expect([upkeep.nextAt, upkeep.pool.idle]).toEqual([null, true]);
  });
});

describe("removeSurplus()", () => {
  const runsOf = (world: World, job: string) =>
    world.journal.runs(job, 1_000).map(({ firesAt }) => firesAt);

  test("keeps the newest runs of each job, and what is still needed of the others", async () => {
    const world = openWorld();
    const days = (count: number) => NOON - count * DAY;
    for (const [index, job] of ["a", "b", "c"].entries()) {
      for (const day of [2, 3, 4, 5]) {
        await make(world, { actionId: index * 10 + day, at: days(day), job });
      }
    }
    await make(world, { actionId: 99, at: days(9), job: "a", state: "dead" });
    for (let after: string | null = ""; after !== null; ) {
      after = await removeSurplus(world.edges, { keep: 2, after });
    }
    expect(runsOf(world, "a")).toEqual([days(2), days(3), days(9)]);
    expect(runsOf(world, "b")).toEqual([days(2), days(3)]);
    expect(runsOf(world, "c")).toEqual([days(2), days(3)]);
    expect(world.journal.actionById(4)).toBe(null);
  });

  test("removes so many at a time, of one job, and goes on with it until none is left", async () => {
    const world = openWorld();
    for (let index = 0; index < STEP_MAX + 3; index++) {
      await make(world, { actionId: index + 1, at: NOON - 40 * DAY + index, job: "a" });
    }
    for (const id of [901, 902]) {
      await make(world, { actionId: id, at: NOON - 40 * DAY + id, job: "b" });
    }
    const seen: (string | number | null)[] = [];
    for (let after: string | null = ""; after !== null; ) {
      after = await removeSurplus(world.edges, { keep: 1, after });
      seen.push(after, runsOf(world, "a").length, runsOf(world, "b").length);
    }
    expect(seen).toEqual(["", 3, 2, "a", 1, 2, "b", 1, 1, null, 1, 1]);
  });

  test("keeps the runs of the last day, however many they are (I2)", async () => {
    const world = openWorld();
    for (const id of [1, 2, 3]) await make(world, { actionId: id, at: NOON - id * 1_000 });
    expect(await removeSurplus(world.edges, { keep: 1, after: "" })).toBe(null);
    expect(runsOf(world, "nightly").length).toBe(3);
  });

  test("looks at a job at a time, and at all of them in turn", async () => {
    const world = openWorld();
    for (let id = 1; id <= 120; id++) {
      await make(world, { actionId: id, at: NOON - 2 * DAY, job: `job-${1_000 + id}` });
    }
    const seen: (string | null)[] = [];
    for (let after: string | null = ""; after !== null; seen.push(after)) {
      after = await removeSurplus(world.edges, { keep: 1, after });
    }
    expect(seen).toEqual(["job-1050", "job-1100", null]);
  });
});
