// Transition: one transition of one action, written into the journal (`record`) together with what
// follows from it for the run: a canary decided, a workflow step due, the run closed.

import { type ActionEvent, type ActionRow, advance, type RunRow } from "../journal/inflight.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import { asksPeople, due } from "../journal/steps.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { settleCanary } from "./canary.ts";
import type { Edges } from "./edges.ts";

/**
 * Journals `event` for `row`; resolves when it is durable.
 *
 * @param also More to write in the same transaction, given the new row.
 * @returns The new row, or null when another process (an operator's `drop`, another host) moved
 * the row on.
 * @throws {RunnerError} JOURNAL, when the journal cannot be written.
 */
export async function record(
  edges: Pick<Edges, "journal" | "clock" | "mayAct">,
  row: ActionRow,
  event: ActionEvent,
  also?: (transaction: JournalTransaction, next: ActionRow) => void,
): Promise<ActionRow | null> {
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const current = transaction.action(row.id);
    if (current === null || current.state !== row.state) return null;
    // What is to be written goes by what was true before another host had the job (I12).
    if (edges.mayAct?.() === false) return null;
    const next = advance(current, event, now);
    transaction.saveAction(next);
    also?.(transaction, next);
    if (event.kind === "collected" || next.state === "failed") settleCanary(transaction, next, now);
    wakeStep(transaction, next, now);
    if (hasEnded(next)) closeRun(transaction, next.runId, now);
    return next;
  });
}

/** A step of a workflow is due when the last of its actions has ended. */
export function wakeStep(transaction: JournalTransaction, action: ActionRow, now: number): void {
  if (action.step === "" || !hasEnded(action)) return;
  const step = transaction.stepNamed(action.runId, action.step);
  if (step === null || step.state !== "begun") return;
  const open = transaction
    .actionsOf(action.runId)
    .some((part) => part.step === step.name && !hasEnded(part));
  if (!open) transaction.saveStep({ ...step, ...due(now, now) });
}

/** Whether an action needs nothing more but deliveries. */
export function hasEnded({ state }: Pick<ActionRow, "state">): boolean {
  return state !== "planned" && state !== "posted";
}

/** Rows that are looked through for one that waits for something else than people. */
const ROWS_MAX = 10_000;

/**
 * Whether something of a run, or with null of any, is still in flight. What only waits for people
 * is not: they may take days. A run that is asked for a time is, for who asks about it.
 */
export function isInFlight(journal: JournalReads, runId: number | null): boolean {
  if (runId === null) {
    // Asked at each turn of a pass that waits: the first row is nearly always the answer.
    const holds = (rowsMax: number): boolean =>
      journal.pendingActions(rowsMax).some((row) => row.held !== "approval");
    if (holds(1) || holds(ROWS_MAX)) return true;
    if (journal.counts().openBodies === 0) return false;
    const bodies = journal.runsIn("open", ROWS_MAX).filter(({ source }) => source !== null);
    return bodies.some(({ id }) => !waitsForPeople(journal, id));
  }
  const run = journal.run(runId);
  if (run?.state === "requested" && run.notBefore !== null) return true;
  if (run?.source != null && run.state === "open") return !waitsForPeople(journal, runId);
  return journal.actionsOf(runId).some((row) => !hasEnded(row) && row.held !== "approval");
}

/** Whether a run waits only for people (an answer, an approval), or for the end of their time. */
export function waitsForPeople(journal: JournalReads, runId: number): boolean {
  const pending = journal.actionsOf(runId).filter((action) => !hasEnded(action));
  if (pending.some(({ held }) => held !== "approval")) return false;
  const run = journal.run(runId);
  if (run?.source == null) return pending.length > 0;
  const begun = journal.stepsOf(runId).filter(({ state }) => state === "begun");
  const asks = begun.filter((step) => asksPeople(step) && step.answer === null);
  const isParked = journal.body(runId)?.nextAt === null;
  return isParked && asks.length > 0 && asks.length === begun.length;
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

/** What is due within this time does not change hands any more. */
const SOON_MS: Milliseconds = 2_000;

/** Whether something of jobs that `isOf` means is at the API or at a plugin now, or is due. */
export function isInHand(
  { clock, journal }: Pick<Edges, "clock" | "journal">,
  isOf: (job: string) => boolean,
): boolean {
  const soon = clock.now() + SOON_MS;
  const rows = [
    // One that waits for a person, or for an API that is down, can as well wait elsewhere.
    ...journal.dueActions("planned", soon, ROWS_MAX),
    ...journal.dueActions("posted", soon, ROWS_MAX),
    ...journal.dueActions("collected", soon, ROWS_MAX),
    ...journal.dueDeliveries(soon, ROWS_MAX),
  ];
  return rows.some(({ job }) => isOf(job));
}
