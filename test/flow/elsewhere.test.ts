// Elsewhere: what another runner has collected is not collected and delivered again (I9).
import { describe, expect, test } from "bun:test";
import { adoptInflight } from "../../src/flow/adopt.ts";
import { collectAction } from "../../src/flow/collect.ts";
import { WHEN_EXPIRED } from "../../src/flow/collect-times.ts";
import { settleElsewhere } from "../../src/flow/elsewhere.ts";
import { type ActionRow, advance } from "../../src/journal/inflight.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { command, NOON, never, openWorld, type World } from "../support/world.ts";

const RECORD = "/runner/runners/nightly/inflight/7.json";
const RESULT = "/runner/runners/nightly/results/20261123/7.json";
const REPLY = '{"id":7,"name":"n","expireafter":"2026-11-23T12:00:00Z","counters":{"sent":2}}';
const WRITTEN =
  `{"action":${REPLY},"commands":[{"id":1,"status":"success"},{"id":2,"status":"expired"}],` +
  `"name":"nightly","plugin":"mail"}`;

/** An expired action that was posted here, with its record. */
async function posted(world: World, plugins: readonly string[] = ["mail"]): Promise<ActionRow> {
  world.spool.records.set(RECORD, "{}");
  return await world.journal.write((tables) => {
    const run = tables.insertRun({ job: "nightly", firesAt: 1, cause: "schedule" }, "open", NOON);
    if (run === null) throw new Error("no run");
    const action = { runId: run.id, job: "nightly", step: "", name: "n", body: "{}", plugins };
    const more = { signature: "s", expireAt: NOON, sendOnly: false };
    const planned = tables.insertAction({ ...action, ...more }, NOON);
    const reply = new TextEncoder().encode(REPLY);
    const times = { expireAt: NOON, collectAt: NOON };
    const row = advance(planned, { kind: "posted", actionId: 7, reply, ...times }, NOON);
    tables.saveAction(row);
    return row;
  });
}

const collect = (world: World, row: ActionRow) =>
  collectAction(world.edges, row, { ...WHEN_EXPIRED, signal: never() });

describe("settleElsewhere()", () => {
  test("settles an action whose record is gone beside its result, and delivers nothing", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    world.spool.results.set(RESULT, WRITTEN);
    expect(await settleElsewhere(world.edges, row)).toBe(true);
    expect(world.journal.action(row.id)).toMatchObject({
      state: "settled",
      nextAt: null,
      resultPath: RESULT,
      error: null,
      completeness: { fetched: 2, sent: 2, statuses: { success: 1, expired: 1 }, strays: 0 },
    });
    expect(world.journal.run(1)).toMatchObject({
      state: "done",
      note: "collected by another runner",
    });
    expect(world.journal.deliveriesOf(row.id)).toEqual([]);
    expect(world.lines.at(-1)).toBe(
      `notice nightly: action 7 was collected by another runner: ${RESULT}; ` +
        "it is not delivered again; `mig-runner redeliver 7` does",
    );
  });

  test("leaves alone what this process has begun to collect while it was looked at", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    const { trace } = world.spool;
    Object.assign(world.spool, {
      async trace(...about: Parameters<typeof trace>) {
        await world.journal.write((tables) => {
          tables.saveAction(advance(row, { kind: "writing" }, NOON));
        });
        world.spool.results.set(RESULT, WRITTEN);
        return await trace.apply(world.spool, about);
      },
    });
    expect(await settleElsewhere(world.edges, row)).toBe(false);
    expect(world.journal.action(row.id)?.state).toBe("posted");
  });

  test("leaves alone what has its record, whatever lies in results/", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.results.set(RESULT, WRITTEN);
    expect(await settleElsewhere(world.edges, row)).toBe(false);
    expect(world.journal.action(row.id)?.state).toBe("posted");
  });

  test("looks at nothing that waits for its post or its sweep", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    world.spool.trace = () => Promise.reject(new Error("it was looked at"));
    for (const state of ["planned", "collected", "settled", "failed"] as const) {
      expect(await settleElsewhere(world.edges, { ...row, state })).toBe(false);
    }
    expect(await settleElsewhere(world.edges, { ...row, actionId: null })).toBe(false);
    expect(await settleElsewhere(world.edges, { ...row, reply: null })).toBe(false);
    expect(await settleElsewhere(world.edges, { ...row, writing: true })).toBe(false);
    expect(world.spool.records.size).toBe(0);
  });

  test("writes a record that is gone again, so that a host can go back (I9)", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    expect(await settleElsewhere(world.edges, row)).toBe(false);
    expect(world.spool.records.get(RECORD)).toBe(
      `{"action":${REPLY},"commands":null,"name":"nightly","plugin":"mail"}`,
    );
  });

  test.each([
    ["torn", WRITTEN.slice(0, 150)],
    ["never collected", WRITTEN.replace(/\[.*\]/, "null")],
    ["of another action", WRITTEN.replace('"id":7', '"id":8')],
    ["empty", ""],
  ])("collects what has a result that is %s", async (_, text) => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    world.spool.results.set(RESULT, text);
    expect(await settleElsewhere(world.edges, row)).toBe(false);
    const cannot = "a result that nobody has journaled cannot be used";
    expect(world.lines.at(-1)).toStartWith(`warning nightly: ${cannot}, "${RESULT}": `);
    expect(world.lines.at(-1)).toEndWith("; collecting it");
  });
});

describe("collectAction()", () => {
  test("fetches nothing of what was collected elsewhere", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.records.clear();
    world.spool.results.set(RESULT, WRITTEN);
    expect(await collect(world, row)).toBeNull();
    expect(world.api.asked).toEqual([]);
    expect(world.spool.results.get(RESULT)).toBe(WRITTEN);
  });

  test("takes a result of its own for its own after a crash, also when the record is gone", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 1)], "end"];
    const { write } = world.journal;
    let writes = 0;
    // The process dies when the result has its name and nobody knows of it.
    const dying: Journal["write"] = (work) =>
      ++writes > 1
        ? Promise.reject(new Error("killed"))
        : (write.call(world.journal, work) as never);
    world.journal.write = dying;
    await collect(world, row).catch(() => undefined);
    world.journal.write = write;
    expect(world.spool.results.has(RESULT)).toBe(true);
    world.spool.records.clear();
    const after = world.journal.action(row.id);
    expect(after).toMatchObject({ state: "posted", writing: true });
    world.api.pages = [[command(1, 1)], "end"];
    if (after !== null) await collect(world, after);
    expect(world.journal.action(row.id)?.state).toBe("collected");
    expect(world.journal.deliveriesOf(row.id)).toMatchObject([{ state: "pending" }]);
  });

  test("writes no result of an action that was given up meanwhile", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 1)], "end"];
    await world.journal.write((tables) =>
      tables.saveAction(advance(row, { kind: "dropped", error: "given up" }, NOON)),
    );
    expect(await collect(world, row)).toBe("answered");
    expect(world.spool.results.size).toBe(0);
  });
});

describe("adoptInflight()", () => {
  test("settles at the start what was collected elsewhere, before its time comes", async () => {
    const world = openWorld();
    const row = await posted(world, []);
    world.spool.records.clear();
    world.spool.results.set(RESULT, WRITTEN);
    await adoptInflight(world.edges, () => null);
    expect(world.journal.action(row.id)?.state).toBe("settled");
    expect(world.lines.at(-1)).toEndWith("; it is not delivered again");
  });

  test("tells what it could not look at, and goes on", async () => {
    const world = openWorld();
    await posted(world);
    world.spool.trace = () => Promise.reject(new Error("permission denied"));
    expect(await adoptInflight(world.edges, () => null)).toBe(0);
    expect(world.lines).toEqual(["err nightly: permission denied"]);
  });

  test("looks at no action whose record is there", async () => {
    const world = openWorld();
    await posted(world);
    world.spool.found = [
      { job: "nightly", name: "7.json", path: RECORD, kind: "bytes", bytes: new Uint8Array() },
    ];
    world.spool.trace = () => Promise.reject(new Error("it was looked at"));
    await adoptInflight(world.edges, () => null);
    expect(world.lines).toEqual([]);
  });
});
