// Run: the workflow interface that a job's function gets.
//
// Types only, and the defaults of a step; the engine is in workflow/. A *name* below is a text of 1
// to 128 characters, unique within the run: it is how the runner knows, after a crash or an
// upgrade, what has been done already.
import type { ActionDescription, CommandStatus, Operation, Result, Threat } from "./action.ts";
import type { Duration, PluginName } from "./definition.ts";
import type { StepFetch } from "./fetch.ts";
import type { IfJson } from "./json.ts";
import type { Schema, SchemaOutput } from "./standard.ts";
import type { Approval, AskOptions, WaitOptions } from "./wait.ts";

/** Severities of a log line, most severe first. */
export type LogLevel = "err" | "warning" | "notice" | "info" | "debug";

/** What to dispatch in a workflow. What is left out is taken from the job's own action. */
export interface CollectAction {
  /**
   * An SQL condition, the name of a macro, or agents of an earlier result: their hosts, also those
   * whose agent was restarted and has another id by now. A list that does not fit into one
   * target becomes several actions, collected as one result; an empty list dispatches nothing and
   * gives an empty result. Hosts that are off get nothing: see `completeness.listed`.
   */
  readonly target?: string | readonly { readonly id: number }[] | undefined;
  readonly operations?: readonly Operation[] | undefined;
  readonly description?: ActionDescription | undefined;
  readonly threat?: Threat | undefined;
  /** Above 0, at most 1176h. @default the job's */
  readonly expiry?: Duration | undefined;
  /** Refuse to dispatch when the target matches more agents. @default the job's */
  readonly maxAgents?: number | undefined;
  /** Commands that are fetched in one request, 1 to 100,000. @default the configuration's */
  readonly pageSize?: number | undefined;
}

/** An action that was posted and is not waited for. */
export interface Dispatched {
  /** The name it was dispatched by. */
  readonly name: string;
  /** Of the first action. Null when there was no agent to dispatch to. */
  readonly actionId: number | null;
  readonly actionIds: readonly number[];
}

/** What one agent's command came to. */
export interface AgentSummary {
  /** The agent's, for a target. */
  readonly id: number;
  /** The host's full name. */
  readonly name: string;
  readonly commandId: number;
  readonly status: CommandStatus;
  /** Some result has `foundanything`, also of a command that has failed or timed out. */
  readonly found: boolean;
  /** The command ended as "success", and so did each of its results. */
  readonly success: boolean;
  /** Those of all results. */
  readonly errors: readonly string[];
}

/** How whole a result is. */
export interface Completeness {
  /** Commands in the result. */
  readonly fetched: number;
  /** Commands that the scheduler said it had sent; null when it did not say. */
  readonly sent: number | null;
  /** How many commands ended how, such as {"success": 78, "expired": 2}. */
  readonly statuses: Readonly<Record<string, number>>;
  /**
   * How many agents the target listed; missing when it was a condition. With more of them than
   * `fetched`, the others were offline or gone, and got no command.
   */
  readonly listed?: number | undefined;
}

/** A result that a workflow collected. It is kept as a file; only the summary is in memory. */
export interface CollectedResult extends Result {
  /** The name it was collected by. */
  readonly name: string;
  /** Of the first action. Null when there was no agent to dispatch to. */
  readonly actionId: number | null;
  readonly actionIds: readonly number[];
  /** One for each command, sorted by the agent's name. */
  readonly agents: readonly AgentSummary[];
  readonly completeness: Completeness;
}

/** Waits between the tries of a step: `first`, then twice as long each time, up to `cap`. */
export interface RetryOptions {
  /** Tries after the first one, 0 to 100. */
  readonly max: number;
  /** @default "1s" */
  readonly first?: Duration | undefined;
  /** @default "5m" */
  readonly cap?: Duration | undefined;
}

/** How a step is tried. */
export interface StepOptions<Value = unknown> {
  /**
   * How often it is tried again after an error other than `FatalError`. @default 5 times after a
   * `RetryError`, as `context.fetch` and `ensureOk` throw it for what can pass; never after another
   */
  readonly retry?: number | RetryOptions | undefined;
  /** Time for one try, after which `signal` aborts and the try has failed. @default "10m" */
  readonly timeout?: Duration | undefined;
  /**
   * Called in place of the function by `mig-runner test` and `simulate`, which call the
   * function itself otherwise: for a step that writes files, or that asks otherwise than by
   * `fetch`. @default the function
   */
  readonly simulated?: StepWork<Value> | undefined;
}

/** What holds for a step that does not say otherwise. */
export const STEP_DEFAULTS = {
  retries: 0,
  /** After an error that says by itself that another try can succeed. */
  retriesPassing: 5,
  retriesMax: 100,
  first: "1s",
  cap: "5m",
  timeout: "10m",
} as const satisfies Readonly<Record<string, number | Duration>>;

/** What the function of a step gets. */
export interface StepContext {
  /**
   * The same at every try of this step of this run, different for any other: hand it on, so that a
   * service outside does a thing once although it was asked twice.
   */
  readonly key: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Aborts when the time of this try is over, or the run is dropped or given up. */
  readonly signal: AbortSignal;
  /**
   * As the global `fetch`, ended by `signal`, over the runner's own HTTP client: with its proxies,
   * its certificates and its messages. `simulate` answers it by its option `fetch`.
   */
  readonly fetch: StepFetch;
}

/**
 * The function of a step. What it resolves with is saved, so it must be JSON (or nothing): a `Date`,
 * a `Map` or a function in it is told by the editor, and by the run.
 */
export type StepWork<Value> = (context: StepContext) => Value | Promise<Value>;

/** What `run.parallel` gives: the answer of each branch under its name. */
export type BranchResults<Branches> = {
  readonly [Name in keyof Branches]: Branches[Name] extends () => infer Answer
    ? Awaited<Answer>
    : never;
};

/**
 * What a job keeps for its next runs: at most 100 keys, each with JSON of at most a megabyte. A run
 * sees what was there when it asked first, also when it is replayed; what it sets is there for
 * others at once, and once, however often the runner dies.
 *
 * @example
 * ```ts
 * import { job } from "mig-runner";
 *
 * export default job({ schedule: "0 3 * * *" }, async (run) => {
 *   const base = await run.collect("base");
 *   const found = base.agents.filter((agent) => agent.found).map(({ name }) => name);
 *   const known = (await run.state.get<string[]>("known")) ?? [];
 *   const added = found.filter((name) => !known.includes(name));
 *   if (added.length > 0) run.log("warning", `new: ${added.join(", ")}`);
 *   await run.state.set("known", found);
 * });
 * ```
 */
export interface RunState {
  /**
   * What the key was set to last, by any run of the job; null when it was never set.
   *
   * @param key 1 to 100 characters.
   */
  get<Value = unknown>(key: string): Promise<Value | null>;

  /** Sets a key, in place of what it had. Null forgets it. */
  set<Value>(key: string, value: Value & IfJson<readonly [Value]>): Promise<void>;
}

/** How `run.map` goes through a list. */
export interface MapOptions<Item> {
  /** Items at work at the same time, 1 to 100. @default 10 */
  readonly concurrency?: number | undefined;
  /**
   * What an item is called in the names of its steps, each of them once.
   *
   * @default its index
   */
  readonly key?: ((item: Item, index: number) => string) | undefined;
}

/** The parameters of a job that declares none. */
export type NoParams = Readonly<Record<string, never>>;

/**
 * One firing of a job, from its fire time to its last delivery. Everything with a name is saved
 * before the run goes on, and is never done again: not after a crash, not after an upgrade. Each
 * call is to be awaited. Outside of steps files, requests, timers and the environment throw, and
 * the clock and chance are the run's own. `Run` alone is the run of any job, for functions that
 * take `run`; `Run<{ readonly days: number }>` is one of a job with that parameter.
 *
 * @example
 * ```ts
 * import { job, modules, type CollectedResult } from "mig-runner";
 *
 * const kit = { paths: ["/lib"], names: ["^libkeyutils\\.so\\.1\\.9"] };
 * const action = {
 *   target: "status='online' AND environment->>'os'='linux'",
 *   operations: [modules.file({ searches: { kit } })],
 * };
 *
 * export default job({ schedule: "0 3 * * *", expiry: "10m", action }, async (run) => {
 *   const base = await run.collect("base");
 *   const suspects = base.agents.filter((agent) => agent.found);
 *   if (suspects.length === 0) return;
 *   const deep = await run.collect("deep", {
 *     target: suspects,
 *     operations: [modules.memory({ searches: { c2: { bytes: ["afd37df8"] } } })],
 *     expiry: "5m",
 *   });
 *   await run.step("count", { retry: 5, timeout: "30s" }, () => countHits(deep));
 *   await run.deliver("slack", deep);
 * });
 *
 * async function countHits(result: CollectedResult): Promise<number> {
 *   let hits = 0;
 *   for await (const command of result.commands) {
 *     hits += modules.memory.read(command.results[0]).statistics?.totalhits ?? 0;
 *   }
 *   return hits;
 * }
 * ```
 */
export interface Run<Params = unknown> {
  /** The name of the job. */
  readonly job: string;
  /** Of this run, unique on this host. */
  readonly id: number;
  /** The fire time, in milliseconds since the Unix epoch. */
  readonly firesAt: number;
  /** Aborts when the run is dropped or its deadline is over. */
  readonly signal: AbortSignal;
  /** What was set for this run (`run JOB --set NAME=VALUE`), as the job's `params` made it. */
  readonly params: Params;
  /** What the job keeps for its next runs. */
  readonly state: RunState;

  /**
   * Dispatches an action, waits until it has expired, collects the commands. The job's own action
   * is called `mig-runner: JOB`, as without a workflow; one with a target or operations of its own
   * is called `mig-runner: JOB/NAME`. Its result goes where `deliver` sends it.
   *
   * @param name 1 to 128 characters, unique in the run.
   * @throws When the action is refused, after the job's `retries`.
   */
  collect(name: string, action?: CollectAction): Promise<CollectedResult>;

  /** Dispatches an action and does not wait for its commands. Names and errors as in `collect`. */
  dispatch(name: string, action?: CollectAction): Promise<Dispatched>;

  /**
   * Does something outside, such as calling a service, and saves what it gave.
   *
   * @param name 1 to 128 characters, unique in the run.
   * @throws The error of the last try, once all tries have failed or one threw `FatalError`.
   */
  step<Value>(name: string, work: StepWork<Value> & IfJson<Value>): Promise<Value>;
  step<Value>(
    name: string,
    options: StepOptions<NoInfer<Value>>,
    work: StepWork<Value> & IfJson<Value>,
  ): Promise<Value>;

  /** Waits; the end of the wait is saved, so that a restart does not begin it again. */
  sleep(name: string, duration: Duration): Promise<void>;

  /**
   * Waits for an answer from outside, `mig-runner answer RUN NAME JSON`, for days if need be. The
   * first answer that the schema takes is saved; there is no second one.
   *
   * @param name 1 to 128 characters, unique in the run.
   * @throws {TimeoutError} When no one has answered in time.
   */
  waitFor<Wanted extends Schema>(
    name: string,
    options: WaitOptions<Wanted> & { readonly schema: Wanted },
  ): Promise<SchemaOutput<Wanted>>;
  waitFor(name: string, options: WaitOptions): Promise<unknown>;

  /**
   * Waits for a yes or no, `mig-runner approve|deny RUN [NAME] --why TEXT`. When no one answers in
   * time, it is a no.
   *
   * @param name As in `waitFor`.
   */
  approval(name: string, options: AskOptions): Promise<Approval>;

  /**
   * Gives a result to a plugin of plugins/, or to each that the definition names as `plugin`.
   * Nothing else does. Resolves as soon as the delivery is saved: it is then made and retried
   * beside the run, and listed until it has succeeded.
   */
  deliver(result: CollectedResult): Promise<void>;
  deliver(plugin: PluginName, result: CollectedResult): Promise<void>;

  /**
   * Runs branches side by side. A name that is used inside a branch needs to be unique in that
   * branch only. Waits for all of them; if some fail, throws the error of the first in order.
   *
   * @param branches Functions by name; each name as in `collect`.
   */
  parallel<Branches extends Readonly<Record<string, () => Promise<unknown>>>>(
    branches: Branches,
  ): Promise<BranchResults<Branches>>;

  /**
   * Calls a function for each item of a list, some at a time, and gives the answers in the order of
   * the list. Names that it uses are known with those of the map and of the item: `NAME/0/ticket`.
   * After an error no further item is begun; once those at work have ended, the first error in the
   * order of the list is thrown.
   *
   * @param name 1 to 128 characters.
   * @param items At most 10,000.
   * @example
   * ```ts
   * import { ensureOk, job } from "mig-runner";
   *
   * const CMDB = "https://cmdb.example.net/hosts";
   *
   * export default job({ schedule: "0 3 * * *" }, async (run) => {
   *   const { agents } = await run.collect("base");
   *   const options = { concurrency: 4, key: ({ name }: { name: string }) => name };
   *   await run.map("hosts", agents, async ({ name, found }) => {
   *     await run.step("note", { retry: 5 }, async ({ fetch }) => {
   *       const body = JSON.stringify({ found });
   *       ensureOk(await fetch(`${CMDB}/${name}`, { method: "PUT", body }));
   *     });
   *   }, options);
   * });
   * ```
   */
  map<Item, Answer>(
    name: string,
    items: readonly Item[],
    work: (item: Item, index: number) => Promise<Answer>,
    options?: MapOptions<Item>,
  ): Promise<readonly Answer[]>;

  /** Milliseconds since the Unix epoch. The same at each replay, as `Date.now` outside of a step. */
  now(): number;

  /** From 0 up to 1. The same at each replay, as `Math.random` outside of a step. */
  random(): number;

  /** Writes a line to the runner's log, once, however often the run is replayed. */
  log(message: string): void;
  log(level: LogLevel, message: string): void;
}
