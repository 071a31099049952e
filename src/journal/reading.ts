// Reading: what people look at of a journal, as one interface beside the owner's own (journal.ts).
//
// Everything here is asynchronous and comes in pages, and nothing here writes. Verbs, pages and
// metrics all read through it, so a journal kept elsewhere than in SQLite only has to provide this.

import type { Instant } from "../time.ts";
import type { AlarmRow } from "./alarms.ts";
import type { AuditRow } from "./audit.ts";
import type { ActionRow, Completeness, DeliveryRow, RunRow } from "./inflight.ts";
import type { JournalCounts, MissedRow } from "./journal.ts";
import type { PauseRow } from "./pauses.ts";
import type { StepRow } from "./steps.ts";
import type { Try } from "./tries.ts";
import type { CalendarRow, Coverage, WindowRow } from "./windows.ts";

/** One action of a run, as its history tells it. */
export interface ActionRecord {
  /** The API's id; null until posted. */
  readonly actionId: number | null;
  /** "" for the job's own action, else the step that made it. */
  readonly step: string;
  readonly state: ActionRow["state"];
  readonly postedAt: Instant | null;
  /** Until when agents may answer. */
  readonly expireAt: Instant;
  /** How many agents the API has sent it to, as far as it has said so. */
  readonly agents: number | null;
  /** Commands in the result by status, such as {"success": 78, "expired": 2}. */
  readonly commands: Readonly<Record<string, number>>;
  readonly completeness: Completeness | null;
  /** When its result was written; null: not yet, or by a version that did not note it. */
  readonly collectedAt: Instant | null;
  /** Posts and collects that failed, the first first; only of the newest ways to fail. */
  readonly tries: readonly Try[];
  readonly resultPath: string | null;
  /** Of the file as it was written, in hexadecimal. */
  readonly resultSha256: string | null;
  readonly error: string | null;
}

/** One delivery of a run. */
export type DeliveryRecord = Pick<
  DeliveryRow,
  "plugin" | "state" | "attempts" | "nextAt" | "error"
> & {
  readonly actionId: number | null;
  /** Tries that failed, since it was queued. */
  readonly tries: readonly Try[];
  /** When it was delivered or given up; null: not yet. */
  readonly endedAt: Instant | null;
};

/** One step of a workflow run. Its value only where one run is asked for. */
export type StepRecord = Pick<StepRow, "name" | "kind" | "state" | "error" | "endedAt"> & {
  /** When it was begun; null: by a version that did not note it. */
  readonly begunAt: Instant | null;
  /** How many attempts failed: the name is that of the output. */
  readonly attempts: number;
  /** JSON of what the body got; null where there is none. */
  readonly value?: string | null;
  /** What people were asked; only of a step that asks, where one run is asked for. */
  readonly show?: unknown;
  /** Who has answered; null: no one. */
  readonly answer?: AnswerRecord | null;
};

/** What a person said, and when. */
export interface AnswerRecord {
  readonly by: string;
  readonly why: string | null;
  readonly answeredAt: Instant;
}

/** All that is known of one run. */
export interface RunRecord {
  readonly run: number;
  readonly job: string;
  readonly cause: RunRow["cause"];
  readonly firesAt: Instant;
  /** When it was begun; null: not yet, or by a version that did not note it. */
  readonly startedAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly state: RunRow["state"];
  /** Why it failed, is paused or waits. */
  readonly error: string | null;
  /** A remark on a run that is done. */
  readonly note: string | null;
  /** JSON of its parameters; null: it has none. */
  readonly params: string | null;
  /** When it was asked to start, at the earliest; null: at once, or by its schedule. */
  readonly notBeforeAt: Instant | null;
  readonly actions: readonly ActionRecord[];
  readonly deliveries: readonly DeliveryRecord[];
  readonly steps: readonly StepRecord[];
}

/** Whether a run was asked for at a time and has not begun: it waits, or was given up before. */
export function isUnbegun({
  notBeforeAt,
  startedAt,
}: Pick<RunRecord, "notBeforeAt" | "startedAt">): boolean {
  return notBeforeAt !== null && startedAt === null;
}

/** A place in the history: behind this run, the next page begins. */
export type HistoryPlace = Pick<RunRow, "firesAt" | "id">;

/** Which runs are asked for. */
export interface HistoryQuestion {
  /** @default of all jobs */
  readonly job?: string | null;
  /** Those that failed, are paused, or have a result that no plugin took. @default false */
  readonly failed?: boolean;
  /** Fired at this time or later. */
  readonly since?: Instant | null;
  readonly behind?: HistoryPlace | null;
  /** Runs in the page, at most PAGE_MAX. */
  readonly limit: number;
}

/** The most runs of one page: a longer one would hold up the event loop. */
export const PAGE_MAX = 200;

/** Some runs, the latest fire time first. */
export interface HistoryPage {
  readonly runs: readonly RunRecord[];
  /** Where the next page begins; null after the last. */
  readonly next: HistoryPlace | null;
}

/** The rows of one run. */
export interface RunRows {
  readonly run: RunRow;
  readonly actions: readonly ActionRow[];
  readonly deliveries: readonly DeliveryRow[];
  /** Of a workflow run that is open; of others none are wanted. */
  readonly steps: readonly StepRow[];
}

/** A workflow run that has not ended, with its steps in the order in which they were begun. */
export interface OpenWorkflow {
  readonly run: RunRow;
  readonly steps: readonly StepRow[];
}

/** A result that a plugin has not taken yet. */
export interface Undelivered {
  readonly delivery: DeliveryRow;
  readonly runId: number | null;
  readonly actionId: number | null;
}

/** The calendar that holds for a job, and how far it reaches. */
export interface InstalledCalendar {
  readonly calendar: CalendarRow;
  readonly coverage: Coverage;
}

/** Which rows of a log are asked for: the newest, or those before one of them. */
export interface LogQuestion {
  /** The id of the row behind which the page begins. @default the newest row is the first */
  readonly before?: number | null;
  /** @default of all jobs */
  readonly job?: string | null;
  /** Rows in the page, at most PAGE_MAX. */
  readonly limit: number;
}

/** Some rows of a log, the newest first. */
export interface LogPage<Row> {
  readonly rows: readonly Row[];
  /** Before which row the next page begins; null after the last. */
  readonly next: number | null;
}

/** What a monitoring system is told of a journal. What is counted only grows. */
export interface JournalMetrics {
  /** Ends of runs by job and state, and when the last one was. */
  readonly runs: readonly {
    readonly job: string;
    readonly state: "done" | "failed";
    readonly count: number;
    readonly lastAt: Instant | null;
  }[];
  /** Fire times that nobody ran, without those that people wanted skipped. */
  readonly missed: readonly { readonly job: string; readonly count: number }[];
  /** Commands that were collected, by the status that they had. */
  readonly commands: readonly { readonly status: string; readonly count: number }[];
  /** Results that a plugin has not taken. */
  readonly deliveries: readonly {
    readonly plugin: string;
    readonly state: "pending" | "dead";
    readonly count: number;
  }[];
  readonly actionsInFlight: number;
  /** What it takes on the disk. */
  readonly journalBytes: number;
  /** Fire times to come that the installed calendars cover. */
  readonly windowsLeft: readonly { readonly job: string; readonly left: number }[];
}

/** What people look at. A `limit` is the most rows of the answer. */
export interface Reading {
  /** Pauses that are in force now or later, by job. */
  pauses(now: Instant): Promise<readonly PauseRow[]>;
  metrics(now: Instant): Promise<JournalMetrics>;
  history(question: HistoryQuestion): Promise<HistoryPage>;
  /** All of one run, with the values of its steps; null when there is none. */
  run(id: number): Promise<RunRecord | null>;
  /** Whether an action of a run is not posted before somebody approves it. */
  awaitsApproval(run: number): Promise<boolean>;
  /** The run that an action of the API belongs to. */
  runOfAction(actionId: number): Promise<number | null>;
  /** The run of a job with the latest fire time, of those that were begun or are about to be. */
  lastRun(job: string): Promise<RunRows | null>;
  counts(): Promise<JournalCounts>;
  /** Planned and posted actions, the next first. */
  inFlight(limit: number): Promise<readonly ActionRow[]>;
  /** Oldest first. */
  undelivered(limit: number): Promise<readonly Undelivered[]>;
  /** Runs that people have asked for at a time, and that have not begun, the first first. */
  timedRequests(limit: number): Promise<readonly RunRow[]>;
  /** The paused ones, then the open ones, oldest first. @param limit Of each. */
  openWorkflows(limit: number): Promise<readonly OpenWorkflow[]>;
  /** What is wrong now, by event, job and subject. */
  openAlarms(): Promise<readonly AlarmRow[]>;
  alarms(question: LogQuestion): Promise<LogPage<AlarmRow>>;
  /** Of one kind, or of both. */
  missed(
    question: LogQuestion & { readonly kind?: MissedRow["kind"] },
  ): Promise<LogPage<MissedRow>>;
  audit(question: Omit<LogQuestion, "job">): Promise<LogPage<AuditRow>>;
  calendar(job: string, now: Instant): Promise<InstalledCalendar | null>;
  /** The windows of a calendar whose fire times come after a time, the first first. */
  windows(calendarId: number, after: Instant, limit: number): Promise<readonly WindowRow[]>;
  /** Rows of the journal that cannot be read, each with what is wrong. */
  unreadable(limit: number): Promise<readonly string[]>;
  close(): Promise<void>;
}
