// Run table: the runs of all jobs, and what is left of them when they are old.

import type { Instant } from "../../time.ts";
import { RUN_CAUSES, RUN_STATES, type RunRow } from "../inflight.ts";
import { DECIDED, ID, INSTANT, JSON_OBJECT, oneOf, optional, since, TEXT } from "./columns.ts";
import type { Methods } from "./methods.ts";
import type { Statements } from "./statements.ts";
import { tableOf } from "./table.ts";
import { tallyRun } from "./tally-table.ts";

/** The condition of the index `run_state`, word for word. */
export const UNSETTLED = "state IN ('requested', 'open', 'paused')";

export const RUN = tableOf<RunRow>({
  name: "run",
  called: "'run ' || id || ' (' || job || ')'",
  columns: {
    id: ID,
    job: TEXT,
    firesAt: DECIDED,
    cause: oneOf(RUN_CAUSES),
    state: oneOf(RUN_STATES),
    source: optional(TEXT),
    note: optional(TEXT),
    deadlineAt: optional(INSTANT),
    endedAt: optional(INSTANT, "0"),
    // When it was begun, by the clock of then: one that was ahead is known by it.
    begunAt: since(2, optional(INSTANT)),
    params: since(3, optional(JSON_OBJECT, null)),
    notBefore: since(3, optional(INSTANT)),
  },
  saved: ["state", "source", "note", "params", "begunAt", "deadlineAt", "endedAt"],
  // I2: a fire time cannot be run twice.
  unique: "job, fires_at",
  once: ["job", "fires_at"],
  indexes: {
    1: [
      `CREATE INDEX run_state ON run (state, id) WHERE ${UNSETTLED}`,
      "CREATE INDEX run_deadline ON run (deadline_at) " +
        "WHERE deadline_at IS NOT NULL AND state = 'open'",
    ],
    // Pages of the history (reading.ts); those of one job have the index of what is unique.
    2: [
      "CREATE INDEX run_fires ON run (fires_at)",
      "CREATE INDEX run_failed ON run (fires_at) WHERE state IN ('failed', 'paused')",
      "CREATE INDEX run_job_failed ON run (job, fires_at) WHERE state IN ('failed', 'paused')",
    ],
  },
  waiting: UNSETTLED,
  meant: "job = ?1 OR CAST(id AS TEXT) = ?1",
  parts: [
    ["action", "run_id"],
    ["step", "run_id"],
    ["body", "run_id"],
  ],
});

/** Whether a run was ever begun, or tried to be: one that is asked for a time waits for it. */
const BEGUN = "(not_before IS NULL OR begun_at IS NOT NULL)";

/** Requested, by the index of those that are not settled. */
const REQUESTED = `${UNSETTLED} AND state = 'requested'`;

/** A run that ended before the first parameter, and of which nothing waits. */
const SETTLED =
  "ended_at < ?1 AND state IN ('done', 'failed') " +
  "AND NOT EXISTS (SELECT 1 FROM action WHERE run_id = run.id " +
  "AND (action.state NOT IN ('settled', 'failed') OR action.updated_at >= ?1 " +
  "OR EXISTS (SELECT 1 FROM delivery WHERE action_row = action.id " +
  "AND delivery.state IN ('pending', 'dead'))))";

/** Ended or paused, and not given up before the time that they were asked for. */
const ENDED = `state IN ('done', 'failed', 'paused') AND ${BEGUN}`;

/** The last runs of a job: see `endedRuns` in journal.ts. */
function lastRuns(
  rows: Statements,
  which: string,
  { job, until, limit }: { readonly job: string; readonly until: Instant; readonly limit: number },
): readonly RunRow[] {
  const newer =
    `SELECT id FROM readable_run WHERE job = ?1 AND ${which} AND fires_at <= ?2 ` +
    "ORDER BY id DESC LIMIT 1";
  const ahead =
    `WHERE job = ?1 AND ${which} AND fires_at > ?2 AND +id > coalesce((${newer}), 0) ` +
    "ORDER BY id DESC LIMIT ?3";
  const due = `WHERE job = ?1 AND ${which} AND fires_at <= ?2 ORDER BY fires_at DESC LIMIT ?3`;
  return [ahead, due].flatMap((rest) => rows.all(RUN, rest, job, until, limit)).slice(0, limit);
}

export const RUNS = {
  run: (rows, id) => rows.one(RUN, "WHERE id = ?", id),

  runs: (rows, job, limit) =>
    rows.all(RUN, "WHERE job = ? ORDER BY fires_at DESC LIMIT ?", job, limit),

  endedRuns: (rows, job, until, limit) => lastRuns(rows, ENDED, { job, until, limit }),

  lastDone: (rows, job, until) =>
    lastRuns(rows, "state = 'done'", { job, until, limit: 1 })[0] ?? null,

  runsIn(rows, state, limit) {
    // The first condition is that of the index over the runs that are not settled.
    const unsettled = state === "done" || state === "failed" ? "" : `${UNSETTLED} AND `;
    return rows.all(RUN, `WHERE ${unsettled}state = ? ORDER BY id LIMIT ?`, state, limit);
  },

  dueRequests: (rows, now, limit) =>
    rows.all(
      RUN,
      `WHERE ${REQUESTED} AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?`,
      now,
      limit,
    ),

  timedRequests: (rows, limit) =>
    rows.all(
      RUN,
      `WHERE ${REQUESTED} AND not_before IS NOT NULL ORDER BY not_before, id LIMIT ?`,
      limit,
    ),

  unsettledRuns: (rows, job, until) =>
    rows.all(
      RUN,
      `WHERE ${UNSETTLED} AND job = ? AND NOT EXISTS ` +
        "(SELECT 1 FROM readable_action AS action WHERE run_id = run.id AND next_at IS NOT NULL " +
        "AND action.state IN ('planned', 'posted') AND expire_at - life_ms > ?) " +
        // One that is wanted later holds up none before it.
        "AND NOT (state = 'requested' AND coalesce(not_before, 0) > ?) ORDER BY id",
      job,
      until,
      until,
    ),

  runAt: (rows, job, firesAt) => rows.one(RUN, "WHERE job = ? AND fires_at = ?", job, firesAt),

  overdueRuns(rows, now, limit) {
    // Two: each has an index of its own.
    const open = "WHERE deadline_at <= ? AND state = 'open' ORDER BY deadline_at LIMIT ?";
    const asked = `WHERE deadline_at <= ? AND ${REQUESTED} ORDER BY deadline_at LIMIT ?`;
    return [open, asked].flatMap((each) => rows.all(RUN, each, now, limit));
  },

  strandedRuns: (rows, limit) =>
    rows.all(
      RUN,
      `WHERE ${UNSETTLED} AND state = 'open' AND source IS NULL AND NOT EXISTS ` +
        "(SELECT 1 FROM readable_action AS action WHERE run_id = run.id " +
        "AND action.state IN ('planned', 'posted', 'collected')) LIMIT ?",
      limit,
    ),

  insertRun(rows, run, state, now) {
    const { source = null, params = null, begunAt = null, deadlineAt = null } = run;
    const goesOn = state === "requested" || state === "open" || state === "paused";
    return rows.insertOnce(RUN, {
      job: run.job,
      firesAt: run.firesAt,
      cause: run.cause,
      state,
      source,
      note: null,
      params,
      begunAt,
      deadlineAt,
      endedAt: goesOn ? null : now,
      notBefore: run.notBefore ?? null,
    });
  },

  saveRun(rows, row) {
    tallyRun(rows, row);
    rows.save(RUN, row);
  },

  settledRuns: (rows, before, limit) =>
    rows.all(
      RUN,
      `WHERE ${SETTLED} AND EXISTS (SELECT 1 FROM run AS newer ` +
        "WHERE newer.job = run.job AND newer.fires_at > run.fires_at) ORDER BY id LIMIT ?2",
      before,
      limit,
    ),

  jobsWithRuns: (rows, after, limit) =>
    rows.each(
      // From one name to the next by the index, past all the runs between them.
      "WITH RECURSIVE names (job, number) AS (SELECT (SELECT min(job) FROM run WHERE job > ?1), 1 " +
        "UNION ALL SELECT (SELECT min(job) FROM run WHERE job > names.job), number + 1 " +
        "FROM names WHERE names.job IS NOT NULL AND number < ?2) " +
        "SELECT job FROM names WHERE job IS NOT NULL",
      ({ job }) => job as string,
      after,
      limit,
    ),

  surplusRuns: (rows, job, { keep, before }, limit) =>
    rows.all(
      RUN,
      `WHERE ${SETTLED} AND job = ?3 AND fires_at <= ` +
        "(SELECT fires_at FROM run WHERE job = ?3 ORDER BY fires_at DESC LIMIT 1 OFFSET ?4) " +
        "ORDER BY fires_at LIMIT ?2",
      before,
      limit,
      job,
      keep,
    ),

  removeRuns(rows, ids) {
    const list = JSON.stringify(ids);
    const among = "IN (SELECT value FROM json_each(?))";
    for (const sql of [
      `DELETE FROM delivery WHERE action_row IN (SELECT id FROM action WHERE run_id ${among})`,
      ...["action", "step", "body"].map((table) => `DELETE FROM ${table} WHERE run_id ${among}`),
      `DELETE FROM calendar_window WHERE run_id ${among}`,
      `DELETE FROM run WHERE id ${among}`,
    ]) {
      rows.change(sql, list);
    }
    rows.change(
      "UPDATE calendar SET action = '' WHERE state <> 'installed' AND NOT EXISTS " +
        "(SELECT 1 FROM calendar_window WHERE calendar_id = calendar.id)",
    );
    rows.change(
      "DELETE FROM source WHERE NOT EXISTS (SELECT 1 FROM run WHERE source = hash) " +
        "AND NOT EXISTS (SELECT 1 FROM body WHERE template = hash)",
    );
  },
} satisfies Partial<Methods>;

/** The newest run of a job that was begun, or is to be as soon as it can. */
export function newestRun(rows: Statements, job: string): RunRow | null {
  return rows.one(RUN, `WHERE job = ? AND ${BEGUN} ORDER BY fires_at DESC LIMIT 1`, job);
}

/** Open runs whose deadlines were set by a clock that was ahead: see `setAhead`. */
export function runsAhead(rows: Statements, now: Instant, limit: number): RunRow[] {
  const waiting = `WHERE ${UNSETTLED} AND deadline_at IS NOT NULL AND begun_at > ? LIMIT ?`;
  return rows.all(RUN, waiting, now, limit);
}
