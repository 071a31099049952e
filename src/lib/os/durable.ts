// Durable: writing so that a name is either absent or whole (I5), never through a file's link.
//
//   open .NAME.<16 hex digits>.tmp ─▶ write ─▶ fsync ─▶ rename to NAME ─▶ fsync the directory
//
// A crash leaves the old file or the new one, and at worst a temporary file that
// `isTemporaryName` recognises.
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type ErrorDetail, RunnerError } from "../../errors.ts";
import { errnoCode, errnoHint, errnoText } from "./errno.ts";
import { statMeant } from "./links.ts";
import { distrust } from "./ownership.ts";
import { UnfitFile } from "./read.ts";

/** Nobody else may read what the agents of a fleet answered. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Where below runners/ a directory may be a link: runners/JOB/results. */
const LINKED_DEPTH = 1;

/** A file that is being written under another name. */
export interface TemporaryFile {
  readonly handle: FileHandle;
  readonly path: string;
}

/** What was to be done, for a message: `Cannot <verb> <thing> "<path>": …`. */
export interface Attempt {
  readonly verb: string;
  readonly thing: string;
  readonly path: string;
}

/** The RunnerError of a file that could not be read or written; its cause keeps the errno. */
export function fileError({ verb, thing, path }: Attempt, error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  if (error instanceof UnfitFile && error.flaw !== null) {
    return distrust({ code: "SPOOL", thing, path }, error.flaw);
  }
  const hint = errnoHint(error);
  return new RunnerError(
    "SPOOL",
    `Cannot ${verb} ${thing} "${path}": ${errnoText(error)}`,
    hint === null ? { path } : { path, hint },
    { cause: error },
  );
}

/** The RunnerError of a path that is there but not what it must be. */
export function pathError(attempt: Attempt, state: string, hint?: string): RunnerError {
  const { verb, thing, path } = attempt;
  const detail: ErrorDetail = hint === undefined ? { path } : { path, hint };
  return new RunnerError("SPOOL", `Cannot ${verb} ${thing} "${path}": ${state}`, detail);
}

/** Whether a name is one that only `createTemporary` gives. */
export function isTemporaryName(name: string): boolean {
  return /^\.\d{1,16}(-\d{1,16})?\.json\.[0-9a-f]{16}\.tmp$/.test(name);
}

/** Creates the file that will become `path`, beside it. @throws The system's error. */
export async function createTemporary(path: string): Promise<TemporaryFile> {
  const unique = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const name = `.${basename(path)}.${unique}.tmp`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const temporary = join(dirname(path), name);
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  return { handle, path: temporary };
}

/** Makes a temporary file durable under its real name. Closes it. @throws The system's error. */
export async function publish({ handle, path }: TemporaryFile, target: string): Promise<void> {
  await handle.sync();
  await handle.close();
  await rename(path, target);
  await syncDirectory(dirname(target));
}

/** Closes and removes a temporary file, whatever became of it. Never rejects. */
export async function discard({ handle, path }: TemporaryFile): Promise<void> {
  await handle.close().catch(() => {});
  await unlink(path).catch(() => {});
}

/**
 * Writes a whole file under its name, or nothing, whenever this process dies. It does not wait for
 * the disk: a power loss may take the file. For what the journal knows already.
 *
 * @throws The system's error.
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = await createTemporary(path);
  try {
    await temporary.handle.writeFile(bytes);
    await temporary.handle.close();
    await rename(temporary.path, path);
  } catch (error) {
    await discard(temporary);
    throw error;
  }
}

/** Makes renames and new names in a directory durable. @throws The system's error. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes `base/name/name/…`, what of it is missing, durably and for this user alone.
 *
 * @returns The innermost path.
 * @throws {RunnerError} SPOOL, when one of the names is there and no directory. The second,
 * which is a job's inflight/ or results/, may be a trusted link.
 * @throws The system's error otherwise.
 */
export async function makeDirectories(
  base: string,
  names: readonly string[],
  attempt: Attempt,
): Promise<string> {
  let path = base;
  for (const [depth, name] of names.entries()) {
    const parent = path;
    path = join(parent, name);
    // Only what an operator may have moved to another disk: a job is real, and so is a day.
    const found = depth === LINKED_DEPTH ? statMeant(path) : await lstatOrNull(path);
    if (found !== null) {
      assertDirectory(path, found, attempt);
      continue;
    }
    try {
      await mkdir(path, DIRECTORY_MODE);
      await syncDirectory(parent);
    } catch (error) {
      // Somebody else was faster.
      if (errnoCode(error) !== "EEXIST") throw error;
      assertDirectory(path, await lstat(path), attempt);
    }
  }
  return path;
}

/** The state of a path itself, not of what a link points to; null when there is nothing. */
export async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    throw error;
  }
}

function assertDirectory(path: string, found: Stats, attempt: Attempt): void {
  if (found.isDirectory()) return;
  if (!found.isSymbolicLink()) throw pathError(attempt, `"${path}" is not a directory`);
  throw pathError(
    attempt,
    `"${path}" is a symbolic link that is not followed`,
    "Put a directory there; results/ and inflight/ may be links of root or mig-runner's user",
  );
}
