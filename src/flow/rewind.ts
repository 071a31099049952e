// Rewind: takes back what a clock that was ahead has decided of a job's schedule, so that it does
// not hold back the present (I7).
//
// Which of two times of a clock is right nobody can say. The present is what jobs are run by: the
// cursor is set back to it, and what was decided beyond is kept, so that nothing is lost or done
// twice whichever was wrong. A run stays: a fire time has one (I2). What was recorded as missed and
// is still to come lies beyond the cursor, and is not in force: it is cut as the cursor overtakes
// it, and counts again when the clock of now turns out to have been behind.

import type { Entity } from "../jobs/entity.ts";
import { cutMissed, launchHorizon, launchOffsetMs, type MissedCut } from "../jobs/fires.ts";
import type { Cursor, JournalTransaction, MissedRow } from "../journal/journal.ts";
import { formatDuration } from "../lib/go/duration.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { type Edges, say } from "./edges.ts";

/** What was declared missed this shortly before now is decided again: it may be on time. */
const AGAIN_MS: Milliseconds = MINUTE_MS;

/** Whether a cursor was written by a clock that was ahead. */
export function isAhead(cursor: Pick<Cursor, "decidedAt">, now: Instant): boolean {
  return cursor.decidedAt > now;
}

/**
 * Sets the cursor of a job back to the present, when it is ahead of it.
 *
 * @throws {RunnerError} JOURNAL, when that cannot be remembered.
 */
export async function rewindCursor(
  edges: Pick<Edges, "clock" | "journal" | "log">,
  entity: Entity,
): Promise<void> {
  const { job, schedule } = entity;
  const now = launchHorizon(entity, edges.clock.now());
  const known = edges.journal.cursor(job);
  if (schedule === null || known === null || !isAhead(known, now)) return;
  const until = edges.clock.now() - launchOffsetMs(entity);
  await edges.journal.write((transaction) => {
    const cursor = transaction.cursor(job);
    if (cursor === null || !isAhead(cursor, now)) return;
    const rows = transaction.missedAfter(job, until - AGAIN_MS);
    const decidedAt = decidedBefore(rows, { until, now });
    for (const row of rows) {
      const hasRun = isKnownBeside(row, rows, transaction);
      splitMissed(transaction, row, { schedule, until: decidedAt, hasRun });
    }
    const aheadAt = Math.max(cursor.decidedAt, cursor.aheadAt ?? 0);
    transaction.setCursor(job, { ...cursor, decidedAt, aheadAt });
  });
  const by = formatDuration(BigInt(known.decidedAt - now) * 1_000_000n);
  say(edges, job, "notice", `was decided up to ${by} ahead of now by another time of the clock`);
}

/**
 * Moves the cursor of a job on, before a run is written: what lay beyond it and is decided now is
 * decided by the present.
 */
export function moveCursor(
  transaction: JournalTransaction,
  { job, schedule }: Pick<Entity, "job" | "schedule">,
  cursor: Cursor,
): void {
  const { decidedAt = 0, aheadAt = null } = transaction.cursor(job) ?? {};
  if (schedule !== null && aheadAt !== null && cursor.decidedAt <= aheadAt) {
    const beyond = transaction.missedAfter(job, decidedAt);
    for (const row of beyond.filter(({ firstAt }) => firstAt > decidedAt)) {
      const hasRun = isKnownBeside(row, beyond, transaction);
      const { after } = cutMissed(row, { schedule, until: cursor.decidedAt, hasRun });
      if (after === null) transaction.dropMissed(row.id);
      else transaction.saveMissed({ ...row, ...after });
    }
  }
  transaction.setCursor(job, cursor);
}

/** What lies within a record and is not of it: runs, and what was skipped among the missed. */
function isKnownBeside(
  { job, kind }: MissedRow,
  rows: readonly MissedRow[],
  transaction: JournalTransaction,
): MissedCut["hasRun"] {
  const skipped = rows.filter((row) => kind === "missed" && row.kind === "skipped");
  return (at) =>
    transaction.runAt(job, at) !== null ||
    skipped.some(({ firstAt, lastAt }) => firstAt <= at && at <= lastAt);
}

/** From where on it is decided anew: now, or where something begins that is not missed yet. */
function decidedBefore(
  rows: readonly MissedRow[],
  { until, now }: { readonly until: Instant; readonly now: Instant },
): Instant {
  const firsts = rows.filter(({ recordedAt }) => recordedAt > now).map(({ firstAt }) => firstAt);
  return Math.min(until, Math.max(until - AGAIN_MS, Math.min(until + 1, ...firsts) - 1));
}

function splitMissed(transaction: JournalTransaction, row: MissedRow, cut: MissedCut): void {
  const { before, after } = cutMissed(row, cut);
  if (before === null || after === null) return;
  transaction.saveMissed({ ...row, ...before });
  const { id: _, ...rest } = row;
  transaction.insertMissed({ ...rest, ...after }, false);
}
