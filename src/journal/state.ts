// State: what a job keeps for its next runs, one JSON value a key.
//
// Under the job "" is what the program itself keeps: since when the API has not answered.
//
// A value is set in the transaction that saves the step which sets it: once, whole, or not at all.
import type { Instant } from "../time.ts";

/** Keys of one job. */
export const STATE_KEYS_MAX = 100;

/** One value of a job. (job, key) is unique. */
export interface StateRow {
  /** "": it is the program's own. */
  readonly job: string;
  readonly key: string;
  /** JSON. */
  readonly value: string;
  /** The run that has set it, whose row may be removed by now; null: no run of this journal. */
  readonly runId: number | null;
  readonly setAt: Instant;
}

/** The journal's reads of the state of jobs. */
export interface StateReads {
  /** The names of jobs that keep something, also of those that were removed. */
  stateJobs(): readonly string[];
  /** All values of a job, by their keys. */
  stateOf(job: string): readonly StateRow[];
  /** Also of values that cannot be read. */
  stateKeys(job: string): readonly string[];
  stateAt(job: string, key: string): StateRow | null;
  /** Why a value that is there cannot be read; null when it can be, or there is none. */
  unreadableState(job: string, key: string): string | null;
}

/** The journal's writes of it. */
export interface StateWrites {
  /** In place of what the key had. */
  setState(row: StateRow): void;
  /** Answers how many values it was: one, or none. */
  removeState(job: string, key: string): number;
}
