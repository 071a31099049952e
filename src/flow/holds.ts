// Holds: the pauses (journal) and blackouts (configuration) that hold fire times of a job, and the
// record of fire times that were skipped because of them.
import type { Entity } from "../jobs/entity.ts";
import type { Skipped } from "../jobs/fires.ts";
import { type FireHoldAt, holdsJob, holdsOf } from "../jobs/hold.ts";
import { nextFire } from "../jobs/schedule.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import type { Edges } from "./edges.ts";

/** The pauses and blackouts of a job that end after a time, as one function of a fire time. */
export function holdOf(
  { journal, blackouts = [] }: Pick<Edges, "blackouts"> & { readonly journal: PausedJobs },
  job: string,
  after: Instant,
): FireHoldAt {
  const ofJob = blackouts.filter((blackout) => holdsJob(blackout, job));
  return holdsOf({ pauses: journal.pauses(job, after), blackouts: ofJob });
}

/** The part of the journal that is read here. */
type PausedJobs = Pick<Edges["journal"], "pauses">;

/** Records skipped fire times; into the newest record where that has the same reason. */
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
