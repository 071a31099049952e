import { describe, expect, test } from "bun:test";
import { dropAction } from "../../src/flow/drop.ts";
import { adoptResult, type FoundResult, redeliverResult } from "../../src/flow/redeliver.ts";
import type { ActionRow } from "../../src/journal/inflight.ts";
import type { Journal, JournalTransaction } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";

const NOW = Date.UTC(2026, 0, 2);
const EXPIRES = NOW - 60_000;

function found(actionId: number, plugins: readonly string[]): FoundResult {
  const action = {
    actionId,
    name: "mig-runner: nightly",
    signatures: ["first", "last"],
    expireAt: EXPIRES,
    counters: null,
  };
  const result = { action, actionBytes: new Uint8Array([123]), plugin: "" };
  const counted = { ...result, commands: 3, statuses: { success: 3 } };
  return { job: "nightly", path: `/results/${actionId}.json`, result: counted, plugins };
}

async function inJournal(
  work: (write: <Value>(one: (rows: JournalTransaction) => Value) => Promise<Value>) => unknown,
): Promise<void> {
  const journal: Journal = openJournal({ path: ":memory:" });
  try {
    await work((one) => journal.write(one));
  } finally {
    await journal.close();
  }
}

describe("adoptResult()", () => {
  test("makes a collected action of a run of its own, with its deliveries in one go (I6)", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, ["one", "two"]), NOW);
        expect(action).toMatchObject({
          state: "collected",
          actionId: 7,
          signature: "last",
          resultPath: "/results/7.json",
          completeness: { fetched: 3, sent: null, statuses: { success: 3 }, strays: 0 },
        });
        expect(rows.run(action.runId)).toMatchObject({ cause: "adopted", state: "open" });
        expect(rows.deliveriesOf(action.id).map(({ key }) => key)).toEqual([
          "nightly/7/one",
          "nightly/7/two",
        ]);
      });
    }));

  test("gives results of one expiry fire times of their own (I2)", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const [first, second] = [7, 8].map((id) => adoptResult(rows, found(id, ["one"]), NOW));
        const times = [first, second].map((action) => rows.run(action?.runId ?? 0)?.firesAt);
        expect(times).toEqual([EXPIRES, EXPIRES + 1]);
      });
    }));

  test("settles at once what nobody is to get", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, []), NOW);
        expect(action.state).toBe("settled");
        expect(rows.run(action.runId)?.state).toBe("done");
      });
    }));
});

describe("redeliverResult()", () => {
  const order = { plugin: null, jobPlugins: ["now"], now: NOW + 1 };

  test("puts every delivery back to its beginning", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, ["one", "two"]), NOW);
        for (const row of rows.deliveriesOf(action.id)) {
          rows.saveDelivery({ ...row, state: "dead", attempts: 9, nextAt: null, error: "no" });
        }
        const again = redeliverResult(rows, action, order);
        expect(again.map(({ plugin }) => plugin)).toEqual(["one", "two"]);
        for (const row of rows.deliveriesOf(action.id)) {
          expect(row).toMatchObject({
            state: "pending",
            attempts: 0,
            nextAt: NOW + 1,
            error: null,
          });
        }
      });
    }));

  test("goes to the plugins of the job when the action had none", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, []), NOW);
        expect(redeliverResult(rows, action, order).map(({ key }) => key)).toEqual([
          "nightly/7/now",
        ]);
        expect(rows.action(action.id)?.state).toBe("settled");
      });
    }));

  test("goes to one plugin alone, also one that never got it", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, ["one"]), NOW);
        const rowsOf = redeliverResult(rows, action, { ...order, plugin: "new" });
        expect(rowsOf.map(({ plugin }) => plugin)).toEqual(["new"]);
        expect(rows.deliveriesOf(action.id).length).toBe(2);
      });
    }));
});

describe("dropAction()", () => {
  function planned(rows: JournalTransaction): ActionRow {
    const run = rows.insertRun({ job: "nightly", firesAt: 1, cause: "manual" }, "open", NOW);
    const action = { runId: run?.id ?? 0, job: "nightly", step: "", name: "n", body: "{}" };
    const more = { signature: "s", expireAt: NOW, sendOnly: false, plugins: [] };
    return rows.insertAction({ ...action, ...more }, NOW);
  }

  test("ends an action that was never posted, and its run, as failures with a reason (I4)", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = planned(rows);
        expect(dropAction(rows, action, { plugin: null, now: NOW })).toEqual({
          action: "planned",
          plugins: [],
        });
        expect(rows.action(action.id)).toMatchObject({
          state: "failed",
          nextAt: null,
          body: "",
          error: "given up by an operator",
        });
        expect(rows.run(action.runId)).toMatchObject({
          state: "failed",
          note: "given up by an operator",
        });
      });
    }));

  test("drops the deliveries of a result that was to be collected again", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const collected = adoptResult(rows, found(7, ["one", "two"]), NOW);
        const [one] = rows.deliveriesOf(collected.id);
        if (one !== undefined) rows.saveDelivery({ ...one, state: "delivered", nextAt: null });
        const action = { ...collected, state: "posted", nextAt: NOW } as const;
        rows.saveAction(action);
        const dropped = dropAction(rows, action, { plugin: null, now: NOW });
        expect(dropped).toEqual({ action: "posted", plugins: ["two"] });
        expect(rows.deliveriesOf(action.id).map(({ state }) => state)).toEqual([
          "delivered",
          "dropped",
        ]);
        expect(rows.action(action.id)?.state).toBe("failed");
      });
    }));

  test("drops what is undelivered of a result, and nothing that was delivered", () =>
    inJournal(async (write) => {
      await write((rows) => {
        const action = adoptResult(rows, found(7, ["one", "two"]), NOW);
        const [one] = rows.deliveriesOf(action.id);
        if (one !== undefined) rows.saveDelivery({ ...one, state: "delivered", nextAt: null });
        const { plugins } = dropAction(rows, action, { plugin: null, now: NOW });
        expect(plugins).toEqual(["two"]);
        expect(rows.deliveriesOf(action.id).map(({ state }) => state)).toEqual([
          "delivered",
          "dropped",
        ]);
        expect(rows.action(action.id)?.state).toBe("settled");
        expect(rows.run(action.runId)?.state).toBe("done");
      });
    }));
});
