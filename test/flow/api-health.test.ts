import { describe, expect, test } from "bun:test";
import { ApiHealth, admits, afterRequest, CLOSED } from "../../src/flow/api-health.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { settle } from "../support/clock.ts";
import { fillDisk, openWorld } from "../support/world.ts";

const failed = (times: number, now: number) => {
  let breaker = CLOSED;
  for (let index = 0; index < times; index++) breaker = afterRequest(breaker, false, now);
  return breaker;
};

describe("afterRequest() and admits()", () => {
  test("stay closed for two failures in a row", () => {
    expect(admits(failed(2, 0), 0)).toBe("all");
  });

  test("open at the third, and let one probe through after the wait", () => {
    const open = failed(3, 10_000);
    expect(admits(open, 10_001)).toBe("none");
    expect(open.probeAt).toBe(12_000);
    expect(admits(open, 12_000)).toBe("one");
  });

  test("wait longer after each failed probe, up to a minute", () => {
    expect(failed(4, 0).probeAt).toBe(4_000);
    expect(failed(100, 0).probeAt).toBe(60_000);
  });

  test("let a probe through when the clock was set back to long before its time", () => {
    const open = failed(100, 3_600_000);
    expect(admits(open, 3_600_001)).toBe("none");
    expect(admits(open, 0)).toBe("one");
  });

  test("close at the first answer", () => {
    expect(afterRequest(failed(9, 0), true, 1)).toEqual(CLOSED);
  });
});

const openHealth = () => new ApiHealth(openJournal({ path: ":memory:" }));

describe("ApiHealth", () => {
  test("knows whether the API answered the last time, and since when it does not", () => {
    const api = openHealth();
    expect([api.isUp, api.downSince(0)]).toEqual([null, undefined]);
    api.asked(false, 1_000);
    api.asked(false, 2_000);
    expect([api.isUp, api.downSince(2_000), api.admits(2_000)]).toEqual([false, 1_000, "all"]);
    api.asked(true, 3_000);
    expect([api.isUp, api.downSince(3_000)]).toEqual([true, null]);
  });

  test("waits for its probe, and for none whose time has come (I7)", () => {
    const api = openHealth();
    for (let failures = 0; failures < 3; failures++) api.asked(false, 1_000);
    expect([api.nextAt(1_000), api.admits(1_000)]).toEqual([3_000, "none"]);
    expect([api.nextAt(3_000), api.admits(3_000)]).toEqual([null, "one"]);
  });

  test("counts from when an earlier process saw it down, until it answers once", async () => {
    const { journal } = openWorld();
    const asked = async (ok: boolean, now: number) => {
      const api = new ApiHealth(journal);
      api.asked(ok, now);
      await settle();
      return api.downSince(now) ?? null;
    };
    expect([await asked(false, 1_000), await asked(false, 9_000)]).toEqual([1_000, 1_000]);
    expect([await asked(true, 10_000), await asked(false, 20_000)]).toEqual([null, 20_000]);
  });

  test("does not count what was so before nobody asked for an hour", async () => {
    const { journal } = openWorld();
    const MINUTE = 60_000;
    const asked = async (now: number) => {
      const api = new ApiHealth(journal);
      api.asked(false, now);
      await settle();
      return api.downSince(now);
    };
    const since: (number | null | undefined)[] = [];
    // Each asks within the hour of the one before it.
    for (const minute of [10, 30, 60, 110]) since.push(await asked(minute * MINUTE));
    expect(since).toEqual([10, 10, 10, 10].map((minute) => minute * MINUTE));
    expect(await asked(170 * MINUTE)).toBe(170 * MINUTE);
    // In one process, and when it is the clock that goes on by so much.
    const api = openHealth();
    api.asked(false, 1_000);
    expect([api.downSince(59 * MINUTE), api.downSince(720 * MINUTE)]).toEqual([1_000, undefined]);
    api.asked(false, 720 * MINUTE);
    expect(api.downSince(721 * MINUTE)).toBe(720 * MINUTE);
  });

  test("does not count from a time that a clock far ahead has noted (I7)", async () => {
    const { journal } = openWorld();
    const before = new ApiHealth(journal);
    before.asked(false, 90_000_000);
    before.asked(false, 2_000);
    expect(before.downSince(2_000)).toBe(2_000);
    before.asked(false, 80_000_000);
    await settle();
    const ahead = new ApiHealth(journal);
    ahead.asked(true, 81_000_000);
    ahead.asked(false, 90_000_000);
    await settle();
    const next = new ApiHealth(journal);
    next.asked(false, 3_000);
    await settle();
    const last = new ApiHealth(journal);
    last.asked(false, 4_000);
    expect([next.downSince(3_000), last.downSince(4_000)]).toEqual([3_000, 3_000]);
  });

  test("tells of several hosts what any of them has seen", async () => {
    const { journal } = openWorld();
    const [asking, telling] = [new ApiHealth(journal, true), new ApiHealth(journal, true)];
    asking.asked(false, 1_000);
    await settle();
    // It has asked for nothing itself.
    expect(telling.downSince(601_000)).toBe(1_000);
    asking.asked(true, 602_000);
    await settle();
    expect([telling.downSince(603_000), telling.isUp]).toEqual([null, null]);
  });

  test("begins anew on a host that is cut off alone once another one had an answer", async () => {
    const { journal } = openWorld();
    const [cut, whole] = [new ApiHealth(journal, true), new ApiHealth(journal, true)];
    cut.asked(false, 1_000);
    await settle();
    whole.asked(true, 2_000);
    await settle();
    cut.asked(false, 900_000);
    await settle();
    expect([whole.downSince(900_000), cut.downSince(900_000)]).toEqual([900_000, 900_000]);
  });

  test("says nothing of what no host has said for an hour", async () => {
    const { journal } = openWorld();
    const [first, second] = [new ApiHealth(journal, true), new ApiHealth(journal, true)];
    first.asked(false, 1_000);
    await settle();
    expect(second.downSince(3_700_000)).toBeUndefined();
    second.asked(true, 3_700_000);
    await settle();
    expect(first.downSince(3_700_000)).toBeNull();
  });

  test("keeps what a full disk did not take at the next request", async () => {
    const world = openWorld();
    const makeRoom = fillDisk(world);
    const api = new ApiHealth(world.journal);
    api.asked(false, 1_000);
    await settle();
    makeRoom();
    api.asked(false, 2_000);
    await settle();
    const next = new ApiHealth(world.journal);
    next.asked(false, 3_000);
    expect([api.downSince(2_000), next.downSince(3_000)]).toEqual([1_000, 1_000]);
  });

  test("keeps nothing that the jobs of the journal are shown with", async () => {
    const { journal } = openWorld();
    new ApiHealth(journal).asked(false, 1_000);
    await settle();
    expect(journal.stateJobs()).toEqual([]);
  });
});
