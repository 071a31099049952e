// Pause tables: the journal's reads and writes about pauses of jobs.

import type { Instant } from "../../time.ts";
import type { NewPause, PauseReads, PauseRow, PauseWrites } from "../pauses.ts";
import type { Raw } from "./rows.ts";
import { TallyTables } from "./tally-tables.ts";

function pauseOf(raw: Raw): PauseRow {
  return {
    id: raw.id as number,
    job: raw.job as string,
    since: raw.since as number,
    until: raw.until as number | null,
    actor: raw.actor as string,
    why: raw.why as string,
    endedAt: raw.ended_at as number | null,
  };
}

/** Whether a pause ends after a time. */
const ENDS_AFTER = "(until IS NULL OR until > ?) AND (ended_at IS NULL OR ended_at > ?)";

/** Pauses as prepared statements. Knows nothing of transactions. */
export class PauseTables extends TallyTables implements PauseReads, PauseWrites {
  pauses(job: string, after: Instant): PauseRow[] {
    const sql = `SELECT * FROM readable_pause WHERE job = ? AND ${ENDS_AFTER} ORDER BY id`;
    return this.all(sql, pauseOf, job, after, after);
  }

  pausesNow(now: Instant): PauseRow[] {
    const sql =
      "SELECT * FROM readable_pause WHERE ended_at IS NULL AND (until IS NULL OR until > ?) " +
      "ORDER BY job, id";
    return this.all(sql, pauseOf, now);
  }

  insertPause({ job, since, until, actor, why }: NewPause): PauseRow {
    const row = this.one(
      "INSERT INTO pause (id, job, since, until, actor, why) " +
        `VALUES (${this.nextId("pause")}, ?, ?, ?, ?, ?) RETURNING *`,
      pauseOf,
      ...[job, since, until, actor, why],
    );
    if (row === null) throw new Error("the journal answered no row to an insert");
    return row;
  }

  endPauses(job: string, now: Instant): PauseRow[] {
    const open = this.pausesNow(now).filter((pause) => pause.job === job);
    this.change("UPDATE pause SET ended_at = ? WHERE job = ? AND ended_at IS NULL", now, job);
    return open;
  }

  protected pausesAhead(now: Instant): PauseRow[] {
    return this.all("SELECT * FROM readable_pause WHERE since > ?", pauseOf, now);
  }

  savePause({ id, since, until, endedAt }: PauseRow): void {
    const sql = "UPDATE pause SET since = ?, until = ?, ended_at = ? WHERE id = ?";
    this.change(sql, since, until, endedAt, id);
  }

  dropPause(id: number): void {
    this.change("DELETE FROM pause WHERE id = ?", id);
  }

  removePauses(before: Instant, limit: number): number {
    return this.change(
      "DELETE FROM pause WHERE id IN (SELECT id FROM pause " +
        "WHERE ended_at < ?1 OR until < ?1 LIMIT ?2)",
      before,
      limit,
    );
  }
}
