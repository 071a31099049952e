// Runs: how a run is opened, with its first work or for what another runner has done, and how it
// is closed once its actions have ended.
import type { RunRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import type { RunOrder } from "./order.ts";
import { moveCursor } from "./rewind.ts";

/**
 * Opens the run that an order is for, in the transaction that plans its first work.
 *
 * `source`: hash of the workflow's source; null without a workflow.
 *
 * @returns Null when another process has opened it already.
 */
export function openRun(
  transaction: JournalTransaction,
  { entity, firing, source }: RunOrder & { readonly source: string | null },
  now: Instant,
): RunRow | null {
  const deadlineAt = entity.deadlineMs === null ? null : now + entity.deadlineMs;
  const unset = entity.params?.unset ?? null;
  if (firing.kind === "new") {
    moveCursor(transaction, entity, firing.cursor);
    const run = { ...firing.run, source, begunAt: now, deadlineAt, params: unset };
    return transaction.insertRun(run, "open", now);
  }
  const run = transaction.run(firing.run.id);
  if (run === null || run.state !== "requested") return null;
  const params = run.params ?? unset;
  const opened: RunRow = {
    ...run,
    state: "open",
    note: null,
    source,
    params,
    begunAt: now,
    deadlineAt,
  };
  transaction.saveRun(opened);
  return opened;
}

/**
 * Opens a run for a record or a result of another runner. Its fire time is `at`, or later than all
 * others of the job when `at` is taken (I2).
 */
export function openAdopted(
  transaction: JournalTransaction,
  { job, at }: { readonly job: string; readonly at: Instant },
  now: Instant,
): RunRow {
  for (let firesAt = at; ; ) {
    const run = transaction.insertRun({ job, firesAt, cause: "adopted" }, "open", now);
    if (run !== null) return run;
    const [newest] = transaction.runs(job, 1);
    firesAt = Math.max(firesAt, newest?.firesAt ?? firesAt) + 1;
  }
}

/**
 * Ends a run whose actions have all ended: done, or failed when one of them failed. The run of a
 * workflow is ended by the workflow, which may have more to do.
 */
export function closeRun(transaction: JournalTransaction, runId: number, now: number): void {
  const run = transaction.run(runId);
  if (run === null || run.state !== "open" || run.source !== null) return;
  const actions = transaction.actionsOf(runId);
  if (actions.some((action) => action.state !== "settled" && action.state !== "failed")) return;
  const failed = actions.find((action) => action.state === "failed");
  const ended: RunRow = {
    ...run,
    state: failed === undefined ? "done" : "failed",
    note: failed?.error ?? run.note,
    endedAt: now,
  };
  transaction.saveRun(ended);
}
