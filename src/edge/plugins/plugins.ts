// Plugins: which programs in plugins/ may take a result, and the way to them.
//
// A plugin is a file in plugins/ with an x bit, run by its name and nothing else; modules come
// from a second source with the same interface. The folder is looked at again for every delivery,
// so that a plugin that was added or mended is there at once.
//
// What the original runs and this refuses, each with the fix in its message: a file or a folder
// that every user can write. A symbolic link is followed if it leads to such a program that is
// safe, wherever it is: operators link plugins from where packages install them.
import { realpathSync, type Stats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, nearest, RunnerError } from "../../errors.ts";
import type { DeliveryAnswer, DeliveryOrder, Log, Plugins } from "../../ports.ts";
import type { Milliseconds } from "../../time.ts";
import { errnoCode, errnoHint, errnoText } from "../errno.ts";
import { sortByBytes } from "../spool/scan.ts";
import { deliverToExecutable, type Environment } from "./executable.ts";

const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;
const EXECUTABLE = 0o111;

export interface PluginOptions {
  /** The runner directory; plugins are in its folder `plugins`. */
  readonly directory: string;
  /** How long a plugin may work on one result. */
  readonly timeoutMs: Milliseconds;
  /** How long it may go on after it was asked to end. */
  readonly graceMs: Milliseconds;
  /** Where the output of programs goes. */
  readonly log: Log;
  /** The runner's own environment; only harmless variables of it are passed on. */
  readonly environment: Environment;
  /** Plugins that are modules. A program of the same name goes before. */
  readonly modules?: Plugins;
}

/** An entry of plugins/, and why it cannot be used, or null. */
export interface PluginEntry {
  readonly name: string;
  readonly problem: string | null;
}

/** The plugins of a runner directory, with what its operator may want to hear of at start. */
export interface DiskPlugins extends Plugins {
  /**
   * Everything in plugins/, sorted by name. Files that modules answer for are left out.
   *
   * @throws {RunnerError} PLUGIN: `loadPlugins() -> open PATH: no such file or directory`.
   */
  list(): Promise<readonly PluginEntry[]>;
}

/** The plugins of a runner directory. Looks at nothing yet. */
export function openPlugins(options: PluginOptions): DiskPlugins {
  const folder = join(options.directory, "plugins");
  const modules = options.modules ?? null;

  async function list(): Promise<readonly PluginEntry[]> {
    const answered = (await modules?.names()) ?? [];
    const entries = await Promise.all(
      (await listFolder(folder)).map(async (name) => {
        const found = await examine(folder, name);
        return { name, problem: found.kind === "usable" ? null : found.message };
      }),
    );
    const isModule = ({ name }: PluginEntry): boolean =>
      answered.includes(name.replace(/\.[cm]?[jt]s$/, ""));
    return entries.filter((entry) => entry.problem === null || !isModule(entry));
  }

  async function names(): Promise<readonly string[]> {
    const programs = (await list()).filter(({ problem }) => problem === null);
    const all = new Set([...programs.map(({ name }) => name), ...((await modules?.names()) ?? [])]);
    return sortByBytes([...all]);
  }

  async function find(name: string): Promise<Found> {
    const found = await examine(folder, name);
    if (found.kind === "usable") return found;
    if (modules !== null && (await modules.names()).includes(name)) return { kind: "module" };
    if (found.kind === "refused") return found;
    const near = nearest(name, await names().catch(() => []));
    const hint = near === null ? "" : ` (nearest: "${near}")`;
    return { kind: "missing", message: `${found.message}${hint}` };
  }

  async function deliver(order: DeliveryOrder): Promise<DeliveryAnswer> {
    const found = await find(order.plugin);
    switch (found.kind) {
      case "usable":
        return deliverToExecutable(order, { ...options, path: found.path });
      case "module":
        return modules?.deliver(order) ?? { kind: "missing", message: "the module is gone" };
      default:
        return { kind: "missing", message: found.message };
    }
  }

  return {
    list,
    names,
    async check(name) {
      const found = await find(name);
      if (found.kind === "usable") return null;
      return found.kind === "module" ? ((await modules?.check(name)) ?? null) : found.message;
    },
    deliver: (order) =>
      deliver(order).catch((error: unknown) => ({ kind: "failed", message: messageOf(error) })),
  };
}

/** What a name stands for. */
type Found =
  | { readonly kind: "usable"; readonly path: string }
  | { readonly kind: "module" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "missing"; readonly message: string };

/** The sorted names in plugins/. @see mig-runner `loadPlugins`, whose words the message has */
async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return sortByBytes(await readdir(folder));
  } catch (error) {
    const call = errnoCode(error) === "ENOTDIR" ? "readdirent" : "open";
    const message = `loadPlugins() -> ${call} ${folder}: ${errnoText(error)}`;
    const hint = errnoHint(error) ?? "Create it, empty if there are no plugins";
    throw new RunnerError("PLUGIN", message, { path: folder, hint }, { cause: error });
  }
}

/** Whether plugins/NAME is a program that may be run. Never rejects. */
async function examine(folder: string, name: string): Promise<Exclude<Found, { kind: "module" }>> {
  const path = join(folder, name);
  const missing = { kind: "missing", message: `unable to locate plugin "${name}"` } as const;
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return missing;
  const refused = (message: string): Found & { kind: "refused" } => ({ kind: "refused", message });
  try {
    if (((await stat(folder)).mode & WRITABLE_BY_ALL) !== 0) {
      return refused(`everybody can write to ${folder}, mend it with: chmod o-w ${folder}`);
    }
    const real = (await lstat(path)).isSymbolicLink() ? realpathSync(path) : path;
    const problem = problemOf(real, await stat(real));
    if (problem !== null) return refused(problem);
    const parent = dirname(real);
    const isExposed = ((await stat(parent)).mode & (WRITABLE_BY_ALL | STICKY)) === WRITABLE_BY_ALL;
    if (isExposed)
      return refused(`everybody can replace ${real}, mend it with: chmod o-w ${parent}`);
    return { kind: "usable", path };
  } catch (error) {
    if (errnoCode(error) !== "ENOENT") return refused(`${path}: ${errnoText(error)}`);
    const isDangling = (await lstat(path).catch(() => null))?.isSymbolicLink() === true;
    return isDangling ? refused(`${path} is a link to nothing`) : missing;
  }
}

/** Why a file is no program that may be run, or null. */
function problemOf(path: string, found: Stats): string | null {
  if (found.isDirectory()) return `${path} is a directory`;
  if (!found.isFile()) return `${path} is not a regular file`;
  if ((found.mode & EXECUTABLE) === 0) return `not executable, mend it with: chmod +x ${path}`;
  if ((found.mode & WRITABLE_BY_ALL) === 0) return null;
  return `everybody can write to ${path}, mend it with: chmod o-w ${path}`;
}
