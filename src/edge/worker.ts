// Worker: a thread of this program, with a role. What runs in it cannot hold up the others, and can
// be ended at any time, also in the middle of an endless loop.
//
// It shares the process's memory: see `watchMemory`.
import { Worker } from "node:worker_threads";
import { messageOf } from "../errors.ts";
import type { Milliseconds } from "../time.ts";
import { workerUrl } from "./runtime.ts";

/** What a thread is for; src/worker.ts knows the module of each. */
export type WorkerRole = "load" | "workflow" | "plugin" | "test" | "check";

/** What a role's module is given. It exports `start(thread)`. */
export interface Thread {
  /** What `startWorker` was given. */
  readonly data: unknown;
  /** Evaluates what `bundleJob` made; resolves with what the module exports. */
  evaluate(source: string): Promise<object>;
  send(message: unknown): void;
  /** Calls `listener` with each message, in order; none is lost before. */
  onMessage(listener: (message: unknown) => void): void;
}

/** How a thread ended. */
export type WorkerEnd =
  /** By itself: it had nothing left to do, or called process.exit. */
  | { readonly kind: "exited"; readonly code: number }
  /** Something was thrown that nobody caught. */
  | { readonly kind: "failed"; readonly message: string; readonly stack: string }
  | { readonly kind: "terminated" };

/** A thread as the main thread sees it. Both ways only data that can be cloned. */
export interface WorkerHandle {
  /** Messages wait until the thread is ready for them; those to a thread that ended are lost. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Ends the thread at once. Resolves when it has ended. */
  terminate(): Promise<void>;
  /** Whether the thread keeps the process from ending. @default true */
  hold(holds: boolean): void;
  /** Never rejects. */
  readonly exited: Promise<WorkerEnd>;
}

/** The first message of every thread. */
export const READY = "mig-runner: ready";

/** Starts a thread. @param order.data Anything that can be cloned; the role gets it. */
export function startWorker(order: {
  readonly role: WorkerRole;
  readonly data?: unknown;
}): WorkerHandle {
  const { promise: exited, resolve } = Promise.withResolvers<WorkerEnd>();
  const worker = new Worker(workerUrl(), { workerData: order });
  const listeners: ((message: unknown) => void)[] = [];
  let waiting: unknown[] | null = [];
  worker.on("message", (message: unknown) => {
    if (message === READY) {
      for (const early of waiting ?? []) worker.postMessage(early);
      waiting = null;
      return;
    }
    for (const listener of listeners) listener(message);
  });
  worker.on("error", (error: unknown) => {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    resolve({ kind: "failed", message: messageOf(error), stack });
  });
  worker.on("exit", (code: number) => resolve({ kind: "exited", code }));
  return {
    send(message) {
      if (waiting === null) worker.postMessage(message);
      else waiting.push(message);
    },
    onMessage: (listener) => void listeners.push(listener),
    async terminate() {
      resolve({ kind: "terminated" });
      await worker.terminate();
    },
    hold: (holds) => (holds ? worker.ref() : worker.unref()),
    exited,
  };
}

/** How often the memory is looked at. */
const MEMORY_LOOK_MS: Milliseconds = 50;

/**
 * Calls `onExceeded` once when the whole process has grown by more than `growthMax` bytes since the
 * call: threads have no limits of their own under Bun. For short stretches of foreign code only.
 */
export function watchMemory(growthMax: number, onExceeded: () => void): { close(): void } {
  const limit = process.memoryUsage.rss() + growthMax;
  const timer = setInterval(() => {
    if (process.memoryUsage.rss() <= limit) return;
    clearInterval(timer);
    onExceeded();
  }, MEMORY_LOOK_MS);
  // What is watched keeps the process, this does not.
  timer.unref();
  return { close: () => clearInterval(timer) };
}
