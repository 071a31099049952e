// Site: what the page is handed of the runner that it shows. Nothing of it can change anything.
import type { JobState } from "../jobs/catalog.ts";
import type { Blackout } from "../jobs/hold.ts";
import type { Reading } from "../journal/reading.ts";
import type { Instant } from "../time.ts";
import type { ResultFiles } from "./results.ts";

/** The runner directory as it is at one moment. */
export interface Seen {
  readonly now: Instant;
  readonly directory: string;
  /** Null when there is no journal yet, or it cannot be read. */
  readonly reading: Reading | null;
  /** Why the journal cannot be read; null: it can, or there is none. */
  readonly problem: string | null;
  /** Why what is read is old, or not what the other hosts see; null: it is neither. */
  readonly outage: string | null;
  /** When the journal was written last; null: there is none. */
  readonly journalAt: Instant | null;
  /** The process that works on the directory, or null. */
  readonly holder: number | null;
  readonly states: readonly JobState[];
  /** When the jobs were read; null: not yet. */
  readonly jobsAt: Instant | null;
  /** Which host of a cluster has a job now; null: none has; undefined: there is none, or not known. */
  hostOf(job: string): string | null | undefined;
  /** Times in which the configuration holds jobs. */
  readonly blackouts: readonly Blackout[];
  /** What is wrong with the directory as a whole. */
  readonly mistakes: readonly string[];
}

/** What tells two looks apart: when the journal was written, whether that is old, who works here. */
export function revisionOf({
  journalAt,
  holder,
  outage,
}: Pick<Seen, "journalAt" | "holder" | "outage">): string {
  const cut = outage === null ? "" : "-cut off";
  return `${journalAt ?? "none"}-${holder ?? "none"}${cut}`;
}

/** What a page is made from. */
export interface Site {
  readonly version: string;
  /** Looks, and hands what is seen to `use`: it is there until that has ended. */
  look<Answer>(use: (seen: Seen) => Promise<Answer>): Promise<Answer>;
  readonly files: ResultFiles;
  /**
   * Waits until what is seen has another revision than one that is known, for a while at the most.
   *
   * @returns The revision as it is then: see revisionOf().
   */
  changed(known: string | null, signal: AbortSignal): Promise<string>;
  /** Tells the operator of the page what went wrong in it. */
  note(line: string): void;
}
