import { describe, expect, test } from "bun:test";
import { watchChance } from "../../src/edge/chance.ts";

const DAY = Date.UTC(2020, 1, 3);

describe("watchChance()", () => {
  test("shows watched code another time and other dice, and says what it used", () => {
    const noticed: string[] = [];
    let isWatched = true;
    const watch = watchChance({
      isWatched: () => isWatched,
      now: () => DAY,
      random: () => 0.25,
      noticed: (what) => void noticed.push(what),
    });
    expect(Date.now()).toBe(DAY);
    expect(new Date().toISOString()).toBe("2020-02-03T00:00:00.000Z");
    expect(new Date(5).getTime()).toBe(5);
    expect(new Date() instanceof Date).toBe(true);
    expect(Math.random()).toBe(0.25);
    expect(noticed).toEqual(["Date.now()", "new Date()", "new Date()", "Math.random()"]);
    isWatched = false;
    expect(Date.now()).toBeGreaterThan(DAY);
    expect(new Date() > new Date(DAY)).toBe(true);
    expect(noticed).toHaveLength(4);
    watch.close();
  });

  test("puts back what was there, once nobody watches", () => {
    const [date, random] = [Date, Math.random];
    const watch = { isWatched: () => false, now: () => 0, random: () => 0, noticed: () => {} };
    const first = watchChance(watch);
    const second = watchChance({ ...watch });
    first.close();
    expect(Date === date).toBe(false);
    second.close();
    expect(Date === date && Math.random === random).toBe(true);
  });
});
