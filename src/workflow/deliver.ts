// Deliver: the delivery that a workflow asks for, as a row of the outbox. The runner makes it, and
// retries it, like any other.
import { deliveryKey } from "../flow/deliver.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { NewStep, StepOutcome } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import type { CollectValue, StepRequest } from "./messages.ts";

export interface DeliverOrder {
  readonly step: NewStep;
  readonly request: Extract<StepRequest, { kind: "deliver" }>;
  readonly job: string;
}

/**
 * Queues the delivery in the transaction that saves its step. A result without agents has no file:
 * there is nothing to deliver.
 */
export function deliverStep(
  transaction: JournalTransaction,
  { step, request, job }: DeliverOrder,
  now: Instant,
): StepOutcome {
  const { plugin, result } = request;
  const collected = transaction.stepNamed(step.runId, result);
  if (collected?.kind !== "collect" || collected.state !== "saved") {
    return {
      kind: "failed",
      error: `deliver to "${plugin}" failed: there is no result "${result}"`,
    };
  }
  const { actionIds, path } = JSON.parse(collected.value ?? "{}") as CollectValue;
  const [actionId] = actionIds;
  const action = actionId === undefined ? null : transaction.actionById(actionId);
  if (action !== null) {
    const key = deliveryKey(action, plugin);
    const resultPath = actionIds.length > 1 ? path : null;
    transaction.insertDelivery({ actionRow: action.id, job, plugin, key, resultPath }, now);
  }
  return { kind: "saved", value: null };
}
