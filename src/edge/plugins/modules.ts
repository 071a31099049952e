// Modules: plugins that are modules, each delivery in a worker of its own.
//
// A worker takes some 15 ms to start. For that, a plugin that loops, crashes or takes all memory
// and descriptors that it can get ends its own delivery and nothing else; nothing of it stays; and
// a file that has changed, helpers included, is in force at the next delivery. Without such plugins
// no worker is ever started.
import { resolve } from "node:path";
import { placeIn } from "../../jobs/problem.ts";
import type { Log, LogLevel } from "../../lib/ports.ts";
import type { DeliveryAnswer, DeliveryOrder, Plugins } from "../../ports.ts";
import { limitText, type Milliseconds } from "../../time.ts";
import { type Environment, passedEnvironment } from "../environment.ts";
import { LINES_MAX } from "../output.ts";
import { sortByBytes } from "../spool/scan.ts";
import { describeEnd, startWorker, type WorkerEnd, type WorkerHandle } from "../worker.ts";
import { examine, listFolder } from "./entry.ts";
import { STOPPING_GRACE_MS } from "./executable.ts";
import { saveProgress } from "./progress.ts";
import type { Settings } from "./settings.ts";
import { cutMessage, type Outcome, type PluginWork, parseFromPlugin } from "./work.ts";

/** Modules that the runner brings with it: the files of the folder plugins/ of its sources. */
export const SHIPPED_PLUGINS = [
  "elastic",
  "email",
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
  /** How many bytes of memory a plugin may take. @default 1 GiB */
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

  function workOf(plugin: string, order: WorkOrder): PluginWork {
    const { path, delivery = null, alarm = null, timeoutMs } = order;
    const use = order.use ?? (alarm === null ? "result" : "alarm");
    const settings = options.settings.get(plugin) ?? null;
    const environment = passedEnvironment(options.environment);
    const place = options.places?.get(plugin) ?? "the configuration";
    const { directory: below } = options;
    return { plugin, path, below, settings, place, environment, timeoutMs, delivery, alarm, use };
  }

  return {
    names,
    async check(name, use = "result") {
      const found = await findModule(folder, name);
      if (found.kind !== "found") return found.message;
      const work = workOf(name, { path: found.path, use, timeoutMs: CHECK_TIMEOUT_MS });
      const outcome = await runWork(work, { ...options, graceMs: 0 });
      return outcome.kind === "failed" ? outcome.message : null;
    },
    async deliver(order) {
      const { plugin, signal } = order;
      const found = await findModule(folder, plugin);
      if (found.kind !== "found") return { kind: "missing", message: found.message };
      if (signal?.aborted) return { kind: "failed", message: "the runner is stopping" };
      const { job, actionId, resultPath, key, attempt, progress = null } = order;
      const delivery = { job, actionId, resultPath, key, attempt, progress };
      const timeoutMs = order.timeoutMs ?? options.timeoutMs;
      const work = workOf(plugin, { path: found.path, delivery, timeoutMs });
      const { saveProgress: save } = order;
      return answerOf(await runWork(work, { ...options, signal, save }));
    },
    async alarm({ plugin, body, key, attempt, signal }) {
      const found = await findModule(folder, plugin);
      if (found.kind !== "found") return { kind: "missing", message: found.message };
      if (signal?.aborted) return { kind: "failed", message: "the runner is stopping" };
      const { timeoutMs } = options;
      const work = workOf(plugin, { path: found.path, alarm: { body, key, attempt }, timeoutMs });
      const outcome = await runWork(work, { ...options, signal });
      return outcome.kind === "failed" ? outcome : { kind: "delivered", message: "told it" };
    },
  };
}

interface WorkOrder extends Pick<PluginWork, "path" | "timeoutMs"> {
  readonly delivery?: PluginWork["delivery"];
  readonly alarm?: PluginWork["alarm"];
  readonly use?: PluginWork["use"];
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

interface Bounds extends Pick<ModuleOptions, "directory" | "graceMs" | "log" | "memoryMax"> {
  readonly signal?: DeliveryOrder["signal"];
  readonly save?: DeliveryOrder["saveProgress"];
}

/** Has it done in a worker and ends the worker. Never rejects. */
async function runWork(work: PluginWork, bounds: Bounds): Promise<Outcome> {
  const { log, memoryMax } = bounds;
  const { plugin, delivery } = work;
  const subject = {
    ...(delivery === null ? {} : { job: delivery.job, action: delivery.actionId }),
    plugin,
  };
  const say = (level: LogLevel, line: string): void =>
    log.emit(level, `${plugin}: ${line}`, subject);
  const onLine = (line: string): void => say("info", line);
  const order = { role: "plugin", data: work, onLine } as const;
  const worker = startWorker(memoryMax === undefined ? order : { ...order, memoryMax });
  const { promise: answered, resolve: settle } = Promise.withResolvers<Outcome>();
  let lines = 0;
  const onProgress = saveProgress(bounds.save, (message) => worker.send(message));
  worker.onMessage((message) => {
    const said = parseFromPlugin(message);
    // The worker bounds its lines itself; foreign code may pass by that.
    if (said?.kind === "log" && ++lines <= LINES_MAX + 1) say(said.level, cutMessage(said.message));
    if (said?.kind === "progress") onProgress(said);
    if (said?.kind === "ended") settle(said.outcome);
  });
  void worker.exited.then((end) => settle(failed(endText(end, bounds.directory))));
  const limit = limitOf(worker, { work, bounds, giveUp: settle });
  const outcome = await answered;
  limit.clear();
  await worker.terminate();
  const reason = limit.reason();
  if (reason === null) return outcome;
  // What it did in its grace time is not known to be whole.
  const isOwn = outcome.kind === "failed" && !outcome.message.startsWith(reason);
  return failed(isOwn ? `${reason}: ${outcome.message}` : reason);
}

/** Asks the worker to end when its time is over or the runner stops, and then does not wait. */
function limitOf(
  worker: WorkerHandle,
  { work, bounds, giveUp }: { work: PluginWork; bounds: Bounds; giveUp(outcome: Outcome): void },
) {
  const { graceMs, signal } = bounds;
  const timers: ReturnType<typeof setTimeout>[] = [];
  let reason: string | null = null;
  const stop = (why: string, waitMs: Milliseconds): void => {
    // Once more when the runner stops: that does not wait for as long.
    timers.push(setTimeout(() => giveUp(failed(reason ?? why)), waitMs));
    if (reason !== null) return;
    reason = why;
    worker.send({ reason: why });
  };
  const onAbort = (): void => stop("the runner is stopping", Math.min(graceMs, STOPPING_GRACE_MS));
  const late = (): void => stop(`its time limit of ${limitText(work.timeoutMs)} passed`, graceMs);
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
  const text = describeEnd(end);
  if (end.kind === "memory") {
    return `${text}, iterate result.commands instead of holding all of them`;
  }
  if (end.kind !== "failed") return text;
  const has = (path: string): boolean => path.startsWith(`${directory}/`);
  const place = placeIn(end.stack, { has });
  const where = place === null ? "" : ` (${place.path}:${place.line}:${place.column})`;
  return cutMessage(`${text}${where}`);
}

function answerOf(outcome: Outcome): DeliveryAnswer {
  if (outcome.kind === "failed") return outcome;
  return { kind: "delivered", message: `took the result, read ${outcome.commands} commands` };
}

function failed(message: string): Outcome {
  return { kind: "failed", message, final: false, retryAfterMs: 0 };
}
