// Transition: one transition of one action, written into the journal together with what follows
// from it for the run: a canary decided, a workflow step due, the run closed. `record` is for work
// that was begun before, and looks whether the row is still what it was; `transit` is for a
// transaction that has just read it.
import { type ActionEvent, type ActionRow, advance, hasEnded } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { due } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import { settleCanary } from "./canary.ts";
import type { Edges } from "./edges.ts";
import { closeRun } from "./runs.ts";

/** More to write in the same transaction, before what follows, which goes by it. */
type Also = (transaction: JournalTransaction, next: ActionRow) => void;

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
  also?: Also,
): Promise<ActionRow | null> {
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const current = transaction.action(row.id);
    if (current === null || current.state !== row.state) return null;
    // What is to be written goes by what was true before another host had the job (I12).
    if (edges.mayAct?.() === false) return null;
    return transit(transaction, current, event, now, also);
  });
}

/** Writes a transition with what follows from it, in a transaction that is under way. */
export function transit(
  transaction: JournalTransaction,
  row: ActionRow,
  event: ActionEvent,
  now: Instant,
  also?: Also,
): ActionRow {
  const next = advance(row, event, now);
  transaction.saveAction(next);
  also?.(transaction, next);
  // Who gives a canary up decides on the rest by itself.
  const isDecided = next.state === "failed" && event.kind !== "dropped";
  if (isDecided || event.kind === "collected") settleCanary(transaction, next, now);
  if (!hasEnded(row)) wakeStep(transaction, next, now);
  if (hasEnded(next)) closeRun(transaction, next.runId, now);
  return next;
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
