// Host: a worker for each body, ended when it does not answer any more.

import type { Results } from "../../ports.ts";
import type { Milliseconds } from "../../time.ts";
import type { BodyHost, LossCause } from "../../workflow/host.ts";
import { cut } from "../../workflow/messages.ts";
import { describeEnd, MEMORY_MAX, startWorker, type WorkerEnd } from "../worker.ts";
import { Lender } from "./loans.ts";
import { locate } from "./locate.ts";

/** Asks a worker whether it still listens, and its answer. */
export const PING = "mig-runner: ping";
export const PONG = "mig-runner: pong";

export interface WorkerHostOptions {
  /** How long a worker may be deaf: the longest stretch of work without an await. @default 30 s */
  readonly deafMs?: Milliseconds;
  /** How many bytes of memory it may take, its steps included. @default 1 GiB */
  readonly memoryMax?: number;
  /** Lends files with results that lie in a store. @default there is none */
  readonly lend?: Results["lend"];
}

const DEAF_MS: Milliseconds = 30_000;

/** Pings within the time that a worker may be deaf. */
const PINGS = 3;

/** A host whose bodies can neither hold up the program nor bring it down. */
export function workerHost({
  deafMs = DEAF_MS,
  memoryMax = MEMORY_MAX,
  lend = () => Promise.reject(new Error("there is no store of results")),
}: WorkerHostOptions = {}): BodyHost {
  return {
    start(listener) {
      // What it prints goes the way of what it logs.
      const onLine = (line: string): void => {
        if (isOpen) listener.onMessage({ kind: "log", level: "info", message: cut(line) });
      };
      const worker = startWorker({ role: "workflow", memoryMax, onLine });
      const lender = new Lender(lend, (message) => worker.send(message));
      let isOpen = true;
      let unanswered = 0;
      const stop = (): void => {
        isOpen = false;
        clearInterval(timer);
        lender.close();
        void worker.terminate();
      };
      const lose = (reason: string, cause: LossCause = "body"): void => {
        if (!isOpen) return;
        stop();
        listener.onLost(reason, cause);
      };
      const timer = setInterval(() => {
        if (unanswered++ >= PINGS) lose(deafReason(deafMs));
        else worker.send(PING);
      }, deafMs / PINGS);
      worker.onMessage((message) => {
        if (message === PONG) unanswered = 0;
        else if (isOpen && !lender.take(message)) listener.onMessage(message);
      });
      void worker.exited.then((end) => {
        lose(endReason(end), end.kind === "unstarted" ? "system" : "body");
      });
      return { post: (message) => isOpen && worker.send(message), stop };
    },
  };
}

function deafReason(deafMs: Milliseconds): string {
  const seconds = Math.round(deafMs / 1_000);
  return `it did not answer for ${seconds} seconds: it may be in an endless loop`;
}

function endReason(end: WorkerEnd): string {
  const text = describeEnd(end);
  const place = end.kind === "failed" ? locate(end) : null;
  return place === null ? text : `${text} (${place})`;
}
