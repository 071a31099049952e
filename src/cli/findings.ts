// Findings: what `check` finds, while it is gathered and when it is done.
import type { RunnerError } from "../errors.ts";
import type { ClusterView } from "./cluster-check.ts";
import { errorsOf } from "./jobs.ts";
import type { StoreView } from "./store-check.ts";

/** What is wrong, and what is worth knowing. */
export interface Findings {
  /** How many jobs were looked at; null when nobody can say where they are. */
  readonly jobs: number | null;
  readonly mistakes: readonly RunnerError[];
  /** Lines for the operator, each `path:line:column: text` where it has a place. */
  readonly warnings: readonly string[];
  /** Which jobs people can sign ahead, and why others not; empty when it was not looked at. */
  readonly ahead: readonly AheadView[];
  /** What the API said; null when it was not to be asked. */
  readonly api: ApiView | null;
  /** What the store of results said; null where there is none, or it was not to be asked. */
  readonly store: StoreView | null;
  /** What PostgreSQL said; null where there is no cluster, or it was not to be asked. */
  readonly cluster: ClusterView | null;
}

/** Whether the actions of a job can be signed ahead. */
export interface AheadView {
  readonly job: string;
  readonly signing: "live" | "calendar";
  readonly can: boolean;
  /** Why not, or what of it cannot; null when all of it can. */
  readonly reason: string | null;
}

/** What was asked of the API, and what it said. */
export interface ApiView {
  /** Null when the client configuration cannot be read. */
  readonly url: string | null;
  /** Why nothing was asked; null when it was. */
  readonly skipped: string | null;
  readonly reached: boolean;
  /** Whether it takes the key; null where that is not known. */
  readonly known: boolean | null;
  readonly maySearch: boolean | null;
  readonly mayPost: boolean | null;
  /** By how much this host's clock is ahead of the API's; null when it gave no time. */
  readonly clockAheadSeconds: number | null;
  readonly targets: readonly TargetView[];
}

/** How many agents the target of a job stands for now, online or idle. */
export interface TargetView {
  readonly job: string;
  readonly target: string;
  /** Null when they could not be counted. */
  readonly agents: number | null;
  /** There may be more than were counted. */
  readonly isAtLeast: boolean;
}

/** Findings while they are gathered. */
export interface Gathering {
  readonly mistakes: RunnerError[];
  readonly warnings: string[];
  readonly ahead: AheadView[];
}

/** Runs one part; what it throws is one more mistake. */
export async function attempt<Value>(
  { mistakes }: Gathering,
  part: () => Promise<Value>,
): Promise<Value | null> {
  try {
    return await part();
  } catch (error) {
    mistakes.push(...errorsOf(error));
    return null;
  }
}
