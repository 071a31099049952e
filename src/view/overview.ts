// Overview: everything that `status` tells, as one value: from the jobs, the lock and the journal.

import { describeError } from "../errors.ts";
import { shortfalls } from "../flow/shortfall.ts";
import { lateness } from "../flow/sign.ts";
import { type Coverage, coverageOf } from "../flow/signed-ahead.ts";
import type { JobState } from "../jobs/catalog.ts";
import { isSignedAhead } from "../jobs/entity.ts";
import { isAtLeast, spreadOffsetMs } from "../jobs/fires.ts";
import {
  type Blackout,
  blackoutReason,
  endOf,
  type FireHold,
  holdsJob,
  pauseReason,
} from "../jobs/hold.ts";
import { nextFire } from "../jobs/schedule.ts";
import type { AlarmRow } from "../journal/alarms.ts";
import {
  type ActionRow,
  awaitsSweep,
  type Completeness,
  type DeliveryRow,
  type RunRow,
} from "../journal/inflight.ts";
import type { MissedRow } from "../journal/journal.ts";
import type { PauseRow } from "../journal/pauses.ts";
import type { Reading, RunRows, Undelivered } from "../journal/reading.ts";
import type { Instant } from "../time.ts";
import { questionsIn } from "../workflow/answers.ts";
import {
  type QuestionView,
  questionViews,
  type WorkflowView,
  workflowView,
} from "../workflow/view.ts";

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
  /** Names of what its workflow asks people, and no one has answered yet. */
  readonly asks: readonly string[];
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
  /** When its schedule has ended; null: it has not. */
  readonly endedAt: Instant | null;
  /** What people have signed of it ahead; null for a job that is signed live. */
  readonly calendar: CalendarView | null;
  /** What is wrong with it, a line a mistake; empty for a sound job. */
  readonly errors: readonly string[];
  readonly lastRun: RunView | null;
  /** What holds its fire times now; null: nothing. */
  readonly held: HeldView | null;
}

/** Why a job does not fire by its schedule now, or from then on. */
export interface HeldView {
  /** Null: until somebody ends it. */
  readonly untilAt: Instant | null;
  /** What becomes of its fire times. */
  readonly action: FireHold["kind"];
  readonly reason: string;
}

/** A run that is to start later. */
export interface AskedView {
  readonly job: string;
  readonly runId: number;
  readonly notBeforeAt: Instant;
  /** JSON of its parameters; null: it has none, or those of its job. */
  readonly params: string | null;
  /** Why it has not begun although its time has come; null: it has not, or no reason is known. */
  readonly note: string | null;
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
  /** How many attempts failed: the name is that of the output. */
  readonly attempts: number;
  readonly error: string | null;
}

/** A result that a plugin has not taken yet: pending, or dead until it is delivered again. */
export interface UndeliveredView {
  readonly job: string;
  readonly runId: number | null;
  readonly actionId: number | null;
  readonly plugin: string;
  readonly state: DeliveryRow["state"];
  /** How many attempts were begun. */
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
  /** Runs that people have asked for at a time, and that have not begun; the first first. */
  readonly asked: readonly AskedView[];
  readonly inFlight: readonly InFlightView[];
  readonly undelivered: readonly UndeliveredView[];
  /** Runs of workflows that have not ended: the paused ones, then the open ones. */
  readonly workflows: readonly WorkflowView[];
  /** What runs ask people, and no one has answered yet. */
  readonly questions: readonly QuestionView[];
  /** What is wrong now, where `[notify]` names somebody who is told. */
  readonly alarms: readonly AlarmView[];
  /** The newest first. */
  readonly missed: readonly MissedView[];
  /** The same of those that people wanted skipped. */
  readonly skipped: readonly MissedView[];
  /** Rows of the journal that cannot be read, each with what is wrong; nothing works on them. */
  readonly unreadable: readonly string[];
  /** How many there are altogether; the lists end at ROWS_MAX. */
  readonly counts: { readonly inFlight: number; readonly undelivered: number };
}

/** What is shown of missed fire times: the newest tell enough. */
const MISSED_MAX = 20;

/** What is shown of rows that cannot be read: `journal verify` lists them all. */
const UNREADABLE_MAX = 20;

/** What an overview is put together from. */
export interface Sources {
  /** Null when there is none yet, or it cannot be read. */
  readonly reading: Reading | null;
  readonly directory: string;
  readonly holder: number | null;
  readonly states: readonly JobState[];
  /** Times in which the configuration holds jobs. @default none */
  readonly blackouts?: readonly Blackout[];
  readonly now: Instant;
}

/** Everything, each list up to ROWS_MAX. */
export async function overviewOf(sources: Sources): Promise<Overview> {
  const { reading, directory, holder, states, blackouts = [], now } = sources;
  const counts = await reading?.counts();
  const workflows = (await reading?.openWorkflows(ROWS_MAX)) ?? [];
  return {
    directory,
    holder,
    jobs: await jobViews({ reading, states, blackouts, now }),
    asked: ((await reading?.timedRequests(ROWS_MAX)) ?? []).flatMap(askedView),
    inFlight: ((await reading?.inFlight(ROWS_MAX)) ?? []).map(inFlightView),
    undelivered: ((await reading?.undelivered(ROWS_MAX)) ?? []).map(undeliveredView),
    workflows: workflows.map(workflowView),
    questions: workflows.flatMap(questionViews).slice(0, ROWS_MAX),
    alarms: ((await reading?.openAlarms()) ?? []).map(alarmView),
    missed: await missedViews(reading, { kind: "missed", limit: MISSED_MAX, now }),
    skipped: await missedViews(reading, { kind: "skipped", limit: MISSED_MAX, now }),
    unreadable: (await reading?.unreadable(UNREADABLE_MAX)) ?? [],
    counts: {
      inFlight: counts?.pendingActions ?? 0,
      undelivered: (counts?.pendingDeliveries ?? 0) + (counts?.deadDeliveries ?? 0),
    },
  };
}

async function missedViews(
  reading: Reading | null,
  { now, ...which }: Parameters<Reading["missed"]>[0] & { readonly now: Instant },
): Promise<readonly MissedView[]> {
  const page = await reading?.missed(which);
  // What a clock that was ahead has recorded, and is still to come, was not missed.
  return (page?.rows ?? []).filter(({ firstAt }) => firstAt <= now).map(missedView);
}

/** A job, and what may hold it: its pauses as they were read, if they were. */
type HeldJob = JobState & {
  readonly pauses?: readonly PauseRow[];
  readonly blackouts?: readonly Blackout[];
};

/** Several jobs, for which the pauses are read once. */
export async function jobViews({
  reading,
  states,
  blackouts = [],
  now,
}: Omit<Sources, "directory" | "holder">): Promise<readonly JobView[]> {
  const pauses = Map.groupBy((await reading?.pauses(now)) ?? [], ({ job }) => job);
  const jobs: JobView[] = [];
  for (const state of states) {
    const held = { pauses: pauses.get(state.job) ?? [], blackouts };
    jobs.push(await jobView(reading, { ...state, ...held }, now));
  }
  return jobs;
}

/** One job, when it comes next, what holds it, and how its last run went. */
export async function jobView(
  reading: Reading | null,
  { job, entity, errors, pauses, blackouts = [] }: HeldJob,
  now: Instant,
): Promise<JobView> {
  const last = (await reading?.lastRun(job)) ?? null;
  const isAhead = entity !== null && isSignedAhead(entity);
  const installed = isAhead ? ((await reading?.calendar(job, now)) ?? null) : null;
  return {
    job,
    schedule: entity?.schedule?.expression ?? null,
    timezone: entity?.schedule?.timezone ?? null,
    plugins: entity?.plugins ?? [],
    nextAt: nextFireOf({ job, entity }, now),
    endedAt: endOfSchedule(entity, now),
    calendar: isAhead ? calendarView(coverageOf(installed, entity, now)) : null,
    errors: errors.map(describeError),
    lastRun: last === null ? null : runView(last),
    held: heldView(
      pauses ?? (await pausesOf(reading, job, now)),
      blackouts.filter((one) => holdsJob(one, job)),
      now,
    ),
  };
}

function endOfSchedule(entity: JobState["entity"], now: Instant): Instant | null {
  const until = entity?.schedule?.until ?? null;
  return until !== null && until <= now ? until : null;
}

async function pausesOf(
  reading: Reading | null,
  job: string,
  now: Instant,
): Promise<readonly PauseRow[]> {
  return ((await reading?.pauses(now)) ?? []).filter((pause) => pause.job === job);
}

/** A pause, or the blackout that ends last of those that are in force. */
function heldView(
  pauses: readonly PauseRow[],
  blackouts: readonly Blackout[],
  now: Instant,
): HeldView | null {
  const pause = pauses.at(-1);
  if (pause !== undefined) {
    return { untilAt: pause.until, action: "skip", reason: pauseReason(pause) };
  }
  const [last] = blackouts
    .map((blackout) => ({ blackout, untilAt: endOf(blackout, now) ?? 0 }))
    .filter(({ untilAt }) => untilAt > 0)
    .toSorted((left, right) => right.untilAt - left.untilAt);
  if (last === undefined) return null;
  const { blackout, untilAt } = last;
  return { untilAt, action: blackout.action, reason: blackoutReason(blackout) };
}

/** When a job fires next, with the delay by which it is spread; null: never by itself. */
export function nextFireOf(
  { job, entity }: Pick<JobState, "job" | "entity">,
  now: Instant,
): Instant | null {
  if (entity === null || entity.schedule === null) return null;
  const delayMs = spreadOffsetMs(job, entity.spreadMs);
  const fire = nextFire(entity.schedule, now - delayMs);
  return fire === null ? null : fire + delayMs;
}

function calendarView({ calendar, ...coverage }: Coverage): CalendarView {
  return { sequence: calendar?.sequence ?? null, signers: calendar?.signers ?? [], ...coverage };
}

function runView({ run, actions, deliveries, steps }: RunRows): RunView {
  const { firesAt, cause, state, endedAt, note } = run;
  const results = actions.flatMap(({ completeness }) => completeness ?? []);
  return {
    firesAt,
    cause,
    state,
    endedAt,
    note,
    actions: actions.map(actionView),
    asks: questionsIn(run, steps).map(({ name }) => name),
    warnings: [...lateness(actions), ...shortfalls(results)],
    deliveries: deliveries.map(({ plugin, state, attempts, error }) => ({
      plugin,
      state,
      attempts,
      error,
    })),
  };
}

function actionView(row: ActionRow): ActionView {
  const { name, actionId, state, held, resultPath, completeness, error, nextAt } = row;
  const sweepAt = awaitsSweep(row) ? nextAt : null;
  return { name, actionId, state, held, resultPath, completeness, sweepAt, error };
}

/** A run that is to start later as people see it. */
function askedView({ job, id: runId, notBefore, params, note }: RunRow): AskedView[] {
  return notBefore === null ? [] : [{ job, runId, notBeforeAt: notBefore, params, note }];
}

/** An action in flight as people see it. */
export function inFlightView(row: ActionRow): InFlightView {
  const { job, actionId, state, held, runId, expireAt, nextAt, failures, error } = row;
  return { job, actionId, state, held, runId, expireAt, nextAt, attempts: failures, error };
}

function undeliveredView({ delivery, runId, actionId }: Undelivered): UndeliveredView {
  const { job, plugin, state, attempts, nextAt, error } = delivery;
  return { job, runId, actionId, plugin, state, attempts, nextAt, error };
}

function alarmView(row: AlarmRow): AlarmView {
  const { event, job, subject, runId, since, count, message, hint } = row;
  return { event, job, subject, runId, sinceAt: since, count, message, hint };
}

function missedView({ job, firstAt, lastAt, count, reason }: MissedRow): MissedView {
  return { job, firstAt, lastAt, count, isAtLeast: isAtLeast(count), reason };
}
