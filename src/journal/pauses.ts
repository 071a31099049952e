// Pauses: jobs that people keep from firing for a while, as rows of the journal. A row stays when
// the pause has ended: fire times during the pause may be decided only later, if the runner was
// down.
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

/** The journal's reads of pauses. */
export interface PauseReads {
  /** The pauses of a job that end after a time, the oldest first. */
  pauses(job: string, after: Instant): readonly PauseRow[];
  /** Of all jobs, those that are in force at a time or later, by job. */
  pausesNow(now: Instant): readonly PauseRow[];
}

/** The journal's writes of pauses. */
export interface PauseWrites {
  savePause(row: PauseRow): void;
  dropPause(id: number): void;
  insertPause(pause: NewPause): PauseRow;
  /** Ends all pauses of a job that nobody has ended. Answers those that were in force. */
  endPauses(job: string, now: Instant): readonly PauseRow[];
  /** Forgets pauses that ended before a time. Answers how many. */
  removePauses(before: Instant, limit: number): number;
}
