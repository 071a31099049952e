// Plugins: what may take a result, by name, and the way to it.
//
// A plugin is a file in plugins/ with an x bit, run by its name and nothing else (executable.ts),
// or a module (modules.ts). What the original runs and this refuses, each with the fix in its
// message: a file or a folder that every user can write.
import { join } from "node:path";
import { messageOf, nearest } from "../../errors.ts";
import type { Log } from "../../lib/ports.ts";
import type { DeliveryAnswer, Plugins } from "../../ports.ts";
import type { Milliseconds } from "../../time.ts";
import type { Environment } from "../environment.ts";
import { sortByBytes } from "../spool/scan.ts";
import { examine, listFolder } from "./entry.ts";

/** The end of a module's file name. */
const MODULE = /\.m?[jt]s$/;

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
  /** Plugins that are modules. Whatever has the name of one in plugins/ goes before. */
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
   * Everything in plugins/, sorted by name; a module by the name that jobs call it by. Without
   * the folders of helpers beside modules.
   *
   * @throws {RunnerError} PLUGIN: `loadPlugins() -> open PATH: no such file or directory`.
   */
  list(): Promise<readonly PluginEntry[]>;
  /** Whether a name is that of a program, which gets no settings. */
  isProgram(name: string): Promise<boolean>;
}

/** The plugins of a runner directory. Looks at nothing yet. */
export function openPlugins(options: PluginOptions): DiskPlugins {
  const folder = join(options.directory, "plugins");
  const modules = options.modules ?? null;

  async function list(): Promise<readonly PluginEntry[]> {
    const answered = (await modules?.names()) ?? [];
    const files = await listFolder(folder);
    const hasModules = modules !== null && files.some((file) => MODULE.test(file));
    const entries = new Map<string, string | null>();
    for (const file of files) {
      const found = await examine(folder, file, "program");
      // Beside modules, folders hold their helpers and packages.
      if (found.kind === "folder" && hasModules) continue;
      const stem = file.replace(MODULE, "");
      const isModule = found.kind !== "usable" && stem !== file && answered.includes(stem);
      const name = isModule ? stem : file;
      const problem = isModule || found.kind === "usable" ? null : found.message;
      if (entries.get(name) !== null) entries.set(name, problem);
    }
    const names = sortByBytes([...entries.keys()]);
    return names.map((name) => ({ name, problem: entries.get(name) ?? null }));
  }

  async function names(): Promise<readonly string[]> {
    const usable = (await list()).filter(({ problem }) => problem === null);
    const all = new Set([...usable.map(({ name }) => name), ...((await modules?.names()) ?? [])]);
    return sortByBytes([...all]);
  }

  async function find(name: string): Promise<Found> {
    const found = await examine(folder, name, "program");
    if (found.kind === "usable" || found.kind === "refused") return found;
    if (modules !== null && (await modules.names()).includes(name)) return { kind: "module" };
    if (found.kind === "folder") return { kind: "refused", message: found.message };
    const near = nearest(name, await names().catch(() => []));
    const hint = near === null ? "" : ` (nearest: "${near}")`;
    return { kind: "missing", message: `${found.message}${hint}` };
  }

  async function reach(name: string, ways: Ways): Promise<DeliveryAnswer> {
    const found = await find(name);
    if (found.kind === "usable") return await ways.program(found.path);
    const gone = { kind: "missing", message: "the module is gone" } as const;
    if (found.kind === "module") return (await ways.module()) ?? gone;
    return { kind: "missing", message: found.message };
  }

  return {
    list,
    names,
    isProgram: async (name) => (await find(name)).kind === "usable",
    async check(name, use) {
      const found = await find(name);
      if (found.kind === "usable") {
        const { programFault } = await import("./program.ts");
        return await programFault(found.path, options.environment);
      }
      return found.kind === "module" ? ((await modules?.check(name, use)) ?? null) : found.message;
    },
    deliver: (order) =>
      reach(order.plugin, {
        program: async (path) =>
          (await executable()).deliverToExecutable(order, { ...options, path }),
        module: () => modules?.deliver(order),
      }).catch(failureOf),
    alarm: (order) =>
      reach(order.plugin, {
        program: async (path) => (await executable()).tellExecutable(order, { ...options, path }),
        module: () => modules?.alarm?.(order),
      }).catch(failureOf),
  };
}

/** Loaded when a program is called. */
function executable(): Promise<typeof import("./executable.ts")> {
  return import("./executable.ts");
}

/** How each kind of plugin is given something. */
interface Ways {
  program(path: string): Promise<DeliveryAnswer>;
  module(): Promise<DeliveryAnswer> | undefined;
}

function failureOf(error: unknown): DeliveryAnswer {
  return { kind: "failed", message: messageOf(error) };
}

/** What a name stands for. */
type Found =
  | { readonly kind: "usable"; readonly path: string }
  | { readonly kind: "module" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "missing"; readonly message: string };
