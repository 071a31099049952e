// Plugins: those of a test, in place of the plugins of a runner directory.
import { messageOf } from "../errors.ts";
import { resultParts } from "../mig/result-parts.ts";
import type { DeliveryAnswer, DeliveryOrder, Plugins } from "../ports.ts";
import type { Command, PostedAction, Result } from "../sdk/action.ts";
import { isFatal, retryAfterMs } from "../sdk/failure.ts";
import type { PluginContext } from "../sdk/plugin.ts";
import { decodeProgress, encodeProgress } from "../sdk/progress.ts";
import type { LogLevel } from "../sdk/run.ts";
import type { Attempts } from "./observer.ts";

/** What a test does with a delivery. Throwing makes it fail, and it is tried again later. */
export type SimulatedPlugin = (result: Result, context: PluginContext) => Promise<void> | void;

/** One result that was given to a plugin. */
export interface TakenDelivery {
  /** Of the delivery; the same for all its attempts. */
  readonly key: string;
  readonly plugin: string;
  readonly action: PostedAction;
  readonly commands: readonly Command[];
  /** The number of the try. */
  readonly attempt: number;
  /** Null when the plugin took it. */
  readonly error: string | null;
}

export interface PluginsOptions {
  readonly plugins: ReadonlyMap<string, SimulatedPlugin>;
  readonly attempts: Attempts;
  /** Whether the process died before it heard of a try of this delivery: it is made once more. */
  isLost(key: string): boolean;
  readonly taken: TakenDelivery[];
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** A plugin is called. */
  active(): void;
  log(level: LogLevel, message: string): void;
}

/** Plugins of all names: what a test does not say of one is success. */
export function simulatedPlugins(options: PluginsOptions): Plugins {
  return {
    names: () => Promise.resolve([...options.plugins.keys()].sort()),
    check: () => Promise.resolve(null),
    deliver: (order) => deliver(options, order),
  };
}

async function deliver(options: PluginsOptions, made: DeliveryOrder): Promise<DeliveryAnswer> {
  const order = { ...made, attempt: made.attempt - (options.isLost(made.key) ? 1 : 0) };
  const { plugin, attempt, key } = order;
  const { action, commands } = await readResult(options.readFile(order.resultPath));
  const taken = { key, plugin, action, commands, attempt };
  const note = (error: string | null): void => {
    // A try that is made once more, because the process died before it heard of it, is one.
    const isTold = options.taken.some((told) => told.key === key && told.attempt === attempt);
    if (!isTold) options.taken.push({ ...taken, error });
  };
  options.active();
  try {
    await callOnce(options, order, { action, commands });
    note(null);
    return { kind: "delivered", message: `took ${commands.length} commands` };
  } catch (error) {
    const message = messageOf(error);
    note(message);
    const retry = retryAfterMs(error) ?? 0;
    return { kind: "failed", message, final: isFatal(error), retryAfterMs: retry };
  }
}

interface Parts {
  readonly action: PostedAction;
  readonly commands: readonly Command[];
}

/** One try is made once, however often the process dies. */
function callOnce(
  options: PluginsOptions,
  order: DeliveryOrder,
  { action, commands }: Parts,
): Promise<unknown> {
  const { attempt, plugin, job, actionId, key, resultPath: path } = order;
  const { outcomes } = options.attempts;
  const name = `${attempt} ${plugin} takes ${action.name} ${action.target}`;
  const known = outcomes.get(name);
  if (known !== undefined) return known;
  const result: Result = { job, action, path, commands: each(commands) };
  const context: PluginContext = {
    config: undefined,
    job,
    actionId,
    key,
    attempt,
    progress: decodeProgress(order.progress),
    saveProgress: async (value) => await order.saveProgress?.(encodeProgress(value)),
    signal: order.signal ?? new AbortController().signal,
    fetch: () => Promise.reject(new Error("Cannot fetch: a simulation has no network")),
    log: (...line: [string] | [LogLevel, string]) =>
      line.length === 1 ? options.log("info", line[0]) : options.log(line[0], line[1]),
  };
  options.attempts.running++;
  const outcome = (async () => await options.plugins.get(plugin)?.(result, context))().finally(
    () => options.attempts.running--,
  );
  outcome.catch(() => undefined);
  outcomes.set(name, outcome);
  return outcome;
}

function each(commands: readonly Command[]): AsyncIterable<Command> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* commands;
    },
  };
}

async function readResult(chunks: AsyncIterable<Uint8Array>): Promise<Parts> {
  let action: PostedAction | null = null;
  const commands: Command[] = [];
  for await (const { kind, bytes } of resultParts(chunks)) {
    const decoded: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (kind === "action") action = decoded as PostedAction;
    else commands.push(decoded as Command);
  }
  if (action === null) throw new Error("the result has no action");
  return { action, commands };
}
