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
import { errnoCode, errnoHint, errnoText } from "../lib/os/errno.ts";
import type { Milliseconds } from "../time.ts";
import { systemClock } from "./clock.ts";
import { fromWhere } from "./files.ts";

/** The lock's file in the runner directory. */
export const LOCK_FILE = "runner.lock";

/** Held by the one that is next: whoever only does one job lets go when it sees that. */
const TURN_FILE = "runner.next";

/** A try that meets somebody who only asks who holds the lock succeeds a moment later. */
const ATTEMPTS_MAX = 10;
const TRY_AGAIN_MS = 50;

/** How often it is looked whether the one that is waited for has let go. */
const WAIT_STEP_MS = 250;

/** The locks of this process: a database that nobody refers to is closed by the runtime. */
const held = new Set<DatabaseSync>();

/** A lock that this process holds. */
export interface Lock {
  /** Ends the lock early; the death of the process ends it anyway. */
  release(): void;
}

/** Who works on a runner directory. */
export interface Holder {
  /** Its process id, as that process saw it: in another container it is somebody else's. */
  readonly pid: number;
  /** What it does there, such as "run sshd-config"; "" when it did not say. */
  readonly work: string;
}

export interface LockOptions {
  /** What this process is about to do, for those who find the directory taken. @default "" */
  readonly work?: string;
  /** How long to wait for another process to let go. @default 0 */
  readonly waitMs?: Milliseconds;
  /** Called once, when there is somebody to wait for. */
  readonly onWait?: (holder: Holder | null) => void;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Makes this process the only one that works on a runner directory.
 *
 * @throws {RunnerError} BUSY, when another process holds it; SPOOL, when the file cannot be made.
 */
export async function lockDirectory(directory: string, options: LockOptions = {}): Promise<Lock> {
  const { work = "", waitMs = 0, onWait, signal } = options;
  const clock = systemClock();
  let turn: Lock | null = null;
  try {
    // By the time that goes by: each try takes a while of its own.
    const until = performance.now() + waitMs;
    for (let isFirst = true; ; isFirst = false) {
      const lock = await tryLockDirectory(directory, work);
      if (lock !== null) return lock;
      const holder = lockHolder(directory);
      if (performance.now() >= until || signal?.aborted === true) throw heldBy(directory, holder);
      if (isFirst) onWait?.(holder);
      turn ??= await tryLockFile(join(directory, TURN_FILE), work);
      await clock.sleep(WAIT_STEP_MS, signal);
    }
  } finally {
    turn?.release();
  }
}

/** Whether a process waits in `lockDirectory` for the one that holds the directory to let go. */
export function isWanted(directory: string): boolean {
  return holderOf(join(directory, TURN_FILE)) !== null;
}

/**
 * The lock of a runner directory; null when another process holds it.
 *
 * @throws {RunnerError} SPOOL, when the file cannot be made.
 */
export async function tryLockDirectory(directory: string, work = ""): Promise<Lock | null> {
  return await tryLockFile(join(directory, LOCK_FILE), work);
}

async function tryLockFile(path: string, work: string): Promise<Lock | null> {
  createLockFile(path);
  const database = open(path);
  if (database === null) return null;
  try {
    if (!(await holds(database, work))) {
      database.close();
      return null;
    }
  } catch (error) {
    database.close();
    throw unusable(path, error);
  }
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

async function holds(database: DatabaseSync, work: string): Promise<boolean> {
  const clock = systemClock();
  for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
    if (tryLock(database, work)) return true;
    await clock.sleep(TRY_AGAIN_MS);
  }
  return tryLock(database, work);
}

/** The process that works on a runner directory, or null when none does (or nobody may look). */
export function lockHolder(directory: string): Holder | null {
  return holderOf(join(directory, LOCK_FILE));
}

function holderOf(path: string): Holder | null {
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

/** The database; null when another process is in it just now. */
function open(path: string): DatabaseSync | null {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = DELETE");
    return database;
  } catch (error) {
    database?.close();
    if (isLocked(error)) return null;
    throw unusable(path, error);
  }
}

/** Names this process in the row, then holds the write lock; false when another process does. */
function tryLock(database: DatabaseSync, work: string): boolean {
  try {
    // The row only names a process that runs, so it need not outlast the machine: of four waits for
    // the disk at each start none is left. The file itself is made durably.
    if (isMade(database)) database.exec("PRAGMA synchronous = OFF");
    database.exec("BEGIN IMMEDIATE");
    if (!isMade(database)) {
      // Versions before this one knew the process id alone, and still name themselves here.
      database.exec("DROP TABLE IF EXISTS holder");
      database.exec("CREATE TABLE holder (pid INTEGER NOT NULL, work TEXT NOT NULL DEFAULT '')");
    }
    database.exec("DELETE FROM holder");
    database.prepare("INSERT INTO holder (pid, work) VALUES (?, ?)").run(process.pid, work);
    database.exec("COMMIT");
    database.exec("BEGIN IMMEDIATE");
    // Another process may have put its name there between the two transactions.
    if (readHolder(database)?.pid === process.pid) return true;
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
  const made = "SELECT 1 FROM pragma_table_info('holder') WHERE name = 'work'";
  return database.prepare(made).get() !== undefined;
}

function readHolder(database: DatabaseSync): Holder | null {
  try {
    const row = database.prepare("SELECT * FROM holder").get();
    if (typeof row?.pid !== "number") return null;
    return { pid: row.pid, work: typeof row.work === "string" ? row.work : "" };
  } catch {
    return null;
  }
}

function isLocked(error: unknown): boolean {
  // Deno gives no SQLite code for a failed exec().
  return /\b(locked|busy)\b/.test(messageOf(error));
}

function heldBy(directory: string, holder: Holder | null): RunnerError {
  const who = holder === null ? "another mig-runner" : `another mig-runner (${nameHolder(holder)})`;
  return new RunnerError("BUSY", `Cannot start: ${who} works on "${directory}"`, {
    path: join(directory, LOCK_FILE),
    hint: "Wait until it has ended or stop it, or give this one a directory of its own",
  });
}

/** The words for a process that holds a directory. */
export function nameHolder({ pid, work }: Holder): string {
  return work === "" ? `process ${pid}` : `process ${pid}, ${work}`;
}

function unusable(path: string, error: unknown): RunnerError {
  const hint = errnoHint(error) ?? unusableHint(path, error);
  const passing = /disk is full/.test(messageOf(error)) ? { passing: true } : {};
  const detail = { path, ...(hint === null ? {} : { hint }), ...passing };
  const state = errnoText(error);
  return new RunnerError("SPOOL", `Cannot lock "${path}": ${state}`, detail, { cause: error });
}

function unusableHint(path: string, error: unknown): string | null {
  if (/disk is full/.test(messageOf(error))) return "Free space there";
  if (/readonly database|unable to open/.test(messageOf(error))) {
    return "Let the user who runs mig-runner write to the file and to its directory";
  }
  if (/not a database|malformed/.test(messageOf(error))) return "Remove it, it holds nothing else";
  return errnoCode(error) === "ENOENT" ? `Create the runner directory${fromWhere(path)}` : null;
}
