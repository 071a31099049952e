// Large journal: one that is too large to be checked when it is opened, and damage in its midst.
import { closeSync, openSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/journal/sqlite/journal.ts";

const PAGE_BYTES = 4_096;

/** Makes a sound journal of some twelve million bytes, closed. */
export async function writeLargeJournal(path: string): Promise<void> {
  await openJournal({ path }).close();
  const database = new DatabaseSync(path);
  database.exec(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) " +
      "INSERT INTO source (hash, text) SELECT 'hash ' || i, printf('%.400c', 'x') FROM n",
  );
  database.close();
}

/** Writes zeros over a page in the midst of a large journal. */
export function damagePage(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES, 1_500 * PAGE_BYTES);
  closeSync(file);
}
