import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../../src/errors.ts";
import { advance, advanceDelivery } from "../../../src/journal/inflight.ts";
import type { Journal, NewAction } from "../../../src/journal/journal.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { readSeal } from "../../../src/journal/sqlite/seal.ts";
import { settle } from "../../support/clock.ts";

const NOW = 1_000_000;

function withDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "journal-"));
  const clean = () => rmSync(directory, { recursive: true, force: true });
  const value = work(directory);
  if (value instanceof Promise) return value.finally(clean) as T;
  clean();
  return value;
}

function newAction(runId: number, changes: Partial<NewAction> = {}): NewAction {
  return {
    runId,
    job: "nightly",
    step: "",
    name: "mig-runner: nightly",
    body: '{"name":"mig-runner: nightly"}',
    signature: "sig",
    expireAt: NOW + 300_000,
    sendOnly: false,
    plugins: ["mail", "disk"],
    ...changes,
  };
}

async function plan(journal: Journal, firesAt = NOW) {
  return await journal.write((tables) => {
    const run = tables.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "open", NOW);
    return run === null ? null : tables.insertAction(newAction(run.id), NOW);
  });
}

const posted = (actionId: number, collectAt: number) => ({
  kind: "posted" as const,
  actionId,
  reply: new Uint8Array([0x7b, 0x7d]),
  expireAt: collectAt,
  collectAt,
});

describe("openJournal()", () => {
  test("keeps a planned action with all it was planned with (I1)", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const journal = openJournal({ path });
      const row = await plan(journal);
      await journal.close();
      const again = openJournal({ path });
      expect(again.action(row?.id ?? 0)).toEqual({
        id: 1,
        ...newAction(1),
        lifeMs: null,
        postBy: null,
        postedAt: null,
        part: 0,
        agentsMax: null,
        guards: null,
        held: null,
        pageSize: null,
        state: "planned",
        actionId: null,
        reply: null,
        maybeSent: true,
        failures: 0,
        nextAt: NOW,
        resultPath: null,
        resultSha256: null,
        writing: false,
        completeness: null,
        collectedAt: null,
        tries: [],
        error: null,
        updatedAt: NOW,
      });
      await again.close();
      expect(statSync(path).mode & 0o777).toBe(0o600);
    });
  });

  test("refuses a second run of one fire time, also from another connection (I2)", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const [one, other] = [openJournal({ path }), openJournal({ path })];
      expect(await plan(one)).not.toBeNull();
      expect(await plan(other)).toBeNull();
      await Promise.all([one.close(), other.close()]);
    });
  });

  test("hands out due actions of one state, the most overdue first", async () => {
    const journal = openJournal({ path: ":memory:" });
    for (const [index, collectAt] of [30, 10, 20].entries()) {
      const row = await plan(journal, NOW + index);
      if (row === null) throw new Error("not planned");
      await journal.write((tables) =>
        tables.saveAction(advance(row, posted(100 + index, NOW + collectAt), NOW)),
      );
    }
    const due = journal.dueActions("posted", NOW + 20, 10).map(({ actionId }) => actionId);
    expect(due).toEqual([101, 102]);
    expect(journal.dueActions("planned", NOW + 99, 10)).toEqual([]);
    expect(journal.nextAt(NOW)).toBe(NOW + 10);
    expect(journal.counts().pendingActions).toBe(3);
    expect(journal.actionById(102)?.reply).toEqual(new Uint8Array([0x7b, 0x7d]));
  });

  test("keeps each delivery once and lists it until it is delivered (I6)", async () => {
    const journal = openJournal({ path: ":memory:" });
    const action = await plan(journal);
    const order = { actionRow: action?.id ?? 0, job: "nightly", plugin: "mail", key: "n/7/mail" };
    const delivery = await journal.write((tables) => tables.insertDelivery(order, NOW));
    expect(await journal.write((tables) => tables.insertDelivery(order, NOW))).toBeNull();
    expect(journal.dueDeliveries(NOW, 10)).toEqual([delivery] as never);
    const dead = advanceDelivery(
      delivery as never,
      { kind: "failed", error: "exit 3", nextAt: null },
      NOW,
    );
    await journal.write((tables) => tables.saveDelivery(dead));
    expect(journal.dueDeliveries(NOW, 10)).toEqual([]);
    expect(journal.undelivered(10)).toEqual([dead]);
    expect(journal.counts().deadDeliveries).toBe(1);
  });

  test("writes as many as are asked for at once, also one more than a group has", async () => {
    const journal = openJournal({ path: ":memory:", schedule: queueMicrotask });
    for (const count of [500, 501, 1_001]) {
      let written = 0;
      for (let number = 1; number <= count; number++) {
        void journal.write(() => 0).then(() => written++);
      }
      await settle();
      expect(written).toBe(count);
    }
    await journal.close();
  });

  test("keeps its log short while it is written, where the directory is its own", async () => {
    await withDirectory(async (directory) => {
      for (const isOwned of [true, false]) {
        const path = join(directory, `${isOwned}.db`);
        const journal = openJournal({ path, isOwned: () => isOwned });
        const before = readSeal(path);
        // Each checkpoint has a token of its own.
        await journal.write((tables) => tables.insertSource("5eed", "x".repeat(9_000_000)));
        expect([isOwned, String(readSeal(path)) !== String(before)]).toEqual([isOwned, isOwned]);
        await journal.close();
      }
    });
  });

  test("makes a checkpoint of less only after what waits for the write", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const journal = openJournal({ path, isOwned: () => true });
      const before = String(readSeal(path));
      await journal.write((tables) => tables.insertSource("5eed", "x".repeat(2_000_000)));
      expect(String(readSeal(path))).toBe(before);
      while (String(readSeal(path)) === before) await new Promise((turn) => setImmediate(turn));
      await journal.close();
    });
  });

  test("undoes a work that throws, and only that one", async () => {
    const journal = openJournal({ path: ":memory:" });
    const [good, bad, after] = await Promise.allSettled([
      journal.write((tables) => tables.setCursor("a", { decidedAt: 1, schedule: "x" })),
      journal.write((tables) => {
        tables.setCursor("b", { decidedAt: 1, schedule: "x" });
        throw new Error("changed my mind");
      }),
      journal.write((tables) => tables.setCursor("c", { decidedAt: 1, schedule: "x" })),
    ]);
    expect([good.status, bad.status, after.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(journal.cursor("a")).toEqual({ decidedAt: 1, schedule: "x", aheadAt: null });
    expect(journal.cursor("b")).toBeNull();
    expect(journal.cursor("c")).not.toBeNull();
  });

  test("writes the works beside one that throws once, and tells each of them once", async () => {
    const journal = openJournal({ path: ":memory:" });
    const told: number[] = [];
    const insert = (firesAt: number) =>
      journal
        .write((tables) => tables.insertRun({ job: "a", firesAt, cause: "manual" }, "open", 1))
        .then((run) => told.push(run?.id ?? 0));
    const refused = journal.write((tables) => {
      tables.insertRun({ job: "a", firesAt: 2, cause: "manual" }, "open", 1);
      throw new Error("changed my mind");
    });
    await Promise.allSettled([insert(1), refused, insert(2), insert(3)]);
    expect(told).toEqual([1, 2, 3]);
    expect(journal.runs("a", 9).map(({ firesAt }) => firesAt)).toEqual([3, 2, 1]);
  });

  test("undoes a lone work that throws", async () => {
    const journal = openJournal({ path: ":memory:" });
    const lone = journal.write((tables) => {
      tables.setCursor("b", { decidedAt: 1, schedule: "x" });
      throw new Error("changed my mind");
    });
    await expect(lone).rejects.toThrow("changed my mind");
    expect(journal.cursor("b")).toBeNull();
    expect(await plan(journal)).not.toBeNull();
  });

  test("writes what is queued before it closes, and nothing after", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const journal = openJournal({ path });
      const written = journal.write((t) => t.setCursor("a", { decidedAt: 1, schedule: "x" }));
      await journal.close();
      await written;
      await expect(journal.write(() => 1)).rejects.toThrow("it is closed");
      const again = openJournal({ path });
      expect(again.cursor("a")).not.toBeNull();
      await again.close();
    });
  });

  test("changes its version when another connection wrote", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const [one, other] = [openJournal({ path }), openJournal({ path })];
      const before = one.version();
      await other.write((tables) => tables.setCursor("a", { decidedAt: 1, schedule: "x" }));
      expect(one.version()).not.toBe(before);
      await Promise.all([one.close(), other.close()]);
    });
  });
});

describe("openJournal() refuses, with a way out (I10)", () => {
  const cases: [string, (path: string) => void, RegExp][] = [
    [
      "garbage",
      (path) => writeFileSync(path, "no database at all, but long enough ".repeat(50)),
      /it is damaged/,
    ],
    [
      "another program's database",
      (path) => {
        const database = new DatabaseSync(path);
        database.exec("CREATE TABLE other (x)");
        database.close();
      },
      /it is not a mig-runner journal/,
    ],
    [
      "a newer schema",
      (path) => {
        const database = new DatabaseSync(path);
        database.exec("CREATE TABLE run (x); PRAGMA user_version = 99");
        database.exec(`PRAGMA application_id = ${0x4d494752}`);
        database.close();
      },
      /it has schema 99/,
    ],
  ];
  for (const [what, make, message] of cases) {
    test(what, () => {
      withDirectory((directory) => {
        const path = join(directory, "journal.db");
        make(path);
        let thrown: unknown;
        try {
          openJournal({ path });
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(RunnerError);
        expect(String(thrown)).toMatch(message);
        expect((thrown as RunnerError).detail.hint).toBeString();
      });
    });
  }

  test("a directory that does not exist, and a missing journal for a reader", () => {
    withDirectory((directory) => {
      const path = join(directory, "missing", "journal.db");
      expect(() => openJournal({ path })).toThrow("Cannot use the journal");
      expect(() => openJournal({ path, readOnly: true })).toThrow("there is none yet");
    });
  });

  test("for a reader, one that was killed before it had tables is none yet", async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, "journal.db");
      const database = new DatabaseSync(path);
      database.exec("PRAGMA journal_mode = WAL");
      database.close();
      expect(() => openJournal({ path, readOnly: true })).toThrow("there is none yet");
      await openJournal({ path }).close();
      await openJournal({ path, readOnly: true }).close();
    });
  });
});
