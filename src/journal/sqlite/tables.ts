// Tables: the journal's reads and writes as prepared statements on one SQLite connection.
// Knows nothing of transactions: journal.ts wraps these calls in them.

import type { Instant } from "../../time.ts";
import type { ActionRow, DeliveryRow, RunRow } from "../inflight.ts";
import type {
  ActiveState,
  AheadRows,
  Cursor,
  JournalCounts,
  JournalTransaction,
  MissedRow,
  NewAction,
  NewCursor,
  NewDelivery,
  NewMissed,
  NewRun,
} from "../journal.ts";
import {
  ACTION_UPDATE,
  actionOf,
  actionValues,
  cursorOf,
  deliveryOf,
  missedOf,
  runOf,
  triesText,
} from "./rows.ts";
import { StateTables } from "./state-tables.ts";

/** The condition of the index `run_state`, word for word. */
const UNSETTLED = "state IN ('requested', 'open', 'paused')";

/** Whether a run was ever begun, or tried to be: one that is asked for a time waits for it. */
const BEGUN = "(not_before IS NULL OR begun_at IS NOT NULL)";

/** What is in flight, by the index `action_due`. */
const IN_FLIGHT = "next_at IS NOT NULL AND state IN ('planned', 'posted')";

/** Every table with rows that wait for a time. */
const NEXT_AT: readonly string[] = [
  ...["action", "delivery", "body", "step", "notice"].map(
    (table) => `SELECT min(next_at) AS value FROM readable_${table} WHERE next_at > ?`,
  ),
  "SELECT min(deadline_at) AS value FROM readable_run WHERE deadline_at > ? AND state = 'open'",
  "SELECT min(not_before) AS value FROM readable_run WHERE not_before > ? AND " +
    "state IN ('requested', 'open', 'paused') AND state = 'requested'",
];

/** All reads and writes: of runs and actions here, of other subjects in the class it extends. */
export class Tables extends StateTables implements JournalTransaction {
  run(id: number): RunRow | null {
    return this.one("SELECT * FROM readable_run WHERE id = ?", runOf, id);
  }

  runs(job: string, limit: number): RunRow[] {
    return this.all(
      "SELECT * FROM readable_run WHERE job = ? ORDER BY fires_at DESC LIMIT ?",
      runOf,
      job,
      limit,
    );
  }

  endedRuns(job: string, limit: number): RunRow[] {
    return this.all(
      "SELECT * FROM readable_run WHERE job = ? AND state IN ('done', 'failed', 'paused') " +
        `AND ${BEGUN} ORDER BY fires_at DESC LIMIT ?`,
      runOf,
      job,
      limit,
    );
  }

  lastDone(job: string): RunRow | null {
    const sql =
      "SELECT * FROM readable_run WHERE job = ? AND state = 'done' ORDER BY fires_at DESC LIMIT 1";
    return this.one(sql, runOf, job);
  }

  runsIn(state: RunRow["state"], limit: number): RunRow[] {
    // The first condition is that of the index over the runs that are not settled.
    const unsettled = state === "done" || state === "failed" ? "" : `${UNSETTLED} AND `;
    return this.all(
      `SELECT * FROM readable_run WHERE ${unsettled}state = ? ORDER BY id LIMIT ?`,
      runOf,
      state,
      limit,
    );
  }

  dueRequests(now: Instant, limit: number): RunRow[] {
    const sql =
      `SELECT * FROM readable_run WHERE ${UNSETTLED} AND state = 'requested' ` +
      "AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?";
    return this.all(sql, runOf, now, limit);
  }

  timedRequests(limit: number): RunRow[] {
    const sql =
      `SELECT * FROM readable_run WHERE ${UNSETTLED} AND state = 'requested' ` +
      "AND not_before IS NOT NULL ORDER BY not_before, id LIMIT ?";
    return this.all(sql, runOf, limit);
  }

  /** The newest run of a job that was begun, or is to be as soon as it can. */
  newestRun(job: string): RunRow | null {
    const sql = `SELECT * FROM readable_run WHERE job = ? AND ${BEGUN} ORDER BY fires_at DESC LIMIT 1`;
    return this.one(sql, runOf, job);
  }

  unsettledRuns(job: string, until: Instant): RunRow[] {
    return this.all(
      `SELECT * FROM readable_run WHERE ${UNSETTLED} AND job = ? AND NOT EXISTS ` +
        "(SELECT 1 FROM readable_action WHERE run_id = readable_run.id AND next_at IS NOT NULL " +
        "AND readable_action.state IN ('planned', 'posted') AND expire_at - life_ms > ?) " +
        // One that is wanted later holds up none before it.
        "AND NOT (state = 'requested' AND coalesce(not_before, 0) > ?) ORDER BY id",
      runOf,
      job,
      until,
      until,
    );
  }

  runAt(job: string, firesAt: Instant): RunRow | null {
    const sql = "SELECT * FROM readable_run WHERE job = ? AND fires_at = ?";
    return this.one(sql, runOf, job, firesAt);
  }

  overdueRuns(now: Instant, limit: number): RunRow[] {
    // Two: each has an index of its own.
    const sql = "SELECT * FROM readable_run WHERE deadline_at <= ? AND";
    const open = `${sql} state = 'open' ORDER BY deadline_at LIMIT ?`;
    const asked = `${sql} ${UNSETTLED} AND state = 'requested' ORDER BY deadline_at LIMIT ?`;
    return [open, asked].flatMap((each) => this.all(each, runOf, now, limit));
  }

  action(id: number): ActionRow | null {
    return this.one("SELECT * FROM readable_action WHERE id = ?", actionOf, id);
  }

  actionById(actionId: number): ActionRow | null {
    return this.one("SELECT * FROM readable_action WHERE action_id = ?", actionOf, actionId);
  }

  actionsOf(runId: number): ActionRow[] {
    return this.all("SELECT * FROM readable_action WHERE run_id = ? ORDER BY id", actionOf, runId);
  }

  dueActions(state: ActiveState, now: Instant, limit: number): ActionRow[] {
    return this.all(
      "SELECT * FROM readable_action WHERE state = ? AND next_at <= ? ORDER BY next_at LIMIT ?",
      actionOf,
      state,
      now,
      limit,
    );
  }

  pendingActions(limit: number): ActionRow[] {
    return this.all(
      `SELECT * FROM readable_action WHERE ${IN_FLIGHT} ORDER BY next_at LIMIT ?`,
      actionOf,
      limit,
    );
  }

  delivery(id: number): DeliveryRow | null {
    return this.one("SELECT * FROM readable_delivery WHERE id = ?", deliveryOf, id);
  }

  deliveriesOf(actionRow: number): DeliveryRow[] {
    return this.all(
      "SELECT * FROM readable_delivery WHERE action_row = ? ORDER BY id",
      deliveryOf,
      actionRow,
    );
  }

  dueDeliveries(now: Instant, limit: number): DeliveryRow[] {
    return this.all(
      "SELECT * FROM readable_delivery WHERE next_at <= ? ORDER BY next_at LIMIT ?",
      deliveryOf,
      now,
      limit,
    );
  }

  undelivered(limit: number): DeliveryRow[] {
    return this.all(
      "SELECT * FROM readable_delivery WHERE state IN ('pending', 'dead') ORDER BY id LIMIT ?",
      deliveryOf,
      limit,
    );
  }

  nextAt(now: Instant): Instant | null {
    const times = NEXT_AT.flatMap(
      (sql) => this.one(sql, ({ value }) => value as number | null, now) ?? [],
    );
    return times.length === 0 ? null : Math.min(...times);
  }

  setAhead(now: Instant): AheadRows {
    const waiting = "next_at IS NOT NULL AND updated_at > ?";
    return {
      runs: this.all(
        `SELECT * FROM readable_run WHERE ${UNSETTLED} AND deadline_at IS NOT NULL ` +
          "AND begun_at > ?",
        runOf,
        now,
      ),
      actions: this.all(`SELECT * FROM readable_action WHERE ${waiting}`, actionOf, now),
      deliveries: this.all(`SELECT * FROM readable_delivery WHERE ${waiting}`, deliveryOf, now),
      bodies: this.bodiesAhead(now),
      steps: this.stepsAhead(now),
      pauses: this.pausesAhead(now),
    };
  }

  version(): number | null {
    const row = this.prepared("PRAGMA data_version").get() as { data_version: number };
    return row.data_version;
  }

  counts(): JournalCounts {
    return {
      pendingActions: this.number(`SELECT count(*) AS value FROM action WHERE ${IN_FLIGHT}`),
      pendingDeliveries: this.number(
        "SELECT count(*) AS value FROM delivery WHERE state = 'pending'",
      ),
      deadDeliveries: this.number("SELECT count(*) AS value FROM delivery WHERE state = 'dead'"),
      openBodies: this.number(
        `SELECT count(*) AS value FROM readable_run WHERE ${UNSETTLED} AND state = 'open' ` +
          "AND source IS NOT NULL",
      ),
    };
  }

  cursor(job: string): Cursor | null {
    return this.one("SELECT * FROM readable_cursor WHERE job = ?", cursorOf, job);
  }

  missed(job: string | null, limit: number, kind: MissedRow["kind"] | null = null): MissedRow[] {
    const which = { job, kind };
    const asked = (["job", "kind"] as const).filter((column) => which[column] !== null);
    const where = asked.length === 0 ? "" : `WHERE ${asked.map((it) => `${it} = ?`).join(" AND ")}`;
    const sql = `SELECT * FROM readable_missed ${where} ORDER BY id DESC LIMIT ?`;
    return this.all(sql, missedOf, ...asked.map((column) => which[column]), limit);
  }

  missedAfter(job: string, at: Instant): MissedRow[] {
    const sql = "SELECT * FROM readable_missed WHERE job = ? AND last_at > ? ORDER BY id";
    return this.all(sql, missedOf, job, at);
  }

  insertRun(run: NewRun, state: RunRow["state"], now: Instant): RunRow | null {
    const ended = state === "requested" || state === "open" || state === "paused" ? null : now;
    return this.one(
      "INSERT INTO run (id, job, fires_at, cause, state, source, params, begun_at, deadline_at, " +
        `ended_at, not_before) VALUES (${this.nextId("run")}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ` +
        "ON CONFLICT (job, fires_at) DO NOTHING RETURNING *",
      runOf,
      run.job,
      run.firesAt,
      run.cause,
      state,
      run.source ?? null,
      run.params ?? null,
      run.begunAt ?? null,
      run.deadlineAt ?? null,
      ended,
      run.notBefore ?? null,
    );
  }

  saveRun(row: RunRow): void {
    this.tallyRun(row);
    this.change(
      "UPDATE run SET state = ?, source = ?, note = ?, params = ?, begun_at = ?, deadline_at = ?, " +
        "ended_at = ? WHERE id = ?",
      row.state,
      row.source,
      row.note,
      row.params,
      row.begunAt,
      row.deadlineAt,
      row.endedAt,
      row.id,
    );
  }

  insertAction(action: NewAction, now: Instant): ActionRow {
    const row = this.one(
      "INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, " +
        "life_ms, post_by, send_only, agents_max, guards, page_size, plugins, maybe_sent, attempts, " +
        `next_at, updated_at) VALUES (${this.nextId("action")}, ?, ?, ?, ?, 'planned', ` +
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?) RETURNING *",
      actionOf,
      action.runId,
      action.job,
      action.step,
      action.part ?? 0,
      action.name,
      action.body,
      action.signature,
      action.expireAt,
      action.lifeMs ?? null,
      action.postBy ?? null,
      action.sendOnly ? 1 : 0,
      action.agentsMax ?? null,
      action.guards === undefined || action.guards === null ? null : JSON.stringify(action.guards),
      action.pageSize ?? null,
      JSON.stringify(action.plugins),
      now,
      now,
    );
    if (row === null) throw new Error("the journal answered no row to an insert");
    return row;
  }

  saveAction(row: ActionRow): void {
    this.tallyCommands(row);
    this.change(ACTION_UPDATE, ...actionValues(row), row.id);
  }

  insertDelivery(delivery: NewDelivery, now: Instant): DeliveryRow | null {
    return this.one(
      "INSERT INTO delivery " +
        "(id, action_row, job, plugin, key, result_path, state, attempts, next_at, updated_at) " +
        `VALUES (${this.nextId("delivery")}, ?, ?, ?, ?, ?, 'pending', 0, ?, ?) ` +
        "ON CONFLICT (key) DO NOTHING RETURNING *",
      deliveryOf,
      delivery.actionRow,
      delivery.job,
      delivery.plugin,
      delivery.key,
      delivery.resultPath ?? null,
      now,
      now,
    );
  }

  saveDelivery(row: DeliveryRow): void {
    this.change(
      "UPDATE delivery SET state = ?, attempts = ?, next_at = ?, error = ?, progress = ?, " +
        "tries = ?, updated_at = ? WHERE id = ?",
      row.state,
      row.attempts,
      row.nextAt,
      row.error,
      row.progress,
      triesText(row.tries),
      row.updatedAt,
      row.id,
    );
  }

  setCursor(job: string, { decidedAt, schedule, aheadAt = null }: NewCursor): void {
    this.change(
      "INSERT INTO cursor (job, decided_at, schedule, ahead_at) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT (job) DO UPDATE SET decided_at = excluded.decided_at, " +
        "schedule = excluded.schedule, ahead_at = excluded.ahead_at",
      ...[job, decidedAt, schedule, aheadAt],
    );
  }

  removeCursor(job: string): void {
    this.change("DELETE FROM cursor WHERE job = ?", job);
  }

  saveMissed({ id, firstAt, lastAt, count }: MissedRow): void {
    const sql = "UPDATE missed SET first_at = ?, last_at = ?, count = ? WHERE id = ?";
    this.change(sql, firstAt, lastAt, count, id);
  }

  dropMissed(id: number): void {
    this.change("DELETE FROM missed WHERE id = ?", id);
  }

  insertMissed(missed: NewMissed, isNew = true): void {
    const { kind = "missed" } = missed;
    if (isNew && kind === "missed") this.tally("missed", missed.job, "", missed.count);
    this.change(
      "INSERT INTO missed (id, job, first_at, last_at, count, reason, recorded_at, kind) " +
        `VALUES (${this.nextId("missed")}, ?, ?, ?, ?, ?, ?, ?)`,
      missed.job,
      missed.firstAt,
      missed.lastAt,
      missed.count,
      missed.reason,
      missed.recordedAt,
      kind,
    );
  }
}
