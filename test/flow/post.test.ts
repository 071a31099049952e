import { describe, expect, test } from "bun:test";
import { leased } from "../../src/flow/edges.ts";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import { postAction, sentBefore } from "../../src/flow/post.ts";
import { record } from "../../src/flow/transition.ts";
import { type ActionRow, advance } from "../../src/journal/inflight.ts";
import {
  entity,
  fillDisk,
  NOON,
  never,
  openWorld,
  postedAs,
  type World,
} from "../support/world.ts";

const retries = 2;

/** Plans the job's noon run, which is due. */
async function plan(world: World, changes = {}): Promise<ActionRow> {
  const nightly = entity(changes);
  await world.journal.write((tables) =>
    tables.setCursor(nightly.job, { decidedAt: NOON - 1, schedule: "0 * * * * UTC" }),
  );
  const { planned } = await launchDue(world.edges, nightly, DAEMON_LATENESS);
  const [row] = planned;
  if (row === undefined) throw new Error("nothing was planned");
  return row;
}

const post = (world: World, row: ActionRow, fresh = true) =>
  postAction(world.edges, row, {
    fresh,
    lastSentAt: row.updatedAt,
    retries,
    signal: never(),
  });

const refused = { kind: "unclear", refusal: true, status: 500, retryAfterMs: null } as const;

const lost = { kind: "unclear", refusal: false, status: null, retryAfterMs: null } as const;

describe("sentBefore()", () => {
  const row = { job: "nightly", updatedAt: NOON } as ActionRow;
  const since = (at: number) => ({
    lease: { unbroken: () => () => true, heldSince: () => at },
  });

  test("goes by the process on one host", () => {
    const of = (startedAt: number) => sentBefore({}, row, { fresh: true, startedAt });
    expect(of(NOON - 9)).toEqual({ fresh: true, lastSentAt: NOON });
    expect(of(NOON + 9)).toEqual({ fresh: true, lastSentAt: NOON + 9 });
  });

  test("knows nothing of what was planned before another host had the job (I3)", () => {
    const of = (at: number) => sentBefore(since(at), row, { fresh: true, startedAt: NOON - 99 });
    expect(of(NOON - 9)).toEqual({ fresh: true, lastSentAt: NOON });
    expect(of(NOON + 9)).toEqual({ fresh: false, lastSentAt: NOON + 9 });
  });
});

describe("postAction() of a host among several", () => {
  /** Edges whose lease is broken once `end` was called. */
  function leasedWorld() {
    const world = openWorld();
    let isHeld = true;
    const unbroken = () => () => isHeld;
    const lease = { unbroken, heldSince: () => NOON - 99 };
    const edges = leased({ ...world.edges, lease }, "nightly");
    const end = () => {
      isHeld = false;
    };
    return { world: { ...world, edges }, end };
  }

  test("posts while it holds the lease", async () => {
    const { world } = leasedWorld();
    world.api.creates = [postedAs(7, NOON + 300_000)];
    const row = await plan(world);
    await post(world, row);
    expect(world.api.posted).toEqual([row.body]);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 7 });
  });

  test("neither sends nor says that nothing was sent, after it (I12)", async () => {
    const { world, end } = leasedWorld();
    const row = await plan(world);
    expect(row.maybeSent).toBe(true);
    end();
    await post(world, row);
    expect(world.api.posted).toEqual([]);
    expect(world.journal.action(row.id)).toEqual(row);
  });

  test("does not keep an answer that came after it: the search of the next one finds it", async () => {
    const { world, end } = leasedWorld();
    const row = await plan(world);
    world.api.create = (body) => {
      world.api.posted.push(body);
      end();
      return Promise.resolve(postedAs(7, NOON + 300_000));
    };
    await post(world, row);
    expect(world.api.posted).toEqual([row.body]);
    expect(world.journal.action(row.id)).toEqual(row);
  });
});

describe("postAction()", () => {
  test("posts the signed bytes that the journal holds (I1)", async () => {
    const world = openWorld();
    const row = await plan(world);
    expect(world.journal.action(row.id)).toMatchObject({ state: "planned", body: row.body });
    world.api.creates = [postedAs(7, NOON + 300_000)];
    expect(await post(world, row)).toBe("answered");
    expect(world.api.posted).toEqual([row.body]);
    expect(JSON.parse(row.body).pgpsignatures).toEqual([row.signature]);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 7 });
    expect([...world.spool.records.values()]).toEqual([
      '{"action":{"id":7},"commands":null,"name":"nightly","plugin":""}',
    ]);
  });

  test("goes by the signed time of expiry when the API's is another one", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + 300_400), postedAs(8, 253_402_300_799_000)];
    await post(world, await plan(world));
    const second = await plan(world, { job: "weekly" });
    await post(world, second);
    expect(world.journal.actionById(7)?.expireAt).toBe(NOON + 300_400);
    expect(world.journal.actionById(8)).toMatchObject({
      expireAt: second.expireAt,
      nextAt: second.expireAt,
    });
    const told = world.lines.filter((line) => line.includes("expires at"));
    expect(told).toEqual([
      "warning weekly: the API says that the action expires at 9999-12-31T23:59:59Z, " +
        "it was signed for 2026-11-23T12:05:00Z: the signed time holds",
    ]);
  });

  test("gives up an action to which the API gives the id of another, and says whose", async () => {
    const world = openWorld();
    world.api.creates = [postedAs(7, NOON + 300_000), postedAs(7, NOON + 300_000)];
    await post(world, await plan(world));
    const second = await plan(world, { job: "weekly" });
    expect(await post(world, second)).toBe("answered");
    expect(world.journal.action(second.id)).toMatchObject({
      state: "failed",
      error: "the API gave it the id 7, which an action of nightly has",
    });
    expect(world.journal.actionById(7)?.state).toBe("posted");
    expect(world.lines).toContain(
      "err weekly: Cannot keep action: the API gave it the id 7, which an action of nightly has; given up",
    );
  });

  test("finds its twin's action when the twin has taken its own: two signed alike (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    const twin = await world.journal.write((tables) => {
      const run = { job: row.job, firesAt: NOON + 1, cause: "manual" } as const;
      const runId = tables.insertRun(run, "open", NOON)?.id ?? 0;
      return tables.insertAction({ ...row, runId, agentsMax: null, pageSize: null }, NOON);
    });
    expect(twin.signature).toBe(row.signature);
    world.api.creates = [{ ...lost, message: "cut" }, postedAs(7, NOON + 300_000)];
    await post(world, twin);
    world.api.finds = [{ ...postedAs(7, NOON + 300_000), kind: "found" }];
    await post(world, world.journal.action(twin.id) as ActionRow, false);
    await post(world, row);
    const again = world.journal.action(row.id) as ActionRow;
    expect(again).toMatchObject({ state: "planned", maybeSent: true, failures: 1 });
    world.api.finds = [{ ...postedAs(8, NOON + 300_000), kind: "found" }];
    await post(world, again, false);
    expect(world.api.posted.length).toBe(2);
    expect(world.journal.actionById(7)?.id).toBe(twin.id);
    expect(world.journal.actionById(8)?.id).toBe(row.id);
  });

  test("does not search before the first post, and does before any other (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...lost, message: "cut" }];
    await post(world, row);
    expect(world.api.searches).toBe(0);
    const again = world.journal.action(row.id) as ActionRow;
    expect(again).toMatchObject({ state: "planned", maybeSent: true, failures: 1, error: "cut" });
    world.api.finds = [{ ...postedAs(7, NOON + 300_000), kind: "found" }];
    await post(world, again, false);
    expect(world.api.posted.length).toBe(1);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 7 });
  });

  test("searches after an unsent try was followed by one that nobody remembers (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...lost, kind: "unsent", message: "connection refused" }];
    await post(world, row);
    const unsent = world.journal.action(row.id) as ActionRow;
    expect(unsent.maybeSent).toBe(false);
    let posts = 0;
    let makeRoom = () => {};
    world.api.create = () => {
      posts++;
      makeRoom = fillDisk(world);
      return Promise.resolve(postedAs(7, NOON + 300_000));
    };
    await expect(post(world, unsent, false)).rejects.toThrow("the disk is full");
    makeRoom();
    world.api.finds = [{ ...postedAs(7, NOON + 300_000), kind: "found" }];
    await post(world, world.journal.action(row.id) as ActionRow, false);
    expect([posts, world.api.searches]).toEqual([1, 1]);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 7 });
  });

  test("does not post again what an operator gave up, or what the disk cannot hold", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...lost, kind: "unsent", message: "connection refused" }];
    await post(world, row);
    const unsent = world.journal.action(row.id) as ActionRow;
    const makeRoom = fillDisk(world);
    await expect(post(world, unsent, false)).rejects.toThrow("the disk is full");
    makeRoom();
    await world.journal.write((tables) =>
      tables.saveAction(advance(unsent, { kind: "dropped", error: "given up" }, NOON)),
    );
    await post(world, unsent, false);
    expect(world.api.posted.length).toBe(1);
  });

  test("posts the same bytes again once the API has long not listed them", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...lost, message: "cut" }, postedAs(8, NOON + 300_000)];
    await post(world, row);
    const posting = post(world, world.journal.action(row.id) as ActionRow, false);
    await world.clock.moveBy(13_000);
    expect(world.api.posted.length).toBe(1);
    await world.clock.moveBy(2_000);
    await posting;
    expect(world.api.posted).toEqual([row.body, row.body]);
    expect(world.api.searches).toBe(4);
  });

  test("searches for some seconds, however long ago the last try seems to be", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [postedAs(8, NOON + 300_000)];
    // Set ahead while the API had taken the action and did not list it yet.
    world.clock.jumpTo(NOON + 60_000);
    const posting = post(world, row, false);
    await world.clock.moveBy(5_000);
    expect(world.api.posted).toEqual([]);
    await world.clock.moveBy(1_000);
    await posting;
    expect(world.api.searches).toBe(3);
    expect(world.api.posted).toEqual([row.body]);
  });

  test("does not post while the API cannot say whether the action runs", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.finds = [{ kind: "failed", message: "HTTP 502", status: 502 }];
    expect(await post(world, row, false)).toBe("unreachable");
    expect(world.api.posted).toEqual([]);
    expect(world.journal.action(row.id)).toMatchObject({ state: "planned", error: "HTTP 502" });
  });

  test("waits twice as long after each try that failed, up to a minute", async () => {
    const world = openWorld();
    const planned = await plan(world);
    world.api.creates = [{ ...lost, kind: "unsent", message: "connection refused" }];
    const waits: number[] = [];
    for (let row: ActionRow | null = planned; row !== null && waits.length < 8; ) {
      await post(world, row);
      row = world.journal.action(planned.id);
      waits.push((row?.nextAt ?? 0) - world.clock.now());
    }
    // From 1 s on; a half is fixed, of the other half 0.5 here.
    expect(waits).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]);
  });

  test("gives up what has expired unposted, with the last reason", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [
      { ...lost, kind: "unsent", message: "connection refused", refusal: false },
    ];
    await post(world, row);
    const waiting = world.journal.action(row.id) as ActionRow;
    expect(waiting.maybeSent).toBe(false);
    world.clock.jumpTo(NOON + 300_000);
    await post(world, waiting, false);
    expect(world.journal.action(row.id)).toMatchObject({
      state: "failed",
      error: "connection refused; the action has expired unposted",
    });
    expect(world.journal.run(row.runId)).toMatchObject({ state: "failed" });
    expect(world.api.searches).toBe(0);
  });

  test("gives up what nobody has tried to post in time, and tells it", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.clock.jumpTo(NOON + 300_000);
    expect(await post(world, row)).toBeNull();
    const error = "it was not posted in time; the action has expired unposted";
    expect(world.journal.action(row.id)).toMatchObject({ state: "failed", error });
    expect(world.lines).toContain(`err nightly: Cannot post action: ${error}`);
  });

  test("looks a week for what may have been posted, then tells that nobody knows", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.finds = [{ kind: "failed", message: "HTTP 502", status: 502 }];
    const week = row.expireAt + 7 * 86_400_000;
    world.clock.jumpTo(week);
    expect(await post(world, row, false)).toBe("unreachable");
    expect(world.journal.action(row.id)?.state).toBe("planned");
    world.clock.jumpTo(week + 1);
    const waiting = world.journal.action(row.id) as ActionRow;
    expect(await post(world, { ...waiting, failures: 100 }, false)).toBe("unreachable");
    const error = "it is unknown whether it was posted: HTTP 502";
    expect(world.journal.action(row.id)).toMatchObject({ state: "failed", error });
    expect(world.lines).toContain(`err nightly: Cannot find action: ${error}`);
    expect(world.api.posted).toEqual([]);
  });

  test("goes on looking when a clock is a week ahead, and finds what was posted (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.finds = [{ kind: "failed", message: "HTTP 502", status: 502 }];
    world.clock.jumpTo(row.expireAt + 8 * 86_400_000);
    for (let attempt = 0; attempt < 20; attempt++) {
      await post(world, world.journal.action(row.id) as ActionRow, false);
    }
    expect(world.journal.action(row.id)).toMatchObject({ state: "planned", error: "HTTP 502" });
    world.api.finds = [{ ...postedAs(44, row.expireAt), kind: "found" }];
    await post(world, world.journal.action(row.id) as ActionRow, false);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 44 });
  });

  test("posts nothing that was given up while it waited, or was searched for", async () => {
    const world = openWorld();
    const row = await plan(world);
    const drop = () => record(world.edges, row, { kind: "dropped", error: "dropped by ann" });
    const find = world.api.findAction.bind(world.api);
    world.api.findAction = async (...order) => {
      await drop();
      return await find(...order);
    };
    const posting = post(world, row, false);
    await world.clock.moveBy(20_000);
    await posting;
    expect(world.journal.action(row.id)?.state).toBe("failed");
    expect(await post(world, row)).toBeNull();
    expect(world.api.posted).toEqual([]);
  });

  test("posts nothing that waits for its canary", async () => {
    const world = openWorld();
    const row: ActionRow = { ...(await plan(world)), held: "canary" };
    expect(await post(world, row)).toBeNull();
    expect(world.api.posted).toEqual([]);
    expect(world.journal.action(row.id)).toMatchObject({
      state: "planned",
      error: "it waits for its canary",
      nextAt: row.postBy,
    });
  });

  test("gives up a refused action after its retries, in the API's words", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...refused, message: "action target is empty" }];
    let next: ActionRow | null = row;
    for (let attempt = 0; attempt < 3 && next !== null; attempt++) {
      const posting = post(world, next);
      await world.clock.moveBy(2_000);
      await posting;
      next = world.journal.action(row.id);
    }
    expect(world.api.posted.length).toBe(3);
    expect(next).toMatchObject({ state: "failed", error: "action target is empty" });
  });

  test("counts refusals alone as its retries, not the times at which nobody answered", async () => {
    const world = openWorld();
    const row = await plan(world);
    const down = {
      ...lost,
      kind: "unsent",
      message: "connection refused",
      refusal: false,
    } as const;
    const no = { ...refused, message: "action target is empty" };
    world.api.creates = [down, down, down, no];
    for (let attempt = 0; attempt < 4; attempt++) {
      const posting = post(world, world.journal.action(row.id) as ActionRow);
      await world.clock.moveBy(2_000);
      await posting;
    }
    const waiting = world.journal.action(row.id) as ActionRow;
    expect(waiting).toMatchObject({ state: "planned", error: "action target is empty" });
    expect(waiting.tries.map(({ count, refused: isRefused }) => [count, isRefused])).toEqual([
      [3, undefined],
      [1, true],
    ]);
  });

  test("takes no refusal's word for it: finds the action that was stored all the same (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...refused, message: "VerifySignatures() -> EOF" }];
    world.api.finds = [{ ...postedAs(8, NOON + 300_000), kind: "found" }];
    expect(await post(world, row)).toBe("answered");
    expect(world.api.posted.length).toBe(1);
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 8 });
  });

  test("also after its last retry, and when it is listed at the second look (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...refused, message: "action target is empty" }];
    world.api.finds = [{ kind: "absent" }, { ...postedAs(8, NOON + 300_000), kind: "found" }];
    const posting = post(world, { ...row, failures: retries });
    await world.clock.moveBy(2_000);
    await posting;
    expect(world.journal.action(row.id)).toMatchObject({ state: "posted", actionId: 8 });
  });

  test("posts nothing again while a refused action cannot be searched for (I3)", async () => {
    const world = openWorld();
    const row = await plan(world);
    world.api.creates = [{ ...refused, message: "json: oops" }];
    world.api.finds = [{ kind: "failed", message: "HTTP 502", status: 502 }];
    expect(await post(world, { ...row, failures: retries })).toBe("unreachable");
    expect(world.journal.action(row.id)).toMatchObject({
      state: "planned",
      maybeSent: true,
      error: "json: oops; HTTP 502",
    });
  });

  test("settles a sendonly action without a record", async () => {
    const world = openWorld();
    const row = await plan(world, { sendOnly: true });
    world.api.creates = [postedAs(7, NOON + 300_000)];
    await post(world, row);
    expect(world.journal.action(row.id)?.state).toBe("settled");
    expect(world.journal.run(row.runId)?.state).toBe("done");
    expect(world.spool.records.size).toBe(0);
  });
});
