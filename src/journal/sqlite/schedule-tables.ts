// Schedule tables: how far the schedules of jobs are decided, and the fire times that nobody ran.
import { type Cursor, MISSED_KINDS, type MissedRow } from "../journal.ts";
import { COUNT, DECIDED, ID, INSTANT, oneOf, optional, since, TEXT, unmended } from "./columns.ts";
import type { Methods } from "./methods.ts";
import { tableOf } from "./table.ts";
import { tally } from "./tally-table.ts";

export const CURSOR = tableOf<Cursor & { readonly job: string }>({
  name: "cursor",
  key: "job",
  called: "'cursor of ' || job",
  columns: {
    job: TEXT,
    decidedAt: DECIDED,
    schedule: TEXT,
    aheadAt: since(2, optional(DECIDED)),
  },
  meant: "job = ?1",
});

export const MISSED = tableOf<MissedRow>({
  name: "missed",
  called: "'missed ' || id || ' (' || job || ')'",
  columns: {
    id: ID,
    job: TEXT,
    firstAt: INSTANT,
    lastAt: INSTANT,
    count: unmended(COUNT),
    reason: TEXT,
    recordedAt: INSTANT,
    kind: since(3, oneOf(MISSED_KINDS), "'missed'"),
  },
  saved: ["firstAt", "lastAt", "count"],
  indexes: { 1: ["CREATE INDEX missed_job ON missed (job, id)"] },
  meant: "job = ?1",
});

export const SCHEDULES = {
  cursor(rows, job) {
    const row = rows.one(CURSOR, "WHERE job = ?", job);
    if (row === null) return null;
    const { decidedAt, schedule, aheadAt } = row;
    return { decidedAt, schedule, aheadAt };
  },

  setCursor(rows, job, { decidedAt, schedule, aheadAt = null }) {
    rows.change(
      "INSERT INTO cursor (job, decided_at, schedule, ahead_at) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT (job) DO UPDATE SET decided_at = excluded.decided_at, " +
        "schedule = excluded.schedule, ahead_at = excluded.ahead_at",
      job,
      decidedAt,
      schedule,
      aheadAt,
    );
  },

  removeCursor(rows, job) {
    rows.change("DELETE FROM cursor WHERE job = ?", job);
  },

  missed(rows, job, limit, kind = null) {
    const ofJob = job === null ? "?1 IS NULL" : "job = ?1";
    const ofKind = kind === null ? "?2 IS NULL" : "kind = ?2";
    return rows.all(
      MISSED,
      `WHERE ${ofJob} AND ${ofKind} ORDER BY id DESC LIMIT ?3`,
      job,
      kind,
      limit,
    );
  },

  missedAfter: (rows, job, at) =>
    rows.all(MISSED, "WHERE job = ? AND last_at > ? ORDER BY id", job, at),

  insertMissed(rows, missed, isNew = true) {
    const { kind = "missed" } = missed;
    if (isNew && kind === "missed") {
      tally(rows, { what: "missed", job: missed.job, label: "", count: missed.count });
    }
    rows.insert(MISSED, { ...missed, kind });
  },

  saveMissed: (rows, row) => rows.save(MISSED, row),

  dropMissed(rows, id) {
    rows.change("DELETE FROM missed WHERE id = ?", id);
  },

  removeMissed: (rows, before, limit) =>
    rows.change(
      "DELETE FROM missed WHERE id IN (SELECT id FROM missed WHERE recorded_at < ? LIMIT ?)",
      before,
      limit,
    ),
} satisfies Partial<Methods>;
