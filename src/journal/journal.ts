// Journal: what the runner remembers, as an interface over the rows of inflight.ts.
//
// All state that must survive a crash is here, and the runner keeps no copy of it: what to do next
// is always asked of the journal. So a restart needs no special path (I4), and other processes
// (`run`, `redeliver`, `status`) may write and read beside a daemon.
//
// Writes are grouped: many `write` calls of one turn of the event loop share one durable
// transaction. `write` resolves when its transaction is on disk (I1), never before.

import { type Instant, type Milliseconds, SECOND_MS } from "../time.ts";
import type { AlarmReads, AlarmWrites } from "./alarms.ts";
import type { AuditReads, AuditRow } from "./audit.ts";
import type { ActionRow, DeliveryRow, RunCause, RunRow } from "./inflight.ts";
import type { PauseReads, PauseRow, PauseWrites } from "./pauses.ts";
import type { StateReads, StateWrites } from "./state.ts";
import type { BodyRow, NewBody, NewStep, StepFrontier, StepRow } from "./steps.ts";
import type { CalendarReads, CalendarWrites } from "./windows.ts";

/** How long until a write is tried again that the journal could not make. */
export const JOURNAL_RETRY_MS: Milliseconds = 5 * SECOND_MS;

/** A run that is to be written. */
export interface NewRun {
  readonly job: string;
  readonly firesAt: Instant;
  readonly cause: RunCause;
  readonly source?: string | null;
  readonly deadlineAt?: Instant | null;
  readonly begunAt?: Instant | null;
  readonly params?: string | null;
  readonly notBefore?: Instant | null;
}

/** Fire times that are to be recorded. */
export type NewMissed = Omit<MissedRow, "id" | "kind"> & Partial<Pick<MissedRow, "kind">>;

/** An action that is to be written in state planned. */
export type NewAction = Pick<
  ActionRow,
  "runId" | "job" | "step" | "name" | "body" | "signature" | "expireAt" | "sendOnly" | "plugins"
> &
  Partial<Pick<ActionRow, "part" | "agentsMax" | "guards" | "pageSize" | "lifeMs" | "postBy">>;

export type NewDelivery = Pick<DeliveryRow, "actionRow" | "job" | "plugin" | "key"> &
  Partial<Pick<DeliveryRow, "resultPath">>;

/** Why fire times were not run: missed (they could not be), or skipped (on purpose). */
export const MISSED_KINDS = ["missed", "skipped"] as const;

/** Fire times of a job that were not run, from the first to the last of them. */
export interface MissedRow {
  readonly id: number;
  readonly kind: (typeof MISSED_KINDS)[number];
  readonly job: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  /** How many fire times; at least 1. Counted up to 10,000, then "at least". */
  readonly count: number;
  /** Such as "the runner was down" or "the API was down until the action had expired". */
  readonly reason: string;
  readonly recordedAt: Instant;
}

/** How far the schedule of a job has been decided. */
export interface Cursor {
  /** Fire times up to and including this one are decided: fired, skipped or recorded as missed. */
  readonly decidedAt: Instant;
  /** The schedule by which they were decided: under another one the cursor does not count. */
  readonly schedule: string;
  /**
   * Up to here they were decided by a clock that was ahead, or that is behind now: of those after
   * `decidedAt`, some have a run. Null when `decidedAt` is all there is.
   */
  readonly aheadAt: Instant | null;
}

/** A cursor that is to be written. */
export type NewCursor = Omit<Cursor, "aheadAt"> & Partial<Pick<Cursor, "aheadAt">>;

/** Rows that wait, and whose wait was set while the clock was ahead: see flow/clock-watch.ts. */
export interface AheadRows {
  readonly runs: readonly RunRow[];
  readonly actions: readonly ActionRow[];
  readonly deliveries: readonly DeliveryRow[];
  readonly bodies: readonly BodyRow[];
  readonly steps: readonly StepRow[];
  readonly pauses: readonly PauseRow[];
}

/** States in which an action is worked on; a collected one, when its result is read once more. */
export type ActiveState = "planned" | "posted" | "collected";

export interface JournalCounts {
  /** Planned and posted actions. */
  readonly pendingActions: number;
  readonly pendingDeliveries: number;
  readonly deadDeliveries: number;
  /** Workflow runs that are open. */
  readonly openBodies: number;
}

export interface JournalReads
  extends CalendarReads,
    AuditReads,
    AlarmReads,
    PauseReads,
    StateReads {
  run(id: number): RunRow | null;
  /** The newest runs of a job, newest first. */
  runs(job: string, limit: number): readonly RunRow[];
  /**
   * The runs of a job that ended or are paused, the latest fire time first; without those that
   * were given up before the time that they were asked for. One that fires after `until` was run
   * by a clock that was ahead: it is older than all that have begun after it.
   */
  endedRuns(job: string, until: Instant, limit: number): readonly RunRow[];
  /** The first of these that is done. */
  lastDone(job: string, until: Instant): RunRow | null;
  /** All runs in one state, oldest first. */
  runsIn(state: RunRow["state"], limit: number): readonly RunRow[];
  /** Runs that are requested, and not for a time that is still to come, oldest first. */
  dueRequests(now: Instant, limit: number): readonly RunRow[];
  /** Runs that are requested for a time, the first first. */
  timedRequests(limit: number): readonly RunRow[];
  /**
   * Runs of a job that are requested, open or paused, without those of which an action in flight
   * begins after a time: a clock that was ahead has dated it.
   */
  unsettledRuns(job: string, until: Instant): readonly RunRow[];
  /** The run of a job at a fire time, or null. */
  runAt(job: string, firesAt: Instant): RunRow | null;
  /** Runs that are open, or could not begin, whose deadline has passed. */
  overdueRuns(now: Instant, limit: number): readonly RunRow[];

  /**
   * Runs that ended before a time and of which nothing waits any more, without the newest of each
   * job; oldest first.
   */
  settledRuns(before: Instant, limit: number): readonly RunRow[];

  /** Names of jobs that have a run, in order, behind `after`. */
  jobsWithRuns(after: string, limit: number): readonly string[];
  /** The same runs of one job, without its newest `keep`. */
  surplusRuns(
    job: string,
    which: { readonly keep: number; readonly before: Instant },
    limit: number,
  ): readonly RunRow[];

  /** The body of a workflow run; null for any other run. */
  body(runId: number): BodyRow | null;
  /** Bodies of open runs of other jobs than these whose `nextAt` has come, most overdue first. */
  dueBodies(now: Instant, limit: number, without: readonly string[]): readonly BodyRow[];
  /** The text with this hash: a workflow's source, or a template. */
  source(hash: string): string | null;
  step(id: number): StepRow | null;
  stepNamed(runId: number, name: string): StepRow | null;
  /** The steps of a run in the order in which they were begun. */
  stepsOf(runId: number): readonly StepRow[];
  /** The step of a run that ended as this one, counted from 1. */
  stepAt(runId: number, sequence: number): StepRow | null;
  /** Begun steps of open runs whose `nextAt` has come, the most overdue first. */
  dueSteps(now: Instant, limit: number): readonly StepRow[];
  /** How far the steps of a run have ended; sequence 0 when none has. */
  frontier(runId: number): StepFrontier;

  action(id: number): ActionRow | null;
  /** The action with the API's id, or null. */
  actionById(actionId: number): ActionRow | null;
  /** Its state alone, which takes less time. */
  stateById(actionId: number): ActionRow["state"] | null;
  actionsOf(runId: number): readonly ActionRow[];
  /**
   * Actions in `state` whose `nextAt` has come, the most overdue first.
   *
   * @param without Keys of rows that are left out. @default none
   */
  dueActions(
    ...which: [
      state: ActiveState,
      now: Instant,
      limit: number,
      without?: readonly (number | string)[],
    ]
  ): readonly ActionRow[];
  /** All planned and posted actions, the next first; for `status` and `--wait`. */
  pendingActions(limit: number): readonly ActionRow[];
  /** Their ids and those of the API alone, which takes less time. */
  pendingIds(limit: number): readonly Pick<ActionRow, "id" | "actionId">[];

  delivery(id: number): DeliveryRow | null;
  deliveriesOf(actionRow: number): readonly DeliveryRow[];
  /** Pending deliveries whose `nextAt` has come, the most overdue first. */
  dueDeliveries(now: Instant, limit: number): readonly DeliveryRow[];
  /** Deliveries that are pending or dead, oldest first. */
  undelivered(limit: number): readonly DeliveryRow[];

  /** The earliest time after `now` that anything waits for; null when nothing does. */
  nextAt(now: Instant): Instant | null;
  /** Rows whose wait was set at a time after `now`, while the clock was ahead: some of each kind. */
  setAhead(now: Instant, limit: number): AheadRows;
  /** Changes whenever another process wrote: cheap to poll. Null when no other process can. */
  version(): number | null;
  counts(): JournalCounts;

  cursor(job: string): Cursor | null;
  /** The newest first, of one kind or of both. */
  missed(job: string | null, limit: number, kind?: MissedRow["kind"] | null): readonly MissedRow[];
  /** Rows of a job whose last fire time is after `at`. */
  missedAfter(job: string, at: Instant): readonly MissedRow[];

  /**
   * Rows that cannot be read, each with what is wrong with it. All other methods leave them out. In
   * a large journal only those are found that something waits for.
   */
  unreadable(limit: number): readonly string[];
  /** A step of a run that cannot be read, with what is wrong; null when all can be. */
  unreadableStep(runId: number): string | null;
  /** Open runs without a workflow that have nothing left to wait for. */
  strandedRuns(limit: number): readonly RunRow[];
}

/** A row that was taken out of the journal because it could not be read. */
export interface RemovedRow {
  readonly table: string;
  /** Which row it was, and what was wrong with it. */
  readonly text: string;
  /** The run that it was a part of, if it says. */
  readonly runId: number | null;
  /** All of it. */
  readonly json: string;
}

export interface JournalTransaction
  extends JournalReads,
    CalendarWrites,
    AlarmWrites,
    PauseWrites,
    StateWrites {
  /** Null when (job, firesAt) has a run already: I2 is kept here, by a unique index. */
  insertRun(run: NewRun, state: RunRow["state"], now: Instant): RunRow | null;
  saveRun(row: RunRow): void;
  /** Planned, due at once, and taken to be possibly sent until proved otherwise (I3). */
  insertAction(action: NewAction, now: Instant): ActionRow;
  saveAction(row: ActionRow): void;
  /** Stores a text under its hash, once. */
  insertSource(hash: string, text: string): void;
  insertBody(body: NewBody): void;
  saveBody(row: BodyRow): void;
  /** Null when the run has a step of this name already. */
  insertStep(step: NewStep): StepRow | null;
  saveStep(row: StepRow): void;
  /** Forgets a step that failed and is not asked for any more. */
  removeStep(id: number): void;
  /** Null when this result is already on its way to this plugin. */
  insertDelivery(delivery: NewDelivery, now: Instant): DeliveryRow | null;
  saveDelivery(row: DeliveryRow): void;
  setCursor(job: string, cursor: NewCursor): void;
  /** Forgets how far a removed job was decided. */
  removeCursor(job: string): void;
  /** @param isNew False: a part of a record that is there already. @default true */
  insertMissed(missed: NewMissed, isNew?: boolean): void;
  /** A row of the audit log: see `appendAudit`, which makes it. */
  insertAudit(row: AuditRow): void;
  saveMissed(row: MissedRow): void;
  dropMissed(id: number): void;
  /** Forgets runs with all that belongs to them. */
  removeRuns(ids: readonly number[]): void;
  /**
   * Takes out the unreadable rows of whatever a word names (a job, a run's id, or the API's id of
   * an action), together with the rows that refer to them.
   */
  removeUnreadable(word: string): readonly RemovedRow[];
  /** Forgets what was recorded before a time. Answers how many rows it was, at most `limit`. */
  removeMissed(before: Instant, limit: number): number;
}

export interface Journal extends JournalReads {
  /**
   * Runs `work` inside a durable transaction and resolves with its value once that is on disk.
   * If `work` throws, only what it wrote is undone, and the promise rejects. It may be run more
   * than once, and what it did before is undone then: it changes nothing but the journal.
   *
   * @throws {RunnerError} JOURNAL, when the disk is full or the file cannot be written.
   */
  write<T>(work: (transaction: JournalTransaction) => T): Promise<T>;
  close(): Promise<void>;
}
