import { describe, expect, test } from "bun:test";
import { type SeenHost, type SeenShard, shareOf } from "../../src/journal/lease.ts";

const LEASE_MS = 10_000;

function host(instance: string, changes: Partial<SeenHost> = {}): SeenHost {
  return { instance, draining: false, silent: 100, ...changes };
}

function shards(owners: readonly (string | null)[]): readonly SeenShard[] {
  return owners.map((owner, index) => ({ id: index + 1, owner, free: owner === null }));
}

/** All hosts do what they are to do, until nothing is left to do. */
function settle(owners: (string | null)[], hosts: readonly SeenHost[]): (string | null)[] {
  for (let round = 0; round < 100; round++) {
    let isDone = true;
    for (const { instance, silent } of hosts) {
      if (silent >= LEASE_MS) continue;
      const { claim, give } = shareOf(instance, { shards: shards(owners), hosts }, LEASE_MS);
      for (const id of claim) owners[id - 1] = instance;
      for (let count = 0; count < give; count++) owners[owners.lastIndexOf(instance)] = null;
      if (claim.length > 0 || give > 0) isDone = false;
    }
    if (isDone) return owners;
  }
  throw new Error("they go on for ever");
}

function counts(owners: readonly (string | null)[]): Record<string, number> {
  return Object.groupBy
    ? Object.fromEntries(
        Object.entries(Object.groupBy(owners, (owner) => owner ?? "none")).map(([name, all]) => [
          name,
          all?.length ?? 0,
        ]),
      )
    : {};
}

describe("shareOf()", () => {
  test("gives one host all shards, at once", () => {
    const seen = { shards: shards([null, null, null]), hosts: [host("a")] };
    expect(shareOf("a", seen, LEASE_MS)).toEqual({ claim: [1, 2, 3], give: 0 });
  });

  test("divides them evenly, whatever there was before", () => {
    for (const before of [[null], ["a"], ["b"], ["a", "b"], ["gone"]]) {
      const owners = Array.from({ length: 8 }, (_, at) => before[at % before.length] ?? null);
      const free = owners.map((owner) => (owner === "gone" ? null : owner));
      expect(counts(settle(free, [host("a"), host("b"), host("c")]))).toEqual({ a: 3, b: 3, c: 2 });
    }
  });

  test("takes nothing of a host that is heard of, and gives nothing without need", () => {
    const seen = { shards: shards(["a", "a", "b"]), hosts: [host("a"), host("b")] };
    expect(shareOf("a", seen, LEASE_MS)).toEqual({ claim: [], give: 0 });
    expect(shareOf("b", seen, LEASE_MS)).toEqual({ claim: [], give: 0 });
  });

  test("does not count a host that is silent, or is to be emptied", () => {
    const silent = [host("a"), host("b", { silent: LEASE_MS })];
    expect(counts(settle(["a", null, null, null], silent))).toEqual({ a: 4 });
    const draining = [host("a"), host("b", { draining: true })];
    expect(counts(settle(["b", "b", "b", "a"], draining))).toEqual({ a: 4 });
  });

  test("has hosts that come at the same time begin at different shards", () => {
    const seen = { shards: shards(Array(8).fill(null)), hosts: [host("a"), host("b")] };
    const [a, b] = [shareOf("a", seen, LEASE_MS), shareOf("b", seen, LEASE_MS)];
    expect(new Set([...a.claim, ...b.claim]).size).toBe(8);
  });
});
