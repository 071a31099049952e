import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { drop } from "../../src/cli/drop.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Directory, THEN } from "../support/verb.ts";

async function look<Value>(
  directory: Directory,
  work: (journal: ReturnType<typeof openJournal>) => Value,
): Promise<Value> {
  const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
  try {
    return work(journal);
  } finally {
    await journal.close();
  }
}

describe("drop", () => {
  test("gives up an action in flight: a recorded failure, and no in-flight record (I4)", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const { runId } = await directory.posted("nightly", 7);
    await directory.write("runners/nightly/inflight/7.json", "{}");
    const { exit, out } = await directory.call(drop, ["7"]);
    expect([exit, out]).toEqual([
      0,
      "nightly: action 7 is given up, its results will not be collected\n",
    ]);
    await look(directory, (journal) => {
      expect(journal.actionById(7)).toMatchObject({
        state: "failed",
        nextAt: null,
        error: "given up by an operator",
      });
      expect(journal.run(runId)?.state).toBe("failed");
      expect(journal.counts().pendingActions).toBe(0);
    });
    expect(await Bun.file(directory.at("runners/nightly/inflight/7.json")).exists()).toBe(false);
  });

  test("gives up the deliveries of a result, all or to one plugin", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.collected("nightly", 8, ["one", "two"]);
    const first = await directory.call(drop, ["8", "--plugin", "one"]);
    expect(first.out).toBe("nightly: the result of action 8 will not be delivered to one\n");
    await look(directory, (journal) => expect(journal.actionById(8)?.state).toBe("collected"));
    const second = await directory.call(drop, ["8", "--json"]);
    expect(JSON.parse(second.out)).toEqual({
      given: [{ job: "nightly", actionId: 8, what: "deliver", plugins: ["two"] }],
      runs: 0,
      runIds: [],
      removed: [],
    });
    await look(directory, (journal) => {
      const action = journal.actionById(8);
      expect(action?.state).toBe("settled");
      expect(journal.run(action?.runId ?? 0)?.state).toBe("done");
    });
  });

  test("gives up everything of a job, and leaves the other jobs alone", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    await directory.collected("nightly", 8, ["one"]);
    await directory.posted("other", 9);
    await directory.remember((transaction) => {
      transaction.insertRun({ job: "nightly", firesAt: 1, cause: "manual" }, "requested", THEN);
    });
    const { exit, out } = await directory.call(drop, ["nightly"]);
    expect(exit).toBe(0);
    expect(out.split("\n").toSorted()).toEqual([
      "",
      "nightly: action 7 is given up, its results will not be collected",
      "nightly: run 4 is given up",
      "nightly: the result of action 8 will not be delivered to one",
    ]);
    await look(directory, (journal) => {
      expect(journal.counts()).toMatchObject({ pendingActions: 1, pendingDeliveries: 0 });
      expect(journal.actionById(9)?.state).toBe("posted");
    });
  });

  test("gives up the runs of a job that was removed, by name and number", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    for (const firesAt of [1, 2]) {
      await directory.remember((transaction) => {
        const run = { job: "gone", firesAt, cause: "manual", source: "hash" } as const;
        transaction.insertRun(run, firesAt === 1 ? "paused" : "open", THEN);
      });
    }
    const { exit, out } = await directory.call(drop, ["gone"]);
    expect([exit, out]).toEqual([0, "gone: run 1 is given up\ngone: run 2 is given up\n"]);
    const again = await directory.call(drop, ["gone", "--json"]);
    expect(again.thrown).toContain('Cannot drop "gone": nothing of it is pending');
    await look(directory, (journal) => expect(journal.unsettledRuns("gone", 1e15)).toEqual([]));
  });

  test("takes out rows that cannot be read, by job, by id or by run, and keeps a copy", async () => {
    for (const word of ["nightly", "9007199254740992", "1"]) {
      await using directory = await Directory.create();
      await directory.job("nightly");
      const { runId } = await directory.posted("nightly", 7);
      await directory.posted("other", 9);
      directory.meddle("UPDATE action SET action_id = 9007199254740992 WHERE id = 1");
      const { exit, out } = await directory.call(drop, [word]);
      expect([word, exit]).toEqual([word, 0]);
      expect(out).toContain("action 1 (nightly): its action_id is 9007199254740992, wanted");
      await look(directory, (journal) => {
        expect(journal.unreadable(5)).toEqual([]);
        expect(journal.run(runId)).toMatchObject({
          state: "failed",
          note: "given up by an operator, a row of it could not be read",
        });
        expect(journal.actionById(9)?.state).toBe("posted");
      });
      const kept = directory.at("journal.db.removed.jsonl");
      const [line = ""] = (await Bun.file(kept).text()).split("\n");
      expect(JSON.parse(line)).toMatchObject({
        table: "action",
        row: { job: "nightly", action_id: "9007199254740992", reply: btoa('{"id":7}') },
      });
      expect(statSync(kept).mode & 0o777).toBe(0o600);
    }
  });

  test("says that there is nothing to give up", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const say = async (...argv: string[]) => (await directory.call(drop, argv)).thrown;
    expect(await say("nightly")).toContain('Cannot drop "nightly": nothing of it is pending');
    expect(await say("7")).toContain('Cannot drop action "7": the journal has none of this id');
    expect(await say("nigtly")).toContain('did you mean "nightly"?');
    expect(await say()).toBe("drop takes one ACTIONID, RUN or JOB");
  });
});
