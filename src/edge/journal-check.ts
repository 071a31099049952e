// Journal check: looks for damage in a large journal, in a worker beside the first ticks, so that
// what is due does not wait for it. A small journal is checked when it is opened.
import { DatabaseSync } from "node:sqlite";
import { messageOf, type RunnerError } from "../errors.ts";
import { findDamage } from "../journal/sqlite/journal.ts";
import { DAMAGE, damageError } from "../journal/sqlite/problem.ts";
import { startWorker, type Worker } from "./worker.ts";

/** @param onDamage Called with the named error (I10) when there is damage, else not at all. */
export function checkBeside(
  path: string,
  onDamage: (error: RunnerError) => void,
): { close(): Promise<void> } {
  const worker = startWorker({ role: "check", data: path });
  worker.hold(false);
  worker.onMessage((finding) => onDamage(damageError(path, String(finding))));
  return { close: () => worker.terminate() };
}

/** In the worker: sends what is wrong, or ends without a word. */
export function start({ data, send }: Pick<Worker, "data" | "send">): void {
  const finding = damageOf(String(data));
  if (finding !== null) send(finding);
}

function damageOf(path: string): string | null {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return findDamage(database);
    } finally {
      database.close();
    }
  } catch (error) {
    // A file that cannot be read just now is not damaged.
    const text = messageOf(error);
    return DAMAGE.test(text) ? text : null;
  }
}
