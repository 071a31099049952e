// Reading (SQLite): what people look at, from journal.db, by a connection that cannot write.

import { statSync } from "node:fs";
import type { Instant } from "../../time.ts";
import type { AlarmRow } from "../alarms.ts";
import type { AuditRow } from "../audit.ts";
import type { ActionRow, RunRow } from "../inflight.ts";
import type { JournalCounts, MissedRow } from "../journal.ts";
import type { PauseRow } from "../pauses.ts";
import {
  type ActionRecord,
  type AnswerRecord,
  type HistoryPage,
  type HistoryPlace,
  type HistoryQuestion,
  type InstalledCalendar,
  type JournalMetrics,
  type LogPage,
  type LogQuestion,
  type OpenWorkflow,
  PAGE_MAX,
  type Reading,
  type RunRecord,
  type RunRows,
  type StepRecord,
  type Undelivered,
} from "../reading.ts";
import type { StepRow } from "../steps.ts";
import type { Tally } from "../tally.ts";
import type { WindowRow } from "../windows.ts";
import { alarmOf } from "./alarm-tables.ts";
import { AUDIT, auditOf } from "./audit-tables.ts";
import { openDatabase } from "./journal.ts";
import { isSqlite, journalError } from "./problem.ts";
import { missedOf, type Raw, runOf } from "./rows.ts";
import { Tables } from "./tables.ts";

/**
 * Opens the journal for people to look at, beside whoever works on it.
 *
 * @throws {RunnerError} JOURNAL: there is none, it is damaged or newer than this program.
 */
export function openReading(path: string): Reading {
  return new SqliteReading(path);
}

class SqliteReading implements Reading {
  readonly #rows: HistoryRows;
  readonly #path: string;
  readonly #close: () => void;

  constructor(path: string) {
    this.#path = path;
    const database = openDatabase({ path, readOnly: true });
    this.#rows = new HistoryRows(database, path);
    this.#close = () => database.close();
  }

  async history(question: HistoryQuestion): Promise<HistoryPage> {
    const limit = Math.min(question.limit, PAGE_MAX);
    const found = this.#rows.page(question, limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const isMore = found.length > limit && last !== undefined;
    return {
      runs: shown.map((row) => this.#record(row, false)),
      next: isMore ? { firesAt: last.firesAt, id: last.id } : null,
    };
  }

  async run(id: number): Promise<RunRecord | null> {
    const row = this.#rows.run(id);
    return row === null ? null : this.#record(row, true);
  }

  async runOfAction(actionId: number): Promise<number | null> {
    return this.#rows.actionById(actionId)?.runId ?? null;
  }

  async lastRun(job: string): Promise<RunRows | null> {
    const run = this.#rows.newestRun(job);
    if (run === null) return null;
    const actions = this.#rows.actionsOf(run.id);
    const isOpen = run.source !== null && run.state === "open";
    const steps = isOpen ? this.#rows.stepsOf(run.id) : [];
    const deliveries = actions.flatMap(({ id }) => this.#rows.deliveriesOf(id));
    return { run, actions, deliveries, steps };
  }

  async counts(): Promise<JournalCounts> {
    return this.#rows.counts();
  }

  async inFlight(limit: number): Promise<readonly ActionRow[]> {
    return this.#rows.pendingActions(limit);
  }

  async undelivered(limit: number): Promise<readonly Undelivered[]> {
    return this.#rows.undelivered(limit).map((delivery) => {
      const action = this.#rows.action(delivery.actionRow);
      return { delivery, runId: action?.runId ?? null, actionId: action?.actionId ?? null };
    });
  }

  async timedRequests(limit: number): Promise<readonly RunRow[]> {
    return this.#rows.timedRequests(limit);
  }

  async openWorkflows(limit: number): Promise<readonly OpenWorkflow[]> {
    return (["paused", "open"] as const)
      .flatMap((state) => this.#rows.runsIn(state, limit))
      .filter(({ source }) => source !== null)
      .map((run) => ({ run, steps: this.#rows.stepsOf(run.id) }));
  }

  async openAlarms(): Promise<readonly AlarmRow[]> {
    return this.#rows.openAlarms();
  }

  async alarms(question: LogQuestion): Promise<LogPage<AlarmRow>> {
    return logPage(question, (ask, limit) => this.#rows.alarmsBefore(ask, limit));
  }

  async missed(question: Parameters<Reading["missed"]>[0]): Promise<LogPage<MissedRow>> {
    const { kind = null } = question;
    return logPage(question, (ask, limit) => this.#rows.missedBefore(ask, limit, kind));
  }

  async pauses(now: Instant): Promise<readonly PauseRow[]> {
    return this.#rows.pausesNow(now);
  }

  async audit(question: LogQuestion): Promise<LogPage<AuditRow>> {
    return logPage(question, ({ before }, limit) => this.#rows.auditBefore(before, limit));
  }

  async calendar(job: string, now: Instant): Promise<InstalledCalendar | null> {
    const calendar = this.#rows.calendar(job);
    return calendar && { calendar, coverage: this.#rows.coverage(calendar.id, now) };
  }

  async windows(calendarId: number, after: Instant, limit: number): Promise<readonly WindowRow[]> {
    return this.#rows.windows(calendarId, after, Math.min(limit, PAGE_MAX));
  }

  async unreadable(limit: number): Promise<readonly string[]> {
    return this.#rows.unreadable(limit);
  }

  async metrics(now: Instant): Promise<JournalMetrics> {
    const files = [this.#path, `${this.#path}-wal`];
    const sizes = files.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
    return {
      ...this.#rows.metrics(now),
      journalBytes: sizes.reduce((sum, size) => sum + size, 0),
    };
  }

  async close(): Promise<void> {
    this.#close();
  }

  #record(run: RunRow, isWhole: boolean): RunRecord {
    const actions = this.#rows.actionsOf(run.id);
    const steps = run.source === null ? [] : this.#rows.stepsOf(run.id);
    const isDone = run.state === "done";
    return {
      ...{ run: run.id, job: run.job, cause: run.cause, firesAt: run.firesAt },
      ...{ startedAt: run.begunAt, endedAt: run.endedAt, state: run.state },
      error: isDone ? null : run.note,
      note: isDone ? run.note : null,
      ...{ params: run.params, notBeforeAt: run.notBefore },
      actions: actions.map(actionRecord),
      deliveries: actions.flatMap(({ id, actionId }) =>
        this.#rows
          .deliveriesOf(id)
          .map(({ plugin, state, attempts, nextAt, error, tries, updatedAt }) => ({
            ...{ plugin, actionId, state, attempts, nextAt, error, tries },
            endedAt: state === "pending" ? null : updatedAt,
          })),
      ),
      steps: steps.map((step) => stepRecord(step, isWhole)),
    };
  }
}

/** Which rows: those before an id, of a job. */
interface LogPlace {
  readonly before: number;
  readonly job: string | null;
}

/** A page of a log, by one row more than is shown. */
function logPage<Row extends { readonly id: number }>(
  { before, job = null, limit }: LogQuestion,
  rowsOf: (place: LogPlace, limit: number) => readonly Row[],
): LogPage<Row> {
  const shownMax = Math.min(limit, PAGE_MAX);
  const found = rowsOf({ before: before ?? Number.MAX_SAFE_INTEGER, job }, shownMax + 1);
  const rows = found.slice(0, shownMax);
  return { rows, next: found.length > shownMax ? (rows.at(-1)?.id ?? null) : null };
}

function actionRecord(row: ActionRow): ActionRecord {
  const { actionId, step, state, postedAt, expireAt, completeness, error } = row;
  const { resultPath, resultSha256, collectedAt, tries } = row;
  const agents = completeness?.sent ?? completeness?.fetched ?? null;
  const commands = completeness?.statuses ?? {};
  const times = { postedAt, expireAt };
  return {
    ...{ actionId, step, state, ...times, agents, commands, completeness },
    ...{ collectedAt, tries, resultPath, resultSha256, error },
  };
}

function stepRecord(row: StepRow, isWhole: boolean): StepRecord {
  const { name, kind, state, error, begunAt, endedAt, value } = row;
  const attempts = kind === "step" ? row.attempts : 0;
  const known = { name, kind, state, attempts, error, begunAt, endedAt };
  if (!isWhole) return known;
  if (row.asked === null) return { ...known, value };
  const { show = null } = JSON.parse(row.asked) as { readonly show?: unknown };
  return { ...known, value, show, answer: answerRecord(row) };
}

function answerRecord({ answer }: StepRow): AnswerRecord | null {
  if (answer === null) return null;
  const { by, why, at } = JSON.parse(answer) as Omit<AnswerRecord, "answeredAt"> & { at: Instant };
  return { by, why, answeredAt: at };
}

function tallyOf(raw: Raw) {
  return {
    what: raw.what as Tally,
    job: raw.job as string,
    label: raw.label as string,
    count: raw.count as number,
    lastAt: raw.last_at as number | null,
  };
}

/** The condition of the indexes `run_failed` and `run_job_failed`, word for word. */
const FAILED = "readable_run WHERE state IN ('failed', 'paused') AND";

/** Runs with a result that no plugin took: few, so they are found from there. */
const UNDELIVERED =
  "(SELECT DISTINCT run_id FROM delivery CROSS JOIN action ON action.id = action_row " +
  "WHERE delivery.state IN ('pending', 'dead') AND delivery.state = 'dead') " +
  "CROSS JOIN readable_run ON readable_run.id = run_id WHERE";

class HistoryRows extends Tables {
  readonly #path: string;

  constructor(database: ConstructorParameters<typeof Tables>[0], path: string) {
    super(database);
    this.#path = path;
  }

  protected override named(error: unknown): unknown {
    return isSqlite(error) ? journalError(error, this.#path) : error;
  }

  metrics(now: Instant): Omit<JournalMetrics, "journalBytes"> {
    const tallies = this.all("SELECT * FROM readable_tally ORDER BY what, job, label", tallyOf);
    const of = (what: Tally) => tallies.filter((row) => row.what === what);
    return {
      runs: of("run").flatMap(({ job, label, count, lastAt }) =>
        label === "done" || label === "failed" ? [{ job, state: label, count, lastAt }] : [],
      ),
      missed: of("missed").map(({ job, count }) => ({ job, count })),
      commands: of("command").map(({ label, count }) => ({ status: label, count })),
      deliveries: this.all(
        "SELECT plugin, state, count(*) AS count FROM readable_delivery " +
          "WHERE state IN ('pending', 'dead') GROUP BY plugin, state",
        ({ plugin, state, count }) => ({
          plugin: plugin as string,
          state: state as "pending" | "dead",
          count: count as number,
        }),
      ),
      actionsInFlight: this.counts().pendingActions,
      windowsLeft: this.all(
        "SELECT job, count(*) AS count FROM readable_calendar AS calendar " +
          "JOIN readable_calendar_window AS window ON window.calendar_id = calendar.id " +
          "WHERE calendar.state = 'installed' AND window.fires_at > ? GROUP BY job",
        ({ job, count }) => ({ job: job as string, left: count as number }),
        now,
      ),
    };
  }

  /** Runs by their fire time, the latest first. */
  page(question: HistoryQuestion, limit: number): RunRow[] {
    if (question.failed !== true) return this.#page(question, "readable_run WHERE", limit);
    const rows = [FAILED, UNDELIVERED].flatMap((from) => this.#page(question, from, limit));
    const single = new Map(rows.map((row) => [row.id, row]));
    return [...single.values()].sort(inOrder).slice(0, limit);
  }

  alarmsBefore({ before, job }: LogPlace, limit: number): AlarmRow[] {
    return this.#newest("readable_alarm", alarmOf, { before, job, limit });
  }

  missedBefore(place: LogPlace, limit: number, kind: MissedRow["kind"] | null): MissedRow[] {
    const from = kind === null ? "" : `(SELECT * FROM readable_missed WHERE kind = '${kind}')`;
    return this.#newest(from || "readable_missed", missedOf, { ...place, limit });
  }

  auditBefore(before: number, limit: number): AuditRow[] {
    return this.#newest(AUDIT, auditOf, { before, job: null, limit });
  }

  #newest<Row>(
    from: string,
    rowOf: (raw: Raw) => Row,
    { before, job, limit }: LogPlace & { readonly limit: number },
  ): Row[] {
    const ofJob = job === null ? "" : "job = ? AND ";
    const sql = `SELECT * FROM ${from} WHERE ${ofJob}id < ? ORDER BY id DESC LIMIT ?`;
    return this.all(sql, rowOf, ...(job === null ? [] : [job]), before, limit);
  }

  #page({ job = null, since = null, behind = null }: HistoryQuestion, from: string, limit: number) {
    const place = behind ?? { firesAt: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };
    const ofJob = job === null ? "" : "job = ? AND ";
    return this.all(
      `SELECT readable_run.* FROM ${from} ${ofJob}fires_at >= ? ` +
        "AND (fires_at, id) < (?, ?) ORDER BY fires_at DESC, id DESC LIMIT ?",
      runOf,
      ...(job === null ? [] : [job]),
      since ?? Number.MIN_SAFE_INTEGER,
      place.firesAt,
      place.id,
      limit,
    );
  }
}

function inOrder(left: HistoryPlace, right: HistoryPlace): number {
  return right.firesAt - left.firesAt || right.id - left.id;
}
