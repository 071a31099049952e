import { describe, expect, test } from "bun:test";
import { RunnerError, RunnerErrors } from "../../src/errors.ts";
import { beginBy, canBeMet, Deferred } from "../../src/flow/defer.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

const SECOND = 1_000;
const MINUTE = 60_000;

describe("beginBy()", () => {
  test("is as late as the action would live, and a minute at the least", () => {
    expect(beginBy(entity({ expiryMs: 5 * SECOND }), NOON)).toBe(NOON + MINUTE);
    expect(beginBy(entity({ expiryMs: 10 * MINUTE }), NOON)).toBe(NOON + 10 * MINUTE);
  });
});

describe("canBeMet()", () => {
  const world = openWorld();
  const { edges, spool } = world;
  const mistake = new RunnerError("ACTION", "its target is empty");

  test("is true of a key that cannot be used now, but for one that says that it never can", async () => {
    const key = (passing?: boolean) =>
      new RunnerError("KEYRING", "Cannot sign", passing === undefined ? {} : { passing });
    expect(await canBeMet(edges, "nightly", key())).toBe(true);
    expect(await canBeMet(edges, "nightly", key(true))).toBe(true);
    expect(await canBeMet(edges, "nightly", key(false))).toBe(false);
  });

  test("is true of a mistake in a file as long as that may be half written", async () => {
    for (const [agoMs, expected] of [
      [0, true],
      [9 * SECOND, true],
      [-5 * SECOND, true],
      [11 * SECOND, false],
      [-MINUTE, false],
    ] as const) {
      spool.changedAt = () => Promise.resolve((NOON - agoMs) as never);
      expect(await canBeMet(edges, "nightly", mistake)).toBe(expected);
      expect(await canBeMet(edges, "nightly", new RunnerErrors([mistake]))).toBe(expected);
      // A bug is none.
      expect(await canBeMet(edges, "nightly", new TypeError("x is not a function"))).toBe(false);
    }
  });

  test("is false of a mistake in files of which nobody knows when they were changed", async () => {
    spool.changedAt = () => Promise.resolve(null);
    expect(await canBeMet(edges, "nightly", mistake)).toBe(false);
    spool.changedAt = () => Promise.reject(new Error("no such directory"));
    expect(await canBeMet(edges, "nightly", mistake)).toBe(false);
  });
});

describe("Deferred", () => {
  test("waits longer after each try, up to half a minute", () => {
    const deferred = new Deferred();
    const waits = Array.from({ length: 8 }, () => deferred.add(7, NOON, 0));
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(deferred.nextAt(NOON)).toBe(NOON + 15_000);
    expect(deferred.nextAt(NOON + 15_000)).toBeNull();
    expect([deferred.isWaiting(7, NOON), deferred.isWaiting(7, NOON + 15_000)]).toEqual([
      true,
      false,
    ]);
    expect(deferred.isWaiting(8, NOON)).toBe(false);
  });

  test("is not held up by a clock that is set back", () => {
    const deferred = new Deferred();
    deferred.add(7, NOON, 0.5);
    expect(deferred.isWaiting(7, NOON - MINUTE)).toBe(false);
  });

  test("knows since when, and forgets what is not asked for any more", () => {
    const deferred = new Deferred();
    deferred.add(7, NOON, 0.5);
    deferred.add(8, NOON + MINUTE, 0.5);
    expect(deferred.isFresh(NOON + MINUTE, MINUTE)).toBe(true);
    deferred.retain((runId) => runId === 7);
    expect([deferred.size, deferred.isFresh(NOON + MINUTE, MINUTE)]).toEqual([1, false]);
    deferred.retain(() => false);
    expect(deferred.size).toBe(0);
  });
});
