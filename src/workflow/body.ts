// Body: one execution of a job's function, in a thread of its own.
//
// Messages of the engine are taken one at a time, each in a turn of the event loop of its own, and
// the next one only after all that the one before it made possible has been done. So a replay that
// gets the same answers in the same order makes the same choices, also with Promise.race.
//
// Owns:    the order of messages, the tries of a step's function with their time limit.
// Not its: the interface of the author (run.ts), what is journaled (engine.ts).
import { messageOf } from "../errors.ts";
import { formatDuration } from "../go/duration.ts";
import type { Clock } from "../ports.ts";
import { isFatal, retryAfterMs } from "../sdk/failure.ts";
import type { JobModule } from "../sdk/job.ts";
import { encodeValue } from "./json.ts";
import {
  cut,
  type FromBody,
  STEP_VALUE_SIZE_MAX,
  type ToBody,
  type TryOutcome,
} from "./messages.ts";
import { BodyRun, type Pending, type Scopes } from "./run.ts";

/** What a body needs of the thread that it runs in. */
export interface BodyEdges {
  readonly clock: Pick<Clock, "sleep">;
  readonly scopes: Scopes;
  post(message: FromBody): void;
  /** Resolves in a later turn of the event loop, when everything that could go on has gone on. */
  turn(): Promise<void>;
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** The job of a bundled source. Rejects when it cannot be loaded. */
  load(source: string): Promise<JobModule>;
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
    const { locate, post, scopes } = this.#edges;
    const readFile = (path: string) => this.#readFile(path);
    const run = new BodyRun(message, { scopes, readFile, post, locate });
    this.#run = run;
    try {
      const { body } = await this.#edges.load(message.source);
      if (body === null) throw new Error("the source has no workflow in it");
      void this.#follow(body(run));
    } catch (error) {
      this.#end(error);
    }
  }

  async #follow(ended: Promise<void>): Promise<void> {
    try {
      await ended;
      this.#edges.post({ kind: "ended", error: null });
    } catch (error) {
      this.#end(error);
    }
  }

  #end(error: unknown): void {
    const place = error instanceof Error ? this.#edges.locate(error) : null;
    const text = place === null ? thrownText(error) : `${thrownText(error)} (${place})`;
    this.#edges.post({ kind: "ended", error: cut(text) });
  }

  async #answer({ name, now, outcome }: Answer): Promise<void> {
    const run = this.#run;
    const pending = run?.pending(name) ?? null;
    if (run === null || pending === null) return;
    if (outcome.kind === "failed") {
      run.settle(name, now);
      pending.reject(new Error(outcome.error));
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

  async #try({ name, attempt, key }: Try): Promise<void> {
    const pending = this.#run?.pending(name) ?? null;
    if (this.#run === null || pending?.work == null) return;
    const outcome = await this.#outcome(pending, { attempt, key, signal: this.#run.signal });
    this.#edges.post({ kind: "tried", name, attempt, outcome });
  }

  async #outcome(
    { name, work }: Pending,
    context: { readonly attempt: number; readonly key: string; readonly signal: AbortSignal },
  ): Promise<TryOutcome> {
    if (work === null) throw new Error(`step "${name}" has no function`);
    const { clock, scopes } = this.#edges;
    const { run, timeoutMs } = work;
    const over = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([over.signal, context.signal]);
    const timeout = clock.sleep(timeoutMs, done.signal).then(() => {
      const limit = formatDuration(BigInt(timeoutMs) * 1_000_000n);
      const error = new Error(`it took longer than its timeout of ${limit}`);
      if (!done.signal.aborted) over.abort(error);
      throw error;
    });
    // When the work wins, nobody waits for the timeout.
    timeout.catch(() => undefined);
    try {
      const works = scopes.run({ prefix: "", step: name }, async () => run({ ...context, signal }));
      works.catch(() => undefined);
      return saved(name, await Promise.race([works, timeout]));
    } catch (error) {
      const afterMs = retryAfterMs(error);
      return { kind: "thrown", message: cut(thrownText(error)), fatal: isFatal(error), afterMs };
    } finally {
      done.abort();
    }
  }

  /** Reads a file for the author's code, and does not call the body idle while it does. */
  async *#readFile(path: string): AsyncGenerator<Uint8Array> {
    const chunks = this.#edges.readFile(path)[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#reading++;
        const next = await chunks.next().finally(() => this.#reading--);
        void this.#edges.turn().then(() => this.#reportIdle());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
  }
}

/** What a step's function gave, as it is saved. */
function saved(name: string, value: unknown): TryOutcome {
  const refuse = (why: string): TryOutcome => {
    const message = `Cannot save what step "${name}" gave: ${why}`;
    return { kind: "thrown", message: cut(message), fatal: true, afterMs: null };
  };
  try {
    const json = encodeValue(value);
    const size = json?.length ?? 0;
    if (size <= STEP_VALUE_SIZE_MAX) return { kind: "value", json };
    return refuse(`it has ${size} characters, wanted at most ${STEP_VALUE_SIZE_MAX}`);
  } catch (error) {
    return refuse(`${messageOf(error)}, wanted JSON`);
  }
}

/** An error in one line, with its kind when it is not a plain one. */
function thrownText(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}: ${String(error)}`;
  const plain = ["Error", "Fatal", "Retry", "RunnerError"].includes(error.name);
  return plain ? error.message : `${error.name}: ${error.message}`;
}
