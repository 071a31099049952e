// Modules: plugins that are modules, each delivery in a thread of its own.
//
// A thread takes some 15 ms to start. For that, a plugin that loops, exits or breaks its globals
// ends its own delivery and nothing else; nothing of it stays in memory; and a file that has
// changed, helpers included, is in force at the next delivery. Without such plugins no thread is
// ever started.
import { resolve } from "node:path";
import { messageOf } from "../../errors.ts";
import { placeIn } from "../../jobs/problem.ts";
import type { DeliveryAnswer, DeliveryOrder, Log, Plugins } from "../../ports.ts";
import type { Milliseconds } from "../../time.ts";
import { sortByBytes } from "../spool/scan.ts";
import { startWorker, type WorkerEnd, type WorkerHandle, watchMemory } from "../worker.ts";
import { examine, listFolder } from "./entry.ts";
import { type Environment, pluginEnvironment } from "./executable.ts";
import type { Settings } from "./settings.ts";
import { cutMessage, type Outcome, type PluginWork, parseFromPlugin } from "./work.ts";

/** Modules that the runner brings with it: the files of the folder plugins/ of its sources. */
export const SHIPPED_PLUGINS = [
  "elastic",
  "mozdef-compliance",
  "mozdef-scribe",
  "slack",
  "splunk",
  "webhook",
] as const;

/** What a module's file may end with. */
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"] as const;

/** Files with such an end that are no plugins. */
const NO_PLUGIN = /^\.|\.(?:d|test|spec)\.m?[jt]s$/;

/** How long a look at a plugin may take: its top-level code and its schema. */
const CHECK_TIMEOUT_MS: Milliseconds = 20_000;

/** By how many bytes the process may grow meanwhile: threads have no limits of their own. */
const MEMORY_MAX = 1024 * 1024 * 1024;

export interface ModuleOptions {
  /** The runner directory; modules are in its folder `plugins`. */
  readonly directory: string;
  /** The sections `[plugin "NAME"]` of the configuration. */
  readonly settings: ReadonlyMap<string, Settings>;
  /** Where each of them begins, for messages. @default "the configuration" */
  readonly places?: ReadonlyMap<string, string>;
  /** How long a plugin may work on one result, when the order does not say. */
  readonly timeoutMs: Milliseconds;
  /** How long it may go on after its signal has aborted. */
  readonly graceMs: Milliseconds;
  readonly log: Log;
  /** The runner's own environment, for proxies and certificates. */
  readonly environment: Environment;
  /** By how many bytes the process may grow while a plugin works. @default 1 GiB */
  readonly memoryMax?: number;
}

/** The module plugins of a runner directory, and those that come with the runner. */
export function openModules(options: ModuleOptions): Plugins {
  const folder = resolve(options.directory, "plugins");

  async function names(): Promise<readonly string[]> {
    const files = await listFolder(folder).catch(() => []);
    const own = files.filter((file) => !NO_PLUGIN.test(file)).flatMap((file) => stemOf(file) ?? []);
    return sortByBytes([...new Set([...own, ...SHIPPED_PLUGINS])]);
  }

  function workOf(plugin: string, { path, delivery = null, timeoutMs }: WorkOrder): PluginWork {
    const settings = options.settings.get(plugin) ?? null;
    const environment = networkOf(options.environment);
    const place = options.places?.get(plugin) ?? "the configuration";
    return { plugin, path, settings, place, environment, timeoutMs, delivery };
  }

  return {
    names,
    async check(name) {
      const found = await findModule(folder, name);
      if (found.kind !== "found") return found.message;
      const work = workOf(name, { path: found.path, timeoutMs: CHECK_TIMEOUT_MS });
      const outcome = await runWork(work, { ...options, graceMs: 0 });
      return outcome.kind === "failed" ? outcome.message : null;
    },
    async deliver(order) {
      const { plugin, signal } = order;
      const found = await findModule(folder, plugin);
      if (found.kind !== "found") return { kind: "missing", message: found.message };
      if (signal?.aborted) return { kind: "failed", message: "the runner is stopping" };
      const { job, actionId, resultPath, key, attempt } = order;
      const delivery = { job, actionId, resultPath, key, attempt };
      const timeoutMs = order.timeoutMs ?? options.timeoutMs;
      const work = workOf(plugin, { path: found.path, delivery, timeoutMs });
      return answerOf(await runWork(work, { ...options, signal }));
    },
  };
}

interface WorkOrder extends Pick<PluginWork, "path" | "timeoutMs"> {
  readonly delivery?: PluginWork["delivery"];
}

/** Where a name leads. */
type FoundModule =
  /** `path` is null for a module that the runner brings with it. */
  | { readonly kind: "found"; readonly path: string | null }
  | { readonly kind: "refused"; readonly message: string };

async function findModule(folder: string, name: string): Promise<FoundModule> {
  const usable: string[] = [];
  for (const extension of EXTENSIONS) {
    const found = await examine(folder, `${name}${extension}`, "module");
    if (found.kind === "usable") usable.push(found.path);
    else if (found.kind !== "missing") return { kind: "refused", message: found.message };
  }
  const [path, other] = usable;
  if (path !== undefined && other !== undefined) {
    const message = `both ${path} and ${other} are plugin "${name}", remove one of them`;
    return { kind: "refused", message };
  }
  if (path !== undefined) return { kind: "found", path };
  if (SHIPPED_PLUGINS.some((shipped) => shipped === name)) return { kind: "found", path: null };
  return { kind: "refused", message: `unable to locate plugin "${name}"` };
}

function stemOf(file: string): string | null {
  const extension = EXTENSIONS.find((end) => file.endsWith(end) && file !== end);
  return extension === undefined ? null : file.slice(0, -extension.length);
}

/** Of the environment what an executable gets too, without what tells it of its delivery. */
function networkOf(environment: Environment): Environment {
  const nothing = { job: "", actionId: 0, key: "", attempt: 0 };
  const passed = Object.entries(pluginEnvironment(environment, nothing));
  return Object.fromEntries(passed.filter(([name]) => !name.startsWith("MIG_RUNNER_")));
}

const TOO_LARGE = "it took too much memory, iterate result.commands instead of holding all of them";

interface Bounds extends Pick<ModuleOptions, "directory" | "graceMs" | "log" | "memoryMax"> {
  readonly signal?: DeliveryOrder["signal"];
}

/** Has it done in a thread and ends the thread. Never rejects. */
async function runWork(work: PluginWork, bounds: Bounds): Promise<Outcome> {
  let thread: WorkerHandle;
  try {
    thread = startWorker({ role: "plugin", data: work });
  } catch (error) {
    return failed(`Cannot start a thread: ${messageOf(error)}`);
  }
  const { promise: answered, resolve: settle } = Promise.withResolvers<Outcome>();
  thread.onMessage((message) => {
    const said = parseFromPlugin(message);
    if (said?.kind === "log") bounds.log.emit(said.level, `${work.plugin}: ${said.message}`);
    if (said?.kind === "ended") settle(said.outcome);
  });
  void thread.exited.then((end) => settle(failed(endText(end, bounds.directory))));
  const memory = watchMemory(bounds.memoryMax ?? MEMORY_MAX, () => settle(failed(TOO_LARGE)));
  const limit = limitOf(thread, { work, bounds, giveUp: settle });
  const outcome = await answered;
  limit.clear();
  memory.close();
  await thread.terminate();
  const reason = limit.reason();
  if (reason === null) return outcome;
  // What it did in its grace time is not known to be whole.
  const isOwn = outcome.kind === "failed" && !outcome.message.startsWith(reason);
  return failed(isOwn ? `${reason}: ${outcome.message}` : reason);
}

/** Asks the thread to end when its time is over or the runner stops, and then does not wait. */
function limitOf(
  thread: WorkerHandle,
  { work, bounds, giveUp }: { work: PluginWork; bounds: Bounds; giveUp(outcome: Outcome): void },
) {
  const { graceMs, signal } = bounds;
  const timers: ReturnType<typeof setTimeout>[] = [];
  let reason: string | null = null;
  const stop = (why: string): void => {
    if (reason !== null) return;
    reason = why;
    thread.send({ reason: why });
    timers.push(setTimeout(() => giveUp(failed(why)), graceMs));
  };
  const onAbort = (): void => stop("the runner is stopping");
  const late = (): void => stop(`its time limit of ${work.timeoutMs} ms passed`);
  timers.push(setTimeout(late, work.timeoutMs));
  signal?.addEventListener("abort", onAbort);
  return {
    reason: () => reason,
    clear() {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

function endText(end: WorkerEnd, directory: string): string {
  switch (end.kind) {
    case "exited":
      return `it called process.exit(${end.code})`;
    case "terminated":
      return "it was ended";
    case "failed": {
      const has = (path: string): boolean => path.startsWith(`${directory}/`);
      const place = placeIn(end.stack, { has });
      const where = place === null ? "" : ` (${place.path}:${place.line}:${place.column})`;
      return cutMessage(`it threw where nobody caught it: ${end.message}${where}`);
    }
  }
}

function answerOf(outcome: Outcome): DeliveryAnswer {
  if (outcome.kind === "failed") return outcome;
  return { kind: "delivered", message: `took the result, read ${outcome.commands} commands` };
}

function failed(message: string): Outcome {
  return { kind: "failed", message, final: false, retryAfterMs: 0 };
}
