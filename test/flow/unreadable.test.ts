// Unreadable: a runner over a journal into which somebody wrote rows by hand (I8, I10).
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DAEMON_LATENESS } from "../../src/flow/launch.ts";
import { dropUnreadable, endStranded } from "../../src/flow/unreadable.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import { advance } from "../../src/journal/inflight.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Runner } from "../../src/runner.ts";
import { command, entity, NOON, openWorld, type World } from "../support/world.ts";

interface Meddled extends World, Disposable {
  meddle(sql: string): void;
}

/** A world whose journal is a file, with posted actions 1 to `count` that have expired. */
async function meddledWorld(count: number): Promise<Meddled> {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-unreadable-"));
  const path = join(folder, "journal.db");
  const world = openWorld({}, openJournal({ path, schedule: queueMicrotask }));
  await world.journal.write((tables) => {
    for (let number = 1; number <= count; number++) {
      const order = { job: "nightly", firesAt: number, cause: "schedule" } as const;
      const run = tables.insertRun(order, "open", NOON);
      if (run === null) throw new Error("no run");
      const action = { runId: run.id, job: "nightly", step: "", name: "n", body: "{}" };
      const more = { signature: "s", expireAt: NOON, sendOnly: false, plugins: ["mail"] };
      const row = tables.insertAction({ ...action, ...more }, NOON);
      const reply = new TextEncoder().encode(`{"id":${number}}`);
      const times = { expireAt: NOON, collectAt: NOON };
      const event = { kind: "posted", actionId: number, reply, ...times } as const;
      tables.saveAction(advance(row, event, NOON));
    }
  });
  return {
    ...world,
    meddle(sql) {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function startRunner({ edges }: World): { ended: Promise<void>; runner: Runner } {
  const catalog = new Catalog(() => Promise.resolve(entity({ schedule: null })));
  const lateness = DAEMON_LATENESS;
  const runner = new Runner(edges, catalog, { checkDirectoryMs: 60_000, lateness, once: false });
  return { runner, ended: runner.start().then(() => runner.run()) };
}

describe("a runner", () => {
  for (const wrong of [
    "action_id = 9007199254740991 + id",
    "action_id = -action_id",
    "next_at = -9223372036854775808",
    "attempts = 9223372036854775807",
    "plugins = '['",
    "reply = NULL",
    "state = 'collected'",
    "state = 'lost'",
  ]) {
    test(`collects all that can be read, however many rows have ${wrong}`, async () => {
      using world = await meddledWorld(40);
      // They are the most overdue: more of them than are collected at a time.
      world.meddle(`UPDATE action SET next_at = 5, ${wrong} WHERE id <= 30`);
      world.api.pages = [[command(1, 1)], "end"];
      const all = Promise.withResolvers<void>();
      world.edges.plugins.deliver = (order) => {
        world.orders.push(order);
        if (world.orders.length === 10) all.resolve();
        return Promise.resolve({ kind: "delivered", message: "ok" });
      };
      const { runner, ended } = startRunner(world);
      await all.promise;
      runner.stop();
      await ended;
      expect(world.orders.map(({ actionId }) => actionId).toSorted((a, b) => a - b)).toEqual([
        31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
      ]);
      const told = world.lines.filter((line) => line.includes("a row that cannot be read"));
      expect(told).toHaveLength(20);
      expect(told[0]).toMatch(/^err .*: action 1 \(nightly\): it.* `mig-runner journal verify`/);
      await world.journal.close();
    });
  }
});

describe("endStranded()", () => {
  test("ends the runs that wait for nothing but a row that cannot be read", async () => {
    using world = await meddledWorld(3);
    await endStranded(world.edges);
    expect(world.lines).toEqual([]);
    world.meddle("UPDATE action SET action_id = 9007199254740992 WHERE id = 2");
    await endStranded(world.edges);
    expect(world.journal.runsIn("open", 9).map(({ id }) => id)).toEqual([1, 3]);
    expect(world.journal.run(2)).toMatchObject({
      state: "failed",
      note: "what it waited for cannot be read in the journal",
      endedAt: NOON,
    });
    expect(world.lines.at(-1)).toStartWith("err nightly: run 2 failed: what it waited for");
    await world.journal.close();
  });
});

describe("dropUnreadable()", () => {
  test("takes a row out with what refers to it, and ends its run", async () => {
    using world = await meddledWorld(2);
    world.meddle(`
      INSERT INTO delivery (id, action_row, job, plugin, key, state, attempts, updated_at)
      VALUES (1, 1, 'nightly', 'mail', 'k', 'dead', 0, 1);
      UPDATE action SET expire_at = 9223372036854775807 WHERE id = 1`);
    const take = (word: string) =>
      world.journal.write((tables) => dropUnreadable(tables, word, NOON));
    expect(await take("weekly")).toEqual([]);
    const removed = await take("nightly");
    expect(removed.map(({ table, runId }) => [table, runId])).toEqual([
      ["delivery", null],
      ["action", 1],
    ]);
    expect(JSON.parse(removed[1]?.json ?? "")).toMatchObject({
      id: 1,
      expire_at: "9223372036854775807",
    });
    expect(world.journal.run(1)).toMatchObject({ state: "failed", endedAt: NOON });
    expect(world.journal.run(2)?.state).toBe("open");
    expect(world.journal.unreadable(9)).toEqual([]);
    await world.journal.close();
  });

  test("takes a run out with all that belongs to it", async () => {
    using world = await meddledWorld(2);
    world.meddle("UPDATE run SET fires_at = 9007199254740992 WHERE id = 1");
    const removed = await world.journal.write((tables) => dropUnreadable(tables, "1", NOON));
    expect(removed.map(({ table }) => table)).toEqual(["action", "run"]);
    expect(world.journal.actionById(1)).toBeNull();
    expect(world.journal.actionById(2)?.state).toBe("posted");
    await world.journal.close();
  });
});
