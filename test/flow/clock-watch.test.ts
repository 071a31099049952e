import { describe, expect, test } from "bun:test";
import { ClockWatch, redated, redateWaits, WatchedClock } from "../../src/flow/clock-watch.ts";
import { due } from "../../src/journal/steps.ts";
import { VirtualClock } from "../support/clock.ts";
import { fillDisk, NOON, openWorld, type World } from "../support/world.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;

/** Twelve hours ahead: what the clock said when the rows were written. */
const WRONG = NOON + 12 * HOUR;

describe("redated()", () => {
  test("keeps a moment that was set by now", () => {
    expect(redated({ at: NOON + HOUR, setAt: NOON }, NOON)).toBe(NOON + HOUR);
    expect(redated({ at: NOON - HOUR, setAt: NOON - 2 * HOUR }, NOON)).toBe(NOON - HOUR);
  });

  test("begins a wait again that was set by a clock that was ahead, however far", () => {
    for (const ahead of [2 * SECOND, HOUR, 24 * HOUR, 100 * 365 * 24 * HOUR]) {
      const setAt = NOON + ahead;
      expect(redated({ at: setAt + 90 * SECOND, setAt }, NOON)).toBe(NOON + 90 * SECOND);
      expect(redated({ at: setAt - SECOND, setAt }, NOON)).toBe(NOON);
    }
  });
});

describe("WatchedClock", () => {
  test("tells once by how much it was set back since its latest time was told", () => {
    const inner = new VirtualClock(NOON);
    const clock = new WatchedClock(inner);
    expect(clock.takeSetBack()).toBe(0);
    inner.jumpTo(WRONG);
    expect(clock.now()).toBe(WRONG);
    inner.jumpTo(NOON + SECOND);
    expect(clock.takeSetBack()).toBe(WRONG - NOON - SECOND);
    expect(clock.takeSetBack()).toBe(0);
    expect(clock.now()).toBe(NOON + SECOND);
  });

  test("does not mind the trembling of a clock that is set right all the time", () => {
    const inner = new VirtualClock(NOON);
    const clock = new WatchedClock(inner);
    clock.now();
    inner.jumpTo(NOON - 900);
    expect(clock.takeSetBack()).toBe(0);
    inner.jumpTo(NOON - 1_100);
    expect(clock.takeSetBack()).toBe(1_100);
  });
});

/** A row of every table that waits, written at one time, due a minute later. */
async function rowsAt(world: World, now: number, firesAt: number) {
  const { journal } = world;
  const later = now + 60 * SECOND;
  return await journal.write((tables) => {
    const run = tables.insertRun(
      { job: "nightly", firesAt, cause: "schedule", source: "h", begunAt: now, deadlineAt: later },
      "open",
      now,
    );
    const runId = run?.id ?? 0;
    tables.insertSource("h", "export default 1");
    const rest = { template: null, expiryMs: 1, agentsMax: null, plugins: [] };
    tables.insertBody({ runId, ...rest, seed: 9, begunAt: now, nextAt: later });
    const step = { runId, name: "pause", kind: "sleep", digest: "", ...due(later, now) } as const;
    const stepId = tables.insertStep(step)?.id ?? 0;
    const action = tables.insertAction(
      {
        runId,
        job: "nightly",
        step: "",
        name: "n",
        body: "{}",
        signature: "s",
        expireAt: later,
        postBy: later,
        sendOnly: false,
        plugins: [],
      },
      now,
    );
    tables.saveAction({ ...action, nextAt: later });
    const order = { actionRow: action.id, job: "nightly", plugin: "mail", key: `k${runId}` };
    const delivery = tables.insertDelivery(order, now);
    if (delivery !== null) tables.saveDelivery({ ...delivery, nextAt: later });
    return { runId, stepId, actionId: action.id, deliveryId: delivery?.id ?? 0 };
  });
}

function timesOf(world: World, ids: Awaited<ReturnType<typeof rowsAt>>) {
  const { journal } = world;
  const action = journal.action(ids.actionId);
  return {
    deadline: journal.run(ids.runId)?.deadlineAt,
    body: journal.body(ids.runId)?.nextAt,
    step: journal.step(ids.stepId)?.nextAt,
    action: action?.nextAt,
    postBy: action?.postBy,
    delivery: journal.delivery(ids.deliveryId)?.nextAt,
  };
}

/** How many rows wait for a time that was set by a clock that was ahead. */
function countAhead({ journal }: World): number {
  return Object.values(journal.setAhead(NOON + SECOND, 9_999)).flat().length;
}

const all = (at: number) => {
  return { deadline: at, body: at, step: at, action: at, postBy: at, delivery: at };
};

describe("ClockWatch", () => {
  test("dates again at the start, and for a minute after the clock was set back", async () => {
    const world = openWorld();
    const clock = new WatchedClock(world.clock);
    const watch = new ClockWatch({ ...world.edges, clock });
    const first = await rowsAt(world, WRONG, WRONG);
    await watch.tick(() => false);
    expect(timesOf(world, first)).toEqual(all(NOON + 60 * SECOND));
    await world.clock.moveBy(61 * SECOND);
    // Nothing says that the clock was wrong, and nothing is looked through for it.
    const second = await rowsAt(world, WRONG, WRONG + 1);
    await watch.tick(() => false);
    expect(timesOf(world, second)).toEqual(all(WRONG + 60 * SECOND));
    world.clock.jumpTo(WRONG);
    clock.now();
    world.clock.jumpTo(NOON + 62 * SECOND);
    await watch.tick(() => false);
    expect(timesOf(world, second)).toEqual(all(NOON + 122 * SECOND));
    const told = world.lines.filter((line) => line.includes("was set back"));
    expect(told).toEqual(["warning the clock was set back by 11h58m58s"]);
    // What was begun before writes a moment later.
    await world.clock.moveBy(SECOND);
    const third = await rowsAt(world, WRONG, WRONG + 2);
    await watch.tick(() => false);
    expect(timesOf(world, third)).toEqual(all(NOON + 123 * SECOND));
  });

  test("dates again once a full disk has space, however long that takes", async () => {
    const world = openWorld();
    const clock = new WatchedClock(world.clock);
    const watch = new ClockWatch({ ...world.edges, clock });
    const rows = await rowsAt(world, WRONG, WRONG);
    const mend = fillDisk(world);
    for (let tick = 0; tick < 20; tick++) {
      await expect(watch.tick(() => false)).rejects.toThrow("disk is full");
      await world.clock.moveBy(5 * SECOND);
    }
    mend();
    await watch.tick(() => false);
    expect(timesOf(world, rows)).toEqual(all(NOON + 160 * SECOND));
  });

  test("looks through the rows seven times in that minute, however often it is asked", async () => {
    const world = openWorld();
    let looks = 0;
    const setAhead = (now: number, limit: number) => {
      looks++;
      return world.journal.setAhead(now, limit);
    };
    const journal: typeof world.journal = Object.create(world.journal, {
      setAhead: { value: setAhead },
    });
    const clock = new WatchedClock(world.clock);
    const watch = new ClockWatch({ ...world.edges, journal, clock });
    for (let tick = 0; tick < 700; tick++) {
      await watch.tick(() => false);
      await world.clock.moveBy(SECOND / 10);
    }
    // At the start, and 1, 2, 4, 8, 16 and 32 seconds later.
    expect(looks).toBe(7);
  });
});

describe("redateWaits()", () => {
  test("begins every wait again that was set by a clock that was ahead, and no other", async () => {
    const world = openWorld();
    const right = await rowsAt(world, NOON - 10 * SECOND, NOON - HOUR);
    const wrong = await rowsAt(world, WRONG, WRONG - HOUR);
    expect(await redateWaits(world.edges, () => false)).toBe(5);
    expect(timesOf(world, right)).toEqual(all(NOON + 50 * SECOND));
    expect(timesOf(world, wrong)).toEqual(all(NOON + 60 * SECOND));
    expect(world.lines[0]).toContain("5 waits were set by a clock that was up to 12h0m0s ahead");
    // What was dated again is not dated again, so that it does become due.
    await world.clock.moveBy(30 * SECOND);
    expect(await redateWaits(world.edges, () => false)).toBe(0);
    expect(timesOf(world, wrong)).toEqual(all(NOON + 60 * SECOND));
  });

  test("sets many right in transactions of some hundred, and says so once", async () => {
    const world = openWorld();
    const count = 1_203;
    for (let nr = 0; nr < count; nr++) await rowsAt(world, WRONG, WRONG + nr);
    let writes = 0;
    const journal: typeof world.journal = Object.create(world.journal, {
      write: {
        value: async (work: Parameters<typeof world.journal.write>[0]) => {
          const before = countAhead(world);
          const done = await world.journal.write(work);
          writes++;
          expect(before - countAhead(world)).toBeLessThanOrEqual(5 * 500);
          return done;
        },
      },
    });
    expect(await redateWaits({ ...world.edges, journal }, () => false)).toBe(5 * count);
    expect(writes).toBe(3);
    expect(countAhead(world)).toBe(0);
    expect(world.lines.filter((line) => line.includes("waits were set"))).toHaveLength(1);
    expect(world.lines[0]).toContain("6015 waits were set by a clock that was up to 12h0m0s ahead");
  });

  test("leaves the rest to the next process when this one ends, and says what it did", async () => {
    const world = openWorld();
    for (let nr = 0; nr < 1_001; nr++) await rowsAt(world, WRONG, WRONG + nr);
    const isEnding = () => countAhead(world) <= 5 * 501;
    expect(await redateWaits(world.edges, () => false, isEnding)).toBe(5 * 500);
    expect(world.lines[0]).toContain("2500 waits were set");
    expect(await redateWaits(world.edges, () => false)).toBe(5 * 501);
  });

  test("leaves a delivery alone that is being made", async () => {
    const world = openWorld();
    const ids = await rowsAt(world, WRONG, WRONG);
    expect(await redateWaits(world.edges, (id) => id === ids.deliveryId)).toBe(4);
    expect(timesOf(world, ids).delivery).toBe(WRONG + 60 * SECOND);
  });

  test("says which action was posted by that clock, and how to be rid of it", async () => {
    const world = openWorld();
    const { actionId } = await rowsAt(world, WRONG, WRONG);
    await world.journal.write((tables) => {
      const row = tables.action(actionId);
      if (row !== null) {
        const posted = {
          state: "posted",
          actionId: 77,
          reply: new Uint8Array([123, 125]),
        } as const;
        tables.saveAction({ ...row, ...posted });
      }
    });
    await redateWaits(world.edges, () => false);
    const expires = new Date(WRONG + 60 * SECOND).toISOString();
    expect(world.lines[1]).toStartWith("warning nightly: action 77 may have been dated by that");
    expect(world.lines[1]).toContain(`it expires at ${expires}; \`mig-runner drop 77\``);
  });
});

describe("redateWaits() of pauses", () => {
  test("lets one last as long as it was meant to, and forgets one that has ended", async () => {
    const world = openWorld();
    await world.journal.write((tables) => {
      const by = { actor: "ann", why: "" };
      tables.insertPause({ job: "gone", since: WRONG, until: null, ...by });
      tables.endPauses("gone", WRONG + HOUR);
      tables.insertPause({ job: "nightly", since: WRONG, until: WRONG + HOUR, ...by });
      tables.insertPause({ job: "open", since: WRONG, until: null, ...by });
      tables.insertPause({ job: "right", since: NOON - HOUR, until: NOON + HOUR, ...by });
    });
    expect(await redateWaits(world.edges, () => false)).toBe(3);
    const pauses = ["gone", "nightly", "open", "right"].flatMap((job) =>
      world.journal.pauses(job, 0).map(({ since, until }) => [job, since, until]),
    );
    expect(pauses).toEqual([
      ["nightly", NOON, NOON + HOUR],
      ["open", NOON, null],
      ["right", NOON - HOUR, NOON + HOUR],
    ]);
  });
});
