// Progress: what a plugin has done of a result, from its own process to the journal and back.
//
//   plugin ── progress (serial, text) ──▶ daemon ──▶ journal
//   plugin ◀── saved (serial, problem) ── daemon
//
// A plugin that says it more often than the journal can write is answered all the same: only the
// newest text is kept, and one answer holds for all before it.
import { messageOf } from "../../errors.ts";
import type { DeliveryOrder } from "../../ports.ts";
import { encodeProgress } from "../../sdk/progress.ts";
import type { ProgressMessage, SavedMessage } from "./work.ts";

/** The plugin's side. */
export interface ProgressKeeper {
  /** Rejects when it cannot be kept. */
  save(value: unknown): Promise<void>;
  /** Takes the daemon's answer. */
  answered(message: SavedMessage): void;
}

/** Numbers what is said, and waits for the answers. */
export function openProgress(send: (message: ProgressMessage) => void): ProgressKeeper {
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  let serial = 0;
  return {
    save(value) {
      const own = ++serial;
      const wait = Promise.withResolvers<void>();
      waiting.set(own, wait);
      try {
        send({ kind: "progress", serial: own, text: encodeProgress(value) });
      } catch (error) {
        waiting.delete(own);
        wait.reject(error);
      }
      return wait.promise;
    },
    answered({ problem, saved }) {
      for (const [number, wait] of [...waiting]) {
        if (number > saved) continue;
        waiting.delete(number);
        if (problem === null) wait.resolve();
        else wait.reject(new Error(`Cannot save the progress: ${problem}`));
      }
    },
  };
}

/** The daemon's side: saves what comes, one at a time, and answers. */
export function saveProgress(
  save: DeliveryOrder["saveProgress"],
  answer: (message: SavedMessage) => void,
): (message: ProgressMessage) => void {
  let newest: ProgressMessage | null = null;
  let isBusy = false;

  async function work(): Promise<void> {
    isBusy = true;
    for (let next = newest; next !== null; next = newest) {
      newest = null;
      const { serial, text } = next;
      const problem = (await save?.(text).catch(messageOf)) ?? null;
      answer({ saved: serial, problem });
    }
    isBusy = false;
  }

  return (message) => {
    newest = message;
    if (!isBusy) void work();
  };
}
