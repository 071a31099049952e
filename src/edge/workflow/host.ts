// Host: a thread for each body, ended when it does not answer any more.
import type { Milliseconds } from "../../time.ts";
import type { BodyHost } from "../../workflow/host.ts";
import { startWorker, type WorkerEnd } from "../worker.ts";
import { locate } from "./locate.ts";

/** Asks a thread whether it still listens, and its answer. */
export const PING = "mig-runner: ping";
export const PONG = "mig-runner: pong";

export interface ThreadOptions {
  /** How long a thread may be deaf: the longest stretch of work without an await. @default 30 s */
  readonly deafMs?: Milliseconds;
}

const DEAF_MS: Milliseconds = 30_000;

/** Pings within the time that a thread may be deaf. */
const PINGS = 3;

/** A host whose bodies can neither hold up the program nor bring it down. */
export function threadHost({ deafMs = DEAF_MS }: ThreadOptions = {}): BodyHost {
  return {
    start(listener) {
      const worker = startWorker({ role: "workflow" });
      let isOpen = true;
      let unanswered = 0;
      const stop = (): void => {
        isOpen = false;
        clearInterval(timer);
        void worker.terminate();
      };
      const lose = (reason: string): void => {
        if (!isOpen) return;
        stop();
        listener.onLost(reason);
      };
      const timer = setInterval(() => {
        if (unanswered++ >= PINGS) lose(deafReason(deafMs));
        else worker.send(PING);
      }, deafMs / PINGS);
      worker.onMessage((message) => {
        if (message === PONG) unanswered = 0;
        else if (isOpen) listener.onMessage(message);
      });
      void worker.exited.then((end) => lose(endReason(end)));
      return { post: (message) => isOpen && worker.send(message), stop };
    },
  };
}

function deafReason(deafMs: Milliseconds): string {
  const seconds = Math.round(deafMs / 1_000);
  return `its body did not answer for ${seconds} seconds: it may be in an endless loop`;
}

function endReason(end: WorkerEnd): string {
  switch (end.kind) {
    case "exited":
      return `its body ended the thread by process.exit(${end.code})`;
    case "failed": {
      const place = locate(end);
      const where = place === null ? "" : ` (${place})`;
      return `its body threw an error that nothing caught: ${end.message}${where}`;
    }
    case "terminated":
      return "its thread was terminated";
  }
}
