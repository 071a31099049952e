// Pauses: jobs that people have told not to fire for a while, as rows of the journal. One that has
// ended stays: what fire times lay in it is decided by it, also after the runner was down.
import type { Instant } from "../time.ts";

/** A pause of a job: of its fire times from `since` until the earlier of its two ends. */
export interface PauseRow {
  readonly id: number;
  readonly job: string;
  readonly since: Instant;
  /** When it ends by itself; null: never. */
  readonly until: Instant | null;
  /** Who has paused it. */
  readonly actor: string;
  /** "" where nobody said why. */
  readonly why: string;
  /** When somebody has ended it; null while nobody has. */
  readonly endedAt: Instant | null;
}

export type NewPause = Omit<PauseRow, "id" | "endedAt">;

/** What the journal tells of pauses. */
export interface PauseReads {
  /** The pauses of a job that end after a time, the oldest first. */
  pauses(job: string, after: Instant): readonly PauseRow[];
  /** Of all jobs, those that are in force at a time or later, by job. */
  pausesNow(now: Instant): readonly PauseRow[];
}

/** What is written of them. */
export interface PauseWrites {
  savePause(row: PauseRow): void;
  dropPause(id: number): void;
  insertPause(pause: NewPause): PauseRow;
  /** Ends all pauses of a job that nobody has ended. Answers those that were in force. */
  endPauses(job: string, now: Instant): readonly PauseRow[];
  /** Forgets pauses that ended before a time. Answers how many. */
  removePauses(before: Instant, limit: number): number;
}
