import { describe, expect, test } from "bun:test";
import {
  firstLookAt,
  isAnswered,
  isBetter,
  nextLookAt,
  sweepAt,
} from "../../src/flow/collect-times.ts";
import type { Completeness } from "../../src/journal/inflight.ts";

const result = (statuses: Record<string, number>, sent: number | null = 4): Completeness => {
  const fetched = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return { fetched, sent, counters: null, statuses, strays: 0 };
};

describe("firstLookAt()", () => {
  test("waits for the expiry as the original, unless the job is early", () => {
    expect(firstLookAt(300_000, { early: false }, 0)).toBe(300_000);
    expect(firstLookAt(300_000, { early: true }, 0)).toBe(2_000);
    expect(firstLookAt(1_000, { early: true }, 0)).toBe(1_000);
  });
});

describe("nextLookAt()", () => {
  test("waits half as long again as before, from two seconds to a minute", () => {
    const after = (waitedMs: number) => nextLookAt(1e9, { updatedAt: 0 }, waitedMs) - waitedMs;
    expect([0, 2_000, 10_000, 1_000_000].map(after)).toEqual([2_000, 3_000, 15_000, 60_000]);
  });

  test("never waits beyond the expiry, nor into the past when the clock goes back", () => {
    expect(nextLookAt(11_000, { updatedAt: 0 }, 10_000)).toBe(11_000);
    expect(nextLookAt(1e9, { updatedAt: 50_000 }, 10_000)).toBe(12_000);
  });
});

describe("isAnswered()", () => {
  test("is true when all commands that were sent have an agent's answer", () => {
    expect(isAnswered(result({ success: 2, failed: 1, timeout: 1 }))).toBe(true);
    expect(isAnswered(result({ success: 3, expired: 1 }))).toBe(false);
    expect(isAnswered(result({ success: 3, sent: 1 }))).toBe(false);
    expect(isAnswered(result({ success: 3 }))).toBe(false);
    expect(isAnswered(result({ success: 3 }, null))).toBe(false);
  });
});

describe("sweepAt()", () => {
  const row = { step: "", state: "posted" } as const;
  const some = { collectAt: 1_000, completeness: result({ success: 3, expired: 1 }) };
  const all = { collectAt: 1_000, completeness: result({ success: 4 }) };

  test("sweeps an early result when the action has expired", () => {
    expect(sweepAt(row, all, { lateMs: 0, now: 999 })).toBe(1_000);
  });

  test("sweeps a result that lacks answers after the job's limit for late ones, once", () => {
    expect(sweepAt(row, some, { lateMs: 500, now: 1_000 })).toBe(1_500);
    expect(sweepAt(row, some, { lateMs: 0, now: 1_000 })).toBeNull();
    expect(sweepAt(row, all, { lateMs: 500, now: 1_000 })).toBeNull();
    expect(sweepAt({ ...row, state: "collected" }, some, { lateMs: 500, now: 1_000 })).toBeNull();
  });

  test("never sweeps what a workflow has gone on with", () => {
    expect(sweepAt({ ...row, step: "base" }, all, { lateMs: 500, now: 999 })).toBeNull();
  });
});

describe("isBetter()", () => {
  test("needs a further command or a further answer, and none lost", () => {
    const before = result({ success: 2, expired: 1 });
    expect(isBetter(result({ success: 3 }), before)).toBe(true);
    expect(isBetter(result({ success: 2, expired: 2 }), before)).toBe(true);
    expect(isBetter(before, before)).toBe(false);
    expect(isBetter(result({ success: 2, sent: 1 }), before)).toBe(false);
    expect(isBetter(result({ success: 2 }), before)).toBe(false);
    expect(isBetter(result({ success: 1, expired: 9 }), before)).toBe(false);
    expect(isBetter(result({}), before)).toBe(false);
  });
});
