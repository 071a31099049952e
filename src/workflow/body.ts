// Body: one execution of a job's function, in a worker of its own.
//
// Messages of the engine are taken one at a time, each in a turn of the event loop of its own, and
// the next one only after all that the one before it made possible has been done. So a replay that
// gets the same answers in the same order makes the same choices, also with Promise.race.
//
// Owns:     the order of messages, the attempts of a step's function with their time limit.
// Not here: the interface of the author (run.ts), what is journaled (record.ts).
import { messageOf } from "../errors.ts";
import { encodeValue } from "../lib/json/plain.ts";
import type { Clock } from "../lib/ports.ts";
import { FatalError, isFatal, retryAfterMs } from "../sdk/failure.ts";
import type { FetchOptions } from "../sdk/fetch.ts";
import { stepFetch } from "../sdk/http.ts";
import type { JobModule } from "../sdk/job.ts";
import { limitText } from "../time.ts";
import {
  cut,
  type FromBody,
  STEP_VALUE_SIZE_MAX,
  type ToBody,
  type TryOutcome,
} from "./messages.ts";
import { BodyRun, type Pending } from "./run.ts";
import { type BodyView, bodyView, OUTSIDE, type Scopes } from "./scope.ts";
import { messagesFault } from "./version.ts";

/** What a body needs of the worker that it runs in. */
export interface BodyEdges {
  readonly clock: Pick<Clock, "sleep">;
  readonly scopes: Scopes;
  post(message: FromBody): void;
  /** Resolves in a later turn of the event loop, when everything that could go on has gone on. */
  turn(): Promise<void>;
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** Requests of one try of a step, which end with the signal. */
  openFetch(signal: AbortSignal): (url: string | URL, init: FetchOptions) => Promise<Response>;
  /**
   * The job of a bundled source. Rejects when it cannot be loaded.
   *
   * @param view What its top level sees of time and chance.
   */
  load(source: string, view: BodyView): Promise<JobModule>;
  /** The body uses what shows the run's own values, such as "Date.now()". */
  used?(what: string): void;
  /** Where in the job's own files an error comes from, such as "job.ts:12"; or null. */
  locate(error: Error): string | null;
}

type Begin = Extract<ToBody, { kind: "begin" }>;
type Answer = Extract<ToBody, { kind: "answer" }>;
type Try = Extract<ToBody, { kind: "try" }>;

/** Takes the messages of the engine, the first of which is `begin`. */
export class Body {
  readonly #edges: BodyEdges;
  #run: BodyRun | null = null;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  #received = 0;
  /** Reads of files in progress: the body goes on by itself when they end. */
  #reading = 0;
  #hasEnded = false;

  constructor(edges: BodyEdges) {
    this.#edges = edges;
  }

  receive(message: ToBody): void {
    this.#waiting++;
    this.#queue = this.#queue.then(async () => {
      await this.#take(message);
      await this.#edges.turn();
      this.#waiting--;
      this.#received++;
      this.#reportIdle();
    });
  }

  #reportIdle(): void {
    if (this.#waiting > 0 || this.#reading > 0) return;
    this.#edges.post({ kind: "idle", received: this.#received });
  }

  async #take(message: ToBody): Promise<void> {
    switch (message.kind) {
      case "begin":
        return await this.#begin(message);
      case "answer":
        return await this.#answer(message);
      case "check":
        return this.#check(message);
      case "try":
        // Not waited for: other answers come while a step is at work.
        void this.#try(message);
        return;
      case "abort":
        this.#run?.abort(message.reason);
        return;
    }
  }

  async #begin(message: Begin): Promise<void> {
    const { locate, post, scopes, used = () => undefined } = this.#edges;
    const fault = messagesFault(message.version);
    if (fault !== null) {
      post({ kind: "stuck", message: fault });
      return;
    }
    const readFile = (path: string) => this.#readFile(path);
    const broken = (error: Error) => this.#end(error);
    const run = new BodyRun(message, { scopes, readFile, post, locate, used, broken });
    this.#run = run;
    try {
      const { body, definition } = await this.#edges.load(message.source, loadingView(message));
      if (body === null) throw new Error("the source has no workflow in it");
      run.plugins = [...new Set([definition.plugin ?? []].flat())];
      void this.#follow(
        run,
        scopes.run(run.top, async () => await body(run)),
      );
    } catch (error) {
      this.#end(error);
    }
  }

  async #follow(run: BodyRun, ended: Promise<unknown>): Promise<void> {
    try {
      await ended;
    } catch (error) {
      this.#end(error);
      return;
    }
    const mistake = run.unawaited();
    if (mistake !== null) this.#end(Object.assign(mistake.asked, { message: mistake.message }));
    else this.#sayEnded(null);
  }

  #end(error: unknown): void {
    const place = error instanceof Error ? this.#edges.locate(error) : null;
    const text = place === null ? thrownText(error) : `${thrownText(error)} (${place})`;
    this.#sayEnded(cut(text));
  }

  /** Once: what was refused ends a run, and so does the error that this throws. */
  #sayEnded(error: string | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { post, scopes } = this.#edges;
    scopes.run(OUTSIDE, () => post({ kind: "ended", error }));
  }

  async #answer({ name, now, outcome }: Answer): Promise<void> {
    const run = this.#run;
    const pending = run?.pending(name) ?? null;
    if (run === null || pending === null) return;
    if (outcome.kind === "failed") {
      run.settle(name, now);
      pending.reject(this.#failure(pending, outcome.error));
      return;
    }
    try {
      const value = await pending.decode(outcome.value);
      run.settle(name, now);
      pending.resolve(value);
    } catch (error) {
      // The journal says that it was done: the run cannot go on without it, and must not redo it.
      const message = `the result of "${name}" cannot be read: ${messageOf(error)}`;
      this.#edges.post({ kind: "stuck", message: cut(message) });
    }
  }

  /** The error of a call that has failed. That of a step names its line already. */
  #failure({ asked, work, failure }: Pending, message: string): Error {
    if (failure !== null) return failure(message, asked);
    if (work !== null) return new Error(message);
    asked.message = message;
    return asked;
  }

  /** What the schema of a wait makes of an answer. It may do all that a step may. */
  #check({ name, json }: Extract<ToBody, { kind: "check" }>): void {
    const { post, scopes } = this.#edges;
    const check = this.#run?.pending(name)?.check ?? null;
    if (check === null) return;
    const outcome = scopes.run({ prefix: "", step: name, view: null }, () => check(json));
    post({ kind: "checked", name, outcome });
  }

  async #try({ name, attempt, key }: Try): Promise<void> {
    const pending = this.#run?.pending(name) ?? null;
    if (this.#run === null || pending?.work == null) return;
    const outcome = await this.#outcome(pending, { attempt, key, signal: this.#run.signal });
    this.#edges.post({ kind: "tried", name, attempt, outcome });
  }

  async #outcome(
    pending: Pending,
    context: { readonly attempt: number; readonly key: string; readonly signal: AbortSignal },
  ): Promise<TryOutcome> {
    const { name, work } = pending;
    if (work === null) throw new Error(`step "${name}" has no function`);
    const { clock, openFetch, scopes } = this.#edges;
    const { run, timeoutMs } = work;
    const over = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([over.signal, context.signal]);
    const timeout = clock.sleep(timeoutMs, done.signal).then(() => {
      const error = new Error(`it took longer than its timeout of ${limitText(timeoutMs)}`);
      if (!done.signal.aborted) over.abort(error);
      throw error;
    });
    // When the work wins, nobody waits for the timeout.
    timeout.catch(() => undefined);
    try {
      const fetch = stepFetch(openFetch(signal), context);
      const given = { ...context, signal, fetch };
      const works = scopes.run({ prefix: "", step: name, view: null }, async () => run(given));
      works.catch(() => undefined);
      const saved = savedText(await Promise.race([works, timeout]));
      if (saved.kind === "json") return { kind: "value", json: saved.json };
      throw new FatalError(`Cannot save what step "${name}" gave: ${saved.why}`);
    } catch (error) {
      const message = cut(`${thrownText(error)}${this.#placeOf(error, pending)}`);
      const afterMs = retryAfterMs(error);
      return { kind: "thrown", message, fatal: isFatal(error), afterMs };
    } finally {
      done.abort();
    }
  }

  /** The line that threw, or else the one that asked for the step, in brackets. */
  #placeOf(error: unknown, { asked }: Pending): string {
    const { locate } = this.#edges;
    const place = (error instanceof Error ? locate(error) : null) ?? locate(asked);
    return place === null ? "" : ` (${place})`;
  }

  /**
   * Reads a file for the author's code, and does not call the body idle while it does. What reads
   * is no part of the body.
   */
  async *#readFile(path: string): AsyncGenerator<Uint8Array> {
    const { readFile, scopes, turn } = this.#edges;
    const outside = <Value>(work: () => Value): Value => scopes.run(OUTSIDE, work);
    const chunks = outside(() => readFile(path)[Symbol.asyncIterator]());
    try {
      for (;;) {
        this.#reading++;
        const next = await outside(() => chunks.next()).finally(() => this.#reading--);
        void outside(turn).then(() => outside(() => this.#reportIdle()));
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await outside(() => chunks.return?.());
    }
  }
}

/** What the top level of a job sees: it is evaluated again for each replay. */
function loadingView({ now, seed }: Begin): BodyView {
  const edges = { now: () => now, used: nothing, refuse: () => null, raced: nothing };
  return bodyView(~seed, edges);
}

function nothing(): void {}

/** What a step's function gave, as it is saved, or why it cannot be. */
function savedText(value: unknown): { kind: "json"; json: string | null } | Unsaved {
  try {
    const json = encodeValue(value);
    const size = json?.length ?? 0;
    if (size <= STEP_VALUE_SIZE_MAX) return { kind: "json", json };
    const why = `it has ${size} characters, wanted at most ${STEP_VALUE_SIZE_MAX}`;
    return { kind: "unsaved", why };
  } catch (error) {
    return { kind: "unsaved", why: `${messageOf(error)}, wanted JSON` };
  }
}

interface Unsaved {
  readonly kind: "unsaved";
  readonly why: string;
}

/** An error in one line, with its kind when it is not a plain one. */
function thrownText(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}: ${messageOf(error)}`;
  const plain = ["Error", "FatalError", "RetryError", "RunnerError", "TimeoutError"].includes(
    error.name,
  );
  return plain ? error.message : `${error.name}: ${error.message}`;
}
