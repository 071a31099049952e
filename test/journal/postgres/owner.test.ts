// Owner: which host has a job, by what all hosts see.
import { expect, test } from "bun:test";
import { hostOf } from "../../../src/journal/postgres/owner.ts";
import { shardOf } from "../../../src/journal/postgres/shapes.ts";

const SHARDS = 2;

/** All shards of one owner, and that of a job of another one. */
function seen(owner: string | null, { free = false } = {}) {
  const shard = (id: number) => ({ id, owner: "other/1", free: false, epoch: 1, version: 0 });
  const shards = [0, 1, 2].map(shard);
  const at = shards.findIndex(({ id }) => id === shardOf("nightly", SHARDS));
  shards[at] = { ...shard(at), owner: owner as string, free };
  return {
    shards,
    hosts: [
      { name: "alpha", instance: "alpha/1", draining: false, silent: 0 },
      { name: "other", instance: "other/1", draining: false, silent: 0 },
    ],
  };
}

test("names the host whose process has the job's shard", () => {
  expect(hostOf(seen("alpha/1"), "nightly")).toBe("alpha");
});

test("names none for a shard without an owner, or whose lease has ended", () => {
  expect(hostOf(seen(null), "nightly")).toBe(null);
  expect(hostOf(seen("alpha/1", { free: true }), "nightly")).toBe(null);
});

test("names the host of a pass of --once, which is not among them", () => {
  expect(hostOf(seen("rack/4/0123456789abcdef"), "nightly")).toBe("rack/4");
});
