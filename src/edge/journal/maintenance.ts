// Maintenance: is the journal sound, a copy of it while it is written, and what a damaged one
// still holds (I10).
//
// Owns:    SQLite's own checks, our rules over rows, copying and salvaging files.
// Not its: who may do it when (salvaging needs the directory's lock), what is shown.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, link, lstat, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, RunnerError } from "../../errors.ts";
import { errnoCode, errnoHint, errnoText } from "../errno.ts";
import { syncDirectory } from "../spool/durable.ts";
import { damageOf, isDamage, openJournal, readByRows } from "./journal.ts";
import { ROW_TABLES, type RowTable, unreadable, whyUnreadable } from "./readable.ts";
import { ROW_RULES } from "./rules.ts";
import { copyReadable, type TableSalvage } from "./salvage.ts";

/** How a journal is. */
export interface JournalReport {
  /** What SQLite finds wrong with the file: rows may be lost. `salvage` is the way out. */
  readonly damage: readonly string[];
  /** Rows of a sound file that cannot be read; nothing works on them. `salvage` takes them out. */
  readonly unreadable: readonly string[];
  /** Rows that can be read and say what cannot be. */
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

function unreadableIn(database: DatabaseSync, table: RowTable): string[] {
  const sql = `SELECT ${whyUnreadable(table)} FROM "${table}" WHERE ${unreadable(table)}`;
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

/** The first column of every row. */
function texts(database: DatabaseSync, sql: string): string[] {
  return database
    .prepare(sql)
    .all()
    .map((row) => String(Object.values(row)[0]));
}

/** Our tables, in the order in which their rows refer to each other. */
function tablesOf(database: DatabaseSync): string[] {
  return texts(
    database,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' " +
      "ORDER BY rowid",
  );
}

function countRows(database: DatabaseSync): Record<string, number> {
  return Object.fromEntries(
    tablesOf(database).map((table) => [
      table,
      Number(texts(database, `SELECT count(*) FROM "${table}"`)[0]),
    ]),
  );
}

/**
 * Writes a consistent copy, also while a daemon writes. The copy appears whole or not at all, and
 * never in place of another file.
 *
 * @returns Its rows by table, and its size.
 * @throws {RunnerError} JOURNAL.
 */
export async function backupJournal(
  path: string,
  target: string,
): Promise<{ readonly rows: Readonly<Record<string, number>>; readonly bytes: number }> {
  await openJournal({ path, readOnly: true }).close();
  return await asJournalError(`copy the journal "${path}" to "${target}"`, target, async () => {
    if (await isTaken(target)) throw new Error("there is a file of this name already");
    const temporary = temporaryName(target);
    try {
      const database = new DatabaseSync(path, { readOnly: true });
      try {
        database.prepare("VACUUM INTO ?").run(temporary);
      } finally {
        database.close();
      }
      await chmod(temporary, 0o600);
      const { damage, rows } = await verifyJournal(temporary, { quick: true });
      if (damage.length > 0) throw new Error(`the journal is damaged: ${damage.join("; ")}`);
      await syncFile(temporary);
      // Unlike a rename, a link never replaces what somebody else put there meanwhile.
      await link(temporary, target);
      await syncDirectory(dirname(target));
      return { rows, bytes: (await stat(target)).size };
    } finally {
      await removeDatabase(temporary);
    }
  });
}

/** What a salvage brought. */
export interface Salvage {
  readonly tables: readonly TableSalvage[];
  /** Where the damaged journal is now. */
  readonly aside: string;
}

/**
 * Puts a journal of all rows that can still be read in the place of a damaged one, and keeps that
 * one beside it. Only for the holder of the directory's lock.
 *
 * @throws {RunnerError} JOURNAL, and the damaged journal is where it was.
 */
export async function salvageJournal(path: string): Promise<Salvage> {
  return await asJournalError(`salvage the journal "${path}"`, path, async () => {
    const temporary = temporaryName(path);
    try {
      await openJournal({ path: temporary }).close();
      const target = new DatabaseSync(temporary);
      let tables: readonly TableSalvage[];
      try {
        tables = copyReadable({ path, target, tables: tablesOf(target) });
        // One file without a log beside it, so that a rename moves all of it.
        target.exec("PRAGMA journal_mode = DELETE");
      } finally {
        target.close();
      }
      await syncFile(temporary);
      return { tables, aside: await exchange(path, temporary) };
    } finally {
      await removeDatabase(temporary);
    }
  });
}

/** Moves the old files aside and the new one in their place. */
async function exchange(path: string, fresh: string): Promise<string> {
  let aside = `${path}.damaged`;
  for (let number = 2; await isTaken(aside); number++) aside = `${path}.damaged.${number}`;
  await link(path, aside);
  // SQLite would play an old log into the new file.
  for (const end of ["-wal", "-shm"]) await renameIfThere(`${path}${end}`, `${aside}${end}`);
  await rename(fresh, path);
  await syncDirectory(dirname(path));
  return aside;
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoCode(error) !== "ENOENT") throw error;
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomBytes(8).toString("hex")}.tmp`;
}

async function removeDatabase(path: string): Promise<void> {
  for (const end of ["", "-wal", "-shm", "-journal"]) await unlink(`${path}${end}`).catch(() => {});
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function asJournalError<Value>(
  purpose: string,
  path: string,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    const hint = errnoHint(cause);
    const state = errnoCode(cause) === null ? messageOf(cause) : errnoText(cause);
    const detail = hint === null ? { path } : { path, hint };
    throw new RunnerError("JOURNAL", `Cannot ${purpose}: ${state}`, detail, { cause });
  }
}
