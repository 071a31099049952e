// Calendar tables: installed calendars, and their windows.

import type { Instant } from "../../time.ts";
import {
  CALENDAR_STATES,
  type CalendarRow,
  type CalendarState,
  type WindowRow,
} from "../windows.ts";
import {
  DECIDED,
  declared,
  ID,
  INSTANT,
  NAMES,
  oneOf,
  optional,
  TEXT,
  unmended,
} from "./columns.ts";
import type { Methods } from "./methods.ts";
import type { Statements } from "./statements.ts";
import { tableOf } from "./table.ts";

export const CALENDAR = tableOf<CalendarRow>({
  name: "calendar",
  since: 2,
  called: "'calendar ' || sequence || ' (' || job || ')'",
  columns: {
    id: ID,
    job: TEXT,
    sequence: ID,
    hash: TEXT,
    state: oneOf(CALENDAR_STATES),
    action: TEXT,
    template: TEXT,
    minSigners: ID,
    signers: NAMES,
    requestedAt: INSTANT,
    installedAt: INSTANT,
    endedAt: optional(INSTANT, "0"),
  },
  unique: "job, sequence",
  once: ["job", "sequence"],
  indexes: {
    2: ["CREATE UNIQUE INDEX calendar_installed ON calendar (job) WHERE state = 'installed'"],
  },
  meant: "job = ?1",
  parts: [["calendar_window", "calendar_id"]],
});

export const WINDOW = tableOf<WindowRow>({
  name: "calendar_window",
  since: 2,
  called: "'window ' || id || ' of a calendar'",
  columns: {
    id: ID,
    calendarId: declared(ID, "REFERENCES calendar (id)"),
    firesAt: DECIDED,
    validFrom: DECIDED,
    expireAfter: DECIDED,
    signatures: unmended(NAMES),
    // A used window must not turn into an unused one.
    runId: declared(optional(ID, null), "UNIQUE"),
  },
  unique: "calendar_id, fires_at",
  meant: "calendar_id IN (SELECT id FROM main.calendar WHERE job = ?1)",
});

export const CALENDARS = {
  calendar: installed,

  newestCalendar: (rows, job) =>
    rows.one(CALENDAR, "WHERE job = ? ORDER BY sequence DESC LIMIT 1", job),

  calendars: (rows, limit) =>
    rows.all(CALENDAR, "WHERE state = 'installed' ORDER BY job LIMIT ?", limit),

  calendarById: (rows, id) => rows.one(CALENDAR, "WHERE id = ?", id),

  window: (rows, calendarId, firesAt) =>
    rows.one(WINDOW, "WHERE calendar_id = ? AND fires_at = ?", calendarId, firesAt),

  windows: (rows, calendarId, after, limit) =>
    rows.all(
      WINDOW,
      "WHERE calendar_id = ? AND fires_at > ? ORDER BY fires_at LIMIT ?",
      calendarId,
      after,
      limit,
    ),

  windowOfRun: (rows, runId) => rows.one(WINDOW, "WHERE run_id = ?", runId),

  coverage(rows, calendarId, now) {
    const of = "FROM readable_calendar_window WHERE calendar_id = ?";
    const left = "FROM readable_calendar_window WHERE fires_at > ? AND calendar_id = ?";
    const bound = (which: "min" | "max") =>
      rows.value<Instant>(`SELECT ${which}(fires_at) AS value ${left}`, now, calendarId);
    return {
      left: rows.number(`SELECT count(*) AS value ${left}`, now, calendarId),
      all: rows.number(`SELECT count(*) AS value ${of}`, calendarId),
      nextAt: bound("min"),
      lastAt: bound("max"),
    };
  },

  insertCalendar(rows, { windows, ...calendar }, now) {
    const { job, sequence } = calendar;
    const sql = "SELECT id AS value FROM calendar WHERE job = ? AND sequence = ?";
    if (rows.value(sql, job, sequence) !== null) return null;
    const before = installed(rows, job);
    if (before !== null) end(rows, before.id, "replaced", now);
    const state = "installed";
    const row = rows.insert(CALENDAR, { ...calendar, state, installedAt: now, endedAt: null });
    for (const { firesAt, validFrom, expireAfter, signatures } of windows) {
      const window = { firesAt, validFrom, expireAfter, signatures };
      rows.insert(WINDOW, { ...window, calendarId: row.id, runId: null });
    }
    return row;
  },

  withdrawCalendar: (rows, id, now) => end(rows, id, "withdrawn", now),

  useWindow(rows, id, runId) {
    const sql =
      "UPDATE calendar_window SET run_id = ? WHERE id = ? AND (run_id IS NULL OR run_id = ?)";
    return rows.change(sql, runId, id, runId) === 1;
  },
} satisfies Partial<Methods>;

function installed(rows: Statements, job: string): CalendarRow | null {
  return rows.one(CALENDAR, "WHERE job = ? AND state = 'installed'", job);
}

/** Windows that were used stay, as long as their runs may ask for them. */
function end(rows: Statements, id: number, state: CalendarState, now: Instant): void {
  rows.change("UPDATE calendar SET state = ?, ended_at = ? WHERE id = ?", state, now, id);
  rows.change("DELETE FROM calendar_window WHERE calendar_id = ? AND run_id IS NULL", id);
}
