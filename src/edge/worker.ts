// Worker: a process of this program, with a role. Code that is not ours (jobs, plugins) runs only
// there: what it takes of memory, descriptors and processes is bounded and goes with it, its
// environment has no secrets, and it can be ended at any time, also in an endless loop.
//
//   daemon ── data, then messages, one JSON line each ──▶ worker     descriptor 3
//   worker ── messages, and what it died of ────────────▶ daemon     descriptor 3
//   worker ── what it and its children print ───────────▶ daemon     descriptors 1 and 2
//
// It leads a process group of its own, which ends with it; and with the daemon (confine.ts).
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { messageOf } from "../errors.ts";
import { endTree, noteChild } from "../lib/os/family.ts";
import { workerCommand } from "../lib/os/runtime.ts";
import { shownLine } from "../text.ts";
import type { Milliseconds } from "../time.ts";
import { decodeFrame, encodeLine, LineReader, type WorkerFailure } from "./channel.ts";
import { lifeline } from "./confine.ts";
import { passedEnvironment } from "./environment.ts";
import { openOutput } from "./output.ts";

/** What a worker is for; src/worker.ts knows the module of each. */
export type WorkerRole = "load" | "workflow" | "plugin" | "test" | "check";

/** What a role's module is given. It exports `start(worker)`. */
export interface Worker {
  /** What `startWorker` was given. */
  readonly data: unknown;
  /** Evaluates what `bundleJob` made; resolves with what the module exports. */
  evaluate(source: string): Promise<object>;
  send(message: unknown): void;
  /** Calls `listener` with each message, in order; none is lost before. To be called once. */
  onMessage(listener: (message: unknown) => void): void;
  /** Calls `listener` with what nobody caught, instead of ending the worker. */
  onUncaught(listener: (error: unknown) => void): void;
}

/** How a worker ended. */
export type WorkerEnd =
  /** By itself: it had nothing left to do, or called process.exit. */
  | { readonly kind: "exited"; readonly code: number }
  /** Something was thrown that nobody caught. */
  | ({ readonly kind: "failed" } & WorkerFailure)
  /** By a signal that was not ours: it crashed, or somebody ended it. */
  | { readonly kind: "killed"; readonly signal: string }
  /** It took more memory than it may. */
  | { readonly kind: "memory"; readonly maxBytes: number }
  /** It could not be started: the system has no descriptors or processes left. */
  | { readonly kind: "unstarted"; readonly message: string }
  | { readonly kind: "terminated" };

/** A worker as the daemon sees it. Both ways only what JSON can carry. */
export interface WorkerHandle {
  /** Messages arrive in order; those to a worker that has ended are lost. */
  send(message: unknown): void;
  /** What arrives is foreign, and may be anything. */
  onMessage(listener: (message: unknown) => void): void;
  /** Ends the worker and its children at once. Resolves when it has ended. */
  terminate(): Promise<void>;
  /** Whether the worker keeps this process from ending. @default true */
  hold(holds: boolean): void;
  /** Resolves when it has begun, and with its end at the latest. */
  readonly ready: Promise<void>;
  /** Never rejects. All messages have arrived by then. */
  readonly exited: Promise<WorkerEnd>;
}

/** What a worker is started with. */
export interface WorkerOrder {
  readonly role: WorkerRole;
  /** The role gets it. */
  readonly data?: unknown;
  /** How many bytes of memory it may have. @default MEMORY_MAX */
  readonly memoryMax?: number;
  /** Called with each line that is printed, within bounds. @default to standard error */
  onLine?(line: string): void;
}

/** How many bytes of memory a worker may have, when its order does not say. */
export const MEMORY_MAX = 1024 * 1024 * 1024;

/** How often the memory is looked at. What happens in between is bounded by the kernel. */
const MEMORY_LOOK_MS: Milliseconds = 50;

/** How long to wait for what a worker sent before it ended, and for its end once it is killed. */
const LAST_WORDS_MS: Milliseconds = 1_000;

/** Signals by which a runtime ends itself, such as when it gets no memory. */
const CRASHES: readonly string[] = ["SIGABRT", "SIGBUS", "SIGILL", "SIGSEGV", "SIGTRAP"];

/** Starts a worker. Never throws: one that cannot be started has `exited`. */
export function startWorker(order: WorkerOrder): WorkerHandle {
  const { memoryMax = MEMORY_MAX, onLine = printLine } = order;
  const output = openOutput(onLine);
  const { file, args, environment } = workerCommand();
  try {
    const print = output?.writeFd ?? "ignore";
    const child = spawn(file, [...args, order.role], {
      stdio: ["ignore", print, print, "pipe", lifeline() ?? "ignore"],
      env: { ...passedEnvironment(process.env), ...environment },
      argv0: "mig-runner",
      detached: true,
    });
    noteChild(child);
    const failed = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(messageOf(error)));
    });
    // Without descriptors or processes left there are no pipes, and the reason comes later.
    const channel = (child.stdio as ChildProcess["stdio"] | undefined)?.[3];
    if (!channel) {
      output?.close(0);
      return neverStarted(failed);
    }
    const worker = new WorkerProcess({ child, channel: channel as Duplex }, memoryMax, () =>
      output?.drain(),
    );
    void worker.exited.then(() => output?.close(0));
    worker.send({ data: order.data ?? null, memoryMax });
    return worker;
  } catch (error) {
    output?.close(0);
    return neverStarted(Promise.resolve(messageOf(error)));
  } finally {
    if (output !== null) closeSync(output.writeFd);
  }
}

/** What is said of an end in a message: `its process …` for most, without a period. */
export function describeEnd(end: WorkerEnd): string {
  switch (end.kind) {
    case "exited":
      return `it called process.exit(${end.code})`;
    case "failed":
      return `uncaught error: ${end.message}`;
    case "killed":
      return `its process was ended by ${end.signal}`;
    case "memory":
      return `it took more than ${Math.round(end.maxBytes / 1024 / 1024)} MiB of memory`;
    case "unstarted":
      return `its process cannot be started: ${end.message}`;
    case "terminated":
      return "it was ended";
  }
}

function printLine(line: string): void {
  process.stderr.write(`${shownLine(line)}\n`);
}

function neverStarted(reason: Promise<string>): WorkerHandle {
  const exited = reason.then((message) => ({ kind: "unstarted", message }) as const);
  return {
    send() {},
    onMessage() {},
    terminate: () => Promise.resolve(),
    hold() {},
    ready: exited.then(() => undefined),
    exited,
  };
}

class WorkerProcess implements WorkerHandle {
  readonly exited: Promise<WorkerEnd>;
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #memoryMax: number;
  readonly #listeners: ((message: unknown) => void)[] = [];
  readonly #begun = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #watch: ReturnType<typeof setInterval>;
  readonly #resolve: (end: WorkerEnd) => void;
  #failure: WorkerFailure | null = null;
  #memory = 0;

  constructor(
    { child, channel }: { readonly child: ChildProcess; readonly channel: Duplex },
    memoryMax: number,
    drain: () => void,
  ) {
    this.#child = child;
    this.#memoryMax = memoryMax;
    this.#channel = channel;
    const { promise, resolve } = Promise.withResolvers<WorkerEnd>();
    this.exited = promise;
    this.ready = this.#begun.promise;
    this.#resolve = resolve;
    this.#watch = setInterval(() => this.#lookAtMemory(), MEMORY_LOOK_MS);
    this.#watch.unref();
    const closed = this.#read();
    child.on("error", (error) => {
      // Also raised when a signal cannot be sent: only a child without a number never started.
      if (child.pid === undefined) this.#end({ kind: "unstarted", message: messageOf(error) });
    });
    child.on("exit", (code, signal) => {
      clearInterval(this.#watch);
      this.#kill();
      drain();
      const patience = new Promise((next) => setTimeout(next, LAST_WORDS_MS).unref());
      void Promise.race([closed, patience]).then(() => this.#end(this.#endOf(code, signal)));
    });
  }

  send(message: unknown): void {
    if (this.#channel.writable) this.#channel.write(encodeLine(message));
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listeners.push(listener);
  }

  async terminate(): Promise<void> {
    this.#resolve({ kind: "terminated" });
    this.#kill();
    const patience = new Promise((next) => setTimeout(next, LAST_WORDS_MS).unref());
    // A process in an uninterruptible wait ends later, or never: that is not worth waiting for.
    await Promise.race([this.#ended.promise, patience]);
  }

  hold(holds: boolean): void {
    // The runtime's own socket, which has both.
    const channel = this.#channel as Duplex & { ref?(): void; unref?(): void };
    if (holds) {
      this.#child.ref();
      channel.ref?.();
    } else {
      this.#child.unref();
      channel.unref?.();
    }
  }

  /** Resolves when the worker has closed its end. */
  #read(): Promise<void> {
    const reader = new LineReader();
    const channel = this.#channel;
    channel.setEncoding("utf8");
    return new Promise((resolve) => {
      channel.on("data", (text: string) => {
        for (const line of reader.add(text)) this.#take(line);
        if (reader.isOverfull) this.#lose("it sent a message that is too large");
      });
      // A worker that ends closes its end in the middle of what is sent to it.
      channel.on("error", () => resolve());
      channel.on("close", () => resolve());
      channel.on("end", () => resolve());
    });
  }

  #take(line: string): void {
    const frame = decodeFrame(line);
    if (frame.kind === "ready") this.#begun.resolve();
    else if (frame.kind === "failed") this.#failure = frame.failure;
    else for (const listener of this.#listeners) listener(frame.message);
  }

  #lose(message: string): void {
    this.#failure = { message, stack: "" };
    this.#resolve({ kind: "failed", message, stack: "" });
    this.#kill();
  }

  #lookAtMemory(): void {
    this.#memory = Math.max(this.#memory, memoryOf(this.#child.pid));
    if (this.#memory <= this.#memoryMax) return;
    clearInterval(this.#watch);
    this.#resolve({ kind: "memory", maxBytes: this.#memoryMax });
    this.#kill();
  }

  #endOf(code: number | null, signal: string | null): WorkerEnd {
    const maxBytes = this.#memoryMax;
    const isCrash = signal !== null && CRASHES.includes(signal);
    // The kernel refused more: nobody has to have seen how much it had at last.
    if (isCrash && this.#memory > maxBytes / 4) return { kind: "memory", maxBytes };
    if (this.#failure !== null) return { kind: "failed", ...this.#failure };
    return signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "killed", signal };
  }

  #end(end: WorkerEnd): void {
    clearInterval(this.#watch);
    this.#channel.destroy();
    this.#resolve(end);
    this.#begun.resolve();
    this.#ended.resolve();
  }

  #kill(): void {
    if (this.#child.pid !== undefined) endTree(this.#child.pid);
  }
}

/** Bytes of memory that a process holds, also in swap; 0 when nobody says. */
function memoryOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const [, resident = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    const [, swapped = "0"] = /^VmSwap:\s+(\d+) kB$/m.exec(status) ?? [];
    return (Number(resident) + Number(swapped)) * 1024;
  } catch {
    return 0;
  }
}
