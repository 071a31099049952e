import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { collectAction } from "../../src/flow/collect.ts";
import { type CollectTimes, WHEN_EXPIRED } from "../../src/flow/collect-times.ts";
import { deliverResult, keepDelivery } from "../../src/flow/deliver.ts";
import { type ActionRow, advance } from "../../src/journal/inflight.ts";
import type { LogSubject } from "../../src/lib/ports.ts";
import { agentsTarget } from "../../src/mig/target.ts";
import { command, NOON, never, openWorld, type World } from "../support/world.ts";

const reply = new TextEncoder().encode('{"id":7,"name":"mig-runner: nightly"}');
const PATH = "/runner/runners/nightly/results/20261123/7.json";

async function posted(
  world: World,
  plugins: readonly string[] = [],
  expireAt = NOON,
): Promise<ActionRow> {
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
    const times = { expireAt, collectAt: expireAt };
    const event = { kind: "posted", actionId: 7, reply, ...times } as const;
    const next = advance(row, event, NOON);
    tables.saveAction(next);
    return next;
  });
}

async function collect(world: World, row: ActionRow, times: Partial<CollectTimes> = {}) {
  const options = { ...WHEN_EXPIRED, ...times, signal: never() };
  const done = collectAction(world.edges, row, options);
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
      resultSha256: createHash("sha256")
        .update(world.spool.results.get(PATH) ?? "")
        .digest("hex"),
      completeness: { fetched: 2, sent: 2, statuses: { success: 2 }, strays: 0 },
    });
    expect(world.journal.dueDeliveries(NOON + 60_000, 9)).toMatchObject([{ plugin: "mail" }]);
  });

  test("tells when the API has answered it all, before the result is there", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 1)]];
    const seen: (number | undefined)[] = [];
    const answered = () => seen.push(world.spool.results.get(PATH)?.length);
    const done = collectAction(world.edges, row, { ...WHEN_EXPIRED, signal: never(), answered });
    await world.clock.moveBy(60_000);
    expect(await done).toBe("answered");
    expect(seen).toEqual([undefined]);
    expect(ids(world)).toEqual([1]);
  });

  test("says in a field of its log line how many hosts have answered", async () => {
    const world = openWorld();
    const row = await posted(world);
    const subjects: (LogSubject | undefined)[] = [];
    world.edges.log.emit = (_level, _message, subject) => void subjects.push(subject);
    world.api.pages = [[command(1, 2), command(2, 2)]];
    await collect(world, row);
    expect(subjects).toContainEqual({ job: row.job, run: row.runId, action: 7, hosts: 2 });
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
    expect(waiting).toMatchObject({ state: "posted", failures: 1, error: "connection refused" });
    expect(waiting?.nextAt).toBeGreaterThan(NOON);
  });

  test("delays a collect when the disk does not take the result, which shows nothing of the API", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.spool.failure = new Error("no space left on device");
    expect(await collect(world, row)).toBeNull();
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

describe("collectAction() of what comes to no result", () => {
  /** How many files are begun and neither there nor taken away. */
  function watchFiles({ spool }: World): { open: number } {
    const files = { open: 0 };
    const { create } = spool;
    spool.create = async (...order) => {
      const writer = await create.apply(spool, order);
      files.open++;
      const ended = <Value>(value: Value): Value => {
        files.open--;
        return value;
      };
      return {
        write: writer.write,
        commit: () => writer.commit().then(ended),
        abort: () => writer.abort().then(ended),
      };
    };
    return files;
  }

  const half = { after: [command(1, 2)], message: "connection refused" };
  type Case = readonly [string, Partial<CollectTimes>, (world: World, row: ActionRow) => void];
  const cases: readonly Case[] = [
    ["the API does not answer", {}, ({ api }) => (api.pages = [half])],
    [
      "not every agent has answered yet",
      { early: true },
      ({ api }) => {
        api.pages = [[counted(1, 3)], [counted(1, 3), counted(2, 3, "sent"), counted(3, 3)]];
      },
    ],
    [
      "an operator gives it up meanwhile",
      {},
      ({ api, journal }, row) => {
        api.commands = async () => {
          await journal.write((tables) =>
            tables.saveAction(advance(row, { kind: "dropped", error: "given up" }, NOON)),
          );
          return { kind: "end" };
        };
      },
    ],
    [
      "the answer cannot be read",
      {},
      ({ api }) => {
        api.commands = () => Promise.reject(new Error("no memory"));
      },
    ],
  ];
  for (const [what, times, scene] of cases) {
    test(`leaves no temporary file when ${what}`, async () => {
      const world = openWorld();
      const files = watchFiles(world);
      const row = await posted(world, [], times.early === true ? NOON + HOUR : NOON);
      scene(world, row);
      await collect(world, row, times);
      expect([files.open, world.spool.results.size]).toEqual([0, 0]);
    });
  }

  test("leaves none when a sweep finds nothing better", async () => {
    const world = openWorld();
    const files = watchFiles(world);
    const row = await posted(world);
    world.api.pages = [[counted(1, 2), counted(2, 2), counted(3, 2, "expired")]];
    await collect(world, row, { lateMs: HOUR });
    await collect(world, world.journal.action(row.id) ?? row, { lateMs: HOUR });
    expect(files.open).toBe(0);
    expect(world.journal.action(row.id)?.state).toBe("settled");
  });

  test("waits twice as long after each try that failed", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [{ after: [], message: "connection refused" }];
    const waits: number[] = [];
    world.edges.clock.sleep = () => Promise.resolve();
    while (waits.length < 10) {
      await collect(world, world.journal.action(row.id) ?? row);
      const { nextAt = 0, updatedAt = 0 } = world.journal.action(row.id) ?? {};
      waits.push((nextAt ?? 0) - updatedAt);
    }
    // From 2 s to 5 min; a half is fixed, of the other half 0.5 here.
    const doubled = [1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 96_000, 192_000];
    expect(waits).toEqual([...doubled, 225_000, 225_000]);
  });
});

describe("collectAction() of a result that lacks something", () => {
  const warningsOf = ({ lines }: ReturnType<typeof openWorld>): readonly string[] =>
    lines
      .filter((line) => line.startsWith("warning "))
      .map((line) => line.replace("warning nightly/7: ", ""));

  test("says that the target matched no agent", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = ["end"];
    await collect(world, row);
    expect(warningsOf(world)).toEqual(["its target matched no agent"]);
  });

  test("says that no command succeeded", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 2, "failed"), command(2, 2, "expired")]];
    await collect(world, row);
    expect(warningsOf(world)).toEqual(["no command succeeded"]);
  });

  test("says how many entries of the list were no commands", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.commands = async (_, { onCommand }) => {
      await onCommand(command(1, 1));
      return { kind: "page", commands: 1, strays: 2, entries: 3 };
    };
    await collect(world, row);
    expect(warningsOf(world)).toEqual(["2 entries were not commands"]);
  });

  test("says how many commands may still end differently, also when nobody waits for them", async () => {
    const world = openWorld();
    const row = await posted(world);
    world.api.pages = [[command(1, 3), command(2, 3, "sent"), command(3, 3, "inprogress")]];
    await collect(world, row, { lateMs: 0 });
    expect(warningsOf(world)).toEqual(["2 commands have no final status yet"]);
  });

  test("says how many agents of a list answered, and keeps how many it had", async () => {
    const world = openWorld();
    const row = await posted(world);
    const [target = ""] = agentsTarget([1, 2, 3, 4].map((id) => ({ id })));
    world.api.pages = [[command(1, 3), command(2, 3), command(3, 3, "expired")]];
    await collect(world, { ...row, body: JSON.stringify({ target }) });
    expect(warningsOf(world)).toEqual([
      "2 of the 4 agents that it lists answered, 3 were asked: the others are offline or gone",
    ]);
    const { completeness } = world.journal.action(row.id) ?? {};
    expect(completeness).toMatchObject({ fetched: 3, sent: 3, listed: 4 });
  });

  test("says nothing when all agents of a list answered", async () => {
    const world = openWorld();
    const row = await posted(world);
    const [target = ""] = agentsTarget([{ id: 1 }, { id: 2 }]);
    world.api.pages = [[command(1, 2), command(2, 2, "failed")]];
    await collect(world, { ...row, body: JSON.stringify({ target }) });
    expect(warningsOf(world)).toEqual([]);
  });
});

const HOUR = 3_600_000;

/** A command of an action that was sent to three agents, `done` of which have answered. */
function counted(id: number, done: number, status = "success"): Uint8Array {
  const counters = `{"sent":3,"done":${done},"success":${done}}`;
  return new TextEncoder().encode(
    `{"id":${id},"action":{"id":7,"counters":${counters}},"status":"${status}"}`,
  );
}

const ALL = [counted(1, 3), counted(2, 3), counted(3, 3)];

describe("collectAction() before the expiry", () => {
  test("waits for it, whatever the clock did, when the job is not early", async () => {
    const world = openWorld();
    const row = await posted(world, [], NOON + HOUR);
    expect(await collect(world, row)).toBeNull();
    expect(world.api.asked).toEqual([]);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", nextAt: NOON + HOUR });
  });

  test("looks with one command whether all agents have answered, and then again", async () => {
    const world = openWorld();
    const row = await posted(world, [], NOON + HOUR);
    world.api.pages = [[counted(1, 2)]];
    expect(await collect(world, row, { early: true })).toBe("answered");
    expect(world.api.asked).toEqual([{ actionId: 7, offset: 0, limit: 1 }]);
    expect(world.spool.results.size).toBe(0);
    const waiting = world.journal.action(row.id);
    expect(waiting).toMatchObject({ state: "posted", failures: 0, nextAt: NOON + 2_000 });
  });

  test("writes and delivers the result when all have, and sweeps it at the expiry", async () => {
    const world = openWorld();
    const row = await posted(world, ["mail"], NOON + HOUR);
    world.api.pages = [[counted(1, 3)], ALL];
    await collect(world, row, { early: true });
    expect(ids(world)).toEqual([1, 2, 3]);
    const early = world.journal.action(row.id);
    expect(early).toMatchObject({ state: "collected", nextAt: NOON + HOUR });
    expect(early?.completeness?.counters).toMatchObject({ sent: 3, done: 3, success: 3 });
    expect(world.journal.dueDeliveries(NOON + 60_000, 9)).toMatchObject([{ plugin: "mail" }]);
    expect(world.journal.counts().pendingActions).toBe(0);
  });

  test("does not trust counters that the commands deny", async () => {
    const world = openWorld();
    const row = await posted(world, [], NOON + HOUR);
    world.api.pages = [[counted(1, 3)], [counted(1, 3), counted(2, 3), counted(3, 3, "sent")]];
    await collect(world, row, { early: true });
    expect(world.spool.results.size).toBe(0);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", completeness: null });
  });

  test("looks again while the API is down, and at the expiry at last (I4)", async () => {
    const world = openWorld();
    const row = await posted(world, [], NOON + 500);
    world.api.pages = [{ after: [], message: "connection refused" }];
    expect(await collect(world, row, { early: true })).toBe("unreachable");
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", nextAt: NOON + 500 });
  });
});

describe("collectAction() of a collected action", () => {
  const some = [counted(1, 2), counted(2, 2), counted(3, 2, "expired")];

  async function late(plugins: readonly string[] = []): Promise<[World, ActionRow]> {
    const world = openWorld();
    const row = await posted(world, plugins);
    world.api.pages = [some];
    await collect(world, row, { lateMs: HOUR });
    const waiting = world.journal.action(row.id);
    if (waiting === null) throw new Error("the action is gone");
    expect(waiting).toMatchObject({ state: "collected", nextAt: NOON + HOUR });
    return [world, waiting];
  }

  test("leaves a result alone to which nothing came, and settles the action", async () => {
    const [world, row] = await late();
    const before = world.spool.results.get(PATH);
    world.api.pages = [some.toReversed()];
    await collect(world, row, { lateMs: HOUR });
    expect(world.spool.results.get(PATH)).toBe(before);
    expect(world.lines).toContain("info nightly/7: no more answers have come");
    expect(world.journal.action(row.id)).toMatchObject({ state: "settled", nextAt: null });
    expect(world.journal.run(row.runId)?.state).toBe("done");
  });

  test("leaves it alone when the API has forgotten some, which are not lost", async () => {
    const [world, row] = await late();
    world.api.pages = ["end"];
    await collect(world, row, { lateMs: HOUR });
    expect(ids(world)).toEqual([1, 2, 3]);
    expect(world.journal.action(row.id)?.completeness).toMatchObject({ fetched: 3 });
  });

  test("writes a better one over it the next day, and delivers it again", async () => {
    const [world, row] = await late(["mail"]);
    const [first] = world.journal.deliveriesOf(row.id);
    if (first === undefined) throw new Error("nothing to deliver");
    const options = { signal: never(), timeoutMs: null };
    await deliverResult(world.edges, first, options);
    expect(world.journal.action(row.id)?.state).toBe("collected");
    await world.clock.moveBy(86_400_000);
    world.api.pages = [ALL];
    await collect(world, row, { lateMs: HOUR });
    expect([...world.spool.results.keys()]).toEqual([PATH]);
    expect(world.journal.action(row.id)).toMatchObject({
      state: "collected",
      nextAt: null,
      completeness: { statuses: { success: 3 } },
    });
    const [again] = world.journal.dueDeliveries(world.clock.now(), 9);
    expect(again).toMatchObject({ id: first.id, key: first.key, state: "pending" });
    if (again !== undefined) await deliverResult(world.edges, again, options);
    expect(world.journal.action(row.id)?.state).toBe("settled");
  });

  test("does not count a delivery that began before the better result was there", async () => {
    const [world, row] = await late(["mail"]);
    const [first] = world.journal.deliveriesOf(row.id);
    if (first === undefined) throw new Error("nothing to deliver");
    world.api.pages = [ALL];
    await collect(world, row, { lateMs: HOUR });
    await keepDelivery(world.edges, first, { kind: "delivered" });
    expect(world.journal.delivery(first.id)?.state).toBe("pending");
  });

  test("makes the sweep later when the API is down", async () => {
    const [world, row] = await late();
    world.api.pages = [{ after: [counted(1, 3)], message: "connection refused" }];
    expect(await collect(world, row, { lateMs: HOUR })).toBe("unreachable");
    expect(world.journal.action(row.id)).toMatchObject({ state: "collected", failures: 1 });
    expect(ids(world)).toEqual([1, 2, 3]);
  });
});
