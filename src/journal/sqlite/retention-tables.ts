// Retention tables: the journal's reads and writes about what is old: found, and forgotten.

import type { Instant } from "../../time.ts";
import type { RunRow } from "../inflight.ts";
import { AuditTables } from "./audit-tables.ts";
import { runOf } from "./rows.ts";

/** A run that ended before the first parameter, and of which nothing waits. */
const SETTLED =
  "ended_at < ?1 AND state IN ('done', 'failed') " +
  "AND NOT EXISTS (SELECT 1 FROM action WHERE run_id = run.id " +
  "AND (action.state NOT IN ('settled', 'failed') OR action.updated_at >= ?1 " +
  "OR EXISTS (SELECT 1 FROM delivery WHERE action_row = action.id " +
  "AND delivery.state IN ('pending', 'dead'))))";

/** What may be forgotten, as prepared statements. Knows nothing of transactions. */
export class RetentionTables extends AuditTables {
  settledRuns(before: Instant, limit: number): RunRow[] {
    return this.all(
      `SELECT * FROM readable_run AS run WHERE ${SETTLED} ` +
        "AND EXISTS (SELECT 1 FROM run AS newer " +
        "WHERE newer.job = run.job AND newer.fires_at > run.fires_at) ORDER BY id LIMIT ?2",
      runOf,
      before,
      limit,
    );
  }

  jobsWithRuns(after: string, limit: number): string[] {
    // From one name to the next by the index, past all the runs between them.
    const sql =
      "WITH RECURSIVE names (job, number) AS (SELECT (SELECT min(job) FROM run WHERE job > ?1), 1 " +
      "UNION ALL SELECT (SELECT min(job) FROM run WHERE job > names.job), number + 1 FROM names " +
      "WHERE names.job IS NOT NULL AND number < ?2) SELECT job FROM names WHERE job IS NOT NULL";
    return this.all(sql, ({ job }) => job as string, after, limit);
  }

  surplusRuns(
    job: string,
    { keep, before }: { readonly keep: number; readonly before: Instant },
    limit: number,
  ): RunRow[] {
    return this.all(
      `SELECT * FROM readable_run AS run WHERE ${SETTLED} AND job = ?3 AND fires_at <= ` +
        "(SELECT fires_at FROM run WHERE job = ?3 ORDER BY fires_at DESC LIMIT 1 OFFSET ?4) " +
        "ORDER BY fires_at LIMIT ?2",
      runOf,
      before,
      limit,
      job,
      keep,
    );
  }

  removeRuns(ids: readonly number[]): void {
    const list = JSON.stringify(ids);
    const among = "IN (SELECT value FROM json_each(?))";
    for (const sql of [
      `DELETE FROM delivery WHERE action_row IN (SELECT id FROM action WHERE run_id ${among})`,
      ...["action", "step", "body"].map((table) => `DELETE FROM ${table} WHERE run_id ${among}`),
      `DELETE FROM calendar_window WHERE run_id ${among}`,
      `DELETE FROM run WHERE id ${among}`,
    ]) {
      this.change(sql, list);
    }
    this.change(
      "UPDATE calendar SET action = '' WHERE state <> 'installed' AND NOT EXISTS " +
        "(SELECT 1 FROM calendar_window WHERE calendar_id = calendar.id)",
    );
    this.change(
      "DELETE FROM source WHERE NOT EXISTS (SELECT 1 FROM run WHERE source = hash) " +
        "AND NOT EXISTS (SELECT 1 FROM body WHERE template = hash)",
    );
  }

  removeMissed(before: Instant, limit: number): number {
    return this.change(
      "DELETE FROM missed WHERE id IN (SELECT id FROM missed WHERE recorded_at < ? LIMIT ?)",
      before,
      limit,
    );
  }
}
