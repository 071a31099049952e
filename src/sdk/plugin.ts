// Plugin: what a module in plugins/ exports.
import { RunnerError } from "../errors.ts";
import type { Result } from "./action.ts";
import { brand, hasBrand } from "./brand.ts";
import type { FetchOptions } from "./fetch.ts";
import type { LogLevel } from "./run.ts";
import { isSchema, type Schema, type SchemaOutput } from "./standard.ts";

/** What `deliver` gets beside the result. */
export interface PluginContext<Config = undefined> {
  /** The section `[plugin "NAME"]` of the configuration, as the plugin's schema made it. */
  readonly config: Config;
  /** The job whose result it is. */
  readonly job: string;
  /** The API's id of the action, up to 53 bits. */
  readonly actionId: number;
  /**
   * The same at every try of this delivery, different for any other: hand it on, so that a service
   * outside takes a result once although it was sent twice.
   */
  readonly key: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /**
   * What the last attempt of this delivery saved by `saveProgress`; null when none has, or when the
   * result has changed since.
   */
  readonly progress: unknown;
  /**
   * Keeps a value for the next attempt, in place of the one before: what is done of the result, so
   * that it need not be done again. Resolves when it is durable, rejects when it cannot be kept.
   * It is forgotten when the result was taken, or failed for good.
   *
   * @param value Anything that JSON can hold; at most 64 KiB of it.
   */
  saveProgress(value: unknown): Promise<void>;
  /** Aborts when the plugin's time is over or the runner stops. */
  readonly signal: AbortSignal;
  /**
   * As the global `fetch`, ended by `signal`, over the runner's own HTTP client: with its proxies,
   * its certificates and its messages. A redirect to another origin (scheme, host or port) gets
   * no body, and of the headers only harmless ones such as Accept and Content-Type. Tests hand in
   * another one.
   */
  readonly fetch: (url: string | URL, init?: FetchOptions) => Promise<Response>;
  /** Writes a line to the runner's log. */
  log(message: string): void;
  log(level: LogLevel, message: string): void;
}

/** Takes a result. Resolving is success; any error is a failed delivery, which is retried. */
export type Deliver<Config> = (
  result: Result,
  context: PluginContext<Config>,
) => Promise<void> | void;

/** Something that went wrong, or is right again: what a plugin that is in `[notify]` gets. */
export interface AlarmEvent {
  readonly kind: "alarm";
  /** What it is; "recovered" when what `of` names is right again; "test" of `notify test`. */
  readonly event: AlarmName | "recovered" | "test";
  readonly of: AlarmName | "test";
  /** Null for what is no job's. */
  readonly job: string | null;
  /** What of it, such as the name of a plugin; null for the whole. */
  readonly subject: string | null;
  readonly run: number | null;
  /** Which of several hosts has found it. Missing: there is one alone. */
  readonly host?: string;
  /** When it was found, in RFC 3339, and since when it is so. */
  readonly at: string;
  readonly since: string;
  /** How often it has happened. */
  readonly count: number;
  readonly message: string;
  /** What to do; "" when it is right again. */
  readonly hint: string;
}

/** What can go wrong. */
export type AlarmName =
  | "failed"
  | "missed"
  | "dead"
  | "late"
  | "coverage"
  | "refused"
  | "calendar"
  | "api"
  | "cluster";

/** What `alarm` gets beside it: the same as `deliver`, where it has a meaning. */
export type AlarmContext<Config = undefined> = Pick<
  PluginContext<Config>,
  "config" | "key" | "attempt" | "signal" | "fetch" | "log"
>;

/** Tells people of an alarm. Resolving is success; any error is a failed try, which is repeated. */
export type Tell<Config> = (
  event: AlarmEvent,
  context: AlarmContext<Config>,
) => Promise<void> | void;

/** A plugin, ready to be loaded: the default export of a file in plugins/. */
export interface PluginModule {
  readonly kind: "plugin";
  /** Null: the plugin takes no configuration, and a section for it is a mistake. */
  readonly config: Schema | null;
  readonly deliver: Deliver<never>;
  /** Null: it cannot tell alarms. */
  readonly alarm: Tell<never> | null;
}

/** A plugin with a configuration. */
export interface PluginDefinition<Config extends Schema> {
  /**
   * A schema of `[plugin "NAME"]`, in which all values are texts, a key alone is true, and a
   * repeated key is a list. Make it strict, so that a misspelt key is found.
   */
  readonly config: Config;
  readonly deliver: Deliver<SchemaOutput<Config>>;
  /** Tells an alarm, where `[notify] plugins` names this plugin. @default it cannot */
  readonly alarm?: Tell<SchemaOutput<Config>> | undefined;
}

/** A plugin without one. */
export interface PlainPluginDefinition {
  readonly config?: undefined;
  readonly deliver: Deliver<undefined>;
  readonly alarm?: Tell<undefined> | undefined;
}

/**
 * Makes a plugin. It runs in a process of its own that is ended when its time is over, so it cannot
 * hold up the runner; whatever it throws makes the delivery fail, and it is tried again later.
 *
 * @throws {RunnerError} PLUGIN, when there is no `deliver` or `config` is no schema.
 * @example
 * ```ts
 * import { plugin } from "mig-runner";
 *
 * export default plugin({
 *   async deliver(result, context) {
 *     for await (const command of result.commands) {
 *       if (command.status !== "success") context.log("notice", command.agent.name);
 *     }
 *   },
 * });
 * ```
 */
export function plugin<Config extends Schema>(definition: PluginDefinition<Config>): PluginModule;
export function plugin(definition: PlainPluginDefinition): PluginModule;
export function plugin(definition: PluginDefinition<Schema> | PlainPluginDefinition): PluginModule {
  const { config = null, deliver, alarm = null } = definition ?? {};
  if (typeof deliver !== "function") {
    const hint = "Write plugin({ async deliver(result, context) { … } })";
    throw new RunnerError("PLUGIN", "Cannot make a plugin: it has no deliver function", { hint });
  }
  if (config !== null && !isSchema(config)) {
    const hint = "Take a schema of valibot, or of another library of Standard Schema";
    throw new RunnerError("PLUGIN", "Cannot make a plugin: its config is no schema", { hint });
  }
  if (alarm !== null && typeof alarm !== "function") {
    const hint = "Write async alarm(event, context) { … }, or leave it out";
    throw new RunnerError("PLUGIN", "Cannot make a plugin: its alarm is no function", { hint });
  }
  const made: PluginModule = { kind: "plugin", config, deliver, alarm };
  return Object.freeze(brand(made, "plugin"));
}

/** Whether a value was made by `plugin`, here or in another copy of the SDK. */
export function isPluginModule(value: unknown): value is PluginModule {
  return hasBrand(value, "plugin");
}
