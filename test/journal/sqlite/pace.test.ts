import { describe, expect, test } from "bun:test";
import { Pace, restMs } from "../../../src/journal/sqlite/pace.ts";

describe("restMs()", () => {
  test("lets one work that is alone never wait", () => {
    expect(restMs({ works: 1, tookMs: 5, endedAt: 100 }, 100)).toBe(0);
    expect(restMs({ works: 0, tookMs: 0, endedAt: 0 }, 0)).toBe(0);
  });

  test("waits three times as long as the last group took, from its end on", () => {
    const last = { works: 2, tookMs: 2, endedAt: 100 };
    expect(restMs(last, 100)).toBe(6);
    expect(restMs(last, 104)).toBe(2);
    expect(restMs(last, 106)).toBe(0);
    expect(restMs(last, 10_000)).toBe(0);
  });

  test("waits 8 ms at the most, however slow the disk", () => {
    expect(restMs({ works: 50, tookMs: 400, endedAt: 100 }, 100)).toBe(8);
  });
});

describe("Pace", () => {
  test("runs what is to be flushed, at once and after a group", async () => {
    const pace = new Pace();
    await new Promise<void>((resolve) => pace.schedule(resolve));
    pace.wrote(20, performance.now() - 2);
    await new Promise<void>((resolve) => pace.schedule(resolve));
  });
});
