import { describe, expect, test } from "bun:test";
import { NAP_MAX_MS, nap, Wake } from "../../src/flow/nap.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { settle } from "../support/clock.ts";
import { Scratch } from "../support/edge.ts";
import { NOON, openWorld } from "../support/world.ts";

const SECOND = 1_000;

/** A nap, and whether it has ended. */
function begin(edges: Parameters<typeof nap>[0], at: number, version: number | null = null) {
  const wake = new AbortController();
  const state = { isOver: false, wake: () => wake.abort() };
  void nap(edges, { at, version, signal: wake.signal }).then(() => {
    state.isOver = true;
  });
  return state;
}

describe("nap()", () => {
  test("ends when something is due, or was changed here", async () => {
    const { clock, edges } = openWorld();
    const due = begin(edges, NOON + 3 * SECOND);
    await clock.moveTo(NOON + 3 * SECOND - 1);
    expect(due.isOver).toBe(false);
    await clock.moveTo(NOON + 3 * SECOND);
    expect(due.isOver).toBe(true);
    const woken = begin(edges, NOON + 60 * SECOND);
    woken.wake();
    await settle();
    expect(woken.isOver).toBe(true);
  });

  test("ends within half a second after another process has written", async () => {
    using scratch = new Scratch();
    const path = scratch.in("journal.db");
    const [journal, other] = [openJournal({ path }), openJournal({ path })];
    const { clock } = openWorld();
    const asleep = begin({ clock, journal }, NOON + 60 * SECOND, journal.version());
    await clock.moveBy(2 * SECOND);
    expect(asleep.isOver).toBe(false);
    await other.write((tables) => tables.setCursor("a", { decidedAt: 1, schedule: "x" }));
    await clock.moveBy(SECOND / 2);
    expect(asleep.isOver).toBe(true);
    await Promise.all([journal.close(), other.close()]);
  });

  test("ends when the clock was set back, however far away the time is then", async () => {
    const { clock, edges } = openWorld();
    const asleep = begin(edges, NOON + 3 * SECOND);
    await settle();
    clock.jumpTo(NOON - 12 * 3_600_000);
    await clock.moveBy(NAP_MAX_MS);
    expect(asleep.isOver).toBe(true);
  });
});

describe("Wake", () => {
  test("ends the nap that is taken, not the next one", () => {
    const wake = new Wake(openWorld().clock);
    const first = wake.signal;
    wake.now();
    expect(first.aborted).toBe(true);
    wake.renew();
    expect(wake.signal.aborted).toBe(false);
  });

  test("makes one of many that come shortly after each other", async () => {
    const { clock } = openWorld();
    const wake = new Wake(clock);
    for (let time = 0; time < 10; time++) {
      wake.soon();
      await clock.moveBy(1);
      expect(wake.signal.aborted).toBe(false);
    }
    // Also of one that began meanwhile.
    wake.renew();
    await clock.moveBy(10);
    expect(wake.signal.aborted).toBe(true);
    wake.renew();
    await clock.moveBy(60_000);
    expect(wake.signal.aborted).toBe(false);
  });
});
