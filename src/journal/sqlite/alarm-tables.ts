// Alarm tables: the journal's reads and writes about alarms and the notices of them.

import type { Instant } from "../../time.ts";
import type {
  AlarmReads,
  AlarmRow,
  AlarmWrites,
  NewAlarm,
  NewNotice,
  NoticeRow,
} from "../alarms.ts";
import { RetentionTables } from "./retention-tables.ts";
import type { Raw } from "./rows.ts";

/** An alarm as it stands in its row. */
export function alarmOf(raw: Raw): AlarmRow {
  return {
    id: raw.id as number,
    event: raw.event as AlarmRow["event"],
    job: raw.job as string,
    subject: raw.subject as string,
    runId: raw.run_id as number | null,
    since: raw.since as number,
    raisedAt: raw.raised_at as number,
    toldAt: raw.told_at as number,
    count: raw.count as number,
    message: raw.message as string,
    hint: raw.hint as string,
    endedAt: raw.ended_at as number | null,
  };
}

function noticeOf(raw: Raw): NoticeRow {
  return {
    id: raw.id as number,
    alarmId: raw.alarm_id as number,
    plugin: raw.plugin as string,
    body: raw.body as string,
    state: raw.state as NoticeRow["state"],
    attempts: raw.attempts as number,
    nextAt: raw.next_at as number | null,
    error: raw.error as string | null,
    updatedAt: raw.updated_at as number,
  };
}

/** Alarms as prepared statements. Knows nothing of transactions. */
export class AlarmTables extends RetentionTables implements AlarmReads, AlarmWrites {
  openAlarms(): AlarmRow[] {
    const sql = "SELECT * FROM readable_alarm WHERE ended_at IS NULL ORDER BY event, job, subject";
    return this.all(sql, alarmOf);
  }

  alarms(limit: number): AlarmRow[] {
    return this.all("SELECT * FROM readable_alarm ORDER BY id DESC LIMIT ?", alarmOf, limit);
  }

  dueNotices(now: Instant, limit: number, without: readonly string[] = []): NoticeRow[] {
    // One that was put off by a clock that was ahead is due (I7).
    return this.all(
      "SELECT * FROM readable_notice WHERE next_at IS NOT NULL " +
        "AND (next_at <= ? OR updated_at > ?) " +
        "AND plugin NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at LIMIT ?",
      noticeOf,
      now,
      now,
      JSON.stringify(without),
      limit,
    );
  }

  notice(id: number): NoticeRow | null {
    return this.one("SELECT * FROM readable_notice WHERE id = ?", noticeOf, id);
  }

  insertAlarm(alarm: NewAlarm): AlarmRow {
    const row = this.one(
      "INSERT INTO alarm (id, event, job, subject, run_id, since, raised_at, told_at, count, " +
        `message, hint) VALUES (${this.nextId("alarm")}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      alarmOf,
      ...[alarm.event, alarm.job, alarm.subject, alarm.runId, alarm.since, alarm.raisedAt],
      ...[alarm.toldAt, alarm.count, alarm.message, alarm.hint],
    );
    if (row === null) throw new Error("the journal answered no row to an insert");
    return row;
  }

  saveAlarm(row: AlarmRow): void {
    this.change(
      "UPDATE alarm SET run_id = ?, told_at = ?, count = ?, message = ?, hint = ?, " +
        "ended_at = ? WHERE id = ?",
      ...[row.runId, row.toldAt, row.count, row.message, row.hint, row.endedAt, row.id],
    );
  }

  insertNotice({ alarmId, plugin, body }: NewNotice, now: Instant): void {
    this.change(
      "INSERT INTO notice (id, alarm_id, plugin, body, state, attempts, next_at, updated_at) " +
        `VALUES (${this.nextId("notice")}, ?, ?, ?, 'pending', 0, ?, ?)`,
      ...[alarmId, plugin, body, now, now],
    );
  }

  saveNotice(row: NoticeRow): void {
    this.change(
      "UPDATE notice SET state = ?, attempts = ?, next_at = ?, error = ?, updated_at = ? " +
        "WHERE id = ?",
      ...[row.state, row.attempts, row.nextAt, row.error, row.updatedAt, row.id],
    );
  }

  removeAlarms(before: Instant, limit: number): number {
    const old =
      "SELECT id FROM alarm WHERE ended_at < ?1 AND NOT EXISTS (SELECT 1 FROM notice " +
      "WHERE alarm_id = alarm.id AND next_at IS NOT NULL) ORDER BY id LIMIT ?2";
    this.change(`DELETE FROM notice WHERE alarm_id IN (${old})`, before, limit);
    return this.change(`DELETE FROM alarm WHERE id IN (${old})`, before, limit);
  }
}
