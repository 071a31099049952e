// Pause table: jobs that people keep from firing for a while.

import type { Instant } from "../../time.ts";
import type { PauseRow } from "../pauses.ts";
import { DECIDED, ID, optional, TEXT } from "./columns.ts";
import type { Methods } from "./methods.ts";
import type { Statements } from "./statements.ts";
import { tableOf } from "./table.ts";

export const PAUSE = tableOf<PauseRow>({
  name: "pause",
  since: 3,
  called: "'pause ' || id || ' (' || job || ')'",
  columns: {
    id: ID,
    job: TEXT,
    // An unreadable pause must not last for ever, nor end before its time.
    since: DECIDED,
    until: optional(DECIDED, null),
    actor: TEXT,
    why: TEXT,
    endedAt: optional(DECIDED, null),
  },
  saved: ["since", "until", "endedAt"],
  indexes: { 3: ["CREATE INDEX pause_open ON pause (job) WHERE ended_at IS NULL"] },
  meant: "job = ?1",
});

/** Whether a pause ends after a time. */
const ENDS_AFTER = "(until IS NULL OR until > ?) AND (ended_at IS NULL OR ended_at > ?)";

export const PAUSES = {
  pauses: (rows, job, after) =>
    rows.all(PAUSE, `WHERE job = ? AND ${ENDS_AFTER} ORDER BY id`, job, after, after),

  pausesNow,

  insertPause: (rows, pause) => rows.insert(PAUSE, { ...pause, endedAt: null }),

  endPauses(rows, job, now) {
    const open = pausesNow(rows, now).filter((pause) => pause.job === job);
    rows.change("UPDATE pause SET ended_at = ? WHERE job = ? AND ended_at IS NULL", now, job);
    return open;
  },

  savePause: (rows, row) => rows.save(PAUSE, row),

  dropPause(rows, id) {
    rows.change("DELETE FROM pause WHERE id = ?", id);
  },

  removePauses: (rows, before, limit) =>
    rows.change(
      "DELETE FROM pause WHERE id IN (SELECT id FROM pause " +
        "WHERE ended_at < ?1 OR until < ?1 LIMIT ?2)",
      before,
      limit,
    ),
} satisfies Partial<Methods>;

function pausesNow(rows: Statements, now: Instant): PauseRow[] {
  const rest = "WHERE ended_at IS NULL AND (until IS NULL OR until > ?) ORDER BY job, id";
  return rows.all(PAUSE, rest, now);
}

/** Pauses that begin after a time, by a clock that was ahead: see `setAhead`. */
export function pausesAhead(rows: Statements, now: Instant, limit: number): PauseRow[] {
  return rows.all(PAUSE, "WHERE since > ? LIMIT ?", now, limit);
}
