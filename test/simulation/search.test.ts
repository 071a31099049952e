// Search: seeds on several processes, and what becomes of one whose process dies or fails.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countKinds, FAULT_KINDS } from "./faults.ts";
import { searchSeeds } from "./search.ts";
import { simulate } from "./simulate.ts";

const folder = mkdtempSync(join(tmpdir(), "search-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A worker whose seeds 3 and 5 are bad: one ends its process, one breaks an invariant. */
const WORKER = `
const nothing = { virtualMs: 1, calls: 1, lives: 1, actions: 0, runs: 0, workflows: 0, faults: {} };
process.on("message", (seed) => {
  if (seed === 3) process.exit(7);
  process.send({ seed, violations: seed === 5 ? ["I4: lost"] : [], ...nothing });
});
process.on("disconnect", () => process.exit(0));
`;

describe("searchSeeds()", () => {
  test("goes through all seeds, and names those that failed or ended their process", async () => {
    const worker = join(folder, "worker.ts");
    writeFileSync(worker, WORKER);
    const seen: number[] = [];
    const tally = await searchSeeds({
      from: 1,
      seeds: 8,
      processes: 2,
      worker,
      onReport: (_, { seed }) => void seen.push(seed),
    });
    expect(seen.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(tally.seeds).toBe(8);
    expect(tally.failures).toEqual([
      { seed: 3, violations: ["its process ended by 7"] },
      { seed: 5, violations: ["I4: lost"] },
    ]);
  });

  test("begins no more seeds after the first failure when that is wanted", async () => {
    const worker = join(folder, "worker.ts");
    writeFileSync(worker, WORKER);
    const options = { from: 4, seeds: 1_000, processes: 1, worker, first: true };
    const tally = await searchSeeds(options);
    expect(tally.failures.map(({ seed }) => seed)).toEqual([5]);
    expect(tally.seeds).toBe(2);
  });

  test("begins no seed when there is no time", async () => {
    const worker = join(folder, "worker.ts");
    const tally = await searchSeeds({ from: 1, seeds: 9, processes: 2, worker, timeMaxMs: 0 });
    expect(tally.seeds).toBe(0);
  });
});

describe("simulate()", () => {
  test("makes the same of a seed each time, to the last line", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const [first, again] = [simulate({ seed, traced: true }), simulate({ seed, traced: true })];
      expect(first.lines.length).toBeGreaterThan(0);
      expect(again).toEqual(first);
    }
  });

  test("makes another world of another seed", () => {
    const [one, other] = [simulate({ seed: 1, traced: true }), simulate({ seed: 2, traced: true })];
    expect(one.lines).not.toEqual(other.lines);
  });
});

describe("countKinds()", () => {
  test("puts the counts of names together by kind, and shows a kind that never struck", () => {
    const kinds = countKinds({ "http lost": 2, "http cutAfter": 3, "jump back": 1, SIGTERM: 9 });
    expect(kinds.get("a connection that is reset")).toBe(5);
    expect(kinds.get("a clock that jumps back")).toBe(1);
    expect(kinds.get("a clock that jumps ahead")).toBe(0);
    expect(kinds.get("SIGTERM")).toBe(0);
    expect(kinds.size).toBe(Object.keys(FAULT_KINDS).length);
  });
});
