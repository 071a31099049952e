// Follower: what is told of a PostgreSQL that is silent, and of a host that does not reach it.
import { expect, test } from "bun:test";
import { Follower } from "../../src/cli/follower.ts";
import type { Seen } from "../../src/journal/postgres/store.ts";
import { VirtualClock } from "../support/clock.ts";

const NOW = Date.UTC(2026, 0, 2, 14, 3);

function followed() {
  const clock = new VirtualClock(NOW);
  const seen = { now: NOW, schema: 1, shards: [], hosts: [] as Seen["hosts"] };
  const state = { answer: (): Promise<Seen> => Promise.resolve(seen), refreshes: 0 };
  const follower = new Follower({
    server: { look: () => state.answer() },
    journal: {
      async refresh() {
        state.refreshes++;
      },
    },
    clock,
    cluster: { name: "a", leaseMs: 10_000 },
  });
  return { clock, follower, seen, state };
}

const OUTAGE =
  /^PostgreSQL has not answered since 2026-01-02 14:03:03: connect ECONNREFUSED\. What is shown/;

test("tells within some seconds that PostgreSQL fails, and when it is back", async () => {
  const { clock, follower, seen, state } = followed();
  await clock.moveBy(2_500);
  expect(follower.outage(true)).toBe(null);
  state.answer = () => Promise.reject(new Error("connect ECONNREFUSED"));
  await clock.moveBy(3_000);
  // One connection that is cut is no outage.
  expect(follower.outage(true)).toBe(null);
  await clock.moveBy(4_000);
  expect(follower.outage(true)).toMatch(OUTAGE);
  await clock.moveBy(60_000);
  expect(follower.outage(true)).toMatch(OUTAGE);
  state.answer = () => Promise.resolve(seen);
  await clock.moveBy(1_000);
  expect(follower.outage(true)).toBe(null);
  await follower.close();
});

test("tells of a database that was brought up to date since, and reads no more of it", async () => {
  const { clock, follower, seen, state } = followed();
  await clock.moveBy(2_000);
  const { refreshes } = state;
  seen.schema = 2;
  await clock.moveBy(2_000);
  expect(follower.outage(true)).toBe(
    "Cannot use the cluster's database: it has schema 2, this mig-runner works with 1 " +
      "(use a newer one)",
  );
  expect(state.refreshes).toBe(refreshes);
  await follower.close();
});

test("tells of a PostgreSQL that says nothing at all", async () => {
  const { clock, follower, state } = followed();
  state.answer = () => new Promise(() => {});
  await clock.moveBy(7_000);
  expect(follower.outage(false)).toContain(
    "PostgreSQL has not answered since 2026-01-02 14:03:01: PostgreSQL does not answer.",
  );
});

test("tells of a host whose process works and is not heard of by the others", async () => {
  const { clock, follower, seen } = followed();
  expect(follower.hostOf("nightly")).toBe(undefined);
  seen.hosts = [{ name: "a", instance: "a/1", draining: false, silent: 9_000 }];
  await clock.moveBy(1_000);
  expect(follower.outage(true)).toBe(null);
  seen.hosts = [{ name: "a", instance: "a/1", draining: false, silent: 10_000 }];
  await clock.moveBy(1_000);
  expect(follower.hostOf("nightly")).toBe(null);
  expect(follower.outage(true)).toContain("host a does not reach PostgreSQL although its process");
  // One that was stopped is told of otherwise.
  expect(follower.outage(false)).toBe(null);
  await follower.close();
});
