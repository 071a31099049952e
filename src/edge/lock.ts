// Lock: one mig-runner a runner directory, held by the kernel and not by a file's existence.
//
// `runner.lock` is a tiny SQLite database. Its one row names the process that works on the
// directory; that process keeps a write transaction open for life. SQLite holds that by a lock of
// the kernel, which ends with the process however it dies, so that nothing stale can be left.
// Readers see the row all the time.
//
// Nothing else may open the file: POSIX locks end when their process closes any handle of it.
import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, RunnerError } from "../errors.ts";
import { systemClock } from "./clock.ts";
import { errnoCode, errnoHint, errnoText } from "./errno.ts";

/** The lock's file in the runner directory. */
export const LOCK_FILE = "runner.lock";

/** A try that meets somebody who only asks who holds the lock succeeds a moment later. */
const TRIES_MAX = 10;
const TRY_AGAIN_MS = 50;

/** The locks of this process: a database that nobody refers to is closed by the runtime. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only one that works on a runner directory.
 *
 * @returns `release` ends the lock early; the death of the process ends it anyway.
 * @throws {RunnerError} SPOOL, when another process holds it or the file cannot be made.
 */
export async function lockDirectory(directory: string): Promise<{ release(): void }> {
  const path = join(directory, LOCK_FILE);
  createLockFile(path);
  const database = open(path, directory);
  const clock = systemClock();
  try {
    for (let tries = 1; ; tries++) {
      if (tryLock(database)) break;
      if (tries === TRIES_MAX) throw heldBy(directory, readHolder(database));
      await clock.sleep(TRY_AGAIN_MS);
    }
  } catch (error) {
    database.close();
    throw error instanceof RunnerError ? error : unusable(path, error);
  }
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

/**
 * The process that works on a runner directory, or null when none does (or nobody may look).
 *
 * @returns Its process id, as that process saw it: not comparable across containers.
 */
export function lockHolder(directory: string): number | null {
  const path = join(directory, LOCK_FILE);
  // Opening would create the file.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec("BEGIN IMMEDIATE");
    database.exec("ROLLBACK");
    return null;
  } catch (error) {
    return database !== null && isLocked(error) ? readHolder(database) : null;
  } finally {
    database?.close();
  }
}

/** Creates the file for this user alone: SQLite would take the mode from the umask. */
function createLockFile(path: string): void {
  try {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
    closeSync(openSync(path, flags, 0o600));
  } catch (error) {
    if (errnoCode(error) !== "EEXIST") throw unusable(path, error);
    if (lstatSync(path).isFile()) return;
    throw new RunnerError("SPOOL", `Cannot lock "${path}": it is not a regular file`, {
      path,
      hint: "Remove it",
    });
  }
}

function open(path: string, directory: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = DELETE");
    return database;
  } catch (error) {
    const holder = database === null ? null : readHolder(database);
    database?.close();
    throw isLocked(error) ? heldBy(directory, holder) : unusable(path, error);
  }
}

/** Names this process in the row, then holds the write lock; false when another process does. */
function tryLock(database: DatabaseSync): boolean {
  try {
    // The row only names a process that runs, so it need not outlast the machine: of four waits for
    // the disk at each start none is left. The file itself is made durably.
    if (isMade(database)) database.exec("PRAGMA synchronous = OFF");
    database.exec("BEGIN IMMEDIATE");
    database.exec("CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL)");
    database.exec("DELETE FROM holder");
    database.prepare("INSERT INTO holder (pid) VALUES (?)").run(process.pid);
    database.exec("COMMIT");
    database.exec("BEGIN IMMEDIATE");
    // Another process may have put its name there between the two transactions.
    if (readHolder(database) === process.pid) return true;
    database.exec("ROLLBACK");
    return false;
  } catch (error) {
    if (!isLocked(error)) throw error;
    // A reader can make the COMMIT fail, which leaves its transaction open.
    if (database.isTransaction) database.exec("ROLLBACK");
    return false;
  }
}

/** Whether the table is there. After that one small page is all that ever changes. */
function isMade(database: DatabaseSync): boolean {
  const made = "SELECT 1 FROM sqlite_schema WHERE name = 'holder'";
  return database.prepare(made).get() !== undefined;
}

function readHolder(database: DatabaseSync): number | null {
  try {
    const row = database.prepare("SELECT pid FROM holder").get();
    return typeof row?.pid === "number" ? row.pid : null;
  } catch {
    return null;
  }
}

function isLocked(error: unknown): boolean {
  // Deno gives no SQLite code for a failed exec().
  return /\b(locked|busy)\b/.test(messageOf(error));
}

function heldBy(directory: string, pid: number | null): RunnerError {
  const who = pid === null ? "another mig-runner" : `another mig-runner (process ${pid})`;
  return new RunnerError("SPOOL", `Cannot start: ${who} works on "${directory}"`, {
    path: join(directory, LOCK_FILE),
    hint: "Stop that process first, or give this one a directory of its own",
  });
}

function unusable(path: string, error: unknown): RunnerError {
  const hint = errnoHint(error) ?? unusableHint(error);
  const detail = hint === null ? { path } : { path, hint };
  const state = errnoText(error);
  return new RunnerError("SPOOL", `Cannot lock "${path}": ${state}`, detail, { cause: error });
}

function unusableHint(error: unknown): string | null {
  if (/disk is full/.test(messageOf(error))) return "Free space there";
  if (/readonly database|unable to open/.test(messageOf(error))) {
    return "Let the user who runs mig-runner write to the file and to its directory";
  }
  if (/not a database|malformed/.test(messageOf(error))) return "Remove it, it holds nothing else";
  return errnoCode(error) === "ENOENT" ? "Create the runner directory" : null;
}
