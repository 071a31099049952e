// Entry: what stands under a name in plugins/, and whether it is safe to run.
//
// The folder is looked at again at each call: a plugin that was added or mended is there at once.
// A symbolic link is followed if it leads to a file that is safe (ownership.ts), wherever it is:
// operators link plugins from where packages install them.

import { realpathSync, type Stats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RunnerError } from "../../errors.ts";
import { pluginNameFault } from "../../jobs/name.ts";
import { errnoCode, errnoHint, errnoText } from "../../lib/os/errno.ts";
import { findFlaw } from "../../lib/os/ownership.ts";
import { fromWhere } from "../files.ts";
import { sortByBytes } from "../spool/scan.ts";

const EXECUTABLE = 0o111;

/** What a name stands for. Messages have no period. */
export type Entry =
  | { readonly kind: "usable"; readonly path: string }
  | { readonly kind: "refused"; readonly message: string }
  /** A folder, which may hold the helpers of a module of its name. */
  | { readonly kind: "folder"; readonly message: string }
  | { readonly kind: "missing"; readonly message: string };

/** How a file in plugins/ is used: run as a program, or read as a module. */
export type EntryUse = "program" | "module";

/**
 * The sorted names in plugins/.
 *
 * @throws {RunnerError} PLUGIN: `loadPlugins() -> open PATH: no such file or directory`.
 * @see mig-runner `loadPlugins`, whose words the message has
 */
export async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return sortByBytes(await readdir(folder));
  } catch (error) {
    const call = errnoCode(error) === "ENOTDIR" ? "readdirent" : "open";
    const message = `loadPlugins() -> ${call} ${folder}: ${errnoText(error)}`;
    const hint = errnoHint(error) ?? `Create it, empty if there are no plugins${fromWhere(folder)}`;
    throw new RunnerError("PLUGIN", message, { path: folder, hint }, { cause: error });
  }
}

/** Whether a file name of plugins/ may be used so. A name with a folder in it is missing. */
export async function examine(folder: string, name: string, use: EntryUse): Promise<Entry> {
  const path = join(folder, name);
  const missing = { kind: "missing", message: `unable to locate plugin "${name}"` } as const;
  if (pluginNameFault(name) !== null) return missing;
  try {
    const flaw = findFlaw(path, { below: dirname(folder) });
    if (flaw !== null) return refused(`${flaw.state}, mend it with: ${flaw.mend}`);
    const real = (await lstat(path)).isSymbolicLink() ? realpathSync(path) : path;
    const found = await stat(real);
    if (found.isDirectory()) return { kind: "folder", message: `${path} is a directory` };
    const problem = problemOf(real, found, use);
    return problem === null ? { kind: "usable", path } : refused(problem);
  } catch (error) {
    if (errnoCode(error) !== "ENOENT") return refused(`${path}: ${errnoText(error)}`);
    const isDangling = (await lstat(path).catch(() => null))?.isSymbolicLink() === true;
    return isDangling ? refused(`${path} is a link to nothing`) : missing;
  }
}

function refused(message: string): Entry & { kind: "refused" } {
  return { kind: "refused", message };
}

/** Why a file must not be used, or null. */
function problemOf(path: string, found: Stats, use: EntryUse): string | null {
  if (!found.isFile()) return `${path} is not a regular file`;
  if (use === "program" && (found.mode & EXECUTABLE) === 0) {
    return `not executable, mend it with: chmod +x ${path}`;
  }
  return null;
}
