// Host: the role of a worker that runs one plugin for one result.
//
// Nothing of a plugin outlives its delivery: no variable, no timer, no copy of a file that has
// changed since.
import { describeError, messageOf, RunnerError, RunnerErrors } from "../../errors.ts";
import { placeIn } from "../../jobs/problem.ts";
import { openHttp } from "../../lib/http/client.ts";
import type { Http } from "../../lib/ports.ts";
import { hasBrand } from "../../sdk/brand.ts";
import { isFatal, retryAfterMs } from "../../sdk/failure.ts";
import {
  type AlarmContext,
  isPluginModule,
  type PluginContext,
  type PluginModule,
} from "../../sdk/plugin.ts";
import { decodeProgress } from "../../sdk/progress.ts";
import type { LogLevel } from "../../sdk/run.ts";
import { bundleJob } from "../modules/bundle.ts";
import { LineSplitter } from "../output.ts";
import type { Worker } from "../worker.ts";
import { openFetch } from "./fetch.ts";
import { openProgress, type ProgressKeeper } from "./progress.ts";
import { openResult } from "./result-reader.ts";
import { readSettings } from "./settings.ts";
import {
  type Alarm,
  cutMessage,
  type Delivery,
  type Outcome,
  type PluginWork,
  type ToPlugin,
} from "./work.ts";

/** The modules that the runner brings with it, by name. */
export type Shipped = Readonly<Record<string, () => Promise<object>>>;

/** HTTP exchanges that a plugin may have open at the same time. */
const CONNECTIONS_MAX = 256;

/** Runs the work that the worker was started with. */
export function startPlugin(worker: Worker, shipped: Shipped): void {
  const work = worker.data as PluginWork;
  const stop = new AbortController();
  const progress = openProgress((message) => worker.send(message));
  worker.onMessage((message) => {
    const heard = message as ToPlugin;
    if ("saved" in heard) progress.answered(heard);
    else stop.abort(new DOMException(heard.reason, "AbortError"));
  });
  const log = openLog(worker);
  redirectOutput(log.say);
  const end = (outcome: Outcome): void => {
    log.end();
    worker.send({ kind: "ended", outcome });
  };
  worker.onUncaught((error) => end(failureOf(error, work, UNCAUGHT)));
  const host = { worker, work, shipped, signal: stop.signal, say: log.say, progress };
  runWork(host).then(end, (error: unknown) => end(failureOf(error, work)));
}

/** What stands before an error that no call of the plugin's was waiting for. */
const UNCAUGHT = "uncaught error: ";

type Say = (level: LogLevel, message: string) => void;

interface Host {
  readonly worker: Worker;
  readonly work: PluginWork;
  readonly shipped: Shipped;
  readonly signal: AbortSignal;
  readonly say: Say;
  readonly progress: ProgressKeeper;
}

async function runWork(host: Host): Promise<Outcome> {
  const { work } = host;
  const module = await loadPlugin(host);
  const read = await readSettings(module.config, work.settings);
  if (read.kind === "broken") {
    const section = `[plugin "${work.plugin}"] of ${work.place}`;
    const message = `${section}: ${read.problems.join("; ")}`;
    return { kind: "failed", message, final: false, retryAfterMs: 0 };
  }
  if (work.use === "alarm" && module.alarm === null) {
    const message = `plugin "${work.plugin}" cannot tell alarms: it has no alarm function`;
    return { kind: "failed", message, final: true, retryAfterMs: 0 };
  }
  if (work.alarm !== null) return await tell(module, { ...host, ...read, alarm: work.alarm });
  if (work.delivery === null) return { kind: "done", commands: 0 };
  return await deliver(module, { ...host, delivery: work.delivery, config: read.config });
}

/** @throws {RunnerError|RunnerErrors} What is wrong with the module, and where. */
async function loadPlugin({ worker, work, shipped }: Host): Promise<PluginModule> {
  const { path, plugin } = work;
  const exports =
    path === null
      ? await shipped[plugin]?.()
      : await worker.evaluate((await bundleJob(path, work)).source);
  const module = Reflect.get(exports ?? {}, "default");
  if (isPluginModule(module)) return module;
  const what = hasBrand(module, "job")
    ? "a job"
    : module === undefined
      ? "missing"
      : "not a plugin";
  const hint = "Write export default plugin({ async deliver(result, context) { … } })";
  const detail = { ...(path === null ? {} : { path }), hint };
  const message = `Cannot load plugin "${plugin}": its default export is ${what}`;
  throw new RunnerError("PLUGIN", message, detail);
}

async function deliver(
  module: PluginModule,
  {
    work,
    signal,
    say,
    progress,
    delivery,
    config,
  }: Host & {
    delivery: Delivery;
    config: unknown;
  },
): Promise<Outcome> {
  const { actionId, attempt, job, key } = delivery;
  const context: PluginContext<unknown> = {
    config,
    job,
    actionId,
    key,
    attempt,
    progress: decodeProgress(delivery.progress),
    saveProgress: progress.save,
    signal,
    fetch: openFetch((how) => openClient(work, how), signal),
    log: logOf(say),
  };
  const { result, commandsRead } = await openResult(delivery);
  await module.deliver(result, context as PluginContext<never>);
  return { kind: "done", commands: commandsRead() };
}

async function tell(
  module: PluginModule,
  { work, signal, say, alarm, config }: Host & { alarm: Alarm; config: unknown },
): Promise<Outcome> {
  const { key, attempt } = alarm;
  const context: AlarmContext<unknown> = {
    config,
    key,
    attempt,
    signal,
    fetch: openFetch((how) => openClient(work, how), signal),
    log: logOf(say),
  };
  await module.alarm?.(JSON.parse(alarm.body), context as AlarmContext<never>);
  return { kind: "done", commands: 0 };
}

function logOf(say: Say): PluginContext["log"] {
  return (...line: [string] | [LogLevel, string]) =>
    line.length === 1 ? say("info", textIn(line[0])) : say(line[0], textIn(line[1]));
}

function openClient(
  { environment, timeoutMs }: PluginWork,
  { direct }: { readonly direct: boolean },
): Http {
  const isProxy = ([name]: readonly [string, unknown]): boolean => /_proxy$/i.test(name);
  const kept = Object.entries(environment).filter((entry) => !direct || !isProxy(entry));
  return openHttp({
    skipVerifyCert: false,
    environment: Object.fromEntries(kept),
    connectTimeoutMs: timeoutMs,
    headersTimeoutMs: timeoutMs,
    idleTimeoutMs: timeoutMs,
    exchangeTimeoutMs: timeoutMs,
    connectionsMax: CONNECTIONS_MAX,
  });
}

function failureOf(error: unknown, work: PluginWork, before = ""): Outcome {
  const final = isFatal(error);
  const wait = retryAfterMs(error) ?? 0;
  const message = `${before}${textOf(error, work)}`;
  return { kind: "failed", message, final, retryAfterMs: wait };
}

/** What was thrown, with the place in the plugin's own files where it was. */
function textOf(error: unknown, { delivery, alarm, path }: PluginWork): string {
  const isCheck = delivery === null && alarm === null;
  if (error instanceof RunnerErrors || error instanceof RunnerError) {
    const errors = error instanceof RunnerErrors ? error.errors : [error];
    // The lines of the program would tear a line of the log.
    const texts = errors.map((each) => describeError(isCheck ? each : withoutFrame(each)));
    return isCheck ? texts.join("\n") : cutMessage(texts.join("; "));
  }
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : "";
  const message = messageOf(error);
  const whole = cause === "" || message.includes(cause) ? message : `${message}: ${cause}`;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const folder = path === null ? null : path.replace(/[^/]*$/, "");
  const isOwn = (file: string): boolean => folder !== null && file.startsWith(folder);
  const place = placeIn(stack, { has: isOwn });
  const where = place === null ? "" : ` (${place.path}:${place.line}:${place.column})`;
  return cutMessage(`${whole === "" ? "it threw an error without a message" : whole}${where}`);
}

function withoutFrame({
  code,
  message,
  detail: { frame: _, ...detail },
}: RunnerError): RunnerError {
  return new RunnerError(code, message, detail);
}

/** A log that cuts what it gets into lines and keeps the first of them. */
function openLog(worker: Worker): { readonly say: Say; end(): void } {
  const encoder = new TextEncoder();
  let level: LogLevel = "info";
  const lines = new LineSplitter((message) => worker.send({ kind: "log", level, message }));
  return {
    say(as, message) {
      level = as;
      lines.add(encoder.encode(`${message}\n`));
    },
    end() {
      level = "warning";
      lines.end();
    },
  };
}

/** Standard output is the runner's own: what a plugin prints goes to the log, as of programs. */
function redirectOutput(say: Say): void {
  const print =
    (level: LogLevel) =>
    (...words: readonly unknown[]): void => {
      say(level, words.map(textIn).join(" "));
    };
  for (const method of ["log", "info", "debug"] as const) console[method] = print("info");
  for (const method of ["warn", "error", "trace"] as const) console[method] = print("warning");
}

/** A text of whatever a plugin logs: an agent's word may be no text. Never throws. */
function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error && typeof value.stack === "string") return value.stack;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return typeof value === "bigint"
      ? String(value)
      : `something (${typeof value}) that cannot be shown`;
  }
}
