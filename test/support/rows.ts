// Rows: an action and a delivery as the journal would hold them, for tests that need one.
import type { ActionRow, DeliveryRow } from "../../src/journal/inflight.ts";

export function actionRow(changes: Partial<ActionRow> = {}): ActionRow {
  return {
    id: 1,
    runId: 1,
    job: "nightly",
    step: "",
    part: 0,
    state: "planned",
    name: "mig-runner: nightly",
    body: "{}",
    signature: "sig",
    expireAt: 300_000,
    lifeMs: null,
    postBy: null,
    postedAt: null,
    sendOnly: false,
    agentsMax: null,
    guards: null,
    held: null,
    pageSize: null,
    plugins: ["mail"],
    actionId: null,
    reply: null,
    maybeSent: true,
    failures: 0,
    nextAt: 1_000,
    resultPath: null,
    resultSha256: null,
    writing: false,
    completeness: null,
    collectedAt: null,
    tries: [],
    error: null,
    updatedAt: 1_000,
    ...changes,
  };
}

export function deliveryRow(changes: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    id: 1,
    actionRow: 1,
    job: "nightly",
    plugin: "mail",
    key: "nightly/7/mail",
    resultPath: null,
    state: "pending",
    attempts: 0,
    nextAt: 1_000,
    error: null,
    tries: [],
    progress: null,
    updatedAt: 1_000,
    ...changes,
  };
}

/** The tables with columns in the order of tests, for rows that are written by hand. */
export const INTO = {
  missed: "missed (id, job, first_at, last_at, count, reason, recorded_at)",
  run: "run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at)",
  body: "body (run_id, template, expiry_ms, agents_max, plugins, seed, begun_at, next_at, starts)",
  step:
    "step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, " +
    "ended_at, tries)",
  action:
    "action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, " +
    "agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, " +
    "result_path, completeness, error, updated_at, writing)",
  delivery:
    "delivery (id, action_row, job, plugin, key, state, attempts, next_at, error, updated_at, " +
    "progress, result_path)",
  cursor: "cursor (job, decided_at, schedule)",
} as const;
