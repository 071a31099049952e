// Run: what a job's function calls, in the worker of the body.
//
// Every call with a name becomes one ask to the engine, and its promise is settled by one answer.
// Nothing here knows whether an answer is new or comes from the journal: that is the replay.
//
// Owns:     names and their branches, checks of what the author wrote, time and chance of the run.
// Not here: the order of answers (body.ts), what a step does in the world (work.ts).

import { messageOf } from "../errors.ts";
import { pluginNameFault } from "../jobs/name.ts";
import type { StepWork } from "../sdk/run.ts";
import {
  type BranchResults,
  type CollectAction,
  type CollectedResult,
  type Dispatched,
  type LogLevel,
  type MapOptions,
  type NoParams,
  type RetryOptions,
  type Run,
  type RunState,
  STEP_DEFAULTS,
  type StepOptions,
} from "../sdk/run.ts";
import type { Schema, SchemaOutput } from "../sdk/standard.ts";
import { type Approval, type AskOptions, TimeoutError, type WaitOptions } from "../sdk/wait.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { answerCheck, peopleRequest } from "./ask.ts";
import { type Fork, planBranches, planMap } from "./branches.ts";
import { loadResult, type ResultSource } from "./collected.ts";
import {
  type CheckOutcome,
  type CollectValue,
  cut,
  type DispatchValue,
  type FromBody,
  STEP_NAME_SIZE_MAX,
  type ToBody,
} from "./messages.ts";
import { seededRandom } from "./random.ts";
import { type Ask, actionRequest, checkName, checkOptions, waitOf } from "./requests.ts";
import { runState } from "./run-state.ts";
import {
  type BodyView,
  bodyView,
  MISTAKES,
  OUTSIDE,
  refuseInside,
  type Scope,
  type Scopes,
} from "./scope.ts";
import { Calls } from "./tracked.ts";

/** What the body does with an answer before it hands it on, and what a step is to do. */
export interface Pending {
  readonly name: string;
  /** Made where the author's code asked: its stack names that line. */
  readonly asked: Error;
  /** Makes the value that the body gets. */
  decode(value: string | null): unknown;
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly work: { readonly run: StepWork<unknown>; readonly timeoutMs: Milliseconds } | null;
  /** What the schema of a wait makes of an answer; null where there is none. */
  readonly check: ((json: string) => CheckOutcome) | null;
  /** The error that it fails with; null for a plain one. */
  readonly failure: ((message: string, asked: Error) => Error) | null;
}

/** What a run needs of the body that it belongs to. */
export interface RunEdges {
  readonly scopes: Scopes;
  readonly readFile: ResultSource["readFile"];
  post(message: FromBody): void;
  /** Where in the job's own files the caller is, such as "job.ts:12"; null when nobody knows. */
  locate(error: Error): string | null;
  /** The code uses what shows the run's own values, such as "Date.now()". */
  used(what: string): void;
  /** The code did what no replay can do again: the run ends with that. */
  broken(error: Error): void;
}

/** What `deliver` says to anything but a result of its run. */
const NO_RESULT =
  "it gives plugins what run.collect gave in this run, as it is; send a report of your own in a " +
  "step, by its context.fetch, or write it by run.log";

const STEP_OPTIONS: readonly (keyof StepOptions)[] = ["retry", "timeout", "simulated"];
const RETRY_OPTIONS: readonly (keyof RetryOptions)[] = ["max", "first", "cap"];

/** The `run` that a body gets: each call asks the engine and waits for its word. */
export class BodyRun implements Run<NoParams> {
  readonly job: string;
  readonly id: number;
  readonly firesAt: Instant;
  readonly params: NoParams;
  readonly #edges: RunEdges;
  readonly #abort = new AbortController();
  readonly #names = new Set<string>();
  readonly #pending = new Map<string, Pending>();
  /** The step that each result comes from. */
  readonly #results = new WeakMap<CollectedResult, string>();
  readonly #calls = new Calls();
  readonly #view: BodyView;
  readonly #tellsPlaces: boolean;
  readonly random: () => number;
  readonly state: RunState;
  /** For the body: those of the job's definition. */
  plugins: readonly string[] = [];
  /** How often a name was given out that the author does not choose. */
  readonly #given = new Map<string, number>();
  #now: Instant;

  constructor(
    { run, now, seed, params = null, places = false }: Extract<ToBody, { kind: "begin" }>,
    edges: RunEdges,
  ) {
    this.job = run.job;
    this.id = run.id;
    this.firesAt = run.firesAt;
    this.params = JSON.parse(params ?? "{}") as NoParams;
    this.#now = now;
    this.#edges = edges;
    this.#tellsPlaces = places;
    this.random = seededRandom(seed);
    this.state = runState({
      nameOf: (what) => this.#nameOf(what),
      ask: (kind, name, make) => this.#ask(kind, name, make),
    });
    this.#view = bodyView(seed, {
      now: () => this.#now,
      used: (what) => edges.used(what),
      refuse: (what, fix) => this.#refuse(what, fix),
      raced: () => this.#calls.raced(),
    });
  }

  /** For the body: where its function begins. */
  get top(): Scope {
    return { prefix: "", step: null, view: this.#view };
  }

  /** For the body: a call that nobody waited for, when the function has ended; or null. */
  unawaited(): ReturnType<Calls["mistake"]> {
    return this.#calls.mistake();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  now(): Instant {
    return this.#now;
  }

  collect(name: string, action?: CollectAction): Promise<CollectedResult> {
    return this.#ask("collect", name, (full) => ({
      request: actionRequest("collect", action),
      decode: async (value) => {
        const { readFile } = this.#edges;
        const source = { job: this.job, name: full, readFile };
        const result = await loadResult(JSON.parse(value ?? "{}") as CollectValue, source);
        this.#results.set(result, full);
        return result;
      },
    }));
  }

  dispatch(name: string, action?: CollectAction): Promise<Dispatched> {
    return this.#ask("dispatch", name, (full) => ({
      request: actionRequest("dispatch", action),
      decode: (value): Dispatched => {
        const { actionIds } = JSON.parse(value ?? "{}") as DispatchValue;
        return { name: full, actionIds, actionId: actionIds[0] ?? null };
      },
    }));
  }

  step<Value>(name: string, work: StepWork<Value>): Promise<Value>;
  step<Value>(
    name: string,
    options: StepOptions<NoInfer<Value>>,
    work: StepWork<Value>,
  ): Promise<Value>;
  step<Value>(
    name: string,
    optionsOrWork: StepOptions | StepWork<Value>,
    maybeWork?: StepWork<Value>,
  ): Promise<Value> {
    const isShort = typeof optionsOrWork === "function";
    const options = isShort ? {} : optionsOrWork;
    const work = isShort ? optionsOrWork : maybeWork;
    return this.#ask("step", name, () => {
      if (typeof work !== "function") throw new TypeError("a function is wanted");
      checkOptions(options, STEP_OPTIONS);
      if (typeof options.retry === "object") checkOptions(options.retry, RETRY_OPTIONS);
      const { retry, timeout = STEP_DEFAULTS.timeout } = options;
      const asked = typeof retry === "number" ? { max: retry } : retry;
      const { max = STEP_DEFAULTS.retries, first, cap } = asked ?? {};
      const passingMax = asked === undefined ? STEP_DEFAULTS.retriesPassing : max;
      if (!Number.isInteger(max) || max < 0 || max > STEP_DEFAULTS.retriesMax) {
        throw new RangeError(`retry is ${max}, wanted 0 to ${STEP_DEFAULTS.retriesMax}`);
      }
      const firstMs = waitOf("retry.first", first ?? STEP_DEFAULTS.first);
      const capMs = waitOf("retry.cap", cap ?? STEP_DEFAULTS.cap);
      const timeoutMs = waitOf("timeout", timeout);
      return {
        request: { kind: "step", retriesMax: max, passingMax, firstMs, capMs },
        decode: (value) => (value === null ? undefined : JSON.parse(value)),
        work: { run: work, timeoutMs },
      };
    });
  }

  sleep(name: string, duration: string): Promise<void> {
    return this.#ask("sleep", name, () => ({
      request: { kind: "sleep", ms: waitOf("duration", duration) },
      decode: () => undefined,
    }));
  }

  waitFor<Wanted extends Schema>(
    name: string,
    options: WaitOptions<Wanted> & { readonly schema: Wanted },
  ): Promise<SchemaOutput<Wanted>>;
  waitFor(name: string, options: WaitOptions): Promise<unknown>;
  waitFor(name: string, options: WaitOptions): Promise<unknown> {
    return this.#ask("wait", name, () => {
      const check = answerCheck(options);
      return {
        request: peopleRequest("wait", options, check !== null),
        decode: (value) => (value === null ? undefined : JSON.parse(value)),
        check,
        failure: (message, cause) => new TimeoutError(message, { cause }),
      };
    });
  }

  approval(name: string, options: AskOptions): Promise<Approval> {
    return this.#ask("approval", name, () => ({
      request: peopleRequest("approval", options, false),
      decode: (value) => JSON.parse(value ?? "{}") as Approval,
    }));
  }

  deliver(result: CollectedResult): Promise<void>;
  deliver(plugin: string, result: CollectedResult): Promise<void>;
  deliver(pluginOrResult: string | CollectedResult, result?: CollectedResult): Promise<void> {
    if (typeof pluginOrResult === "string") {
      return this.#deliver(pluginOrResult, result as CollectedResult);
    }
    if (this.plugins.length === 0) {
      const way = 'write run.deliver("NAME", result), or plugin: "NAME" in the definition';
      return Promise.reject(new TypeError(`Cannot deliver: the job names no plugin; ${way}`));
    }
    const what = "deliver";
    const all = this.plugins.map((plugin) => this.#deliver(plugin, pluginOrResult));
    const answer = Promise.all(all).then(() => undefined);
    return this.#calls.track({ what, asked: new Error(what) }, answer);
  }

  #deliver(plugin: string, result: CollectedResult): Promise<void> {
    const from = this.#results.get(result);
    const name = from === undefined ? `deliver ${plugin}` : `deliver ${plugin} ${from}`;
    return this.#ask("deliver", name, () => {
      if (pluginNameFault(plugin) !== null) throw new TypeError("that is not the name of a plugin");
      if (from === undefined) throw new TypeError(NO_RESULT);
      return { request: { kind: "deliver", plugin, result: from }, decode: () => undefined };
    });
  }

  parallel<Branches extends Readonly<Record<string, () => Promise<unknown>>>>(
    branches: Branches,
  ): Promise<BranchResults<Branches>> {
    const what = `parallel of ${Object.keys(branches).join(", ")}`;
    const answers = this.#fork(what, () => planBranches(branches));
    return answers as Promise<BranchResults<Branches>>;
  }

  map<Item, Answer>(
    name: string,
    items: readonly Item[],
    work: (item: Item, index: number) => Promise<Answer>,
    options: MapOptions<Item> = {},
  ): Promise<readonly Answer[]> {
    return this.#fork(`map "${name}"`, () => planMap({ name, items, work, options }));
  }

  /** Begins branches where the author's code is. */
  #fork<Value>(what: string, plan: () => (fork: Fork) => Promise<Value>): Promise<Value> {
    const scope = this.#scope();
    let begin: (fork: Fork) => Promise<Value>;
    try {
      refuseInside(scope);
      begin = plan();
    } catch (error) {
      return Promise.reject(new TypeError(`Cannot begin ${what}: ${messageOf(error)}`));
    }
    const answer = begin({ scopes: this.#edges.scopes, scope });
    return this.#calls.track({ what, asked: new Error(what) }, answer);
  }

  log(message: string): void;
  log(level: LogLevel, message: string): void;
  log(levelOrMessage: string, message?: string): void {
    const [level, text] =
      message === undefined ? ["info", levelOrMessage] : [levelOrMessage, message];
    this.#post({
      kind: "log",
      level: level as LogLevel,
      message: cut(typeof text === "string" ? text : messageOf(text)),
    });
  }

  /** For the body: the step that an answer or a try is for; null when nobody waits for it. */
  pending(name: string): Pending | null {
    return this.#pending.get(name) ?? null;
  }

  /** For the body: the answer of a step is about to be handed on; the run's clock moves to it. */
  settle(name: string, now: Instant): void {
    this.#pending.delete(name);
    this.#now = now;
  }

  /** For the body: aborts `signal`. */
  abort(reason: string): void {
    this.#abort.abort(new Error(reason));
  }

  /** A name for a call that has none of its own, such as "state.get known (2)". */
  #nameOf(what: string): string {
    const { prefix, step } = this.#scope();
    // It is about to be refused, and a replay does not come by.
    if (step !== null) return what;
    const before = this.#given.get(`${prefix}${what}`) ?? 0;
    this.#given.set(`${prefix}${what}`, before + 1);
    return before === 0 ? what : `${what} (${before + 1})`;
  }

  #scope(): Scope {
    return this.#edges.scopes.getStore() ?? this.top;
  }

  /** What sends it is no part of the body. */
  #post(message: FromBody): void {
    this.#edges.scopes.run(OUTSIDE, () => this.#edges.post(message));
  }

  #refuse(what: string, fix: string): Error {
    const error = new Error(
      `${what} ${MISTAKES.outside}: a replay could get something else, or do it again; ${fix}`,
    );
    this.#edges.broken(error);
    return error;
  }

  /** One named call: checks it, asks the engine, and waits for the answer. */
  #ask<Value>(what: string, name: string, make: (full: string) => Ask): Promise<Value> {
    const scope = this.#scope();
    const full = `${scope.prefix}${name}`;
    let ask: Ask;
    try {
      refuseInside(scope);
      checkName(what, name);
      if (full.length > STEP_NAME_SIZE_MAX) throw new TypeError("its branches have too long names");
      ask = make(full);
    } catch (error) {
      const why = messageOf(error);
      return Promise.reject(new TypeError(`Cannot begin ${what} "${full}": ${why}`));
    }
    if (this.#names.has(full)) return this.#refuseTwice(full);
    this.#names.add(full);
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const { decode, work = null, check = null, failure = null } = ask;
    const asked = new Error(full);
    this.#pending.set(full, {
      name: full,
      asked,
      decode,
      work,
      check,
      failure,
      reject,
      resolve: resolve as Pending["resolve"],
    });
    const place = this.#tellsPlaces ? { at: this.#edges.locate(asked) } : {};
    this.#post({ kind: "ask", name: full, request: ask.request, ...place });
    const call = { what: `${what} "${full}"`, asked: new Error(full), canBeLeft: what === "sleep" };
    return this.#calls.track(call, promise);
  }

  /** The journal could not tell the two apart, so the run stops here until somebody decides. */
  #refuseTwice(name: string): Promise<never> {
    const place = this.#edges.locate(new Error(name));
    const where = place === null ? "" : ` at ${place}`;
    const asked = `the code asks for "${name}" a second time${where}`;
    this.#post({ kind: "stuck", message: `${asked}, names must be unique in a run` });
    return new Promise(() => undefined);
  }
}
