// Simulated clusters: a seed is the same world each time.
import { describe, expect, test } from "bun:test";
import { simulateCluster } from "./simulate.ts";

describe("simulateCluster()", () => {
  test("makes the same of a seed each time, to the last line", () => {
    for (let seed = 1; seed <= 3; seed++) {
      const first = simulateCluster({ seed, traced: true });
      expect(first.lines.length).toBeGreaterThan(0);
      expect(simulateCluster({ seed, traced: true })).toEqual(first);
    }
  });

  test("breaks no invariant in the worlds of some seeds", () => {
    for (let seed = 1; seed <= 25; seed++) {
      expect({ seed, wrong: simulateCluster({ seed }).violations }).toEqual({ seed, wrong: [] });
    }
  });

  test("makes as many hosts as are wanted", () => {
    const { lives, violations } = simulateCluster({ seed: 1, hosts: 4 });
    expect(violations).toEqual([]);
    expect(lives).toBeGreaterThanOrEqual(4);
  });
});
