// Copies: a copy of the journal while it is written, one in place of the journal, and what a
// damaged one still holds (I10).
//
// Owns:     that a copy is complete or absent, and readable by this user alone; where the old
//           journal and its log go.
// Not here: who may do it when (restoring and salvaging need the directory's lock), what is shown.
import { randomBytes } from "node:crypto";
import { constants, createReadStream, type Stats } from "node:fs";
import { link, lstat, open, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, RunnerError } from "../../errors.ts";
import { syncDirectory } from "../../lib/os/durable.ts";
import { errnoCode, errnoHint, errnoText } from "../../lib/os/errno.ts";
import { assertRegularAt } from "../../lib/os/read.ts";
import { tablesOf, texts } from "./foreign.ts";
import { openJournal } from "./journal.ts";
import { verifyJournal } from "./maintenance.ts";
import { movedError, readMoveNote } from "./moved.ts";
import { isDamage } from "./problem.ts";
import { copyReadable, type TableSalvage } from "./salvage.ts";
import { freshToken, sealAsIs, stamp, tokenOf, writeSeal } from "./seal.ts";

/** A copy of a journal that was made, or put in its place. */
export interface JournalCopy {
  /** Its rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/**
 * Writes a consistent copy, also while a daemon writes. The copy appears whole or not at all, for
 * this user alone, and never in place of another file.
 *
 * @throws {RunnerError} JOURNAL.
 */
export async function backupJournal(path: string, target: string): Promise<JournalCopy> {
  await openJournal({ path, readOnly: true }).close();
  return await asJournalError(`copy the journal "${path}" to "${target}"`, target, async () => {
    if (await isTaken(target)) throw new Error("there is a file of this name already");
    const temporary = temporaryName(target);
    try {
      await copyInto(path, temporary);
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

/** Copies what a journal and its log hold into a new file, under a token of its own. */
async function copyInto(path: string, target: string): Promise<void> {
  // SQLite would make the file readable for everybody; an empty one that exists keeps its mode.
  await (await open(target, "wx", 0o600)).close();
  const source = new DatabaseSync(path, { readOnly: true });
  try {
    source.prepare("VACUUM INTO ?").run(target);
  } finally {
    source.close();
  }
  restamp(target);
}

/** Makes a journal one file without a log beside it, with a new token. */
function restamp(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    const has = texts(database, "SELECT name FROM sqlite_schema WHERE name = 'seal'");
    if (has.length > 0) stamp(database, freshToken());
  } finally {
    database.close();
  }
}

/** What was put in place of a journal, and where that one is. */
export interface Restored extends JournalCopy {
  /** Null when there was none. */
  readonly aside: string | null;
}

/**
 * Puts a backup in place of the journal, and keeps that one, with its log, beside it. `file`
 * may be the journal's own path: then the file that is there counts, and its log does not. Only
 * for the holder of the directory's lock.
 *
 * @throws {RunnerError} JOURNAL, and the journal is what it was, or refused until this is repeated.
 */
export async function restoreJournal(path: string, file: string): Promise<Restored> {
  const purpose = `put "${file}" in place of the journal "${path}"`;
  const moved = readMoveNote(path);
  // A backup of before would be a second journal beside the one that was moved.
  if (moved !== null) throw movedError(path, moved);
  return await asJournalError(purpose, file, async () => {
    const temporary = temporaryName(path);
    try {
      await copyAlone(path, file, temporary);
      const { damage, rows } = await verifyJournal(temporary);
      if (damage.length > 0) {
        const text = `Cannot ${purpose}: it is damaged: ${damage.join("; ")}`;
        const hint =
          "take another backup; `mig-runner journal salvage` saves what can be read of one";
        throw new RunnerError("JOURNAL", text, { path: file, hint });
      }
      const aside = await exchange(path, temporary, "before-restore");
      return { rows, bytes: (await stat(path)).size, aside };
    } finally {
      await removeDatabase(temporary);
    }
  });
}

/** Copies a backup with its log, if it has one; of the journal itself the file alone. */
async function copyAlone(path: string, file: string, target: string): Promise<void> {
  assertRegularAt(file);
  const here = await stat(file);
  const there = await statOrNull(path);
  const isSame = there !== null && here.ino === there.ino && here.dev === there.dev;
  if (!isSame && (await hasLog(file))) {
    await openJournal({ path: file, readOnly: true }).close();
    await copyInto(file, target);
    return;
  }
  // Without a log it is the whole; it may lie where nothing can be written beside it.
  const handle = await open(target, "wx", 0o600);
  try {
    for await (const chunk of createReadStream(file)) await handle.writeFile(chunk as Uint8Array);
  } finally {
    await handle.close();
  }
  // The caller looks for damage, and reports it.
  if (await isJournal(target, file)) restamp(target);
}

/**
 * Whether a copy can be opened; false when it is damaged.
 *
 * @throws {RunnerError} JOURNAL, by the name of what it is a copy of, when it is no journal.
 */
async function isJournal(target: string, file: string): Promise<boolean> {
  try {
    await openJournal({ path: target, readOnly: true }).close();
    return true;
  } catch (error) {
    if (!(error instanceof RunnerError) || isDamage(error)) return false;
    const detail = { ...error.detail, path: file };
    const message = error.message.replaceAll(target, file);
    throw new RunnerError(error.code, message, detail, { cause: error });
  }
}

async function hasLog(path: string): Promise<boolean> {
  return ((await statOrNull(`${path}-wal`))?.size ?? 0) > 0;
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** What a salvage brought. */
export interface Salvage {
  readonly tables: readonly TableSalvage[];
  /** Where the damaged journal is now. */
  readonly aside: string;
}

/**
 * Puts a journal of all rows that can still be read in place of a damaged one, and keeps that
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
      } finally {
        target.close();
      }
      restamp(temporary);
      return { tables, aside: (await exchange(path, temporary, "damaged")) ?? path };
    } finally {
      await removeDatabase(temporary);
    }
  });
}

/**
 * Puts a journal that was made again in place of the one that is there, if there is one. Only
 * for the holder of the directory's lock.
 *
 * @param name How the old one is called then.
 * @returns Where that is.
 */
export async function placeJournal(
  path: string,
  fresh: string,
  name: string,
): Promise<string | null> {
  return await asJournalError(`make the journal "${path}"`, path, async () => {
    restamp(fresh);
    return await exchange(path, fresh, name);
  });
}

/**
 * Renames the old files and puts the new one in their place. A crash in between leaves the old
 * journal, or the new one beside the old log, which is refused when it is opened (seal.ts).
 *
 * @returns Where the old journal is; null when there was none.
 */
async function exchange(path: string, fresh: string, name: string): Promise<string | null> {
  let aside = `${path}.${name}`;
  for (let number = 2; (await isTaken(aside)) || (await isTaken(`${aside}-wal`)); number++) {
    aside = `${path}.${name}.${number}`;
  }
  keepLog(fresh);
  await syncFile(fresh);
  sealAsIs(path);
  const had = [await linkIfThere(`${path}-wal`, `${aside}-wal`), await linkIfThere(path, aside)];
  await rename(fresh, path);
  await syncDirectory(dirname(path));
  // SQLite would play an old log into the new file.
  for (const end of ["-wal", "-shm"]) await rm(`${path}${end}`, { force: true });
  await syncDirectory(dirname(path));
  const token = tokenOf(path);
  if (token !== null) writeSeal(path, [token]);
  return had.includes(true) ? aside : null;
}

/**
 * Has a file written by a log beside it from the first write on. After a kill in the midst of one
 * there would be a rollback journal else, and whoever only reads is refused until somebody writes.
 */
function keepLog(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = WAL");
  } finally {
    database.close();
  }
}

async function linkIfThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return false;
    throw error;
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomBytes(8).toString("hex")}.tmp`;
}

/** Removes a journal and what is beside it. */
export async function removeDatabase(path: string): Promise<void> {
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
