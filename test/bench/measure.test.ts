// Measure: the numbers of the benchmark table mean what their names say.
import { describe, expect, test } from "bun:test";
import { formatTable, measure, summarize } from "../../bench/measure.ts";

describe("summarize()", () => {
  test("takes the nearest rank, in any order of times", () => {
    const times = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(summarize(times)).toEqual({ runs: 100, minMs: 1, medianMs: 50, p95Ms: 95 });
  });

  test("says the same of one time three times", () => {
    expect(summarize([7])).toEqual({ runs: 1, minMs: 7, medianMs: 7, p95Ms: 7 });
  });
});

describe("measure()", () => {
  test("does not count the warm-up", async () => {
    let called = 0;
    const { runs } = await measure(() => ++called, { runs: 5, warmup: 2 });
    expect({ called, runs }).toEqual({ called: 7, runs: 5 });
  });
});

describe("formatTable()", () => {
  test("gives one row a measurement", () => {
    const summary = { runs: 3, minMs: 1, medianMs: 1.234, p95Ms: 2 };
    const [, , row] = formatTable([{ name: "decode", summary, rate: "9 MB/s" }]).split("\n");
    expect(row).toBe("| decode | 1.00 | 1.23 | 2.00 | 3 | 9 MB/s |");
  });
});
