// Canary: the part of a target that an action goes to first, and whether the rest follows.
//
// The share is chosen by a hash of each host's queue name. So it is the same hosts at each run,
// also after agents were restarted, and a larger share contains the smaller one.
import { type ActionRow, advance, type Completeness } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Instant } from "../time.ts";

/** The two parts of a target. @param share 0 to 1 of the agents that are asked first. */
export function cutTarget(
  target: string,
  share: number,
): { readonly canary: string; readonly rest: string } {
  const most = 2 ** 32;
  const bound = Math.min(most - 1, Math.max(0, Math.round(share * most)));
  const digits = bound.toString(16).padStart(8, "0");
  const hash = "left(md5(queueloc), 8)";
  return {
    canary: `(${target}) AND ${hash} < '${digits}'`,
    rest: `(${target}) AND ${hash} >= '${digits}'`,
  };
}

/** Why the action must not go to the rest of the agents; null when the canary went well. */
export function canaryFault(
  { fetched, sent, statuses }: Completeness,
  failuresMax: number,
): string | null {
  const asked = sent ?? fetched;
  if (asked === 0) return "canary: its share matched no agent: make it larger";
  const failed = asked - (statuses.success ?? 0);
  if (failed <= failuresMax) return null;
  return `canary: ${failed} of ${asked} agents failed or did not answer, canaryFailures is ${failuresMax}`;
}

/**
 * Releases or refuses the action for the rest of the agents, in the transaction that ends the
 * canary.
 */
export function settleCanary(
  transaction: JournalTransaction,
  canary: ActionRow,
  now: Instant,
): void {
  const { guards, state, completeness, runId, step, error } = canary;
  if (guards?.canaryFailures === undefined) return;
  const rest = transaction
    .actionsOf(runId)
    .find((action) => action.step === step && action.held === "canary");
  if (rest === undefined || rest.state !== "planned") return;
  const isJudged = state !== "failed" && completeness !== null;
  const fault = isJudged
    ? canaryFault(completeness, guards.canaryFailures)
    : `canary: ${error ?? "it was not collected"}`;
  if (fault === null) {
    transaction.saveAction({ ...rest, held: null, nextAt: now, updatedAt: now });
    return;
  }
  // Of a canary that failed by itself nothing is known that a guard could refuse.
  const by = isJudged ? ({ by: "refused" } as const) : {};
  transaction.saveAction(advance(rest, { kind: "refused", error: fault, ...by }, now));
}
