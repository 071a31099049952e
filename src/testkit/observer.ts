// Observer: stands between the engine and the executions of a workflow, and writes down what they
// say to each other. The engine and the workflow do not know of it.
//
// Owns:     transcripts, the calls of step functions: each try is called once, however often the
//           process dies. A process that dies while a function is at work finds it at work again.
// Not here: when a process dies (history.ts), what a difference means (replay.ts).
import { guardGlobals } from "../edge/pure/globals.ts";
import { bodyScopes, whileLoading } from "../edge/pure/view.ts";
import { nextTurn } from "../edge/turns.ts";
import { locate } from "../edge/workflow/locate.ts";
import type { Clock } from "../lib/ports.ts";
import type { JobBody, JobModule } from "../sdk/job.ts";
import type {
  CollectedResult,
  NoParams,
  Run,
  StepContext,
  StepOptions,
  StepWork,
} from "../sdk/run.ts";
import type { WaitOptions } from "../sdk/wait.ts";
import type { BodyHost, BodyListener } from "../workflow/host.ts";
import { inlineHost } from "../workflow/inline.ts";
import type { FromBody } from "../workflow/messages.ts";
import { type BodyView, OUTSIDE } from "../workflow/scope.ts";
import { emptyTranscript, noteHeard, noteSaid, type Transcript } from "./transcript.ts";

/** What stands in for the function of a step: a value, or a function that is called instead. */
export type StandIn = unknown | StepWork<unknown>;

/** The attempts of step functions, over all histories of one simulation. */
export interface Attempts {
  /** What one came to or will come to, by the step's name and the attempt's number. */
  readonly outcomes: Map<string, Promise<unknown>>;
  /** Functions at work in real time, and jobs that are being evaluated. */
  running: number;
}

/** What an observer needs. */
export interface ObserverOptions {
  /** Gives the job again for each execution, as a new process would. */
  load(): Promise<JobModule>;
  readonly clock: Pick<Clock, "sleep">;
  readonly attempts: Attempts;
  /** Whether the process died before it heard of a try of this step: it is made once more. */
  isLost(step: string): boolean;
  readonly standIns: ReadonlyMap<string, StandIn>;
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** Answers what steps ask for by `context.fetch`. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Called with each message; nothing else happens when it answers true. */
  intercept(message: FromBody): boolean;
  /** Something was said. */
  active(): void;
  /** The function of a step is wanted, whether it is called or not. */
  wanted(step: string): void;
}

/** Sees one history of a run. Close it: it replaces globals of this process. */
export class Observer {
  readonly transcripts: Transcript[] = [];
  readonly #options: ObserverOptions;
  readonly #watch: { close(): void };

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#watch = guardGlobals();
  }

  /** Puts back what it watched. */
  close(): void {
    this.#watch.close();
  }

  /**
   * Where the workflow runs.
   *
   * @param isAlive Whether the process is there that asks: what it leaves behind is not heard.
   */
  host(isAlive: () => boolean): BodyHost {
    const { clock, readFile } = this.#options;
    return {
      start: (listener) => {
        const transcript = emptyTranscript();
        this.transcripts.push(transcript);
        const load = (_: string, view: BodyView) => this.#observed(transcript, view);
        const used = (what: string): void => {
          const place = locate(new Error(what));
          transcript.used.add(place === null ? what : `${what} at ${place}`);
        };
        const scopes = bodyScopes;
        const openFetch = (signal: AbortSignal) => async (url: string | URL, init: RequestInit) =>
          await this.#options.fetch(new Request(String(url), { signal, ...init }));
        const host = inlineHost({
          clock,
          scopes,
          readFile,
          openFetch,
          load,
          used,
          locate,
          turn: nextTurn,
        });
        const handle = host.start(this.#listener(listener, { transcript, isAlive }));
        return {
          post: (message) => {
            if (!isAlive()) return;
            noteHeard(transcript, message);
            this.#options.active();
            handle.post(message);
          },
          stop: () => handle.stop(),
        };
      },
    };
  }

  #listener(
    listener: BodyListener,
    { transcript, isAlive }: { readonly transcript: Transcript; readonly isAlive: () => boolean },
  ): BodyListener {
    return {
      onMessage: (raw) => {
        if (!isAlive()) return;
        // An inline body sends nothing else.
        const message = raw as FromBody;
        noteSaid(transcript, message);
        this.#options.active();
        if (this.#options.intercept(message)) return;
        bodyScopes.run(OUTSIDE, () => listener.onMessage(raw));
      },
      onLost: (reason, cause) => listener.onLost(reason, cause),
    };
  }

  /** The job with a body that is seen. */
  async #observed(transcript: Transcript, view: BodyView): Promise<JobModule> {
    const { body, ...rest } = await this.#loaded(view);
    if (body === null) return { ...rest, body };
    const before = ownGlobals();
    const seen: JobBody = async (run) => {
      try {
        return await body(this.#seenRun(run, transcript));
      } finally {
        for (const [name, value] of ownGlobals()) {
          if (!before.has(name) || before.get(name) !== value) transcript.globals.add(name);
        }
      }
    };
    return { ...rest, body: seen };
  }

  /** The job, evaluated again. That takes real time, in which virtual time stands still. */
  async #loaded(view: BodyView): Promise<JobModule> {
    const { active, load, attempts } = this.#options;
    attempts.running++;
    try {
      return await whileLoading(view, () => load());
    } finally {
      attempts.running--;
      active();
    }
  }

  #seenRun(run: Run<NoParams>, transcript: Transcript): Run<NoParams> {
    const step = (name: string, ...given: unknown[]): Promise<unknown> => {
      const work = given.pop() as StepWork<unknown>;
      const options = (given[0] ?? {}) as StepOptions;
      if (typeof work !== "function") return run.step(name, options, work);
      const own = options.simulated ?? work;
      return run.step(name, options, (context) => this.#call(run, context, own));
    };
    return {
      job: run.job,
      id: run.id,
      firesAt: run.firesAt,
      signal: run.signal,
      params: run.params,
      state: run.state,
      collect: (name, action) => run.collect(name, action),
      dispatch: (name, action) => run.dispatch(name, action),
      step: step as Run["step"],
      sleep: (name, duration) => run.sleep(name, duration),
      waitFor: (name: string, options: WaitOptions) => run.waitFor(name, options),
      approval: (name, options) => run.approval(name, options),
      deliver: ((...given: [string, CollectedResult]) => run.deliver(...given)) as Run["deliver"],
      parallel: (branches) => run.parallel(branches),
      map: (name, items, work, options) => run.map(name, items, work, options),
      now: () => noted(transcript.times, run.now()),
      random: () => noted(transcript.dice, run.random()),
      log: ((...line: [string]) => run.log(...line)) as Run["log"],
    };
  }

  /** Calls a step's function, or hands on what the same try came to before. */
  #call(run: Run, context: StepContext, work: StepWork<unknown>): Promise<unknown> {
    const { standIns, attempts, isLost } = this.#options;
    const name = context.key.slice(`${run.job}/${run.id}/`.length);
    const attempt = context.attempt - (isLost(name) ? 1 : 0);
    const key = `${attempt} ${name}`;
    this.#options.wanted(name);
    const known = attempts.outcomes.get(key);
    if (known !== undefined) return known;
    const standIn = standIns.get(name);
    const chosen = standIns.has(name)
      ? typeof standIn === "function"
        ? (standIn as StepWork<unknown>)
        : () => standIn
      : work;
    attempts.running++;
    const outcome = (async () => await chosen({ ...context, attempt }))().finally(() => {
      attempts.running--;
      this.#options.active();
    });
    outcome.catch(() => undefined);
    attempts.outcomes.set(key, outcome);
    return outcome;
  }
}

/** Those of the runtime. */
const KNOWN_GLOBALS: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(globalThis));

/** All other globals, with what they are. */
function ownGlobals(): ReadonlyMap<string, unknown> {
  const names = Object.getOwnPropertyNames(globalThis).filter((name) => !KNOWN_GLOBALS.has(name));
  return new Map(names.map((name) => [name, Reflect.get(globalThis, name) as unknown]));
}

function noted(list: number[], value: number): number {
  list.push(value);
  return value;
}
