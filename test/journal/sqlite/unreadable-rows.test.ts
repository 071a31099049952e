import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { UNREADABLE } from "../../../src/journal/sqlite/unreadable-rows.ts";
import { writeLargeJournal } from "../../support/large-journal.ts";
import { INTO } from "../../support/rows.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-unreadable-"));
  path = join(folder, "journal.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function meddle(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

const RUN = "'schedule', 'open', NULL, NULL, NULL, NULL";

describe("UNREADABLE", () => {
  test("are a part of every journal", async () => {
    const journal = openJournal({ path });
    expect(Object.keys(journal)).toEqual(expect.arrayContaining(Object.keys(UNREADABLE)));
    await journal.close();
  });

  test("name at most as many as are asked for", async () => {
    await openJournal({ path }).close();
    for (const id of [-1, -2, -3])
      meddle(`INSERT INTO ${INTO.run} VALUES (${id}, 'a', ${id}, ${RUN})`);
    const journal = openJournal({ path });
    expect(journal.unreadable(2)).toHaveLength(2);
    expect(journal.unreadable(9)).toHaveLength(3);
    await journal.close();
    for (const id of [5, 6, 7])
      meddle(`INSERT INTO ${INTO.missed} VALUES (${id}, 'a', 1, 2, -3, 'r', 3)`);
    const more = openJournal({ path });
    expect(more.unreadable(4)).toHaveLength(4);
    expect(more.unreadable(9)).toHaveLength(6);
    await more.close();
  });

  test("are in a large journal looked for only where something waits", async () => {
    await writeLargeJournal(path);
    meddle(`INSERT INTO ${INTO.run} VALUES (-1, 'a', 1, ${RUN});
      INSERT INTO ${INTO.run} VALUES (-2, 'a', 2, 'schedule', 'done', NULL, NULL, NULL, 5)`);
    const journal = openJournal({ path });
    expect(journal.unreadable(9)).toEqual([expect.stringMatching(/^run -1 \(a\): its id is -1, /)]);
    await journal.close();
  });

  test("take out a row of each table that a job has, whatever its key", async () => {
    await openJournal({ path }).close();
    meddle(`INSERT INTO ${INTO.run} VALUES (9007199254740993, 'a', 1, ${RUN});
      INSERT INTO ${INTO.run} VALUES (9007199254740992, 'b', 1, ${RUN});
      INSERT INTO ${INTO.cursor} VALUES ('a', 9007199254740992, 's');
      INSERT INTO ${INTO.missed} VALUES (5, 'a', 1, 2, -3, 'r', 3)`);
    const journal = openJournal({ path });
    const removed = await journal.write((tables) => tables.removeUnreadable("a"));
    expect(removed.map(({ table }) => table)).toEqual(["run", "missed", "cursor"]);
    expect(journal.unreadable(9)).toEqual([
      expect.stringContaining("run 9007199254740992 (b): its id is 9007199254740992, wanted"),
    ]);
    await journal.close();
  });
});
