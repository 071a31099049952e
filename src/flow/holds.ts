// Holds: what holds the fire times of a job, from the journal and the configuration, and the record
// of what was skipped by it.
import type { Entity } from "../jobs/entity.ts";
import type { Skipped } from "../jobs/fires.ts";
import { type HoldAt, holdsJob, holdsOf } from "../jobs/hold.ts";
import { nextFire } from "../jobs/schedule.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import type { Edges } from "./edges.ts";

/** What holds the fire times of a job after a time. */
export function holdOf(
  { journal, blackouts = [] }: Pick<Edges, "blackouts"> & { readonly journal: PausedJobs },
  job: string,
  after: Instant,
): HoldAt {
  const ofJob = blackouts.filter((blackout) => holdsJob(blackout, job));
  return holdsOf({ pauses: journal.pauses(job, after), blackouts: ofJob });
}

/** What is asked of the journal. */
type PausedJobs = Pick<Edges["journal"], "pauses">;

/** Records skipped fire times; those that follow the last record, for the same reason, in it. */
export function recordSkipped(
  transaction: JournalTransaction,
  { job, schedule }: Pick<Entity, "job" | "schedule">,
  skipped: Skipped & { readonly recordedAt: Instant },
): void {
  const { firstAt, lastAt, count, reason } = skipped;
  const [last] = transaction.missed(job, 1);
  const isAlike = last?.kind === "skipped" && last.reason === reason;
  if (isAlike && schedule !== null && nextFire(schedule, last.lastAt) === firstAt) {
    transaction.saveMissed({ ...last, lastAt, count: last.count + count });
  } else transaction.insertMissed({ ...skipped, job, kind: "skipped" });
}
