// Launch: a job whose fire time has come, from the decision to its planned action.
//
// Everything is decided from the journal's cursor, never from memory: so a fire time is run once
// (I2), and a fire time that could not be run is recorded as missed.
import { assert, describeError, isJournalError } from "../errors.ts";
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import {
  type Decision,
  decideFires,
  isAtLeast,
  launchHorizon,
  launchOffsetMs,
  type Missed,
  type Skipped,
} from "../jobs/fires.ts";
import { type ActionRow, type RunRow, wasTried } from "../journal/inflight.ts";
import type { Cursor } from "../journal/journal.ts";
import { type Instant, MINUTE_MS, type Milliseconds, spanText } from "../time.ts";
import { cursorOf, isDecidedBy } from "./cursor.ts";
import { canBeMet, deferRun } from "./defer.ts";
import { type Edges, say } from "./edges.ts";
import { holdOf, recordSkipped } from "./holds.ts";
import type { RunOrder } from "./order.ts";
import { planAction } from "./plan.ts";
import { moveCursor, rewindCursor } from "./rewind.ts";
import { coverageAfter, findWindow } from "./signed-ahead.ts";

/** How late a fire time may be run as if on time. */
export interface Lateness {
  readonly graceMs: Milliseconds;
  /** How far back a job that was never seen looks for its first fire time. */
  readonly firstLookMs: Milliseconds;
}

/** The daemon: a minute, so that a restart at the fire time does not lose it. */
export const DAEMON_LATENESS: Lateness = { graceMs: 60_000, firstLookMs: 0 };

/** `--once` is driven from outside: whatever came due since the last pass is on time. */
export const ONCE_LATENESS: Lateness = { graceMs: Number.MAX_SAFE_INTEGER, firstLookMs: 60_000 };

/** An action that begins further ahead was dated while the clock was ahead: no run waits for it. */
export const FUTURE_MS: Milliseconds = 300_000;

/** A run that was asked for a time and starts later than this is told of. */
const LATE_MS: Milliseconds = MINUTE_MS;

/** The planned actions of a job's due fire times, ready to be posted. */
export interface Launch {
  readonly planned: readonly ActionRow[];
  /** Fire times that could not be planned; each is a failed run in the journal. */
  readonly failed: number;
  /** Runs that could not begin now and are to be tried again. */
  readonly deferred: readonly Deferral[];
  /** When the delayed fire times are to be decided; null: none is delayed. */
  readonly waitUntil: Instant | null;
}

/** A run that could not begin because of something temporary, and waits (defer.ts). */
export interface Deferral {
  readonly runId: number;
  readonly job: string;
  readonly why: string;
}

const NOTHING: Launch = { planned: [], failed: 0, deferred: [], waitUntil: null };

/**
 * Decides and plans what is due for one job.
 *
 * @throws {RunnerError} JOURNAL, when it cannot be written: then nothing was begun.
 */
export async function launchDue(edges: Edges, entity: Entity, lateness: Lateness): Promise<Launch> {
  await rewindCursor(edges, entity);
  const decision = decide(edges, entity, lateness);
  if (decision === null) return NOTHING;
  await recordDecision(edges, entity, decision);
  const { aheadAt, waitUntil } = decision;
  const launches: Launch[] = [];
  for (const firesAt of decision.fire) {
    const cursor = cursorOf(entity, firesAt, aheadAt);
    if (await lacksWindow(edges, entity, { firesAt, cursor })) continue;
    if (await overlaps(edges, entity, { firesAt, cursor })) continue;
    say(edges, entity.job, "info", "running");
    const run = { job: entity.job, firesAt, cause: "schedule" } as const;
    const firing = { kind: "new", run, cursor } as const;
    launches.push(await planOrRecord(edges, { entity, firing }));
    const few = isSignedAhead(entity) ? coverageAfter(edges.journal, entity, firesAt) : null;
    if (few !== null) say(edges, entity.job, "warning", `its calendar: ${few}`);
  }
  return {
    planned: launches.flatMap((launch) => launch.planned),
    failed: launches.reduce((sum, { failed }) => sum + failed, 0),
    deferred: launches.flatMap(({ deferred }) => deferred),
    waitUntil: waitUntil === null ? null : waitUntil + launchOffsetMs(entity),
  };
}

/**
 * Plans a run that is in the journal as requested: by an operator, queued by overlap, or because it
 * could not begin before.
 */
export async function launchRequested(edges: Edges, entity: Entity, run: RunRow): Promise<Launch> {
  const { notBefore } = run;
  const about = { job: entity.job, runId: run.id };
  const lateMs = edges.clock.now() - (notBefore ?? Number.POSITIVE_INFINITY);
  if (lateMs > LATE_MS && !wasTried(run)) {
    const by = spanText(lateMs);
    say(edges, about, "warning", `run ${run.id} starts ${by} later than it was asked to`);
  }
  say(edges, about, "info", "running");
  return await planOrRecord(edges, { entity, firing: { kind: "requested", run } });
}

function decide(edges: Edges, entity: Entity, lateness: Lateness): Decision | null {
  const { schedule, job } = entity;
  if (schedule === null) return null;
  const now = edges.clock.now() - launchOffsetMs(entity);
  const cursor = edges.journal.cursor(job);
  const known = cursor !== null && isDecidedBy(cursor, entity);
  const from = known ? cursor : { decidedAt: now - lateness.firstLookMs, aheadAt: null };
  // With `postahead` the launch comes before the fire time, from which lateness counts.
  const graceMs = Math.min(lateness.graceMs + entity.postAheadMs, Number.MAX_SAFE_INTEGER);
  const hasRun = (at: Instant): boolean => edges.journal.runAt(job, at) !== null;
  const hold = holdOf(edges, job, Math.min(from.decidedAt, now));
  return decideFires({ ...from, schedule, now, onMissed: entity.onMissed, graceMs, hasRun, hold });
}

/**
 * Records missed and skipped fire times, and moves the cursor up to the first fire time to run.
 * Each run then moves the cursor on in the transaction that plans it, so a crash between them loses
 * none.
 */
async function recordDecision(edges: Edges, entity: Entity, decision: Decision): Promise<void> {
  const first = decision.fire[0];
  const decidedAt = first === undefined ? decision.decidedAt : first - 1;
  const { aheadAt, missed, skipped } = decision;
  const cursor = edges.journal.cursor(entity.job);
  if (missed === null && skipped.length === 0 && cursor !== null) {
    // When nothing is due, the old cursor says the same as a new one would: no write is needed.
    const isKnown = isDecidedBy(cursor, entity) && cursor.decidedAt <= decidedAt;
    const isSame = isKnown && cursor.aheadAt === aheadAt;
    if (first !== undefined || isSame) return;
  }
  const now = edges.clock.now();
  await edges.journal.write((transaction) => {
    const { job } = entity;
    moveCursor(transaction, entity, cursorOf(entity, decidedAt, aheadAt));
    for (const each of skipped) recordSkipped(transaction, entity, { ...each, recordedAt: now });
    if (missed === null) return;
    transaction.insertMissed({ job, ...missed, reason: "it was not run in time", recordedAt: now });
  });
  for (const each of skipped) say(edges, entity.job, "info", skippedText(each));
  if (missed !== null) say(edges, entity.job, "warning", missedText(missed));
}

function skippedText({ reason, ...times }: Skipped): string {
  return `${missedText(times).replace("missed", "skipped")}: ${reason}`;
}

function missedText({ count, firstAt, lastAt }: Missed): string {
  const first = new Date(firstAt).toISOString();
  const last = new Date(lastAt).toISOString();
  return count === 1
    ? `missed the fire time ${first}`
    : `missed ${isAtLeast(count) ? "at least " : ""}${count} fire times, ${first} to ${last}`;
}

/** With a calendar: records a fire time without a window as missed. True when it was one. */
async function lacksWindow(
  edges: Edges,
  entity: Entity,
  { firesAt, cursor }: { readonly firesAt: Instant; readonly cursor: Cursor },
): Promise<boolean> {
  if (!isSignedAhead(entity)) return false;
  const { job } = entity;
  const now = edges.clock.now();
  const found = findWindow(edges.journal, { job, firesAt, now });
  // When the fire time has a run already, that run has used the window (I2).
  if (!("reason" in found) || edges.journal.runAt(job, firesAt) !== null) return false;
  const missed = { job, firstAt: firesAt, lastAt: firesAt, count: 1 };
  await edges.journal.write((transaction) => {
    moveCursor(transaction, entity, cursor);
    transaction.insertMissed({ ...missed, reason: found.reason, recordedAt: now });
  });
  say(edges, job, "err", `${missedText(missed)}: ${found.reason}`);
  return true;
}

/** Applies the job's overlap rule; true when this fire time is not to be planned now. */
async function overlaps(
  edges: Edges,
  entity: Entity,
  { firesAt, cursor }: { readonly firesAt: Instant; readonly cursor: Cursor },
): Promise<boolean> {
  const { job, overlap } = entity;
  const now = edges.clock.now();
  const until = launchHorizon(entity, now) + FUTURE_MS;
  if (overlap === "allow" || edges.journal.unsettledRuns(job, until).length === 0) return false;
  const queued = await edges.journal.write((transaction) => {
    moveCursor(transaction, entity, cursor);
    const before = transaction.unsettledRuns(job, until);
    const waiting = before.some(({ state }) => state === "requested");
    if (overlap === "queue" && !waiting) {
      return transaction.insertRun({ job, firesAt, cause: "schedule" }, "requested", now) !== null;
    }
    const reason = "the run before it was still open";
    const missed = { job, firstAt: firesAt, lastAt: firesAt, count: 1 };
    transaction.insertMissed({ ...missed, reason, recordedAt: now });
    return false;
  });
  const what = queued ? "queued behind the open run" : "skipped: the run before is still open";
  say(edges, job, "warning", `fire time ${new Date(firesAt).toISOString()} ${what}`);
  return true;
}

/**
 * Plans one run. A temporary failure lets the run wait (defer.ts); a mistake in the job becomes a
 * failed run in the journal, and a log line.
 */
async function planOrRecord(edges: Edges, order: RunOrder): Promise<Launch> {
  const { entity } = order;
  const { job } = entity;
  try {
    if (entity.workflow) {
      assert(edges.launchWorkflow !== undefined, `nothing here can run the workflow of ${job}`);
      await edges.launchWorkflow(order);
      return NOTHING;
    }
    const row = await planAction(edges, order);
    return row === null ? NOTHING : { ...NOTHING, planned: [row] };
  } catch (error) {
    if (isJournalError(error)) throw error;
    const why = describeError(error);
    const runId = await recordUnbegun(edges, order, {
      why,
      canWait: await canBeMet(edges, job, error),
    });
    if (runId !== null) return { ...NOTHING, deferred: [{ runId, job, why }] };
    say(edges, job, "err", `launchAction() -> ${why}`);
    return { ...NOTHING, failed: 1 };
  }
}

/** Journals a run that could not begin: as waiting (its id is returned), or as failed (null). */
async function recordUnbegun(
  edges: Edges,
  { entity, firing }: RunOrder,
  { why, canWait }: { readonly why: string; readonly canWait: boolean },
): Promise<number | null> {
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    // Before the run is written: moveCursor looks at the runs that exist beyond the old cursor.
    if (firing.kind === "new") moveCursor(transaction, entity, firing.cursor);
    const run =
      firing.kind === "requested"
        ? transaction.run(firing.run.id)
        : transaction.insertRun(firing.run, "requested", now);
    // Another process has begun it, or an operator has dropped it.
    if (run?.state !== "requested") return null;
    if (canWait && deferRun(transaction, run, { entity, why, now })) return run.id;
    const begunAt = run.begunAt ?? now;
    transaction.saveRun({ ...run, state: "failed", note: why, begunAt, endedAt: now });
    return null;
  });
}
