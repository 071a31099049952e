import { describe, expect, test } from "bun:test";
import { type Depot, depotShelf, joinShelves } from "../../../src/edge/results/shelf.ts";

const HEX = "0123456789abcdef";

/** A home with these keys, each written at this time. */
function home(keys: Readonly<Record<string, number>>) {
  const left = new Map(Object.entries(keys).sort());
  const ended: number[] = [];
  const depot: Depot = {
    async *list(day) {
      for (const [key, modifiedAt] of [...left]) {
        if (day === null || key.startsWith(`${day}/`)) yield { key, place: `/${key}`, modifiedAt };
      }
    },
    async remove(place) {
      left.delete(place.slice(1));
    },
    endWrites: (before) => Promise.resolve(ended.push(before)),
  };
  return { left, ended, open: () => Promise.resolve(depot) };
}

const key = (day: number, job: string, id: number | string): string =>
  `202611${day}/${job}/${id}.${HEX}.json`;

describe("depotShelf()", () => {
  test("removes results of days before, but those of other hosts, needed ones and what is none", async () => {
    const kept = [key(10, "theirs", 2), key(11, "ours", 3), key(20, "ours", 4), "20261110/notes"];
    const old = [key(10, "ours", 1), key(11, "ours", "5-9")];
    const { left, open } = home(Object.fromEntries([...kept, ...old].map((each) => [each, 0])));
    const shelf = depotShelf(open, (job) => job === "ours");
    const isKept = (id: number): boolean => id === 3;
    expect(await shelf.removeBefore("20261120", { limit: 9, isKept })).toBe(2);
    expect([...left.keys()]).toEqual(kept.toSorted());
  });

  test("removes no more than it may at a time", async () => {
    const { left, open } = home({
      [key(10, "a", 1)]: 0,
      [key(10, "a", 2)]: 0,
      [key(11, "a", 3)]: 0,
    });
    const shelf = depotShelf(open, () => true);
    const few = { limit: 2, isKept: () => false };
    expect([await shelf.removeBefore("20261120", few), left.size]).toEqual([2, 1]);
  });

  test("removes strays of one day that are old enough, of its own jobs", async () => {
    const [young, theirs, named, lost] = [2, 3, 4, 5].map((id) =>
      key(10, id === 3 ? "theirs" : "ours", id),
    ) as [string, string, string, string];
    const other = key(11, "ours", 6);
    const { left, ended, open } = home({
      [young]: 100,
      [theirs]: 1,
      [named]: 1,
      [lost]: 1,
      [other]: 1,
    });
    const { strays } = depotShelf(open, (job) => job === "ours");
    const asked: unknown[] = [];
    const isStray = (found: { readonly actionId: number; readonly place: string }): boolean => {
      asked.push(found);
      return found.actionId !== 4;
    };
    expect(await strays.remove("20261110", { before: 100, limit: 9, isStray })).toBe(1);
    expect([...left.keys()]).toEqual([young, theirs, named, other].toSorted());
    expect(asked).toContainEqual({ actionId: 5, place: `/${lost}` });
    await strays.endWrites(100);
    expect(ended).toEqual([100]);
  });
});

test("joinShelves() gives the second what the first has left of the limit", async () => {
  const limits: number[] = [];
  const one = { removeBefore: () => Promise.resolve(3) };
  const other = depotShelf(home({}).open, () => true);
  const second = {
    ...other,
    removeBefore(_: string, { limit }: { readonly limit: number }) {
      limits.push(limit);
      return Promise.resolve(limit);
    },
  };
  const all = { isKept: () => false };
  const joined = joinShelves(one, second);
  expect(await joined.removeBefore("20261110", { limit: 5, ...all })).toBe(5);
  expect(await joined.removeBefore("20261110", { limit: 3, ...all })).toBe(3);
  expect([limits, joined.strays === other.strays]).toEqual([[2], true]);
});
