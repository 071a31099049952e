import { describe, expect, test } from "bun:test";
import { type Blackout, endOf, holdsJob, holdsOf, type Pause } from "../../src/jobs/hold.ts";
import { parseWeekly } from "../../src/lib/cron/weekly.ts";

const HOUR = 3_600_000;

function pause(changes: Partial<Pause> = {}): Pause {
  return { since: 10, until: 20, actor: "ann", why: "", endedAt: null, ...changes };
}

function blackout(from: number, until: number, changes: Partial<Blackout> = {}): Blackout {
  const span = { kind: "once", from, until } as const;
  return { name: "freeze", jobs: ["*"], action: "delay", why: "", span, ...changes };
}

const kinds = (pauses: readonly Pause[], blackouts: readonly Blackout[], times: number[]) =>
  times.map((at) => holdsOf({ pauses, blackouts })(at)?.kind ?? null);

describe("holdsOf()", () => {
  test("holds from the beginning of a pause until the earlier of its ends, without it", () => {
    const times = [9, 10, 14, 15, 19, 20];
    const skip = "skip";
    expect(kinds([pause()], [], times)).toEqual([null, skip, skip, skip, skip, null]);
    expect(kinds([pause({ endedAt: 15 })], [], times)).toEqual([
      null,
      skip,
      skip,
      null,
      null,
      null,
    ]);
    expect(kinds([pause({ until: null })], [], [9, 10, 2 ** 50])).toEqual([null, skip, skip]);
  });

  test("says who holds it, and why", () => {
    const hold = holdsOf({
      pauses: [pause({ why: "change 4711" })],
      blackouts: [blackout(30, 40, { action: "skip", why: "year's end" })],
    });
    expect(hold(10)?.reason).toBe("paused by ann: change 4711");
    expect(hold(30)?.reason).toBe('blackout "freeze": year\'s end');
  });

  test("waits until the last of the blackouts that follow each other is over", () => {
    const hold = holdsOf({ pauses: [], blackouts: [blackout(10, 20), blackout(15, 30)] });
    expect(hold(12)).toMatchObject({ kind: "delay", until: 30 });
    expect(hold(30)).toBeNull();
  });

  test("skips what would wait until a time at which it is skipped", () => {
    expect(kinds([pause({ since: 30, until: 40 })], [blackout(10, 30)], [12])).toEqual(["skip"]);
    expect(kinds([], [blackout(10, 30), blackout(30, 40, { action: "skip" })], [12])).toEqual([
      "skip",
    ]);
  });

  test("skips what would wait for ever (I7)", () => {
    const week = parseWeekly("mon 00:00 - mon 00:00", "UTC");
    const always = blackout(0, 0, { span: { kind: "weekly", week } });
    expect(holdsOf({ pauses: [], blackouts: [always] })(5 * HOUR)).toEqual({
      kind: "skip",
      reason: 'blackout "freeze", which has no end',
    });
  });
});

describe("holdsJob()", () => {
  test("goes by patterns, in which nothing else has a meaning", () => {
    const jobs = ["sshd-*", "db?", "a.b", "(x)"];
    const held = (job: string) => holdsJob({ jobs }, job);
    expect(["sshd-config", "db1", "a.b", "(x)"].map(held)).toEqual([true, true, true, true]);
    expect(["xsshd-", "db12", "axb", "x", ""].map(held)).toEqual(Array(5).fill(false));
    expect(holdsJob({ jobs: ["*"] }, "anything")).toBe(true);
    const stars = ["*a*b", "a**", "**", "*ab*ab", "?*?", "a*a", "*\u{1f600}?"];
    const matched = (job: string) => stars.map((pattern) => holdsJob({ jobs: [pattern] }, job));
    expect(matched("aab")).toEqual([true, true, true, false, true, false, false]);
    expect(matched("abab")).toEqual([true, true, true, true, true, false, false]);
    expect(matched("x\u{1f600}\u{1f600}")).toEqual([false, false, true, false, true, false, true]);
    expect(matched("a")).toEqual([false, true, true, false, false, false, false]);
  });

  test("is quick with any pattern", () => {
    // A way to match that tries all ways needs longer than the world is old.
    expect(holdsJob({ jobs: [`${"*a".repeat(50)}*b`] }, "a".repeat(128))).toBe(false);
  });
});

describe("endOf()", () => {
  test("has no end outside of the blackout", () => {
    expect([9, 10, 19, 20].map((at) => endOf(blackout(10, 20), at))).toEqual([null, 20, 20, null]);
  });
});
