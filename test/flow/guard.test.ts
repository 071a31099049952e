import { describe, expect, test } from "bun:test";
import { canaryFault, cutTarget } from "../../src/flow/canary.ts";
import { approveRun, denyRun } from "../../src/flow/guard.ts";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import { postAction } from "../../src/flow/post.ts";
import { record } from "../../src/flow/transition.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import type { ActionRow, Completeness } from "../../src/journal/inflight.ts";
import { replyTo } from "../../src/workflow/answers.ts";
import { entity, NOON, never, openWorld, postedAs, type World } from "../support/world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A world in which noon is due. */
async function openDue(): Promise<World> {
  const world = openWorld();
  world.api.creates = [postedAs(7, NOON + 300_000)];
  await due(world, NOON - HOUR);
  return world;
}

const due = (world: World, decidedAt: number) =>
  world.journal.write((tables) =>
    tables.setCursor("nightly", { decidedAt, schedule: "0 * * * * UTC", aheadAt: null }),
  );

async function launch(world: World, changes: Partial<Entity>): Promise<ActionRow> {
  const { planned } = await launchDue(world.edges, entity(changes), DAEMON_LATENESS);
  const [row] = planned;
  if (row === undefined || planned.length > 1) throw new Error(`${planned.length} are planned`);
  return row;
}

const post = (world: World, row: ActionRow, fresh = true) =>
  postAction(world.edges, row, { fresh, lastSentAt: 0, retries: 0, signal: never() });

const now = (world: World, row: ActionRow): ActionRow => {
  const found = world.journal.action(row.id);
  if (found === null) throw new Error("it is gone");
  return found;
};

const counts = (sent: number, success: number): Completeness => ({
  fetched: sent,
  sent,
  counters: null,
  strays: 0,
  statuses: { success, failed: sent - success },
});

/** The action is collected with so many agents. */
async function collect(world: World, row: ActionRow, completeness: Completeness): Promise<void> {
  const result = { resultPath: "/r/7.json", completeness, sweepAt: null };
  await record(world.edges, now(world, row), { kind: "collected", ...result });
}

describe("no guards", () => {
  test("are no part of an action whose job asks for none", async () => {
    expect((await launch(await openDue(), {})).guards).toBeNull();
    expect((await launch(await openDue(), { growth: "20%" })).guards).toEqual({ growth: 20 });
  });
});

describe("growth", () => {
  /** The run before reached 100 agents. */
  async function openGrown(): Promise<World> {
    const world = await openDue();
    const row = await launch(world, { growth: "20%" });
    await post(world, row);
    await collect(world, row, counts(100, 100));
    world.clock.jumpTo(NOON + HOUR);
    world.api.creates = [postedAs(8, NOON + HOUR + 300_000)];
    return world;
  }

  test("lets the first run through, and what has grown by no more", async () => {
    const world = await openGrown();
    world.api.agents = 120;
    const row = await launch(world, { growth: "20%" });
    await post(world, row);
    expect(now(world, row)).toMatchObject({ state: "posted", actionId: 8 });
  });

  test("refuses what has grown by more, with the numbers", async () => {
    const world = await openGrown();
    world.api.agents = 121;
    const row = await launch(world, { growth: "20%" });
    await post(world, row);
    const error = "its target matches 121 agents, 100 at the last run: growth is 20%";
    expect(now(world, row)).toMatchObject({ state: "failed", held: "refused", error });
    expect(world.journal.run(row.runId)).toMatchObject({ state: "failed", note: error });
    expect(world.api.posted.length).toBe(1);
    expect(world.lines).toContain(`err nightly: Cannot post action: ${error}; given up`);
  });
});

/** What the verb says to a second yes. */
async function secondYes(world: World, runId: number): Promise<string> {
  const reply = { kind: "approval", approved: true } as const;
  const order = { runId, name: null, said: { by: "bob", why: null }, reply };
  const asked = world.journal.write((tables) => replyTo(tables, order, world.clock.now()));
  return await asked.then(
    () => "it was taken",
    (error: Error) => error.message,
  );
}

describe("approve", () => {
  test("holds the action until a person says yes, and posts it then", async () => {
    const world = await openDue();
    const row = await launch(world, { approve: "true" });
    await post(world, row);
    expect(now(world, row)).toMatchObject({ state: "planned", held: "approval" });
    expect(now(world, row).error).toMatch(
      /^it waits for approval, to go to 5 agents \(mig-runner approve 1, or deny\)$/,
    );
    expect(world.api.posted).toEqual([]);
    world.clock.jumpTo(NOON + 5 * HOUR);
    world.api.creates = [postedAs(9, NOON + 5 * HOUR + 300_000)];
    await world.journal.write((tables) => approveRun(tables, row.runId, world.clock.now()));
    expect(await secondYes(world, row.runId)).toBe(
      `Cannot approve run ${row.runId}: it waits for no approval: ` +
        "it was approved already (mig-runner audit shows by whom)",
    );
    expect(now(world, row).nextAt).toBe(NOON + 5 * HOUR);
    await post(world, now(world, row), false);
    // It has waited for longer than it lives: it is dated again.
    expect(now(world, row)).toMatchObject({ state: "posted", expireAt: NOON + 5 * HOUR + 300_000 });
    expect(await secondYes(world, row.runId)).toContain("it was approved already");
  });

  test("holds only what goes to more agents than are allowed without", async () => {
    const world = await openDue();
    const row = await launch(world, { approve: "5" });
    await post(world, row);
    expect(now(world, row).state).toBe("posted");
    const other = await openDue();
    other.api.agents = 6;
    const held = await launch(other, { approve: "5" });
    await post(other, held);
    expect(now(other, held).held).toBe("approval");
  });

  test("ends with a no, or when no one has said yes for a day", async () => {
    const world = await openDue();
    const row = await launch(world, { approve: "true" });
    await post(world, row);
    const no = { runId: row.runId, error: "denied by ann: too many" };
    await world.journal.write((tables) => denyRun(tables, no, NOON));
    expect(world.journal.run(row.runId)).toMatchObject({ state: "failed", note: no.error });
    expect(now(world, row).held).toBe("denied");
    expect(await secondYes(world, row.runId)).toBe(
      `Cannot approve run ${row.runId}: it waits for no approval: it was ${no.error}`,
    );
    const again = world.journal.write((tables) => approveRun(tables, row.runId, NOON));
    expect(again).rejects.toThrow(`Cannot approve run ${row.runId}: it waits for no approval`);
    await again.catch(() => {});
    const other = await openDue();
    const late = await launch(other, { approve: "true" });
    await post(other, late);
    other.clock.jumpTo(NOON + DAY + 300_000);
    const yes = other.journal.write((tables) =>
      approveRun(tables, late.runId, NOON + DAY + 300_000),
    );
    expect(await yes.catch(String)).toMatch(
      `Cannot approve run ${late.runId}: the time in which it could be posted is over`,
    );
    await post(other, now(other, late), false);
    expect(now(other, late)).toMatchObject({
      state: "failed",
      error: "no one approved it in time; the action has expired unposted",
    });
  });
});

describe("a canary", () => {
  test("is cut by a hash of the host, the same hosts each time", () => {
    expect(cutTarget("status='online'", 0.01)).toEqual({
      canary: "(status='online') AND left(md5(queueloc), 8) < '028f5c29'",
      rest: "(status='online') AND left(md5(queueloc), 8) >= '028f5c29'",
    });
    expect(cutTarget("t", 2).rest).toBe("(t) AND left(md5(queueloc), 8) >= 'ffffffff'");
  });

  test("goes first, and the rest follows when it has answered", async () => {
    const world = await openDue();
    const row = await launch(world, { canary: "10%", canaryWaitMs: 60_000 });
    const [, rest] = world.journal.actionsOf(row.runId);
    if (rest === undefined) throw new Error("there is no rest");
    expect([row.expireAt, rest.held, rest.state]).toEqual([NOON + 60_000, "canary", "planned"]);
    await post(world, row);
    await post(world, rest, false);
    expect(JSON.parse(world.api.posted[0] ?? "").target).toMatch(/ < '1999999a'$/);
    await collect(world, row, counts(5, 5));
    expect(now(world, rest)).toMatchObject({ held: null, nextAt: NOON });
    world.api.creates = [postedAs(8, NOON + 300_000)];
    await post(world, now(world, rest), false);
    expect(JSON.parse(world.api.posted[1] ?? "").target).toMatch(/ >= '1999999a'$/);
    expect(world.api.posted.length).toBe(2);
  });

  test("keeps the rest from it when it has failed, and the run says why", async () => {
    const world = await openDue();
    const row = await launch(world, { canary: "10%", canaryFailures: 1 });
    await post(world, row);
    await collect(world, row, counts(5, 3));
    const error = "canary: 2 of 5 agents failed or did not answer, canaryFailures is 1";
    const [, rest] = world.journal.actionsOf(row.runId);
    expect(rest).toMatchObject({ state: "failed", held: "refused", error });
    expect(world.journal.run(row.runId)).toMatchObject({ state: "failed", note: error });
  });

  test("of a number of agents is cut by how many there are", async () => {
    const world = await openDue();
    world.api.agents = 200;
    const row = await launch(world, { canary: "50" });
    await post(world, row);
    expect(JSON.parse(world.api.posted[0] ?? "").target).toMatch(/ < '40000000'$/);
  });

  test("that is refused takes the rest with it; its guards look at the whole target", async () => {
    const world = await openDue();
    const row = await launch(world, { canary: "10%", maxAgents: 4 });
    await post(world, row);
    const states = world.journal.actionsOf(row.runId).map(({ state }) => state);
    expect(states).toEqual(["failed", "failed"]);
    expect(world.api.posted).toEqual([]);
  });

  test("fails by its counts", () => {
    const none = { fetched: 0, sent: 0, counters: null, statuses: {}, strays: 0 };
    expect(canaryFault(none, 0)).toMatch(/its share matched no agent/);
    expect(canaryFault({ ...counts(5, 5), sent: 6 }, 0)).toMatch(/^canary: 1 of 6 agents failed/);
    expect(canaryFault(counts(5, 5), 0)).toBeNull();
    expect(canaryFault(counts(5, 4), 1)).toBeNull();
  });
});
