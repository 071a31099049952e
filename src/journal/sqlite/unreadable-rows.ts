// Unreadable rows: finds them and what waits for them, and takes them out.
import type { RunRow } from "../inflight.ts";
import type { RemovedRow } from "../journal.ts";
import { ROW_TABLES, type RowTable, unreadable, whyUnreadable } from "./readable.ts";
import { type Raw, runOf } from "./rows.ts";
import { Statements } from "./statements.ts";

/** The rows of each table that something waits for, by an index. */
const WAITING: Partial<Record<RowTable, string>> = {
  run: "state IN ('requested', 'open', 'paused')",
  action: "next_at IS NOT NULL",
  delivery: "next_at IS NOT NULL",
  body: "next_at IS NOT NULL",
  step: "next_at IS NOT NULL",
  notice: "next_at IS NOT NULL",
};

/** Pages of a journal all of whose rows are looked at: a walk over some megabytes. */
const WALKED_PAGES_MAX = 2_000;

/** Rows of a job, of a run or with an API's id, by the word that means them. */
const MEANT: Readonly<Record<RowTable, string>> = {
  run: "job = ?1 OR CAST(id AS TEXT) = ?1",
  action: "job = ?1 OR CAST(run_id AS TEXT) = ?1 OR CAST(action_id AS TEXT) = ?1",
  delivery: "job = ?1",
  body: "CAST(run_id AS TEXT) = ?1 OR run_id IN (SELECT id FROM main.run WHERE job = ?1)",
  step: "CAST(run_id AS TEXT) = ?1 OR run_id IN (SELECT id FROM main.run WHERE job = ?1)",
  missed: "job = ?1",
  calendar: "job = ?1",
  calendar_window: "calendar_id IN (SELECT id FROM main.calendar WHERE job = ?1)",
  alarm: "job = ?1",
  notice: "alarm_id IN (SELECT id FROM main.alarm WHERE job = ?1)",
  pause: "job = ?1",
  tally: "job = ?1",
  state: "job = ?1",
  cursor: "job = ?1",
};

/** What goes with a row that is taken out, so that nothing refers to it: tables and their column. */
const CHILDREN: Partial<Record<RowTable, readonly (readonly [RowTable, string])[]>> = {
  run: [
    ["action", "run_id"],
    ["step", "run_id"],
    ["body", "run_id"],
  ],
  action: [["delivery", "action_row"]],
  alarm: [["notice", "alarm_id"]],
  calendar: [["calendar_window", "calendar_id"]],
};

/** The reads and writes about rows that the views of readable.ts leave out. */
export class UnreadableRows extends Statements {
  unreadable(limit: number): readonly string[] {
    const isSmall =
      this.number("SELECT page_count AS value FROM pragma_page_count") < WALKED_PAGES_MAX;
    const found: string[] = [];
    for (const table of ROW_TABLES) {
      const waiting = isSmall ? "1" : WAITING[table];
      if (waiting === undefined || found.length >= limit) continue;
      const where = `(${waiting}) AND ${unreadable(table)}`;
      const sql = `SELECT ${whyUnreadable(table)} AS text FROM "${table}" WHERE ${where}`;
      found.push(...this.all(`${sql} LIMIT ?`, ({ text }) => String(text), limit - found.length));
    }
    return found;
  }

  unreadableStep(runId: number): string | null {
    const where = `run_id = ? AND ${unreadable("step")}`;
    const sql = `SELECT ${whyUnreadable("step")} AS text FROM step WHERE ${where} LIMIT 1`;
    return this.one(sql, ({ text }) => String(text), runId);
  }

  strandedRuns(limit: number): readonly RunRow[] {
    return this.all(
      "SELECT * FROM readable_run AS run WHERE state IN ('requested', 'open', 'paused') " +
        "AND state = 'open' AND source IS NULL AND NOT EXISTS (SELECT 1 FROM readable_action " +
        "WHERE run_id = run.id AND state IN ('planned', 'posted', 'collected')) LIMIT ?",
      runOf,
      limit,
    );
  }

  removeUnreadable(word: string): readonly RemovedRow[] {
    return ROW_TABLES.flatMap((table) =>
      this.#take(table, `(${MEANT[table]}) AND ${unreadable(table)}`, word),
    );
  }

  /** Takes out rows with what refers to them. Answers with them all. */
  #take(table: RowTable, where: string, value: string): readonly RemovedRow[] {
    // Ids may be too large for a number: they go from one statement to the next as text.
    const key = table === "body" ? "run_id" : table === "cursor" ? "job" : "id";
    const run =
      table === "run" ? "id" : ["action", "body", "step"].includes(table) ? "run_id" : "0";
    const columns = `CAST("${key}" AS TEXT) AS removed_key, ${run} AS removed_run`;
    const why = `${whyUnreadable(table)} AS removed_why`;
    const rows = this.exact(
      `SELECT ${columns}, ${why}, * FROM main."${table}" WHERE ${where}`,
      value,
    );
    return rows.flatMap(({ removed_key, removed_run, removed_why, ...row }) => {
      const id = String(removed_key);
      const children = (CHILDREN[table] ?? []).flatMap(([child, column]) =>
        this.#take(child, `CAST("${column}" AS TEXT) = ?1`, id),
      );
      this.change(`DELETE FROM "${table}" WHERE CAST("${key}" AS TEXT) = ?`, id);
      const text = removed_why === null ? `${table} ${id}` : String(removed_why);
      const runId = Number(removed_run);
      return [...children, { table, text, runId: runId > 0 ? runId : null, json: jsonOf(row) }];
    });
  }
}

/** A row as JSON: numbers that it cannot hold as texts, bytes in base64. */
function jsonOf(row: Raw): string {
  return JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === "bigint")
      return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
    return value instanceof Uint8Array ? value.toBase64() : value;
  });
}
