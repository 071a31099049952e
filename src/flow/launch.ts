// Launch: a job whose fire time has come, from the decision to its planned action.
//
// Everything is decided from the journal's cursor, never from memory: so a fire time is run once
// (I2), and one that nobody could run is a record (missed) instead of silence.
import { describeError, messageOf, RunnerError } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import {
  type Decision,
  decideFires,
  isAtLeast,
  type Missed,
  spreadOffsetMs,
} from "../jobs/fires.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { launchWorkflow } from "../workflow/launch.ts";
import { type Edges, say } from "./edges.ts";
import type { ActionRow, RunRow } from "./inflight.ts";
import type { Cursor } from "./journal.ts";
import { planAction, type RunOrder } from "./plan.ts";

/** How late a fire time may be run as if on time. */
export interface LaunchWindow {
  readonly graceMs: Milliseconds;
  /** How far back a job that was never seen looks for its first fire time. */
  readonly firstLookMs: Milliseconds;
}

/** The daemon: a minute, so that a restart at the fire time does not lose it. */
export const DAEMON_WINDOW: LaunchWindow = { graceMs: 60_000, firstLookMs: 0 };

/** `--once` is driven from outside: whatever came due since the last pass is on time. */
export const ONCE_WINDOW: LaunchWindow = { graceMs: Number.MAX_SAFE_INTEGER, firstLookMs: 60_000 };

/** The planned actions of a job's due fire times, ready to be posted. */
export interface Launch {
  readonly planned: readonly ActionRow[];
  /** Fire times that could not be planned; each is a failed run in the journal. */
  readonly failed: number;
}

/**
 * Decides and plans what is due for one job.
 *
 * @throws {RunnerError} JOURNAL, when nothing can be remembered: then nothing was begun either.
 */
export async function launchDue(
  edges: Edges,
  entity: Entity,
  window: LaunchWindow,
): Promise<Launch> {
  const decision = decide(edges, entity, window);
  if (decision === null) return { planned: [], failed: 0 };
  await recordDecision(edges, entity, decision);
  const planned: ActionRow[] = [];
  let failed = 0;
  for (const firesAt of decision.fire) {
    if (await overlaps(edges, entity, firesAt)) continue;
    say(edges, entity.job, "info", "running");
    const row = await planOrRecord(edges, { entity, firesAt, requested: null });
    if (row === "failed") failed++;
    else if (row !== null) planned.push(row);
  }
  return { planned, failed };
}

/** Plans a run that is in the journal as requested: by an operator, or queued by overlap. */
export async function launchRequested(edges: Edges, entity: Entity, run: RunRow): Promise<Launch> {
  say(edges, entity.job, "info", "running");
  const row = await planOrRecord(edges, { entity, firesAt: run.firesAt, requested: run });
  if (row === "failed") return { planned: [], failed: 1 };
  return { planned: row === null ? [] : [row], failed: 0 };
}

/** The cursor that says: decided up to here, by this job's schedule. */
export function cursorOf(entity: Entity, decidedAt: Instant): Cursor {
  return { decidedAt, schedule: scheduleText(entity) };
}

/** Whether a cursor was written under the schedule that the job has now. */
export function isDecidedBy(cursor: Cursor, entity: Entity): boolean {
  return cursor.schedule === scheduleText(entity);
}

function scheduleText({ schedule }: Entity): string {
  return schedule === null ? "" : `${schedule.expression} ${schedule.timezone ?? ""}`.trim();
}

function decide(edges: Edges, entity: Entity, window: LaunchWindow): Decision | null {
  const { schedule, job } = entity;
  if (schedule === null) return null;
  const now = edges.clock.now() - spreadOffsetMs(job, entity.spreadMs);
  const cursor = edges.journal.cursor(job);
  const known = cursor !== null && isDecidedBy(cursor, entity);
  const decidedAt = known ? cursor.decidedAt : now - window.firstLookMs;
  const { graceMs } = window;
  return decideFires({ schedule, decidedAt, now, onMissed: entity.onMissed, graceMs });
}

/**
 * Records what is missed and moves the cursor up to the first fire time that is to be run: each
 * of those moves it on in the same transaction that plans it, so a crash between loses none.
 */
async function recordDecision(edges: Edges, entity: Entity, decision: Decision): Promise<void> {
  const first = decision.fire[0];
  const decidedAt = first === undefined ? decision.decidedAt : first - 1;
  const { missed } = decision;
  const cursor = edges.journal.cursor(entity.job);
  if (missed === null && cursor !== null) {
    // Where nothing is due, an old cursor says as much as a new one: that saves a write a job.
    const isSame = isDecidedBy(cursor, entity) && cursor.decidedAt <= decidedAt;
    if (first !== undefined || isSame) return;
  }
  const now = edges.clock.now();
  await edges.journal.write((transaction) => {
    transaction.setCursor(entity.job, cursorOf(entity, decidedAt));
    if (missed === null) return;
    const { job } = entity;
    transaction.insertMissed({ job, ...missed, reason: "it was not run in time", recordedAt: now });
  });
  if (missed !== null) say(edges, entity.job, "warning", missedText(missed));
}

function missedText({ count, firstAt, lastAt }: Missed): string {
  const first = new Date(firstAt).toISOString();
  const last = new Date(lastAt).toISOString();
  return count === 1
    ? `missed the fire time ${first}`
    : `missed ${isAtLeast(count) ? "at least " : ""}${count} fire times, ${first} to ${last}`;
}

/** Applies the job's overlap rule; true when this fire time is not to be planned now. */
async function overlaps(edges: Edges, entity: Entity, firesAt: Instant): Promise<boolean> {
  const { job, overlap } = entity;
  if (overlap === "allow" || edges.journal.openRuns(job) === 0) return false;
  const now = edges.clock.now();
  const queued = await edges.journal.write((transaction) => {
    transaction.setCursor(job, cursorOf(entity, firesAt));
    const waiting = transaction.runs(job, 1_000).some(({ state }) => state === "requested");
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

interface PlanOrder {
  readonly entity: Entity;
  readonly firesAt: Instant;
  readonly requested: RunRow | null;
}

/** Plans one run; a job's own mistake becomes a failed run in the journal, and a log line. */
async function planOrRecord(edges: Edges, order: PlanOrder): Promise<ActionRow | "failed" | null> {
  const { entity, firesAt, requested } = order;
  const { job } = entity;
  const run = { job, firesAt, cause: "schedule" } as const;
  const cursor = cursorOf(entity, firesAt);
  const which: RunOrder =
    requested === null ? { kind: "new", run, cursor } : { kind: "requested", run: requested };
  try {
    if (!entity.workflow) return await planAction(edges, { entity, run: which });
    await launchWorkflow(edges, { entity, run: which });
    return null;
  } catch (error) {
    if (error instanceof RunnerError && error.code === "JOURNAL") throw error;
    const text = error instanceof RunnerError ? describeError(error) : messageOf(error);
    say(edges, job, "err", `launchAction() -> ${text}`);
    await recordFailed(edges, order, { cursor, text });
    return "failed";
  }
}

async function recordFailed(
  edges: Edges,
  { entity, firesAt, requested }: PlanOrder,
  { cursor, text }: { readonly cursor: Cursor; readonly text: string },
): Promise<void> {
  const { job } = entity;
  const now = edges.clock.now();
  await edges.journal.write((transaction) => {
    const run =
      requested ?? transaction.insertRun({ job, firesAt, cause: "schedule" }, "failed", now);
    if (run === null) return;
    transaction.saveRun({ ...run, state: "failed", note: text, endedAt: now });
    if (requested === null) transaction.setCursor(job, cursor);
  });
}
