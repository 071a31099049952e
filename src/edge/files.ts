// Files: small reads of configuration, outside the spool.
import { constants } from "node:fs";
import { access, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { readRegular, readText } from "../lib/os/read.ts";

/** A configuration, a template or a key ring that is larger than this is none. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The bytes of a regular file. Rejects with an UnfitFile, or with the system's error, whose `code`
 * is an errno.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  return readRegular(path, { sizeMax: FILE_BYTES_MAX });
}

/** What this host is called. */
export function hostName(): string {
  return hostname();
}

/** Whether there is anything under this path. A link to nothing counts as nothing. */
export async function isThere(path: string): Promise<boolean> {
  return (await modeOf(path)) !== null;
}

/** Whether there is a directory under this path, or a link to one. */
export async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Whether this process may write to a file, or make files in a directory. */
export async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The permission bits of a file or directory, or null when there is none. */
async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode & 0o7777;
  } catch {
    return null;
  }
}

/** The same of a file; null for everything else, too. */
export async function fileModeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.mode & 0o7777 : null;
  } catch {
    return null;
  }
}

/** When the last of these files was written; null: the first is not there. */
export async function changedAt(paths: readonly [string, ...string[]]): Promise<number | null> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  if (found[0] === null) return null;
  return Math.floor(Math.max(...found.flatMap((each) => each?.mtimeMs ?? [])));
}

/** Makes a file that does not exist yet, and the directories above it. Rejects with EEXIST. */
export async function createFile(
  path: string,
  text: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, text, { flag: "wx", mode });
}

/** Puts a file in place of another, or makes it, with the directories above it. */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const fresh = `${path}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // One that is left from before would keep its mode.
  await rm(fresh, { force: true });
  await writeFile(fresh, text, { flag: "wx", mode: 0o600 });
  await rename(fresh, path);
}

/** Makes a directory and those above it, for this user alone. One that is there is no error. */
export async function createDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** The names in a directory, sorted; none when it is not there. */
export async function listNames(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort();
  } catch {
    return [];
  }
}

/** The path from the root, by the working directory. */
export function absolutePath(path: string): string {
  return resolve(path);
}

/** Where a relative path begins, as the end of a sentence; nothing for one from the root. */
export function fromWhere(path: string): string {
  return path.startsWith("/") ? "" : `; the path is relative to ${resolve(".")}`;
}

/** The name of the user of this process by the system's list; its number where that has none. */
export function userName(): string {
  const user = process.geteuid?.();
  try {
    // The runtimes ask the environment, which says what its owner likes.
    const users = readText("/etc/passwd", { sizeMax: FILE_BYTES_MAX }).split("\n");
    const [name] = users.map((line) => line.split(":")).find(([, , id]) => id === `${user}`) ?? [];
    if (name !== undefined && name !== "") return name;
  } catch {
    // Told by its number.
  }
  return `user ${user ?? "unknown"}`;
}

/** The user's home directory by the system's list of users, for an empty $HOME. */
export function homeDirectory(): string {
  return homedir();
}
