// Calendar tables: the journal's reads and writes about calendars and their windows.

import type { Instant } from "../../time.ts";
import type {
  CalendarReads,
  CalendarRow,
  CalendarState,
  CalendarWrites,
  Coverage,
  NewCalendar,
  WindowRow,
} from "../windows.ts";
import type { Raw } from "./rows.ts";
import { StepTables } from "./step-tables.ts";

function calendarOf(raw: Raw): CalendarRow {
  return {
    id: raw.id as number,
    job: raw.job as string,
    sequence: raw.sequence as number,
    hash: raw.hash as string,
    state: raw.state as CalendarState,
    action: raw.action as string,
    template: raw.template as string,
    minSigners: raw.min_signers as number,
    signers: JSON.parse(raw.signers as string) as string[],
    requestedAt: raw.requested_at as number,
    installedAt: raw.installed_at as number,
    endedAt: raw.ended_at as number | null,
  };
}

function windowOf(raw: Raw): WindowRow {
  return {
    id: raw.id as number,
    calendarId: raw.calendar_id as number,
    firesAt: raw.fires_at as number,
    validFrom: raw.valid_from as number,
    expireAfter: raw.expire_after as number,
    signatures: JSON.parse(raw.signatures as string) as string[],
    runId: raw.run_id as number | null,
  };
}

/** Calendars as prepared statements. Knows nothing of transactions. */
export class CalendarTables extends StepTables implements CalendarReads, CalendarWrites {
  calendar(job: string): CalendarRow | null {
    const sql = "SELECT * FROM readable_calendar WHERE job = ? AND state = 'installed'";
    return this.one(sql, calendarOf, job);
  }

  newestCalendar(job: string): CalendarRow | null {
    const sql = "SELECT * FROM readable_calendar WHERE job = ? ORDER BY sequence DESC LIMIT 1";
    return this.one(sql, calendarOf, job);
  }

  calendars(limit: number): CalendarRow[] {
    return this.all(
      "SELECT * FROM readable_calendar WHERE state = 'installed' ORDER BY job LIMIT ?",
      calendarOf,
      limit,
    );
  }

  calendarById(id: number): CalendarRow | null {
    return this.one("SELECT * FROM readable_calendar WHERE id = ?", calendarOf, id);
  }

  window(calendarId: number, firesAt: Instant): WindowRow | null {
    return this.one(
      "SELECT * FROM readable_calendar_window WHERE calendar_id = ? AND fires_at = ?",
      windowOf,
      calendarId,
      firesAt,
    );
  }

  windows(calendarId: number, after: Instant, limit: number): WindowRow[] {
    return this.all(
      "SELECT * FROM readable_calendar_window WHERE calendar_id = ? AND fires_at > ? " +
        "ORDER BY fires_at LIMIT ?",
      windowOf,
      calendarId,
      after,
      limit,
    );
  }

  windowOfRun(runId: number): WindowRow | null {
    return this.one("SELECT * FROM readable_calendar_window WHERE run_id = ?", windowOf, runId);
  }

  coverage(calendarId: number, now: Instant): Coverage {
    const where = "FROM readable_calendar_window WHERE calendar_id = ?";
    const left = "FROM readable_calendar_window WHERE fires_at > ? AND calendar_id = ?";
    const bound = (sql: string): Instant | null =>
      this.one(sql, ({ value }) => value as number | null, now, calendarId);
    return {
      left: this.number(`SELECT count(*) AS value ${left}`, now, calendarId),
      all: this.number(`SELECT count(*) AS value ${where}`, calendarId),
      nextAt: bound(`SELECT min(fires_at) AS value ${left}`),
      lastAt: bound(`SELECT max(fires_at) AS value ${left}`),
    };
  }

  insertCalendar(calendar: NewCalendar, now: Instant): CalendarRow | null {
    const { job, sequence, hash, action, template, minSigners, signers, requestedAt } = calendar;
    if (this.one("SELECT id FROM calendar WHERE job = ? AND sequence = ?", () => 1, job, sequence))
      return null;
    const before = this.calendar(job);
    if (before !== null) this.#end(before.id, "replaced", now);
    const row = this.one(
      "INSERT INTO calendar (id, job, sequence, hash, state, action, template, min_signers, " +
        `signers, requested_at, installed_at) VALUES (${this.nextId("calendar")}, ` +
        "?, ?, ?, 'installed', ?, ?, ?, ?, ?, ?) RETURNING *",
      calendarOf,
      job,
      sequence,
      hash,
      action,
      template,
      minSigners,
      JSON.stringify(signers),
      requestedAt,
      now,
    );
    if (row === null) throw new Error("the journal answered no row to an insert");
    for (const window of calendar.windows) this.#insertWindow(row.id, window);
    return row;
  }

  #insertWindow(calendarId: number, window: NewCalendar["windows"][0]): void {
    this.change(
      "INSERT INTO calendar_window (id, calendar_id, fires_at, valid_from, expire_after, " +
        `signatures) VALUES (${this.nextId("calendar_window")}, ?, ?, ?, ?, ?)`,
      calendarId,
      window.firesAt,
      window.validFrom,
      window.expireAfter,
      JSON.stringify(window.signatures),
    );
  }

  withdrawCalendar(id: number, now: Instant): void {
    this.#end(id, "withdrawn", now);
  }

  /** Windows that were used stay, as long as their runs may ask for them. */
  #end(id: number, state: CalendarState, now: Instant): void {
    this.change("UPDATE calendar SET state = ?, ended_at = ? WHERE id = ?", state, now, id);
    this.change("DELETE FROM calendar_window WHERE calendar_id = ? AND run_id IS NULL", id);
  }

  useWindow(id: number, runId: number): boolean {
    const sql =
      "UPDATE calendar_window SET run_id = ? WHERE id = ? AND (run_id IS NULL OR run_id = ?)";
    return this.change(sql, runId, id, runId) === 1;
  }
}
