// Overview: everything that `status` tells, as one value: from the spool, the lock and the journal.
import { lockHolder } from "../edge/lock.ts";
import { shortfalls } from "../flow/shortfall.ts";
import { lateness } from "../flow/sign.ts";
import { coverageNow, isSignedAhead } from "../flow/signed-ahead.ts";
import { isAtLeast, spreadOffsetMs } from "../jobs/fires.ts";
import { nextFire } from "../jobs/schedule.ts";
import type { AlarmRow } from "../journal/alarms.ts";
import {
  type ActionRow,
  type Completeness,
  type DeliveryRow,
  isSwept,
  type RunRow,
} from "../journal/inflight.ts";
import type { JournalReads, MissedRow } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import { type WorkflowView, workflowViews } from "../workflow/view.ts";
import { describeErrors, type JobState } from "./jobs.ts";

/** The most rows of each list; `counts` of the journal say how many there are. */
export const ROWS_MAX = 1_000;

/** One action of a run and how it went. */
export interface ActionView {
  readonly name: string;
  /** The API's id; null until posted. */
  readonly actionId: number | null;
  readonly state: ActionRow["state"];
  /** What it waits for: `approval`, or its `canary`. @default null, nothing */
  readonly held?: ActionRow["held"];
  readonly resultPath: string | null;
  readonly completeness: Completeness | null;
  /** When its result is read once more, for answers that came late; null: never. */
  readonly sweepAt: Instant | null;
  readonly error: string | null;
}

/** The last run of a job. */
export interface RunView {
  readonly firesAt: Instant;
  readonly cause: RunRow["cause"];
  readonly state: RunRow["state"];
  readonly endedAt: Instant | null;
  readonly note: string | null;
  readonly actions: readonly ActionView[];
  /** What its results lack, such as "no command succeeded", or how little time agents had. */
  readonly warnings: readonly string[];
  readonly deliveries: readonly Pick<DeliveryRow, "plugin" | "state" | "attempts" | "error">[];
}

export interface JobView {
  readonly job: string;
  /** The cron expression; null for a job that runs by hand only, or is broken. */
  readonly schedule: string | null;
  /** Null: the zone of the host. */
  readonly timezone: string | null;
  readonly plugins: readonly string[];
  /** Null: never, or broken. */
  readonly nextAt: Instant | null;
  /** What people have signed of it ahead; null for a job that is signed live. */
  readonly calendar: CalendarView | null;
  /** What is wrong with it, a line a mistake; empty for a sound job. */
  readonly errors: readonly string[];
  readonly lastRun: RunView | null;
}

/** The calendar that a job posts from. */
export interface CalendarView {
  /** Null: none is installed. */
  readonly sequence: number | null;
  readonly signers: readonly string[];
  /** Windows that are still to come, of how many. */
  readonly left: number;
  readonly all: number;
  readonly lastAt: Instant | null;
  /** Why a new one is wanted. */
  readonly warning: string | null;
}

/** A planned or posted action. */
export interface InFlightView {
  readonly job: string;
  readonly actionId: number | null;
  readonly state: ActionRow["state"];
  /** What it waits for: `approval`, or its `canary`; else null. */
  readonly held: ActionRow["held"];
  readonly runId: number;
  readonly expireAt: Instant;
  /** When it is worked on next: posted again, or collected. */
  readonly nextAt: Instant | null;
  /** Tries that failed. */
  readonly attempts: number;
  readonly error: string | null;
}

/** A result that a plugin has not taken yet: pending, or dead until it is delivered again. */
export interface UndeliveredView {
  readonly job: string;
  readonly actionId: number | null;
  readonly plugin: string;
  readonly state: DeliveryRow["state"];
  /** Tries that were begun. */
  readonly attempts: number;
  readonly nextAt: Instant | null;
  readonly error: string | null;
}

/** Something that is wrong, and that people were told of. */
export type AlarmView = Pick<
  AlarmRow,
  "event" | "job" | "subject" | "runId" | "count" | "message" | "hint"
> & { readonly sinceAt: Instant };

export interface MissedView {
  readonly job: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
  /** There were more than were counted. */
  readonly isAtLeast: boolean;
  readonly reason: string;
}

export interface Overview {
  readonly directory: string;
  /** The process that works on the directory, or null. */
  readonly holder: number | null;
  readonly jobs: readonly JobView[];
  readonly inFlight: readonly InFlightView[];
  readonly undelivered: readonly UndeliveredView[];
  /** Runs of workflows that have not ended: the paused ones, then the open ones. */
  readonly workflows: readonly WorkflowView[];
  /** What is wrong now, where `[notify]` names somebody who is told. */
  readonly alarms: readonly AlarmView[];
  /** The newest first. */
  readonly missed: readonly MissedView[];
  /** Rows of the journal that cannot be read, each with what is wrong; nothing works on them. */
  readonly unreadable: readonly string[];
  /** How many there are altogether; the lists end at ROWS_MAX. */
  readonly counts: { readonly inFlight: number; readonly undelivered: number };
}

/** What is shown of missed fire times: the newest tell enough. */
const MISSED_MAX = 20;

/** What is shown of rows that cannot be read: `journal verify` lists them all. */
const UNREADABLE_MAX = 20;

/** @param journal Null when there is none yet, or it cannot be read. */
export function overviewOf(
  journal: JournalReads | null,
  spool: { directory: string; states: readonly JobState[]; now: Instant },
): Overview {
  const { directory, states, now } = spool;
  const counts = journal?.counts();
  const pendingDeliveries = counts?.pendingDeliveries ?? 0;
  return {
    directory,
    holder: lockHolder(directory)?.pid ?? null,
    jobs: states.map((state) => jobView(journal, state, now)),
    inFlight: (journal?.pendingActions(ROWS_MAX) ?? []).map(inFlightView),
    undelivered: (journal?.undelivered(ROWS_MAX) ?? []).map((row) => undeliveredView(journal, row)),
    workflows: journal === null ? [] : workflowViews(journal, ROWS_MAX),
    alarms: (journal?.openAlarms() ?? []).map(alarmView),
    // What a clock that was ahead has recorded, and is still to come, was not missed.
    missed: (journal?.missed(null, MISSED_MAX) ?? [])
      .filter(({ firstAt }) => firstAt <= now)
      .map(missedView),
    unreadable: journal?.unreadable(UNREADABLE_MAX) ?? [],
    counts: {
      inFlight: counts?.pendingActions ?? 0,
      undelivered: pendingDeliveries + (counts?.deadDeliveries ?? 0),
    },
  };
}

function jobView(
  journal: JournalReads | null,
  { job, entity, errors }: JobState,
  now: Instant,
): JobView {
  const schedule = entity?.schedule ?? null;
  const delayMs = spreadOffsetMs(job, entity?.spreadMs ?? 0);
  const fire = schedule === null ? null : nextFire(schedule, now - delayMs);
  const last = journal?.runs(job, 1)[0];
  return {
    job,
    schedule: schedule?.expression ?? null,
    timezone: schedule?.timezone ?? null,
    plugins: entity?.plugins ?? [],
    nextAt: fire === null ? null : fire + delayMs,
    calendar: calendarView(journal, { job, entity }, now),
    errors: describeErrors(errors),
    lastRun: journal === null || last === undefined ? null : runView(journal, last),
  };
}

/** @returns Null for a job that is signed live. */
export function calendarView(
  journal: JournalReads | null,
  { job, entity }: Pick<JobState, "job" | "entity">,
  now: Instant,
): CalendarView | null {
  if (entity === null || !isSignedAhead(entity)) return null;
  const { calendar, ...coverage } = coverageNow(journal, job, now);
  return { sequence: calendar?.sequence ?? null, signers: calendar?.signers ?? [], ...coverage };
}

function runView(journal: JournalReads, row: RunRow): RunView {
  const { firesAt, cause, state, endedAt, note } = row;
  const actions = journal.actionsOf(row.id);
  const deliveries = actions
    .flatMap(({ id }) => journal.deliveriesOf(id))
    .map(({ plugin, state, attempts, error }) => ({ plugin, state, attempts, error }));
  const went = { firesAt, cause, state, endedAt, note };
  const results = actions.flatMap(({ completeness }) => completeness ?? []);
  const warnings = [...lateness(actions), ...shortfalls(results)];
  return { ...went, actions: actions.map(actionView), warnings, deliveries };
}

function actionView(row: ActionRow): ActionView {
  const { name, actionId, state, held, resultPath, completeness, error, nextAt } = row;
  const sweepAt = isSwept(row) ? nextAt : null;
  return { name, actionId, state, held, resultPath, completeness, sweepAt, error };
}

function inFlightView(row: ActionRow): InFlightView {
  const { job, actionId, state, held, runId, expireAt, nextAt, attempts, error } = row;
  return { job, actionId, state, held, runId, expireAt, nextAt, attempts, error };
}

function undeliveredView(journal: JournalReads | null, row: DeliveryRow): UndeliveredView {
  const { job, plugin, state, attempts, nextAt, error } = row;
  const actionId = journal?.action(row.actionRow)?.actionId ?? null;
  return { job, actionId, plugin, state, attempts, nextAt, error };
}

function alarmView(row: AlarmRow): AlarmView {
  const { event, job, subject, runId, since, count, message, hint } = row;
  return { event, job, subject, runId, sinceAt: since, count, message, hint };
}

function missedView({ job, firstAt, lastAt, count, reason }: MissedRow): MissedView {
  return { job, firstAt, lastAt, count, isAtLeast: isAtLeast(count), reason };
}
