import { describe, expect, test } from "bun:test";
import { collectAction } from "../../src/flow/collect.ts";
import { type ActionRow, advance } from "../../src/flow/inflight.ts";
import { command, NOON, never, openWorld, type World } from "../support/world.ts";

const reply = new TextEncoder().encode('{"id":7,"name":"mig-runner: nightly"}');
const PATH = "/runner/runners/nightly/results/20261123/7.json";

async function posted(world: World, plugins: readonly string[] = []): Promise<ActionRow> {
  return await world.journal.write((tables) => {
    const order = { job: "nightly", firesAt: NOON - 300_000, cause: "schedule" } as const;
    const run = tables.insertRun(order, "open", NOON);
    if (run === null) throw new Error("the run is there already");
    const row = tables.insertAction(
      {
        runId: run.id,
        job: "nightly",
        step: "",
        part: 0,
        agentsMax: null,
        pageSize: null,
        name: "mig-runner: nightly",
        body: "{}",
        signature: "s",
        expireAt: NOON,
        sendOnly: false,
        plugins,
      } as never,
      NOON,
    );
    const event = { kind: "posted", actionId: 7, reply, expireAt: NOON, collectAt: NOON } as const;
    const next = advance(row, event, NOON);
    tables.saveAction(next);
    return next;
  });
}

async function collect(world: World, row: ActionRow) {
  const done = collectAction(world.edges, row, never());
  await world.clock.moveBy(60_000);
  return await done;
}

const ids = (world: World) =>
  (JSON.parse(world.spool.results.get(PATH) ?? "null")?.commands ?? []).map(
    ({ id }: { id: number }) => id,
  );

describe("collectAction()", () => {
  test("writes the API's bytes between those of the action, name and plugin", async () => {
    const world = openWorld();
    const row = await posted(world, ["mail"]);
    world.api.pages = [[command(1, 2), command(2, 2)]];
    expect(await collect(world, row)).toBe("answered");
    expect(world.spool.results.get(PATH)).toBe(
      '{"action":{"id":7,"name":"mig-runner: nightly"},"commands":[' +
        '{"id":1,"action":{"id":7,"counters":{"sent":2}},"status":"success"},' +
        '{"id":2,"action":{"id":7,"counters":{"sent":2}},"status":"success"}' +
        '],"name":"nightly","plugin":"mail"}',
    );
    expect(world.journal.action(row.id)).toMatchObject({
      state: "collected",
      resultPath: PATH,
      completeness: { fetched: 2, sent: 2, statuses: { success: 2 }, strays: 0 },
    });
    expect(world.journal.dueDeliveries(NOON + 60_000, 9)).toMatchObject([{ plugin: "mail" }]);
  });

  test("asks no page beyond what the counters promise", async () => {
    const world = openWorld({ pageSize: 2 });
    const row = await posted(world);
    world.api.pages = [[command(1, 3), command(2, 3)], [command(3, 3)], "end"];
    await collect(world, row);
    expect(world.api.asked.map(({ offset }) => offset)).toEqual([0, 2]);
  });

  test("keeps a command that comes twice once (I5)", async () => {
    const world = openWorld({ pageSize: 2 });
    const row = await posted(world);
    world.api.pages = [[command(1, 3), command(2, 3)], [command(2, 3), command(3, 3)], "end"];
    await collect(world, row);
    expect(ids(world)).toEqual([1, 2, 3]);
  });

  test("reads again, in one large page, what was lost between two pages", async () => {
    const world = openWorld({ pageSize: 2 });
    const row = await posted(world);
    world.api.pages = [
      [command(1, 4), command(2, 4)],
      [command(2, 4), command(4, 4)],
      "end",
      [command(1, 4), command(2, 4), command(3, 4), command(4, 4)],
    ];
    await collect(world, row);
    expect(ids(world)).toEqual([1, 2, 4, 3]);
    expect(world.api.asked.at(-1)).toEqual({ actionId: 7, offset: 0, limit: 1_004 });
  });

  test("accepts that a command does not come after all, and says so", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 2)], "end", [command(1, 2)], "end", [command(1, 2)], "end"];
    await collect(world, row);
    expect(ids(world)).toEqual([1]);
    expect(world.journal.action(row.id)?.completeness).toMatchObject({ fetched: 1, sent: 2 });
    expect(world.lines.join("\n")).toContain("the API counts 2 commands, 1 came");
  });

  test("asks again for the page on which the connection was cut", async () => {
    const world = openWorld({ pageSize: 2 });
    const row = await posted(world);
    world.api.pages = [
      [command(1, 3), command(2, 3)],
      { after: [command(3, 3)], message: "the connection was cut" },
      [command(3, 3)],
    ];
    await collect(world, row);
    expect(ids(world)).toEqual([1, 2, 3]);
    expect(world.api.asked.map(({ offset }) => offset)).toEqual([0, 2, 2]);
  });

  test("delays a collect while the API is down, and shows no part of a result (I4, I5)", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [{ after: [command(1, 2)], message: "connection refused" }];
    expect(await collect(world, row)).toBe("unreachable");
    expect(world.spool.results.size).toBe(0);
    const waiting = world.journal.action(row.id);
    expect(waiting).toMatchObject({ state: "posted", attempts: 1, error: "connection refused" });
    expect(waiting?.nextAt).toBeGreaterThan(NOON);
  });

  test("delays a collect when the disk does not take the result", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.failure = new Error("no space left on device");
    expect(await collect(world, row)).toBe("answered");
    expect(world.journal.action(row.id)).toMatchObject({
      state: "posted",
      error: "no space left on device",
    });
  });

  test("writes an empty list when no agent had a command", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = ["end"];
    await collect(world, row);
    expect(world.spool.results.get(PATH)).toContain('"commands":[],');
    expect(world.journal.action(row.id)?.state).toBe("settled");
    expect(world.journal.run(row.runId)?.state).toBe("done");
  });
});
