import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { closeRun } from "../../../src/flow/runs.ts";
import { advance } from "../../../src/journal/inflight.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import {
  backupJournal,
  restoreJournal,
  salvageJournal,
} from "../../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../../src/journal/sqlite/maintenance.ts";
import { ROW_RULES } from "../../../src/journal/sqlite/rules.ts";
import { INTO } from "../../support/rows.ts";

const NOW = Date.UTC(2026, 0, 2);
const BODY = "x".repeat(3_000);

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-journal-"));
  path = join(folder, "journal.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One open workflow run: two steps have ended, the action of the third is in flight. */
async function makeWorkflow(): Promise<void> {
  await openJournal({ path }).close();
  const template = `{"target":"id=1"}`;
  meddle(`
    INSERT INTO source
      VALUES ('code', 'export default 1'), ('template', '${template}');
    INSERT INTO run (id, job, fires_at, cause, state, source)
      VALUES (1, 'hunt', 1, 'manual', 'open', 'code');
    INSERT INTO body (run_id, template, expiry_ms, plugins, seed, begun_at, starts)
      VALUES (1, 'template', 300000, '[]', 7, 1, 0);
    INSERT INTO step
      (id, run_id, name, kind, digest, state, value, attempts, sequence, ended_at, tries) VALUES
      (1, 1, 'look', 'step', '', 'saved', '1', 0, 1, 5, 1),
      (2, 1, 'wait', 'sleep', 'd', 'saved', NULL, 0, 2, 6, 0),
      (3, 1, 'deep', 'collect', 'd', 'begun', NULL, 0, NULL, NULL, 0);
    INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at,
      send_only, plugins, maybe_sent, attempts, next_at, updated_at)
      VALUES (1, 1, 'hunt', 'deep', 0, 'planned', 'n', '{}', 's', 9, 0, '[]', 1, 0, 1, 1);
    INSERT INTO ${INTO.missed} VALUES (1, 'hunt', 1, 2, 2, 'nobody ran it in time', 3);
  `);
}

/** `count` runs with an action each: the first half settled, the others in flight. */
async function fill(journal: Journal, count: number): Promise<void> {
  await journal.write((transaction) => {
    for (let number = 1; number <= count; number++) {
      const cause = "schedule";
      const run = transaction.insertRun({ job: "nightly", firesAt: number, cause }, "open", NOW);
      if (run === null) throw new Error("no run");
      const action = { runId: run.id, job: "nightly", step: "", name: "n", body: BODY };
      const more = { signature: "s", expireAt: NOW, sendOnly: false, plugins: [] };
      const planned = transaction.insertAction({ ...action, ...more }, NOW);
      const reply = new TextEncoder().encode(BODY);
      const event = { kind: "posted", actionId: number, reply, expireAt: NOW } as const;
      const posted = advance(planned, { ...event, collectAt: NOW }, NOW);
      const completeness = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };
      const ended = {
        kind: "collected",
        resultPath: "/result",
        completeness,
        sweepAt: null,
      } as const;
      transaction.saveAction(number * 2 > count ? posted : advance(posted, ended, NOW));
      closeRun(transaction, run.id, NOW);
    }
  });
}

async function make(count: number): Promise<void> {
  const journal = openJournal({ path });
  await fill(journal, count);
  await journal.close();
}

/** Overwrites pages of the file, counted from 1. */
function damage(...pages: readonly number[]): void {
  const bytes = readFileSync(path);
  for (const page of pages) bytes.fill(0xa5, (page - 1) * 4096, page * 4096);
  writeFileSync(path, bytes);
}

/** Changes the journal past all rules. */
function meddle(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** Numbers of pages that hold rows of a table. */
function pagesOf(table: string): readonly number[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno")
    .all(table);
  database.close();
  return rows.map((row) => Number(row.pageno));
}

describe("verifyJournal()", () => {
  test("counts the rows of a sound journal", async () => {
    await make(4);
    const { damage: found, faults, rows } = await verifyJournal(path);
    expect([found, faults]).toEqual([[], []]);
    expect(rows).toMatchObject({ run: 4, action: 4, delivery: 0 });
  });

  test("finds a damaged page", async () => {
    await make(200);
    damage(20);
    expect((await verifyJournal(path)).damage.length).toBeGreaterThan(0);
  });

  test("says of a file that is no database that it is damaged", async () => {
    writeFileSync(path, "x".repeat(10_000));
    expect((await verifyJournal(path)).damage.length).toBe(1);
  });

  test("refuses the database of somebody else", async () => {
    meddle("CREATE TABLE theirs (a)");
    expect(verifyJournal(path)).rejects.toThrow("it is not a mig-runner journal");
  });

  for (const [wrong, sql] of [
    ["it is in flight, but never worked on", "UPDATE action SET next_at = NULL WHERE id = 3"],
    ["it is not in flight, but to be worked on", "UPDATE action SET next_at = 5 WHERE id = 1"],
    ["it ended, but when was not recorded", "UPDATE run SET ended_at = NULL WHERE id = 1"],
    ["nothing of it is in flight", "UPDATE run SET state = 'open', ended_at = NULL WHERE id = 1"],
    ["its run is missing", "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE id = 3"],
  ] as const) {
    test(`finds a row of which it says: ${wrong}`, async () => {
      await make(4);
      meddle(sql);
      const { damage: found, faults } = await verifyJournal(path);
      expect(found).toEqual([]);
      expect(faults.join("\n")).toContain(wrong);
    });
  }

  test("names what cannot be read and mends or leaves it out at a salvage", async () => {
    await make(4);
    meddle("UPDATE action SET plugins = '[', completeness = '{' WHERE id = 1");
    meddle("UPDATE action SET action_id = 9007199254740992 WHERE id = 4");
    const { damage: found, unreadable } = await verifyJournal(path);
    expect(found).toEqual([]);
    expect(unreadable).toEqual([
      "action 1 (nightly): its plugins is '[', wanted a list of names",
      "action 4 (nightly): its action_id is 9007199254740992, wanted a whole number " +
        "from 1 to 9007199254740991",
    ]);
    await salvageJournal(path);
    expect(await verifyJournal(path)).toMatchObject({ damage: [], unreadable: [], faults: [] });
    const salvaged = openJournal({ path });
    expect(salvaged.action(1)).toMatchObject({ plugins: [], completeness: { fetched: 0 } });
    expect(salvaged.action(4)).toBeNull();
    expect(salvaged.run(4)).toMatchObject({ state: "failed" });
    await salvaged.close();
  });

  for (const header of ["application_id = 7", "user_version = 16777217"]) {
    test(`calls our own tables under a header of ${header} damaged, and salvages them`, async () => {
      await make(4);
      meddle(`PRAGMA ${header}`);
      expect((await verifyJournal(path)).damage).toEqual([
        "malformed: its header is not what a mig-runner writes",
      ]);
      expect(() => openJournal({ path })).toThrow("it is damaged");
      await salvageJournal(path);
      expect(await verifyJournal(path)).toMatchObject({ damage: [], faults: [], rows: { run: 4 } });
    });
  }

  for (const [what, sql] of [
    ['trigger "x"', "CREATE TRIGGER x AFTER INSERT ON run BEGIN DELETE FROM run; END"],
    [
      'view "pause"',
      "DROP TABLE pause; CREATE VIEW pause AS WITH RECURSIVE more(id) AS " +
        "(SELECT 1 UNION ALL SELECT id + 1 FROM more) SELECT id, 'nightly' AS job, 0 AS since, " +
        "NULL AS until, '' AS actor, '' AS why, NULL AS ended_at FROM more",
    ],
    ['table "x"', "CREATE VIRTUAL TABLE x USING fts5(a)"],
  ] as const) {
    test(`runs nothing that a file brings with it: a ${what}`, async () => {
      await make(4);
      meddle(sql);
      expect((await verifyJournal(path)).damage).toEqual([
        `malformed: it has a ${what}, which no mig-runner makes`,
      ]);
      expect(() => openJournal({ path })).toThrow("it is damaged");
      await expect(restoreJournal(path, path)).rejects.toThrow("it is damaged");
      await salvageJournal(path);
      expect(await verifyJournal(path)).toMatchObject({ damage: [], faults: [], rows: { run: 4 } });
    });
  }

  for (const [wrong, sql] of [
    ["its workflow, or the text of it, is gone", "DELETE FROM body"],
    ["its workflow, or the text of it, is gone", "DELETE FROM source WHERE hash = 'code'"],
    ["it is an open workflow that waits for nothing", "DELETE FROM step WHERE state = 'begun'"],
    ["its run has no workflow", "UPDATE run SET source = NULL WHERE id = 1"],
    ["its action template is gone", "DELETE FROM source WHERE hash = 'template'"],
    ["has a place among those that have (W2)", "UPDATE step SET ended_at = 5 WHERE id = 3"],
    ["it ended, but is to be worked on (W1)", "UPDATE step SET next_at = 5 WHERE id = 2"],
    ["it failed, but no reason was recorded", "UPDATE step SET state = 'failed' WHERE id = 2"],
    ["no step ended in the place before it (W2)", "UPDATE step SET sequence = 7 WHERE id = 2"],
    ["it ended before the one in the place before it", "UPDATE step SET ended_at = 9 WHERE id = 1"],
    ["the step that it belongs to is gone", "UPDATE step SET name = 'x' WHERE name = 'deep'"],
    ["it counts no fire time", "UPDATE missed SET count = 0"],
  ] as const) {
    test(`finds a row of a workflow of which it says: ${wrong}, after ${sql}`, async () => {
      await makeWorkflow();
      expect(await verifyJournal(path)).toMatchObject({ damage: [], faults: [] });
      meddle(sql);
      expect((await verifyJournal(path)).faults.join("\n")).toContain(wrong);
    });
  }

  test("has only rules that SQLite understands", () => {
    const journal = new DatabaseSync(":memory:");
    expect(() => journal.prepare(ROW_RULES[0] ?? "")).toThrow("no such table");
    journal.close();
  });
});

describe("backupJournal()", () => {
  test("copies what is committed while somebody writes", async () => {
    const journal = openJournal({ path });
    await fill(journal, 20);
    const target = join(folder, "copy.db");
    const { rows, bytes } = await backupJournal(path, target);
    await journal.close();
    expect(rows.run).toBe(20);
    expect(statSync(target).size).toBe(bytes);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
    const copy = openJournal({ path: target, readOnly: true });
    expect(copy.actionById(20)?.state).toBe("posted");
    await copy.close();
  });

  test("replaces nothing", async () => {
    await make(2);
    const target = join(folder, "copy.db");
    writeFileSync(target, "mine");
    expect(backupJournal(path, target)).rejects.toThrow("there is a file of this name already");
    expect(readFileSync(target, "utf8")).toBe("mine");
  });

  test("says why there is no copy", async () => {
    expect(backupJournal(path, join(folder, "c.db"))).rejects.toThrow("there is none yet");
    await make(2);
    const target = join(folder, "nowhere/c.db");
    expect(backupJournal(path, target)).rejects.toThrow(/^Cannot copy the journal .*: /);
  });
});

describe("salvageJournal()", () => {
  test("saves the rows before, after and between damaged pages (I10)", async () => {
    await make(300);
    const leaves = pagesOf("action");
    const [from, to] = [leaves[Math.floor(leaves.length / 4)], leaves[leaves.length >> 1]];
    damage(from ?? 0, to ?? 0);
    const { tables, aside } = await salvageJournal(path);
    expect(aside).toBe(`${path}.damaged`);
    const action = tables.find(({ table }) => table === "action");
    expect(action?.whole).toBe(false);
    // Two damaged leaves hold a handful of rows each.
    expect(action?.saved).toBeGreaterThan(280);
    expect(action?.saved).toBeLessThan(300);
    expect(tables.find(({ table }) => table === "run")).toMatchObject({ saved: 300, whole: true });
    const left = readdirSync(folder).filter((name) => !name.includes(".damaged"));
    expect(left.sort()).toEqual(["journal.db", "journal.db-seal"]);
    const { damage: found } = await verifyJournal(path);
    expect(found).toEqual([]);
    const journal = openJournal({ path });
    expect(journal.actionById(300)?.state).toBe("posted");
    expect(journal.actionById(1)?.state).toBe("settled");
    await journal.close();
  });

  test("makes a lost run again for an action that is in flight", async () => {
    await make(300);
    damage(...pagesOf("run"));
    await salvageJournal(path);
    const { faults } = await verifyJournal(path);
    expect(faults).toEqual([]);
    const journal = openJournal({ path });
    const action = journal.actionById(300);
    expect(action?.state).toBe("posted");
    expect(journal.run(action?.runId ?? 0)).toMatchObject({ cause: "adopted", state: "open" });
    await journal.close();
  });

  test("gives an empty journal for a file of which nothing can be read", async () => {
    writeFileSync(path, "x".repeat(10_000));
    const { tables, aside } = await salvageJournal(path);
    expect(tables.every(({ saved, whole }) => saved === 0 && !whole)).toBe(true);
    expect(readFileSync(aside, "utf8")).toStartWith("xxx");
    const journal = openJournal({ path });
    await fill(journal, 1);
    await journal.close();
  });

  test("keeps the write-ahead log with the damaged journal", async () => {
    await make(300);
    writeFileSync(`${path}-wal`, "an old log");
    damage(20);
    const { aside } = await salvageJournal(path);
    expect(readdirSync(folder)).not.toContain("journal.db-wal");
    expect(aside).toBe(`${path}.damaged`);
  });
});
