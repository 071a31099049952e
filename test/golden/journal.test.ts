// Journals of every schema that was released: they open, say what they said, and are sound.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { salvageJournal } from "../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../src/journal/sqlite/maintenance.ts";
import { SCHEMA_VERSION } from "../../src/journal/sqlite/schema.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-journal-"));
  path = join(folder, "journal.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const goldenFile = (version: number) => join(import.meta.dir, `journal/schema-${version}.sql`);

function make(version: number): void {
  const database = new DatabaseSync(path);
  database.exec(readFileSync(goldenFile(version), "utf8"));
  database.close();
}

/** What tables and indexes there are, without regard to the layout of their text. */
function schemaOf(file: string): readonly string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").all();
  database.close();
  return rows
    .map(({ sql }) =>
      String(sql)
        .replaceAll(/\s+/g, " ")
        .replaceAll(/ (?=[,)])/g, ""),
    )
    .sort();
}

describe("a journal of every schema", () => {
  test("is kept here, up to the one that this program writes", () => {
    for (let version = 1; version <= SCHEMA_VERSION; version++) {
      expect([version, existsSync(goldenFile(version))]).toEqual([version, true]);
    }
  });

  for (let version = 1; version <= SCHEMA_VERSION; version++) {
    test(`opens with schema ${version}, ends in the newest, and is sound`, async () => {
      make(version);
      await openJournal({ path }).close();
      expect(await verifyJournal(path)).toMatchObject({ damage: [], faults: [] });
      const fresh = join(folder, "fresh.db");
      await openJournal({ path: fresh }).close();
      expect(schemaOf(path)).toEqual(schemaOf(fresh));
    });
  }
});

describe("a journal of schema 2", () => {
  test("says what plugins have done of a delivery", async () => {
    make(2);
    const journal = openJournal({ path });
    expect(journal.undelivered(9)).toMatchObject([
      { key: "weekly/103/mail", attempts: 3, progress: '{"next":500}' },
    ]);
    await journal.close();
  });
});

describe("a journal of schema 3", () => {
  test("says what a result file was when it was written", async () => {
    make(3);
    const journal = openJournal({ path });
    expect(journal.action(1)?.resultSha256).toMatch(/^44136fa3[0-9a-f]{56}$/);
    expect(journal.action(3)?.resultSha256).toBeNull();
    await journal.close();
  });

  test("says what was set for a run", async () => {
    make(3);
    const journal = openJournal({ path });
    expect([journal.run(6)?.params, journal.run(1)?.params]).toEqual(['{"sha256":"ab12"}', null]);
    await journal.close();
  });
});

describe("a journal of schema 4", () => {
  test("says what was tried in vain, and when parts of a run began and ended", async () => {
    make(4);
    const journal = openJournal({ path });
    const tried = { what: "deliver", error: "busy", count: 3, firstAt: 7_000, lastAt: 9_000 };
    expect(journal.undelivered(9)).toMatchObject([{ key: "weekly/103/mail", tries: [tried] }]);
    expect(journal.action(2)?.tries).toMatchObject([{ what: "post", count: 2 }]);
    expect(journal.action(1)).toMatchObject({ collectedAt: 8_000, tries: [] });
    expect(journal.stepNamed(6, "look")?.begunAt).toBe(5_000);
    await journal.close();
  });
});

describe("a journal of schema 2 with calendars", () => {
  test("says which is installed, and which of its windows is used", async () => {
    make(2);
    const journal = openJournal({ path });
    expect(journal.calendar("nightly")).toMatchObject({ id: 2, signers: ["A", "B"] });
    expect(journal.window(2, 3_600_000)?.runId).toBe(1);
    expect(journal.windows(2, 3_600_000, 9)).toMatchObject([{ id: 2, runId: null }]);
    await journal.close();
  });
});

describe("a journal of schema 1", () => {
  test("says of each action what it said", async () => {
    make(1);
    const journal = openJournal({ path });
    // Version 0.1.0 kept `sent` alone of the counters.
    const completeness = {
      fetched: 2,
      sent: 3,
      counters: null,
      statuses: { success: 2 },
      strays: 1,
    };
    expect(journal.action(1)).toMatchObject({ state: "settled", actionId: 101, completeness });
    expect(journal.dueActions("planned", 2_500, 9)).toMatchObject([
      { id: 2, plugins: ["mail", "chat"], agentsMax: 50, maybeSent: true, error: "refused" },
    ]);
    expect(journal.dueActions("posted", 6_900, 9)).toMatchObject([
      { id: 5, step: "deep", actionId: 105, reply: new TextEncoder().encode('{"id":105}') },
    ]);
    expect(journal.action(4)).toMatchObject({ sendOnly: true, state: "failed" });
    await journal.close();
  });

  test("goes on with what it had to do", async () => {
    make(1);
    const journal = openJournal({ path });
    expect(journal.undelivered(9)).toMatchObject([
      { key: "weekly/103/mail", attempts: 3, progress: null },
    ]);
    expect(journal.runsIn("requested", 9)).toMatchObject([{ id: 3, cause: "manual" }]);
    expect(journal.cursor("nightly")).toEqual({
      decidedAt: 3_000,
      schedule: "0 * * * * Europe/Berlin",
      aheadAt: null,
    });
    expect(journal.missed(null, 9)).toMatchObject([{ count: 8, firstAt: 100, lastAt: 900 }]);
    expect(journal.stepNamed(6, "look")).toMatchObject({ value: '{"found":1}', sequence: 1 });
    expect(journal.body(6)).toMatchObject({ template: "hash-template", seed: 7, agentsMax: 9 });
    expect(journal.counts()).toEqual({
      pendingActions: 2,
      pendingDeliveries: 1,
      deadDeliveries: 0,
      openBodies: 1,
    });
    await journal.close();
  });

  test("is read as it is by who may not change it, and is sound", async () => {
    make(1);
    const reader = openJournal({ path, readOnly: true });
    expect(reader.undelivered(9)).toMatchObject([{ key: "weekly/103/mail", progress: null }]);
    expect(reader.action(1)).toMatchObject({ actionId: 101 });
    expect(reader.stepNamed(6, "look")).toMatchObject({ value: '{"found":1}' });
    expect(reader.counts().pendingActions).toBe(2);
    await reader.close();
    expect(await verifyJournal(path)).toMatchObject({ damage: [], unreadable: [], faults: [] });
  });

  test("is salvaged with all that it has, tables that it has not are empty", async () => {
    make(1);
    const { tables } = await salvageJournal(path);
    const saved = Object.fromEntries(tables.map((table) => [table.table, table.saved]));
    expect(saved).toMatchObject({ calendar: 0, alarm: 0, notice: 0 });
    const journal = openJournal({ path });
    expect(journal.action(1)).toMatchObject({ state: "settled", actionId: 101 });
    expect(journal.undelivered(9)).toMatchObject([{ key: "weekly/103/mail", attempts: 3 }]);
    expect(journal.stepNamed(6, "look")).toMatchObject({ value: '{"found":1}' });
    await journal.close();
  });

  test("has each fire time once, also when it is asked for again (I2)", async () => {
    make(1);
    const journal = openJournal({ path });
    const again = { job: "nightly", firesAt: 1_000, cause: "schedule" } as const;
    expect(await journal.write((tables) => tables.insertRun(again, "open", 1))).toBeNull();
    await journal.close();
  });
});
