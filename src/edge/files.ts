// Files: small reads of configuration, outside the spool.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";

/** The bytes of a file. Rejects with the system's error, whose `code` is an errno. */
export async function readBytes(path: string): Promise<Uint8Array> {
  return await readFile(path);
}

/** Whether there is anything under this path. A link to nothing counts as nothing. */
export async function isThere(path: string): Promise<boolean> {
  return (await modeOf(path)) !== null;
}

/** The permission bits of a file or directory, or null when there is none. */
export async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode & 0o7777;
  } catch {
    return null;
  }
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

/** The user's home directory by the system's list of users, for an empty $HOME. */
export function homeDirectory(): string {
  return homedir();
}
