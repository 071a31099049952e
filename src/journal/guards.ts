// Guards: the limits that a planned action has to pass before it is posted, and what it waits for.

/** The guards of an action, besides `agentsMax`. */
export interface Guards {
  /** The target whose agents are counted, when the action's own target is only a part of it. */
  readonly target?: string;
  /** By how many percent more agents than at the last run it may match. */
  readonly growth?: number;
  /** A person has to approve: always, or when the target matches more agents than this. */
  readonly approve?: "always" | number;
  /** For a canary: how many of its agents may fail. */
  readonly canaryFailures?: number;
}

/**
 * What holds a planned action back; with `approved` a person has released it. With `refused` a
 * guard has ended it, with `denied` a person: it was not posted.
 */
export const ACTION_HOLDS = ["approval", "canary", "approved", "refused", "denied"] as const;

export type ActionHold = (typeof ACTION_HOLDS)[number];

/** Who ended an action that was not posted: a guard, or a person. */
export type Refusal = Extract<ActionHold, "refused" | "denied">;

/** Whether a guard or a person has ended an action, and nothing that went wrong. */
export function isRefused({ held }: { readonly held: ActionHold | null }): boolean {
  return held === "refused" || held === "denied";
}

/** Whether an action waits for a person, or for its canary. */
export function isHeldBack<Row extends { readonly held: ActionHold | null }>(
  row: Row,
): row is Row & { readonly held: "approval" | "canary" } {
  return row.held === "approval" || row.held === "canary";
}

/** Whether an action is not posted before a person approves it. */
export function awaitsApproval({
  state,
  held,
}: {
  readonly state: string;
  readonly held?: ActionHold | null;
}): boolean {
  return state === "planned" && held === "approval";
}
