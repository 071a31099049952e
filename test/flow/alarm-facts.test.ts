import { describe, expect, test } from "bun:test";
import { endedAhead, factsOf } from "../../src/flow/alarm-facts.ts";
import { jobConditions } from "../../src/flow/alarm-rules.ts";
import type { AlarmRow } from "../../src/journal/alarms.ts";
import type { RunState } from "../../src/journal/inflight.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

const HOUR = 3_600_000;
const WEEK = 168 * HOUR;

/** A job of which runs are written as they ended, by the clock of then. */
function openJob() {
  const { journal } = openWorld();
  const job = entity({ job: "nightly", expectMs: 2 * HOUR });
  return {
    journal,
    job,
    ran: (state: RunState, firesAt: number, endedAt = firesAt + 1) =>
      journal.write((tables) => {
        const order = { job: "nightly", cause: "schedule", firesAt, begunAt: firesAt } as const;
        const run = tables.insertRun(order, "open", firesAt);
        if (run !== null) tables.saveRun({ ...run, state, endedAt });
      }),
    events(now: number) {
      const facts = factsOf(journal, job, { now, startedAt: NOON, open: [] });
      return jobConditions(facts, now).map(({ event }) => event);
    },
  };
}

describe("factsOf()", () => {
  test("does not let a success that a clock far ahead has seen hide the failures after it (I7)", async () => {
    const { events, ran } = openJob();
    await ran("done", NOON + WEEK);
    await ran("failed", NOON + HOUR);
    expect(events(NOON + HOUR + 1_000)).toEqual(["failed"]);
    await ran("done", NOON + 2 * HOUR);
    expect(events(NOON + 2 * HOUR + 1_000)).toEqual([]);
  });

  test("takes a failure that a clock far ahead has seen for the last, until another has ended", async () => {
    const { events, journal, job, ran } = openJob();
    await ran("done", NOON);
    await ran("failed", NOON + WEEK);
    expect(events(NOON + 1_000)).toEqual(["failed"]);
    const facts = factsOf(journal, job, { now: NOON + 1_000, startedAt: NOON, open: [] });
    expect(facts.ended.map(({ state }) => state)).toEqual(["failed", "done"]);
    await ran("done", NOON + HOUR);
    expect(events(NOON + HOUR + 1_000)).toEqual([]);
  });

  test("goes on calling refused what people were told of as refused, as after an upgrade", async () => {
    const { journal, job, ran } = openJob();
    await ran("failed", NOON);
    const [run] = journal.endedRuns("nightly", NOON, 1);
    const told = { event: "refused", job: "nightly", runId: run?.id ?? null } as AlarmRow;
    const eventsWith = (open: readonly AlarmRow[]) => {
      const facts = factsOf(journal, job, { now: NOON + 1_000, startedAt: NOON, open });
      return jobConditions(facts, NOON + 1_000).map(({ event }) => event);
    };
    expect(eventsWith([told])).toEqual(["refused"]);
    expect(eventsWith([{ ...told, runId: 99 }])).toEqual(["failed"]);
  });

  test("knows runs that are posted before their fire time as the last", async () => {
    const { journal, ran } = openJob();
    await ran("done", NOON);
    await ran("failed", NOON + 60_000, NOON + 30_000);
    const ahead = entity({ job: "nightly", postAheadMs: 60_000 });
    const facts = factsOf(journal, ahead, { now: NOON + 31_000, startedAt: NOON, open: [] });
    expect(facts.ended.map(({ state }) => state)).toEqual(["failed", "done"]);
  });
});

describe("endedAhead()", () => {
  test("counts what is expected from when the clock was set right (I7)", async () => {
    const { events, job, journal, ran } = openJob();
    await ran("done", NOON + WEEK);
    const mended = endedAhead(journal, job, NOON + 5_000);
    expect(mended).toMatchObject({ begunAt: NOON + 5_000, endedAt: NOON + 5_000 });
    if (mended !== null) await journal.write((tables) => tables.saveRun(mended));
    expect(endedAhead(journal, job, NOON + 6_000)).toBeNull();
    expect(events(NOON + 2 * HOUR)).toEqual([]);
    expect(events(NOON + 2 * HOUR + 6_000)).toEqual(["late"]);
  });
});
