// Host name: what a host does whose name another process has, beside a model of PostgreSQL.
import { expect, test } from "bun:test";
import { Membership } from "../../../src/journal/postgres/membership.ts";
import { PostgresModel, storeOf } from "../../simulation/cluster/model.ts";
import { VirtualClock } from "../../support/clock.ts";

const NOW = Date.UTC(2026, 0, 2);
const LEASE_MS = 10_000;
const SHARDS = 2;

/** Processes that are called "a", each with a way to PostgreSQL that can be cut. */
function site(leaseMs = LEASE_MS) {
  const clock = new VirtualClock(NOW);
  const model = new PostgresModel(SHARDS, () => clock.now());
  const store = storeOf(model);
  const open = (me: string) => {
    const way = { isCut: false };
    const said: string[] = [];
    const never = new Promise<never>(() => {});
    const member = new Membership(
      {
        server: {
          ...store,
          beat: (...order) => (way.isCut ? never : store.beat(...order)),
          look: () => (way.isCut ? Promise.reject(new Error("cut")) : store.look()),
        },
        host: "a",
        me,
        leaseMs,
        path: ":memory:",
        clock,
        log: { emit: (level, message) => void said.push(`${level} ${message}`) },
        elapsed: () => clock.now(),
      },
      SHARDS,
    );
    let refusal: string | null = null;
    void member.refused.then(({ message, detail }) => {
      refusal = `${message} (${detail.hint})`;
    });
    return { member, said, way, refusal: () => refusal };
  };
  const ownerOf = (me: string) => model.look().shards.filter(({ owner }) => owner === me).length;
  return { clock, model, open, ownerOf };
}

const REFUSAL =
  'Cannot be host "a" of the cluster: another living host has this name ' +
  "(set [cluster] name in runner.cfg to another one on each host)";

test("a host whose name a living one has takes no jobs, says so, and ends by it", async () => {
  const { clock, model, open, ownerOf } = site();
  const one = open("a/1");
  await one.member.start();
  const two = open("a/2");
  await two.member.start();
  expect(two.said).toEqual([
    "notice cluster: another process has the name a, heard of 0 s ago; " +
      "until it is silent for 10 s this host takes no jobs",
  ]);
  expect([two.member.isNamed, two.member.isIdle, two.refusal()]).toEqual([false, true, null]);
  await clock.moveBy(3 * LEASE_MS);
  expect(two.refusal()).toBe(REFUSAL);
  expect(one.refusal()).toBe(null);
  expect(model.look().hosts).toMatchObject([{ name: "a", instance: "a/1" }]);
  expect([ownerOf("a/1"), ownerOf("a/2")]).toEqual([SHARDS, 0]);
});

test.each([LEASE_MS, 60 * LEASE_MS])(
  "a host that was killed comes back once its lease of %d ms has ended",
  async (leaseMs) => {
    const { clock, open, ownerOf } = site(leaseMs);
    const one = open("a/1");
    await one.member.start();
    one.way.isCut = true;
    const two = open("a/2");
    await two.member.start();
    await clock.moveBy(leaseMs - 2_000);
    expect([ownerOf("a/2"), two.member.isNamed]).toEqual([0, false]);
    await clock.moveBy(5_000);
    expect([ownerOf("a/2"), two.member.isNamed]).toEqual([SHARDS, true]);
    expect(two.said).toContain("notice cluster: this host has its name a now");
    await clock.moveBy(6 * leaseMs);
    expect(two.refusal()).toBe(null);
  },
);

test("what a host that was killed had sent before takes nothing from the next", async () => {
  const { clock, model, open } = site();
  const one = open("a/1");
  await one.member.start();
  one.way.isCut = true;
  const two = open("a/2");
  await two.member.start();
  for (let late = 0; late < 6; late++) {
    model.beat("a", "a/1", LEASE_MS);
    await clock.moveBy(3_000);
  }
  await clock.moveBy(2 * LEASE_MS);
  expect([two.member.isNamed, two.member.has("nightly"), two.refusal()]).toEqual([
    true,
    true,
    null,
  ]);
});

test("a host that was cut off ends when another one has its name since", async () => {
  const { clock, open } = site();
  const one = open("a/1");
  await one.member.start();
  one.way.isCut = true;
  const two = open("a/2");
  await two.member.start();
  await clock.moveBy(2 * LEASE_MS);
  expect(two.member.has("nightly")).toBe(true);
  one.way.isCut = false;
  await clock.moveBy(4 * LEASE_MS);
  expect([one.refusal(), two.refusal()]).toEqual([REFUSAL, null]);
  expect([one.member.isIdle, two.member.has("nightly")]).toEqual([true, true]);
});

test("a host that has left in order has its name back at once, also while it is drained", async () => {
  const { clock, model, open, ownerOf } = site();
  const one = open("a/1");
  await one.member.start();
  model.drain("a", true);
  await clock.moveBy(1_000);
  await one.member.close();
  const two = open("a/2");
  await two.member.start();
  expect([two.said, two.member.isNamed]).toEqual([[], true]);
  model.drain("a", false);
  await clock.moveBy(2_000);
  expect(ownerOf("a/2")).toBe(SHARDS);
});
