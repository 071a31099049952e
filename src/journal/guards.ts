// Guards: what an action that is planned waits for, or is held against, before it is posted.

/** What is asked of an action besides `agentsMax`. */
export interface Guards {
  /** The target that is counted, where the action's own is a part of it. */
  readonly target?: string;
  /** Percent more agents than at the last run that are not too many. */
  readonly growth?: number;
  /** A person says yes first: always, or when the target matches more agents than this. */
  readonly approve?: "always" | number;
  /** It goes to a part of the agents first: how many of them may fail. */
  readonly canaryFailures?: number;
}

/** What holds an action back that is planned; `approved` is one that a person has let go. */
export const HOLDS = ["approval", "canary", "approved"] as const;

export type Hold = (typeof HOLDS)[number];

/** Whether an action waits for a person, or for its canary. */
export function isHeld({ held }: { readonly held: Hold | null }): boolean {
  return held === "approval" || held === "canary";
}
