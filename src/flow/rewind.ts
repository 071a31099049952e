// Rewind: sets the cursor of a job back when a clock that was ahead has moved it into the future,
// so that jobs are run at the present time (I7).
//
// The program cannot know which clock was wrong, the one of then or the one of now, so nothing is
// lost or done twice in either case:
//   - The cursor goes back to now, and the time that it had reached is kept as `aheadAt`.
//   - Runs stay: a fire time has one run at most (I2).
//   - Records of missed fire times that lie in the future stay, but do not count. Each is cut when
//     the cursor passes it. If the present clock turns out to be behind, they count again.

import type { Entity } from "../jobs/entity.ts";
import { cutMissed, launchHorizon, launchOffsetMs, type MissedCut } from "../jobs/fires.ts";
import type { Cursor, JournalTransaction, MissedRow } from "../journal/journal.ts";
import { formatDuration } from "../lib/go/duration.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { type Edges, say } from "./edges.ts";

/** Fire times recorded as missed less than this ago are decided again: they may be on time. */
const AGAIN_MS: Milliseconds = MINUTE_MS;

/** Whether a cursor lies in the future, so that it was written while the clock was ahead. */
export function isAhead(cursor: Pick<Cursor, "decidedAt">, now: Instant): boolean {
  return cursor.decidedAt > now;
}

/**
 * Sets the cursor of a job back to the present, when it lies in the future.
 *
 * @throws {RunnerError} JOURNAL, when it cannot be written.
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
    const decidedAt = decidedBefore(rows, { until, now: edges.clock.now() });
    for (const cut of cutAt(transaction, rows, { schedule, until: decidedAt })) {
      splitMissed(transaction, cut);
    }
    const aheadAt = Math.max(cursor.decidedAt, cursor.aheadAt ?? 0);
    transaction.setCursor(job, { ...cursor, decidedAt, aheadAt });
  });
  const by = formatDuration(BigInt(known.decidedAt - now) * 1_000_000n);
  say(
    edges,
    job,
    "notice",
    `fire times up to ${by} ahead were decided while the clock was ahead: going on from now`,
  );
}

/**
 * Moves the cursor of a job on; to be called before the run is written. Records of missed fire
 * times that an earlier clock left on the way are cut: they are decided now.
 */
export function moveCursor(
  transaction: JournalTransaction,
  { job, schedule }: Pick<Entity, "job" | "schedule">,
  cursor: Cursor,
): void {
  const { decidedAt = 0, aheadAt = null } = transaction.cursor(job) ?? {};
  // A decision that reaches `aheadAt` begins there, and what was decided before it counts again.
  if (schedule !== null && aheadAt !== null && cursor.decidedAt < aheadAt) {
    const rows = transaction.missedAfter(job, decidedAt);
    const beyond = rows.filter(({ firstAt }) => firstAt > decidedAt);
    for (const { row, after } of cutAt(transaction, beyond, {
      schedule,
      until: cursor.decidedAt,
    })) {
      if (after === null) transaction.dropMissed(row.id);
      else transaction.saveMissed({ ...row, ...after });
    }
  }
  transaction.setCursor(job, cursor);
}

/** A record of missed fire times, and its parts up to a time and after it. */
interface Cut extends ReturnType<typeof cutMissed> {
  readonly row: MissedRow;
}

/** Cuts all records before any is written: what one of them counts is seen by the others. */
function cutAt(
  transaction: JournalTransaction,
  rows: readonly MissedRow[],
  { schedule, until }: Pick<MissedCut, "schedule" | "until">,
): readonly Cut[] {
  return rows.map((row) => {
    const hasRun = isKnownBeside(row, transaction);
    return { row, ...cutMissed(row, { schedule, until, hasRun }) };
  });
}

/** Fire times inside a record that it does not count: those with a run, and skipped ones. */
function isKnownBeside(
  { job, kind, firstAt: from }: MissedRow,
  transaction: JournalTransaction,
): MissedCut["hasRun"] {
  const beside = kind === "missed" ? transaction.missedAfter(job, from - 1) : [];
  const skipped = beside.filter((row) => row.kind === "skipped");
  return (at) =>
    transaction.runAt(job, at) !== null ||
    skipped.some(({ firstAt, lastAt }) => firstAt <= at && at <= lastAt);
}

/** The time up to which the schedule counts as decided: now, or before a record of the future. */
function decidedBefore(
  rows: readonly MissedRow[],
  { until, now }: { readonly until: Instant; readonly now: Instant },
): Instant {
  const firsts = rows.filter(({ recordedAt }) => recordedAt > now).map(({ firstAt }) => firstAt);
  return Math.min(until, Math.max(until - AGAIN_MS, Math.min(until + 1, ...firsts) - 1));
}

function splitMissed(transaction: JournalTransaction, { row, before, after }: Cut): void {
  if (before === null || after === null) return;
  transaction.saveMissed({ ...row, ...before });
  const { id: _, ...rest } = row;
  transaction.insertMissed({ ...rest, ...after }, false);
}
