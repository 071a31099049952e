// Reading (SQLite): what people look at, from journal.db, by a connection that cannot write.

import { statSync } from "node:fs";
import type { Instant } from "../../time.ts";
import type { AlarmRow } from "../alarms.ts";
import type { AuditRow } from "../audit.ts";
import { awaitsApproval } from "../guards.ts";
import type { ActionRow, RunRow } from "../inflight.ts";
import type { JournalCounts, JournalReads, MissedRow } from "../journal.ts";
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
import { IN_FLIGHT } from "./action-table.ts";
import { ALARM } from "./alarm-tables.ts";
import { AUDIT } from "./audit-table.ts";
import { openDatabase } from "./journal.ts";
import { namedIn } from "./problem.ts";
import { newestRun, RUN } from "./run-table.ts";
import { MISSED } from "./schedule-tables.ts";
import { Statements } from "./statements.ts";
import type { TableOf } from "./table.ts";
import { tablesOn } from "./tables.ts";
import { TALLY } from "./tally-table.ts";

/**
 * Opens the journal for people to look at, beside whoever works on it.
 *
 * @throws {RunnerError} JOURNAL: there is none, it is damaged or newer than this program.
 */
export function openReading(path: string): Reading {
  return new SqliteReading(path);
}

class SqliteReading implements Reading {
  readonly #rows: Statements;
  readonly #tables: JournalReads;
  readonly #path: string;
  readonly #close: () => void;

  constructor(path: string) {
    this.#path = path;
    const database = openDatabase({ path, readOnly: true });
    this.#rows = new Statements(database, { named: (error) => namedIn(path, error) });
    this.#tables = tablesOn(this.#rows);
    this.#close = () => database.close();
  }

  async history(question: HistoryQuestion): Promise<HistoryPage> {
    const limit = Math.min(question.limit, PAGE_MAX);
    const found = historyRows(this.#rows, question, limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const isMore = found.length > limit && last !== undefined;
    return {
      runs: shown.map((row) => this.#record(row, false)),
      next: isMore ? { firesAt: last.firesAt, id: last.id } : null,
    };
  }

  async run(id: number): Promise<RunRecord | null> {
    const row = this.#tables.run(id);
    return row === null ? null : this.#record(row, true);
  }

  async awaitsApproval(run: number): Promise<boolean> {
    return this.#tables.actionsOf(run).some(awaitsApproval);
  }

  async runOfAction(actionId: number): Promise<number | null> {
    return this.#tables.actionById(actionId)?.runId ?? null;
  }

  async lastRun(job: string): Promise<RunRows | null> {
    const run = newestRun(this.#rows, job);
    if (run === null) return null;
    const actions = this.#tables.actionsOf(run.id);
    const isOpen = run.source !== null && run.state === "open";
    const steps = isOpen ? this.#tables.stepsOf(run.id) : [];
    const deliveries = actions.flatMap(({ id }) => this.#tables.deliveriesOf(id));
    return { run, actions, deliveries, steps };
  }

  async counts(): Promise<JournalCounts> {
    return this.#tables.counts();
  }

  async inFlight(limit: number): Promise<readonly ActionRow[]> {
    return this.#tables.pendingActions(limit);
  }

  async undelivered(limit: number): Promise<readonly Undelivered[]> {
    return this.#tables.undelivered(limit).map((delivery) => {
      const action = this.#tables.action(delivery.actionRow);
      return { delivery, runId: action?.runId ?? null, actionId: action?.actionId ?? null };
    });
  }

  async timedRequests(limit: number): Promise<readonly RunRow[]> {
    return this.#tables.timedRequests(limit);
  }

  async openWorkflows(limit: number): Promise<readonly OpenWorkflow[]> {
    return (["paused", "open"] as const)
      .flatMap((state) => this.#tables.runsIn(state, limit))
      .filter(({ source }) => source !== null)
      .map((run) => ({ run, steps: this.#tables.stepsOf(run.id) }));
  }

  async openAlarms(): Promise<readonly AlarmRow[]> {
    return this.#tables.openAlarms();
  }

  async alarms(question: LogQuestion): Promise<LogPage<AlarmRow>> {
    return logPage(question, (ask, limit) => newest(this.#rows, ALARM, ask, limit));
  }

  async missed(question: Parameters<Reading["missed"]>[0]): Promise<LogPage<MissedRow>> {
    const { kind = null } = question;
    return logPage(question, (ask, limit) => newest(this.#rows, MISSED, { ...ask, kind }, limit));
  }

  async pauses(now: Instant): Promise<readonly PauseRow[]> {
    return this.#tables.pausesNow(now);
  }

  async audit(question: LogQuestion): Promise<LogPage<AuditRow>> {
    return logPage(question, ({ before }, limit) =>
      newest(this.#rows, AUDIT, { before, job: null }, limit),
    );
  }

  async calendar(job: string, now: Instant): Promise<InstalledCalendar | null> {
    const calendar = this.#tables.calendar(job);
    return calendar && { calendar, coverage: this.#tables.coverage(calendar.id, now) };
  }

  async windows(calendarId: number, after: Instant, limit: number): Promise<readonly WindowRow[]> {
    return this.#tables.windows(calendarId, after, Math.min(limit, PAGE_MAX));
  }

  async unreadable(limit: number): Promise<readonly string[]> {
    return this.#tables.unreadable(limit);
  }

  async metrics(now: Instant): Promise<JournalMetrics> {
    const files = [this.#path, `${this.#path}-wal`];
    const sizes = files.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
    return {
      ...metricsOf(this.#rows, now),
      journalBytes: sizes.reduce((sum, size) => sum + size, 0),
    };
  }

  async close(): Promise<void> {
    this.#close();
  }

  #record(run: RunRow, isWhole: boolean): RunRecord {
    const actions = this.#tables.actionsOf(run.id);
    const steps = run.source === null ? [] : this.#tables.stepsOf(run.id);
    const isDone = run.state === "done";
    return {
      run: run.id,
      job: run.job,
      cause: run.cause,
      firesAt: run.firesAt,
      startedAt: run.begunAt,
      endedAt: run.endedAt,
      state: run.state,
      error: isDone ? null : run.note,
      note: isDone ? run.note : null,
      params: run.params,
      notBeforeAt: run.notBefore,
      actions: actions.map(actionRecord),
      deliveries: actions.flatMap(({ id, actionId }) =>
        this.#tables
          .deliveriesOf(id)
          .map(({ plugin, state, attempts, nextAt, error, tries, updatedAt }) => ({
            plugin,
            actionId,
            state,
            attempts,
            nextAt,
            error,
            tries,
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
    actionId,
    step,
    state,
    ...times,
    agents,
    commands,
    completeness,
    collectedAt,
    tries,
    resultPath,
    resultSha256,
    error,
  };
}

function stepRecord(row: StepRow, isWhole: boolean): StepRecord {
  const { name, kind, state, error, begunAt, endedAt, value } = row;
  const attempts = kind === "step" ? row.failures : 0;
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

/** The condition of the indexes `run_failed` and `run_job_failed`, word for word. */
const FAILED = "readable_run AS run WHERE state IN ('failed', 'paused') AND";

/** Runs with a result that no plugin took: few, so they are found from there. */
const UNDELIVERED =
  "(SELECT DISTINCT run_id FROM delivery CROSS JOIN action ON action.id = action_row " +
  "WHERE delivery.state IN ('pending', 'dead') AND delivery.state = 'dead') " +
  "CROSS JOIN readable_run AS run ON run.id = run_id WHERE";

function metricsOf(rows: Statements, now: Instant): Omit<JournalMetrics, "journalBytes"> {
  const tallies = rows.all(TALLY, "ORDER BY what, job, label");
  const of = (what: Tally) => tallies.filter((row) => row.what === what);
  return {
    runs: of("run").flatMap(({ job, label, count, lastAt }) =>
      label === "done" || label === "failed" ? [{ job, state: label, count, lastAt }] : [],
    ),
    missed: of("missed").map(({ job, count }) => ({ job, count })),
    commands: of("command").map(({ label, count }) => ({ status: label, count })),
    deliveries: rows.each(
      "SELECT plugin, state, count(*) AS count FROM readable_delivery " +
        "WHERE state IN ('pending', 'dead') GROUP BY plugin, state",
      ({ plugin, state, count }) => ({
        plugin: plugin as string,
        state: state as "pending" | "dead",
        count: count as number,
      }),
    ),
    actionsInFlight: rows.number(`SELECT count(*) AS value FROM action WHERE ${IN_FLIGHT}`),
    windowsLeft: rows.each(
      "SELECT job, count(*) AS count FROM readable_calendar AS calendar " +
        "JOIN readable_calendar_window AS window ON window.calendar_id = calendar.id " +
        "WHERE calendar.state = 'installed' AND window.fires_at > ? GROUP BY job",
      ({ job, count }) => ({ job: job as string, left: count as number }),
      now,
    ),
  };
}

/** Runs by their fire time, the latest first. */
function historyRows(rows: Statements, question: HistoryQuestion, limit: number): RunRow[] {
  if (question.failed !== true) return page(rows, question, "readable_run AS run WHERE", limit);
  const found = [FAILED, UNDELIVERED].flatMap((from) => page(rows, question, from, limit));
  const single = new Map(found.map((row) => [row.id, row]));
  return [...single.values()].sort(inOrder).slice(0, limit);
}

/** The newest rows of a log. */
function newest<Row>(
  rows: Statements,
  table: TableOf<Row>,
  { before, job, kind = null }: LogPlace & { readonly kind?: MissedRow["kind"] | null },
  limit: number,
): Row[] {
  const asked = Object.entries({ job, kind }).filter(([, value]) => value !== null);
  const where = asked.map(([column]) => `${column} = ? AND`).join(" ");
  const rest = `WHERE ${where} id < ? ORDER BY id DESC LIMIT ?`;
  return rows.all(table, rest, ...asked.map(([, value]) => value), before, limit);
}

function page(
  rows: Statements,
  { job = null, since = null, behind = null }: HistoryQuestion,
  from: string,
  limit: number,
): RunRow[] {
  const place = behind ?? { firesAt: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };
  const ofJob = job === null ? "" : "job = ? AND ";
  return rows.each(
    `SELECT run.* FROM ${from} ${ofJob}fires_at >= ? ` +
      "AND (fires_at, id) < (?, ?) ORDER BY fires_at DESC, id DESC LIMIT ?",
    RUN.rowOf,
    ...(job === null ? [] : [job]),
    since ?? Number.MIN_SAFE_INTEGER,
    place.firesAt,
    place.id,
    limit,
  );
}

function inOrder(left: HistoryPlace, right: HistoryPlace): number {
  return right.firesAt - left.firesAt || right.id - left.id;
}
