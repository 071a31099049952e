// Step tables: workflow runs: texts under their hashes (source), bodies, steps.

import type { Instant } from "../../time.ts";
import { type BodyRow, STEP_KINDS, STEP_STATES, type StepRow } from "../steps.ts";
import {
  COUNT,
  declared,
  ID,
  INSTANT,
  inColumn,
  JSON_OBJECT,
  JSON_TEXT,
  NAMES,
  NEXT,
  oneOf,
  optional,
  since,
  TEXT,
  unmended,
  whole,
} from "./columns.ts";
import type { Methods } from "./methods.ts";
import type { Statements } from "./statements.ts";
import { tableOf } from "./table.ts";

/** A job's bundled source, or its action template. Any text is readable. */
export const SOURCE = tableOf<{ readonly hash: string; readonly text: string }>({
  name: "source",
  key: "hash",
  called: "'source ' || hash",
  columns: { hash: TEXT, text: TEXT },
});

export const BODY = tableOf<BodyRow>({
  name: "body",
  key: "run_id",
  called: "'workflow of run ' || run_id",
  columns: {
    runId: declared(ID, "REFERENCES run (id)"),
    template: optional(TEXT, null),
    expiryMs: unmended(COUNT),
    agentsMax: optional(COUNT, null),
    plugins: NAMES,
    seed: COUNT,
    begunAt: INSTANT,
    nextAt: NEXT,
    starts: COUNT,
    // By the clock of then: one that was ahead is known by it.
    setAt: since(2, INSTANT, "0"),
    version: since(3, whole(1), "1"),
  },
  saved: ["nextAt", "setAt", "starts"],
  indexes: { 1: ["CREATE INDEX body_next ON body (next_at) WHERE next_at IS NOT NULL"] },
  waiting: "next_at IS NOT NULL",
  meant: "CAST(run_id AS TEXT) = ?1 OR run_id IN (SELECT id FROM main.run WHERE job = ?1)",
});

export const STEP = tableOf<StepRow>({
  name: "step",
  called: "'step ' || id || ' (' || name || ' of run ' || run_id || ')'",
  columns: {
    id: ID,
    runId: declared(ID, "REFERENCES run (id)"),
    name: TEXT,
    kind: oneOf(STEP_KINDS),
    digest: TEXT,
    state: oneOf(STEP_STATES),
    value: optional(JSON_TEXT, null),
    error: optional(TEXT, "''"),
    failures: inColumn("attempts", COUNT),
    nextAt: NEXT,
    sequence: optional(ID, null),
    endedAt: optional(INSTANT, "0"),
    attempts: since(2, inColumn("tries", COUNT), "0"),
    setAt: since(2, INSTANT, "0"),
    // What people are asked in the middle of a run, and who answered what.
    asked: since(3, optional(JSON_OBJECT, null)),
    answer: since(3, optional(JSON_OBJECT, null)),
    begunAt: since(4, optional(INSTANT)),
  },
  saved: [
    ...([
      "state",
      "value",
      "error",
      "failures",
      "attempts",
      "nextAt",
      "setAt",
      "sequence",
    ] as const),
    ...(["endedAt", "answer", "digest"] as const),
  ],
  unique: "run_id, name",
  indexes: {
    1: [
      "CREATE UNIQUE INDEX step_sequence ON step (run_id, sequence) WHERE sequence IS NOT NULL",
      "CREATE INDEX step_next ON step (next_at) WHERE next_at IS NOT NULL",
    ],
  },
  states: [
    [
      "it waits for people, but what they are asked is gone",
      "kind IN ('wait', 'approval') AND asked IS NULL",
    ],
    [
      "it ended, but has no place or no time (W2)",
      "state IN ('saved', 'failed') AND (sequence IS NULL OR ended_at IS NULL)",
    ],
  ],
  waiting: "next_at IS NOT NULL",
  meant: "CAST(run_id AS TEXT) = ?1 OR run_id IN (SELECT id FROM main.run WHERE job = ?1)",
});

export const WORKFLOWS = {
  source: (rows, hash) =>
    rows.value<string>("SELECT text AS value FROM source WHERE hash = ?", hash),

  insertSource(rows, hash, text) {
    rows.change(
      "INSERT INTO source (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
      hash,
      text,
    );
  },

  body: (rows, runId) => rows.one(BODY, "WHERE run_id = ?", runId),

  dueBodies: (rows, now, limit, without) =>
    rows.all(
      BODY,
      "JOIN readable_run AS run ON run.id = body.run_id " +
        "WHERE body.next_at <= ? AND run.state = 'open' " +
        "AND run.job NOT IN (SELECT value FROM json_each(?)) " +
        "ORDER BY body.next_at, run_id LIMIT ?",
      now,
      JSON.stringify(without),
      limit,
    ),

  insertBody(rows, { version = 1, ...body }) {
    rows.insert(BODY, { ...body, setAt: body.begunAt, starts: 0, version });
  },

  saveBody: (rows, row) => rows.save(BODY, row),

  step: (rows, id) => rows.one(STEP, "WHERE id = ?", id),

  stepNamed: (rows, runId, name) => rows.one(STEP, "WHERE run_id = ? AND name = ?", runId, name),

  stepsOf: (rows, runId) => rows.all(STEP, "WHERE run_id = ? ORDER BY id", runId),

  stepAt: (rows, runId, sequence) =>
    rows.one(STEP, "WHERE run_id = ? AND sequence = ?", runId, sequence),

  dueSteps: (rows, now, limit) =>
    rows.all(
      STEP,
      "JOIN readable_run AS run ON run.id = step.run_id " +
        "WHERE step.next_at <= ? AND run.state = 'open' ORDER BY step.next_at, step.id LIMIT ?",
      now,
      limit,
    ),

  frontier(rows, runId) {
    const last = rows.one(
      STEP,
      "WHERE run_id = ? AND sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1",
      runId,
    );
    return { sequence: last?.sequence ?? 0, endedAt: last?.endedAt ?? 0 };
  },

  insertStep: (rows, { runId, name, kind, digest, nextAt, ...step }) =>
    rows.insertOnce(STEP, {
      runId,
      name,
      kind,
      digest,
      state: "begun",
      value: null,
      error: null,
      failures: 0,
      nextAt,
      sequence: null,
      endedAt: null,
      attempts: 0,
      setAt: step.setAt ?? 0,
      asked: step.asked ?? null,
      answer: null,
      begunAt: step.begunAt ?? null,
    }),

  saveStep: (rows, row) => rows.save(STEP, row),

  removeStep(rows, id) {
    rows.change("DELETE FROM step WHERE id = ?", id);
  },
} satisfies Partial<Methods>;

/** Bodies that wait for a time that was set by a clock that was ahead: see `setAhead`. */
export function bodiesAhead(rows: Statements, now: Instant, limit: number): BodyRow[] {
  return rows.all(BODY, "WHERE next_at IS NOT NULL AND set_at > ? LIMIT ?", now, limit);
}

/** The same of steps. */
export function stepsAhead(rows: Statements, now: Instant, limit: number): StepRow[] {
  return rows.all(STEP, "WHERE next_at IS NOT NULL AND set_at > ? LIMIT ?", now, limit);
}
