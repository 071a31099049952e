// Alarm tables: alarms, and the notices that tell people of them.
import { ALARM_EVENTS, type AlarmRow, NOTICE_STATES, type NoticeRow } from "../alarms.ts";
import { COUNT, declared, ID, INSTANT, JSON_TEXT, NEXT, oneOf, optional, TEXT } from "./columns.ts";
import type { Methods } from "./methods.ts";
import { tableOf } from "./table.ts";

export const ALARM = tableOf<AlarmRow>({
  name: "alarm",
  since: 2,
  called: "'alarm ' || id || ' (' || event || ' ' || job || ')'",
  columns: {
    id: ID,
    event: oneOf(ALARM_EVENTS),
    job: TEXT,
    subject: TEXT,
    runId: optional(ID),
    since: INSTANT,
    raisedAt: INSTANT,
    toldAt: INSTANT,
    count: COUNT,
    message: TEXT,
    hint: TEXT,
    endedAt: optional(INSTANT, "0"),
  },
  saved: ["runId", "toldAt", "count", "message", "hint", "endedAt"],
  once: ["event", "job", "subject"],
  over: "ended_at",
  indexes: {
    2: ["CREATE UNIQUE INDEX alarm_open ON alarm (event, job, subject) WHERE ended_at IS NULL"],
  },
  meant: "job = ?1",
  parts: [["notice", "alarm_id"]],
});

export const NOTICE = tableOf<NoticeRow>({
  name: "notice",
  since: 2,
  called: "'notice ' || id || ' of an alarm'",
  columns: {
    id: ID,
    alarmId: declared(ID, "REFERENCES alarm (id)"),
    plugin: TEXT,
    body: JSON_TEXT,
    state: oneOf(NOTICE_STATES),
    attempts: COUNT,
    nextAt: NEXT,
    error: optional(TEXT),
    updatedAt: INSTANT,
  },
  saved: ["state", "attempts", "nextAt", "error", "updatedAt"],
  indexes: {
    2: [
      "CREATE INDEX notice_next ON notice (next_at) WHERE next_at IS NOT NULL",
      "CREATE INDEX notice_alarm ON notice (alarm_id)",
    ],
  },
  waiting: "next_at IS NOT NULL",
  meant: "alarm_id IN (SELECT id FROM main.alarm WHERE job = ?1)",
});

export const ALARMS = {
  openAlarms: (rows) => rows.all(ALARM, "WHERE ended_at IS NULL ORDER BY event, job, subject"),

  alarms: (rows, limit) => rows.all(ALARM, "ORDER BY id DESC LIMIT ?", limit),

  dueNotices: (rows, now, limit, without = []) =>
    rows.all(
      NOTICE,
      // One that was put off by a clock that was ahead is due (I7).
      "WHERE next_at IS NOT NULL AND (next_at <= ? OR updated_at > ?) " +
        "AND plugin NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at LIMIT ?",
      now,
      now,
      JSON.stringify(without),
      limit,
    ),

  notice: (rows, id) => rows.one(NOTICE, "WHERE id = ?", id),

  insertAlarm: (rows, alarm) => rows.insert(ALARM, { ...alarm, endedAt: null }),

  saveAlarm: (rows, row) => rows.save(ALARM, row),

  insertNotice(rows, { alarmId, plugin, body }, now) {
    rows.insert(NOTICE, {
      alarmId,
      plugin,
      body,
      state: "pending",
      attempts: 0,
      error: null,
      nextAt: now,
      updatedAt: now,
    });
  },

  toldOf: (rows, alarmId) =>
    rows.each(
      "SELECT DISTINCT plugin FROM readable_notice WHERE alarm_id = ?",
      ({ plugin }) => String(plugin),
      alarmId,
    ),

  saveNotice: (rows, row) => rows.save(NOTICE, row),

  removeAlarms(rows, before, limit) {
    const old =
      "SELECT id FROM alarm WHERE ended_at < ?1 AND NOT EXISTS (SELECT 1 FROM notice " +
      "WHERE alarm_id = alarm.id AND next_at IS NOT NULL) ORDER BY id LIMIT ?2";
    rows.change(`DELETE FROM notice WHERE alarm_id IN (${old})`, before, limit);
    return rows.change(`DELETE FROM alarm WHERE id IN (${old})`, before, limit);
  },
} satisfies Partial<Methods>;
