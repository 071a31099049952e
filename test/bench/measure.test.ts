// Measure: the numbers of the benchmark table mean what their names say.
import { describe, expect, test } from "bun:test";
import {
  formatGrowth,
  formatTable,
  isMet,
  median,
  quantile,
  type Row,
  ratiosOf,
  timesOf,
} from "../../bench/measure.ts";

const row: Row = { figure: "decode", unit: "ms", samples: [3, 1, 2], target: { most: 2 } };
const beside: Row = { ...row, against: { name: "floor", samples: [1, 1, 2] } };

describe("quantile()", () => {
  test("takes the nearest rank, in any order of samples", () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.95, 0.99, 1].map((share) => quantile(samples, share))).toEqual([
      1, 50, 95, 99, 100,
    ]);
    expect(median([7])).toBe(7);
  });

  test("refuses to say anything of nothing", () => {
    expect(() => median([])).toThrow("nothing was measured");
  });
});

describe("timesOf()", () => {
  test("does not count the warm-up", async () => {
    let called = 0;
    const times = await timesOf(() => ++called, { runs: 5, warmup: 2 });
    expect({ called, runs: times.length }).toEqual({ called: 7, runs: 5 });
  });
});

describe("ratiosOf()", () => {
  test("compares the samples of one run with each other", () => {
    expect(ratiosOf(beside)).toEqual([3, 1, 1]);
    expect(ratiosOf(row)).toEqual([]);
  });
});

describe("isMet()", () => {
  test("holds the median against the target, or the ratio when there is one", () => {
    expect(isMet(row)).toBe(true);
    expect(isMet({ ...row, target: { most: 1.9 } })).toBe(false);
    expect(isMet({ ...row, target: { least: 2.1 } })).toBe(false);
    expect(isMet({ ...beside, target: { most: 1 } })).toBe(true);
    expect(isMet({ ...beside, target: { least: 1.1 } })).toBe(false);
    expect(isMet({ ...row, target: null })).toBeNull();
  });
});

describe("formatTable()", () => {
  test("gives one line a figure", () => {
    const [head, , first, second] = formatTable([row, { ...beside, note: "peer: 9" }]).split("\n");
    expect(head?.split(" | ")).toHaveLength(8);
    expect(first).toBe("| decode | ≤ 2 ms | 2 ms | 1 ms |  |  | met |  |");
    expect(second).toBe("| decode | ≤ 2 × | 2 ms | 1 ms | floor 1 ms | 1 (1) | met | peer: 9 |");
  });

  test("judges nothing when it is not asked to", () => {
    expect(formatTable([row], false).split("\n")[2]).toBe(
      "| decode | ≤ 2 ms | 2 ms | 1 ms |  |  |  |  |",
    );
  });

  test("tells the largest as the best where more is better, in three digits", () => {
    const rate = { ...row, unit: "a second", samples: [12_345.6, 0.5], target: { least: 20_000 } };
    expect(formatTable([rate]).split("\n")[2]).toBe(
      "| decode | ≥ 20,000 a second | 0.5 a second | 12,346 a second |  |  | **missed** |  |",
    );
  });
});

describe("formatGrowth()", () => {
  const grown = { what: "jobs", count: 10, samples: [4, 5, 6], peaks: [2 ** 20, 2 ** 21] };

  test("holds each line against the one before it, when it is of the same thing", () => {
    const more = { ...grown, count: 100, samples: [50, 49, 51] };
    const [head, , ...lines] = formatGrowth([grown, more, { ...more, what: "hosts" }]).split("\n");
    expect(head?.split(" | ")).toHaveLength(5);
    expect(lines).toEqual([
      "| jobs | 10 | 5 ms |  | 2 MiB |",
      "| jobs | 100 | 50 ms | 10 × | 2 MiB |",
      "| hosts | 100 | 50 ms |  | 2 MiB |",
    ]);
  });
});
