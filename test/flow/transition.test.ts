// Keep: when a run is over, and what a part of a step says to the step.

import { describe, expect, test } from "bun:test";
import { isInFlight } from "../../src/flow/in-flight.ts";
import { closeRun } from "../../src/flow/runs.ts";
import { wakeStep } from "../../src/flow/transition.ts";
import { type ActionRow, advance, hasEnded, type RunRow } from "../../src/journal/inflight.ts";
import { NOON, openWorld } from "../support/world.ts";

type State = "planned" | "posted" | "collected" | "settled" | "failed";

interface Had {
  readonly run?: Partial<RunRow>;
  /** The text of a workflow. */
  readonly source?: string;
  readonly actions: readonly State[];
}

/** Moves a new action on until it is in a state. */
function moved(row: ActionRow, state: State, actionId: number): ActionRow {
  if (state === "planned") return row;
  if (state === "failed") return advance(row, { kind: "refused", error: "no" }, NOON);
  const times = { expireAt: NOON, collectAt: NOON };
  const reply = new TextEncoder().encode("{}");
  const posted = advance(row, { kind: "posted", actionId, reply, ...times }, NOON);
  if (state === "posted") return posted;
  const counts = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };
  const result = { resultPath: "/r/7.json", completeness: counts, sweepAt: null };
  const collected = advance(
    { ...posted, plugins: ["print"] },
    { kind: "collected", ...result },
    NOON,
  );
  return state === "collected" ? collected : advance(collected, { kind: "delivered" }, NOON);
}

/** What becomes of a run with such actions. */
async function closed({ run = {}, source, actions }: Had): Promise<RunRow | null> {
  const world = openWorld();
  return await world.journal.write((tables) => {
    const order = { job: "nightly", firesAt: NOON, cause: "schedule" } as const;
    const text = source === undefined ? {} : { source };
    const made = tables.insertRun({ ...order, ...text }, "open", NOON);
    if (made === null) throw new Error("there is no run");
    tables.saveRun({ ...made, ...run });
    for (const [index, state] of actions.entries()) {
      const own = { runId: made.id, job: "nightly", step: `s${index}`, name: "n", body: "{}" };
      const row = tables.insertAction(
        { ...own, signature: `${index}`, expireAt: NOON, sendOnly: false, plugins: ["print"] },
        NOON,
      );
      tables.saveAction(moved(row, state, index + 1));
    }
    closeRun(tables, made.id, NOON + 1);
    return tables.run(made.id);
  });
}

describe("closeRun()", () => {
  test("ends a run whose actions are all settled", async () => {
    expect(await closed({ actions: ["settled", "settled"] })).toMatchObject({
      state: "done",
      note: null,
      endedAt: NOON + 1,
    });
  });

  test("fails it when one of them failed, with its reason", async () => {
    expect(await closed({ actions: ["settled", "failed"] })).toMatchObject({
      state: "failed",
      note: "no",
      endedAt: NOON + 1,
    });
  });

  test("leaves it open while one of them is on its way", async () => {
    for (const state of ["planned", "posted", "collected"] as const) {
      const run = await closed({ actions: ["settled", state, "failed"] });
      expect(run).toMatchObject({ state: "open", endedAt: null });
    }
  });

  test.each(["requested", "done", "failed", "paused"] as const)(
    "leaves one that is %s as it is",
    async (state) => {
      const run = { state, note: "by hand", endedAt: 5 };
      expect(await closed({ run, actions: ["settled"] })).toMatchObject(run);
    },
  );

  test("leaves that of a workflow to the workflow", async () => {
    const source = "export default 1;";
    expect(await closed({ source, actions: ["settled"] })).toMatchObject({ state: "open" });
  });
});

describe("hasEnded()", () => {
  test("is false while something of the action itself is to come", () => {
    const states = ["planned", "posted", "collected", "settled", "failed"] as const;
    expect(states.map((state) => hasEnded({ state }))).toEqual([false, false, true, true, true]);
  });
});

describe("wakeStep()", () => {
  test("makes a step due when the last of its actions has ended, unless it has ended", async () => {
    const world = openWorld();
    const seen = await world.journal.write((tables) => {
      tables.insertSource("5eed", "the source");
      const order = { job: "a", firesAt: NOON, cause: "manual", source: "5eed" } as const;
      const runId = tables.insertRun(order, "open", NOON)?.id ?? 0;
      const rest = { name: "n", body: "{}", signature: "s", expireAt: NOON, plugins: [] };
      const own = { runId, job: "a", step: "all", sendOnly: false, ...rest };
      const [one, two] = [0, 1].map((part) => tables.insertAction({ ...own, part }, NOON));
      if (one === undefined || two === undefined) throw new Error("there are no actions");
      const dueAfter = (row: ActionRow, id: number) => {
        const next = moved(row, "failed", id);
        tables.saveAction(next);
        wakeStep(tables, next, NOON + id);
        return tables.stepNamed(runId, "all")?.nextAt;
      };
      // Without its step, which was taken out by hand.
      const without = dueAfter(one, 1);
      tables.saveAction(one);
      const step = { runId, name: "all", kind: "collect", digest: "", nextAt: null } as const;
      const row = tables.insertStep(step);
      const [first, last] = [dueAfter(one, 1), dueAfter(two, 2)];
      const ended = { state: "failed", error: "given up", sequence: 1, endedAt: NOON } as const;
      if (row !== null) tables.saveStep({ ...row, ...ended });
      return [without, first, last, dueAfter(two, 3)];
    });
    expect(seen).toEqual([undefined, null, NOON + 2, null]);
  });
});

describe("isInFlight()", () => {
  test("is true until every action has ended: of one run, and of all", async () => {
    const { journal } = openWorld();
    expect(isInFlight(journal, null)).toBe(false);
    const row = await journal.write((tables) => {
      const run = tables.insertRun({ job: "a", firesAt: NOON, cause: "schedule" }, "open", NOON);
      const rest = { step: "", name: "n", body: "{}", signature: "s", expireAt: NOON };
      const action = { runId: run?.id ?? 0, job: "a", ...rest, sendOnly: false, plugins: [] };
      return tables.insertAction(action, NOON);
    });
    expect([null, row.runId].map((id) => isInFlight(journal, id))).toEqual([true, true]);
    await journal.write((tables) => tables.saveAction(moved(row, "failed", 1)));
    expect([null, row.runId].map((id) => isInFlight(journal, id))).toEqual([false, false]);
  });

  test("is not true of what only waits for people, who may take days", async () => {
    const { journal } = openWorld();
    const ids = await journal.write((tables) => {
      const run = { job: "a", firesAt: NOON, cause: "manual" } as const;
      const held = tables.insertRun(run, "open", NOON)?.id ?? 0;
      const rest = { step: "", name: "n", body: "{}", signature: "s", expireAt: NOON };
      const action = { runId: held, job: "a", ...rest, sendOnly: false, plugins: [] };
      tables.saveAction({ ...tables.insertAction(action, NOON), held: "approval" });
      tables.insertSource("hash", "");
      const asking = tables.insertRun({ ...run, job: "b", source: "hash" }, "open", NOON)?.id ?? 0;
      const body = { runId: asking, template: null, expiryMs: 1, agentsMax: null, plugins: [] };
      tables.insertBody({ ...body, seed: 1, begunAt: NOON, nextAt: null });
      const step = { runId: asking, name: "ok", digest: "", nextAt: NOON + 1, asked: "{}" };
      tables.insertStep({ ...step, kind: "approval" });
      return [null, held, asking];
    });
    expect(ids.map((id) => isInFlight(journal, id))).toEqual([false, false, false]);
    const [, , runId = 0] = ids.map(Number);
    const called = (nextAt: number | null) =>
      journal.write((tables) => {
        const body = tables.body(runId);
        if (body !== null) tables.saveBody({ ...body, nextAt });
      });
    await called(NOON);
    expect(ids.map((id) => isInFlight(journal, id))).toEqual([true, false, true]);
    await called(null);
    await journal.write((tables) => {
      const sleep = { runId, name: "nap", digest: "", nextAt: NOON + 1, kind: "sleep" } as const;
      tables.insertStep(sleep);
    });
    expect(ids.map((id) => isInFlight(journal, id))).toEqual([true, false, true]);
  });
});
