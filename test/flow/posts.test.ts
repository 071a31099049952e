import { describe, expect, test } from "bun:test";
import { afterPost, firstInHand, type InHand, Posts } from "../../src/flow/posts.ts";
import { VirtualClock } from "../support/clock.ts";
import { NOON } from "../support/world.ts";

const MOST = 32;

type Reached = Parameters<typeof afterPost>[1]["reached"];

/** What `count` answers come to, that each took `tookMs`, one after the other. */
function after(
  inHand: InHand,
  count: number,
  { reached = "answered" as Reached, tookMs = 50, from = NOON } = {},
): InHand {
  let now = inHand;
  for (let index = 0; index < count; index++) {
    const sentAt = from + index;
    now = afterPost(now, { reached, sentAt, now: sentAt + tookMs }, MOST);
  }
  return now;
}

describe("afterPost()", () => {
  test("begins with few, one more for each answer, and never more than there may be", () => {
    const first = firstInHand(MOST);
    expect(first.size).toBe(8);
    expect(after(first, 10).size).toBe(18);
    expect(after(first, 1_000).size).toBe(MOST);
    expect(firstInHand(3).size).toBe(3);
  });

  test.each(["unreachable", "busy"] as const)(
    "halves once for all that were %s at once",
    (reached) => {
      const full = after(firstInHand(MOST), 100);
      const lost = { reached, sentAt: NOON + 1_000, now: NOON + 2_000 };
      let cut = afterPost(full, lost, MOST);
      expect(cut.size).toBe(16);
      for (let index = 0; index < 20; index++) cut = afterPost(cut, lost, MOST);
      expect(cut.size).toBe(16);
      // What was sent since is another matter.
      expect(afterPost(cut, { reached, sentAt: NOON + 2_001, now: NOON + 3_000 }, MOST).size).toBe(
        8,
      );
    },
  );

  test("never has less than one in hand", () => {
    let cut = firstInHand(MOST);
    for (let at = NOON; at < NOON + 100_000; at += 1_000) {
      cut = afterPost(cut, { reached: "unreachable", sentAt: at, now: at + 10 }, MOST);
    }
    expect(cut.size).toBe(1);
  });

  test("grows by one a round after a setback", () => {
    const cut = afterPost(
      after(firstInHand(MOST), 100),
      { reached: "busy", sentAt: NOON, now: NOON + 1 },
      MOST,
    );
    const next = after(cut, 16, { from: NOON + 2 });
    expect(next.size).toBeGreaterThan(16.9);
    expect(next.size).toBeLessThan(17.1);
  });

  test("takes one away for an API that slows down, and gets used to one that stays slow", () => {
    const full = after(firstInHand(MOST), 100, { tookMs: 20 });
    const slowed = after(full, 40, { tookMs: 2_000, from: NOON + 10_000 });
    expect(slowed.size).toBeLessThan(MOST);
    const used = after(slowed, 2_000, { tookMs: 2_000, from: NOON + 20_000 });
    expect(used.size).toBe(MOST);
    // An API that has always taken 5 seconds is no slower than it was.
    expect(after(firstInHand(MOST), 100, { tookMs: 5_000 }).size).toBe(MOST);
  });
});

describe("Posts", () => {
  test("learns of an answer once, also when what follows on it takes its time", async () => {
    const posts = new Posts(
      new VirtualClock(NOON),
      () => MOST,
      () => {},
    );
    for (let id = 0; id < 8; id++) {
      posts.post(id, async (answered) => {
        answered(NOON);
        return "answered";
      });
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    // From 8, one more for each of 8.
    for (let id = 100; id < 200; id++) posts.post(id, () => new Promise(() => {}));
    expect(posts.running).toBe(16);
  });

  test("posts as many at a time as the answers allow", async () => {
    const clock = new VirtualClock(NOON);
    const posts = new Posts(
      clock,
      () => MOST,
      () => {},
    );
    const ends: ((reached: Reached) => void)[] = [];
    for (let id = 0; id < 100; id++) {
      posts.post(id, () => new Promise((resolve) => void ends.push(resolve)));
    }
    expect(posts.running).toBe(8);
    const settle = async (count: number, reached: Reached): Promise<void> => {
      for (const end of ends.splice(0, count)) end(reached);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    };
    await clock.moveBy(100);
    await settle(8, "answered");
    expect(posts.running).toBe(16);
    await clock.moveBy(100);
    await settle(1, "unreachable");
    expect(posts.running).toBe(15);
    await settle(10, "answered");
    // Ten answers have added one to half of sixteen.
    expect(posts.running).toBe(9);
  });
});
