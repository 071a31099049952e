// Findings: what `check` finds, while it is gathered and when it is done.
import type { RunnerError } from "../errors.ts";
import { errorsOf } from "./jobs.ts";

/** What is wrong, and what is worth knowing. */
export interface Findings {
  /** How many jobs were looked at; null when nobody can say where they are. */
  readonly jobs: number | null;
  readonly mistakes: readonly RunnerError[];
  /** Lines for the operator, each `path:line:column: text` where it has a place. */
  readonly warnings: readonly string[];
  /** Which jobs people can sign ahead, and why others not; empty when it was not looked at. */
  readonly ahead: readonly AheadView[];
}

/** Whether the actions of a job can be signed ahead. */
export interface AheadView {
  readonly job: string;
  readonly signing: "live" | "calendar";
  readonly can: boolean;
  /** Why not, or what of it cannot; null when all of it can. */
  readonly reason: string | null;
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
