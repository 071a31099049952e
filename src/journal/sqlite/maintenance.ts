// Maintenance: is the journal sound? SQLite's own checks, and our rules over rows (I10).
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../errors.ts";
import { tablesOf, texts } from "./foreign.ts";
import { damageOf, openJournal, readByRows } from "./journal.ts";
import { isDamage } from "./problem.ts";
import { unreadable, whyUnreadable } from "./readable.ts";
import { ROW_RULES } from "./rules.ts";
import { ROW_TABLES } from "./schema.ts";
import type { Table } from "./table.ts";

/** How a journal is. */
export interface JournalReport {
  /** What SQLite finds wrong with the file: rows may be lost. `salvage` is the way out. */
  readonly damage: readonly string[];
  /** Rows of a sound file that cannot be read; nothing works on them. `salvage` takes them out. */
  readonly unreadable: readonly string[];
  /** Rows that can be read, but contradict the rules (rules.ts). */
  readonly faults: readonly string[];
  /** Rows by table; empty for a file that cannot be read at all. */
  readonly rows: Readonly<Record<string, number>>;
}

/** Findings of one kind that are listed. */
const FINDINGS_MAX = 20;

/**
 * Checks a journal without changing it, also while a daemon writes.
 *
 * @param options With `quick` indexes are not compared to their tables.
 * @throws {RunnerError} JOURNAL: there is none, it is not ours, newer, or may not be read.
 */
export async function verifyJournal(
  path: string,
  { quick = false }: { readonly quick?: boolean } = {},
): Promise<JournalReport> {
  try {
    await openJournal({ path, readOnly: true }).close();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return damaged([messageOf((error as Error).cause ?? error)]);
  }
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const damage = damageOf(database, quick ? "quick_check" : "integrity_check");
    if (damage.length > 0) return damaged(damage.slice(0, FINDINGS_MAX));
    readByRows(database);
    const unreadable = ROW_TABLES.flatMap((table) => unreadableIn(database, table));
    const check = database.prepare("PRAGMA foreign_key_check");
    check.setReadBigInts(true);
    const orphans = check.all() as unknown as Orphan[];
    const strays = orphans
      .slice(0, FINDINGS_MAX)
      .map(({ table, parent, rowid }) => `${table} ${rowid}: its ${parent} is missing`);
    const broken = findings(database, ROW_RULES);
    return { damage, unreadable, faults: [...strays, ...broken], rows: countRows(database) };
  } catch (error) {
    // A damaged page may only show when it is read.
    return damaged([messageOf(error)]);
  } finally {
    database.close();
  }
}

function damaged(damage: readonly string[]): JournalReport {
  return { damage, unreadable: [], faults: [], rows: {} };
}

function unreadableIn(database: DatabaseSync, table: Table): string[] {
  const sql = `SELECT ${whyUnreadable(table)} FROM "${table.name}" WHERE ${unreadable(table)}`;
  return texts(database, `${sql} LIMIT ${FINDINGS_MAX}`);
}

function findings(database: DatabaseSync, rules: readonly string[]): string[] {
  return rules.flatMap((rule) => texts(database, `${rule} LIMIT ${FINDINGS_MAX}`));
}

interface Orphan {
  readonly table: string;
  readonly rowid: bigint;
  readonly parent: string;
}

function countRows(database: DatabaseSync): Record<string, number> {
  return Object.fromEntries(
    tablesOf(database).map((table) => [
      table,
      Number(texts(database, `SELECT count(*) FROM "${table}"`)[0]),
    ]),
  );
}
