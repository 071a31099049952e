// Loader: from a job.ts to what it says of itself.
//
// This process reads and bundles files, which runs nothing of them. One worker evaluates the
// bundles, one at a time. It is ended when a job does not come to an end, uses too much memory or
// has broken something; and after some work or some idleness, because what was loaded stays in its
// memory. Nothing is started before the first job.
import { resolve } from "node:path";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { JobOutline } from "../jobs/module.ts";
import { type ModuleProblem, problemError } from "../jobs/problem.ts";
import { thrownProblem } from "../jobs/thrown.ts";
import { MINUTE_MS, type Milliseconds, SECOND_MS } from "../time.ts";
import { hashSource } from "../workflow/source.ts";
import { type LoadAnswer, parseLoadAnswer } from "./modules/answer.ts";
import { assertOwnPackages, bundleError, bundleJobs } from "./modules/bundle.ts";
import type { Bundled, Files } from "./modules/bundler.ts";
import { readGraph } from "./modules/graph.ts";
import { describeEnd, startWorker, type WorkerEnd, type WorkerHandle } from "./worker.ts";

/** A job's module, loaded. */
export interface LoadedModule {
  readonly outline: JobOutline;
  /** The text of the module's own file, as it was read. */
  readonly text: string;
  /** SHA-256 of what `bundleJob` makes of it. */
  readonly hash: string;
}

/** One module to load. */
export interface LoadRequest {
  readonly job: string;
  /** The file. */
  readonly path: string;
  /** Called with each file that the module depends on, also when it then turns out to be broken. */
  dependsOn(path: string, stamp: string | null): void;
}

/** Loads modules of jobs. */
export interface Loader {
  /** @throws {RunnerErrors} ENTITY, with the place of each mistake. */
  load(request: LoadRequest): Promise<LoadedModule>;
  /** Ends the worker, if there is one. */
  close(): Promise<void>;
}

/** Bounds of a loader. */
export interface LoaderOptions {
  /** How long a module may take from its first line to its last. @default 10 s */
  readonly timeoutMs?: Milliseconds;
  /** How many bytes of memory it may take. @default 512 MiB */
  readonly memoryMax?: number;
  /** The worker is ended after this time without work. @default 10 s */
  readonly idleMs?: Milliseconds;
  /** The worker is replaced after it has evaluated this many bytes of source. @default 512 KiB */
  readonly sourceMax?: number;
  /** The runner directory, which all modules are in: see ownership.ts. @default null */
  readonly below?: string | null;
}

const DEFAULTS = {
  timeoutMs: 10 * SECOND_MS,
  memoryMax: 512 * 1024 * 1024,
  idleMs: 10 * SECOND_MS,
  sourceMax: 512 * 1024,
  below: null,
} as const;

/** How long a worker may take to begin. */
const START_MAX_MS: Milliseconds = MINUTE_MS;

/** The part of its time after which a module makes way for others that wait. */
const SHORT_PART = 10;

/** Modules that a worker is given ahead of their turn, with the first one. */
const SENT_MAX = 16;

/** Modules that are bundled in one go. */
const BATCH_MAX = 32;

/** A loader. Starts nothing yet. */
export function openLoader(options: LoaderOptions = {}): Loader {
  return new WorkerLoader({ ...DEFAULTS, ...options });
}

interface Waiting {
  readonly path: string;
  readonly files: Files;
  settle(bundled: Bundled | undefined): void;
  fail(error: unknown): void;
}

/** How an evaluation ended, when it did not end by an answer. */
type Ended = WorkerEnd | { readonly kind: "timeout" };

/** One source to evaluate. */
interface Order {
  readonly source: string;
  /** Whether it may take all of its time although others wait: it has made way for them. */
  readonly hasWaited: boolean;
  settle(answer: LoadAnswer | Ended): void;
}

class WorkerLoader implements Loader {
  readonly #options: Required<LoaderOptions>;
  #waiting: Waiting[] = [];
  #isBundling = false;
  /** Evaluated in turn, the first of them now. */
  #orders: Order[] = [];
  /** How many of the orders the worker has: it begins the next one without being told. */
  #sent = 0;
  #isEvaluating = false;
  #worker: WorkerHandle | null = null;
  /** Bytes of source that the worker has got; and whether it has evaluated any, and so may be broken. */
  #bytes = 0;
  #isUsed = false;
  #idle: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;
  /** Ends the evaluation that is waited for; null when none is. */
  #settle: ((answer: LoadAnswer | Ended) => void) | null = null;
  /** Answers of the worker to orders whose turn has not come. */
  #early: LoadAnswer[] = [];

  constructor(options: Required<LoaderOptions>) {
    this.#options = options;
  }

  async load({ job, path: written, dependsOn }: LoadRequest): Promise<LoadedModule> {
    const path = resolve(written);
    const graph = readGraph(path, this.#options);
    for (const [file, stamp] of graph.stamps) dependsOn(file, stamp);
    if (graph.problem !== null) throw new RunnerErrors([inJob(graph.problem, job)]);
    const { files } = graph;
    const bundled = await this.#bundle(path, files);
    if (bundled?.kind !== "source") throw bundleError(bundled, { job, path, files });
    assertOwnPackages(bundled, this.#options);
    const { source } = bundled;
    const answer = await this.#evaluate(source);
    if (answer.kind === "job") {
      const text = files.get(path) ?? "";
      return { outline: answer.outline, text, hash: hashSource(source) };
    }
    if (answer.kind === "unstarted") throw new RunnerErrors([notRead(job, path, answer)]);
    const problem = describe(answer, { files, options: this.#options });
    const textOf = (file: string): string | null => files.get(file) ?? null;
    throw new RunnerErrors([problemError(problem, { job, path, textOf })]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
  }

  #bundle(path: string, files: Files): Promise<Bundled | undefined> {
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<Bundled | undefined>();
    this.#waiting.push({ path, files, settle, fail });
    if (!this.#isBundling) void this.#bundleWaiting();
    return promise;
  }

  async #bundleWaiting(): Promise<void> {
    this.#isBundling = true;
    // What is asked for in this turn of the event loop goes together.
    await new Promise((next) => setImmediate(next));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        const bundled = await bundleJobs(new Map(batch.map(({ path, files }) => [path, files])));
        for (const { path, settle } of batch) settle(bundled.get(path));
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    this.#isBundling = false;
  }

  #evaluate(source: string): Promise<LoadAnswer | Ended> {
    const { promise, resolve: settle } = Promise.withResolvers<LoadAnswer | Ended>();
    this.#orders.push({ source, hasWaited: false, settle });
    if (!this.#isEvaluating) void this.#evaluateAll();
    return promise;
  }

  /** One at a time. What takes long while others wait is ended and begun again after them. */
  async #evaluateAll(): Promise<void> {
    this.#isEvaluating = true;
    // What is asked for in this turn of the event loop goes together.
    await new Promise((next) => setImmediate(next));
    const { timeoutMs } = this.#options;
    for (let [order] = this.#orders; order !== undefined; [order] = this.#orders) {
      const isShort = this.#orders.length > 1 && !order.hasWaited;
      const answer = await this.#answerTo(order, isShort ? timeoutMs / SHORT_PART : timeoutMs);
      this.#orders.shift();
      this.#sent = Math.max(0, this.#sent - 1);
      if (isShort && answer.kind === "timeout") this.#orders.push({ ...order, hasWaited: true });
      else order.settle(answer);
    }
    this.#isEvaluating = false;
    this.#rest();
  }

  /** Never rejects. @param order The first one. */
  async #answerTo(order: Order, limitMs: Milliseconds): Promise<LoadAnswer | Ended> {
    const isFull = this.#sent === 0 && this.#bytes + order.source.length > this.#options.sourceMax;
    if (isFull) await this.#end();
    const wasUsed = this.#isUsed;
    const answer = await this.#answerOnce(limitMs);
    if (answer.kind === "job" || answer.kind === "problem") return answer;
    await this.#end();
    if (!wasUsed || answer.kind === "timeout" || answer.kind === "memory") return answer;
    // A job before it may have broken the worker, or may have ended it just now.
    const again = await this.#answerOnce(limitMs);
    if (again.kind !== "job") await this.#end();
    return again;
  }

  async #answerOnce(limitMs: Milliseconds): Promise<LoadAnswer | Ended> {
    if (this.#isClosed) return { kind: "terminated" };
    const { promise, resolve: settle } = Promise.withResolvers<LoadAnswer | Ended>();
    const worker = this.#begin();
    this.#send(worker);
    const early = this.#early.shift();
    if (early !== undefined) return early;
    this.#settle = settle;
    // The time counts from where the worker begins, which a busy machine may start late.
    let timer = setTimeout(() => settle({ kind: "timeout" }), START_MAX_MS);
    void worker.ready.then(() => {
      clearTimeout(timer);
      timer = setTimeout(() => settle({ kind: "timeout" }), limitMs);
    });
    const answer = await promise;
    clearTimeout(timer);
    this.#settle = null;
    this.#isUsed = true;
    return answer;
  }

  /** Gives the worker the first order, and some that follow: it never waits for this process. */
  #send(worker: WorkerHandle): void {
    for (const { source } of this.#orders.slice(this.#sent, SENT_MAX)) {
      const isFull = this.#bytes + source.length > this.#options.sourceMax;
      if (isFull && this.#sent > 0) return;
      worker.send({ source });
      this.#sent++;
      this.#bytes += source.length;
    }
  }

  #begin(): WorkerHandle {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const worker = this.#worker ?? this.#start();
    worker.hold(true);
    return worker;
  }

  #start(): WorkerHandle {
    const worker = startWorker({ role: "load", memoryMax: this.#options.memoryMax });
    this.#worker = worker;
    worker.onMessage((message) => {
      // A worker that was ended may still have something to say.
      if (this.#worker !== worker) return;
      const answer = parseLoadAnswer(message);
      if (this.#settle === null) this.#early.push(answer);
      else this.#settle(answer);
      this.#settle = null;
    });
    void worker.exited.then((end) => {
      if (this.#worker !== worker) return;
      this.#settle?.(end);
      void this.#end();
    });
    return worker;
  }

  /** Between two jobs: the worker keeps nobody waiting. */
  #rest(): void {
    if (this.#worker === null) return;
    this.#worker.hold(false);
    this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs);
    this.#idle.unref();
  }

  async #end(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const worker = this.#worker;
    if (worker === null) return;
    this.#settle?.({ kind: "terminated" });
    this.#worker = null;
    this.#early = [];
    this.#sent = 0;
    this.#bytes = 0;
    this.#isUsed = false;
    await worker.terminate();
  }
}

function inJob({ code, message, detail }: RunnerError, job: string): RunnerError {
  return new RunnerError(code, message, { ...detail, job });
}

/** What can pass: the job is not at fault, and is loaded again with the next scan. */
function notRead(job: string, path: string, end: WorkerEnd): RunnerError {
  const hint = "It is tried again with the next scan";
  return new RunnerError("SPOOL", `Cannot load job: ${describeEnd(end)}`, { job, path, hint });
}

interface Evaluated {
  readonly files: Files;
  readonly options: Required<LoaderOptions>;
}

/** What went wrong in the worker, with its place in the job's files. */
function describe(
  answer: Exclude<LoadAnswer, { kind: "job" }> | Exclude<Ended, { kind: "unstarted" }>,
  { files, options }: Evaluated,
): ModuleProblem {
  const nowhere = { path: null, line: null, column: null, hint: null };
  switch (answer.kind) {
    case "problem":
      return answer.problem;
    case "thrown":
      return thrownProblem(answer.thrown, files);
    case "failed": {
      const { message, stack } = answer;
      return thrownProblem({ name: "Error", message, stack, hint: null }, files);
    }
    case "exited":
    case "killed":
      return { ...nowhere, message: `Cannot load job: ${describeEnd(answer)}` };
    case "timeout": {
      const limit = `${options.timeoutMs / SECOND_MS} s`;
      const message = `Cannot load job: it has not come to its end within ${limit}`;
      const hint = "Top-level code must end; move work into the function or into a step";
      return { ...nowhere, message, hint };
    }
    case "memory": {
      const message = `Cannot load job: ${describeEnd(answer)}`;
      return { ...nowhere, message, hint: "Read large data in a step" };
    }
    case "terminated":
      return { ...nowhere, message: "Cannot load job: the runner is stopping" };
  }
}
