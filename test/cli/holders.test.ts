// Holders: what a pass of --once that got no job says of who has them.
import { expect, test } from "bun:test";
import { describeHolders } from "../../src/cli/holders.ts";

const NOW = Date.UTC(2026, 0, 2, 14, 3, 0);
const ALL = "cluster: other hosts have all jobs: nothing to do";
const AROUND = {
  hosts: [{ name: "beta", instance: "beta/1", draining: false, silent: 0 }],
  leaseMs: 10_000,
  now: NOW,
};

test("says no more where daemons are at work", () => {
  expect(describeHolders([{ owner: "beta/1", shards: 64, leftMs: 7_900 }], AROUND)).toBe(ALL);
});

test("says until when a daemon has them that renews nothing", () => {
  expect(describeHolders([{ owner: "beta/1", shards: 40, leftMs: 4_000 }], AROUND)).toBe(
    `${ALL}; beta is not heard of and has 40 shards until 2026-01-02 14:03:04`,
  );
});

test("says until when a pass has them, which may be at work or dead", () => {
  const ends = [
    { owner: "alpha/0123456789abcdef", shards: 1, leftMs: 9_000 },
    { owner: "gamma/0123456789abcdef", shards: 63, leftMs: 1_000 },
  ];
  expect(describeHolders(ends, AROUND)).toBe(
    `${ALL}; a pass on alpha has 1 shard until 2026-01-02 14:03:09, or longer if it is at work; ` +
      "gamma is not heard of and has 63 shards until 2026-01-02 14:03:01",
  );
});
