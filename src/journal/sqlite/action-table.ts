// Action table: the signed actions of all runs.
import { ACTION_HOLDS } from "../guards.ts";
import { ACTION_STATES, type ActionRow } from "../inflight.ts";
import {
  BYTES,
  COMPLETENESS,
  COUNT,
  declared,
  FLAG,
  ID,
  INSTANT,
  inColumn,
  JSON_OBJECT,
  NAMES,
  NEXT,
  oneOf,
  optional,
  parsed,
  since,
  TEXT,
  TRIES,
} from "./columns.ts";
import type { Methods } from "./methods.ts";
import { tableOf } from "./table.ts";
import { tallyCommands } from "./tally-table.ts";

export const ACTION = tableOf<ActionRow>({
  name: "action",
  called: "'action ' || id || ' (' || job || ')'",
  columns: {
    id: ID,
    runId: declared(ID, "REFERENCES run (id)"),
    job: TEXT,
    step: TEXT,
    part: COUNT,
    state: oneOf(ACTION_STATES),
    name: TEXT,
    body: TEXT,
    signature: TEXT,
    expireAt: INSTANT,
    sendOnly: FLAG,
    // An unreadable limit must not turn into "no limit".
    agentsMax: optional(COUNT, null),
    pageSize: optional(ID),
    plugins: NAMES,
    actionId: optional(ID),
    reply: optional(BYTES),
    maybeSent: FLAG,
    failures: inColumn("attempts", COUNT),
    nextAt: NEXT,
    resultPath: optional(TEXT),
    completeness: COMPLETENESS,
    error: optional(TEXT),
    updatedAt: INSTANT,
    writing: since(2, FLAG, "0"),
    lifeMs: since(2, optional(COUNT)),
    postBy: since(2, optional(INSTANT)),
    postedAt: since(2, optional(INSTANT)),
    guards: since(2, optional(parsed(JSON_OBJECT), null)),
    held: since(2, optional(oneOf(ACTION_HOLDS), null)),
    resultSha256: since(3, optional(TEXT)),
    collectedAt: since(4, optional(INSTANT)),
    tries: since(4, TRIES),
  },
  saved: [
    ...(["state", "body", "signature", "expireAt", "postBy", "postedAt", "actionId"] as const),
    ...(["reply", "maybeSent", "failures", "nextAt", "resultPath", "resultSha256"] as const),
    ...(["writing", "completeness", "collectedAt", "tries", "error", "held"] as const),
    "updatedAt",
  ],
  unique: "run_id, step, part",
  once: ["action_id"],
  indexes: {
    1: [
      "CREATE UNIQUE INDEX action_api ON action (action_id) WHERE action_id IS NOT NULL",
      "CREATE INDEX action_next ON action (next_at) WHERE next_at IS NOT NULL",
      "CREATE INDEX action_due ON action (state, next_at) WHERE next_at IS NOT NULL",
    ],
  },
  states: [
    ["it is planned, but its signed action is gone (I1)", "state = 'planned' AND body = ''"],
    [
      "it is posted, but the API's answer is gone",
      "state = 'posted' AND (action_id IS NULL OR reply IS NULL)",
    ],
    [
      "its result is to be read once more, but the API's answer is gone",
      "state = 'collected' AND next_at IS NOT NULL AND (action_id IS NULL OR reply IS NULL)",
    ],
    [
      "it is collected, but where its result is was not recorded (I6)",
      "state = 'collected' AND (result_path IS NULL OR completeness IS NULL)",
    ],
  ],
  waiting: "next_at IS NOT NULL",
  meant: "job = ?1 OR CAST(run_id AS TEXT) = ?1 OR CAST(action_id AS TEXT) = ?1",
  parts: [["delivery", "action_row"]],
});

/** What is in flight, by the index `action_due`. */
export const IN_FLIGHT = "next_at IS NOT NULL AND state IN ('planned', 'posted')";

export const ACTIONS = {
  action: (rows, id) => rows.one(ACTION, "WHERE id = ?", id),

  actionById: (rows, actionId) => rows.one(ACTION, "WHERE action_id = ?", actionId),

  stateById: (rows, actionId) =>
    rows.value("SELECT state AS value FROM readable_action WHERE action_id = ?", actionId),

  actionsOf: (rows, runId) => rows.all(ACTION, "WHERE run_id = ? ORDER BY id", runId),

  dueActions: (rows, state, now, limit, without = []) =>
    rows.all(
      ACTION,
      "WHERE state = ? AND next_at <= ? AND id NOT IN (SELECT value FROM json_each(?)) " +
        "ORDER BY next_at LIMIT ?",
      state,
      now,
      JSON.stringify(without),
      limit,
    ),

  pendingActions: (rows, limit) =>
    rows.all(ACTION, `WHERE ${IN_FLIGHT} ORDER BY next_at LIMIT ?`, limit),

  pendingIds: (rows, limit) =>
    rows.each(
      `SELECT id, action_id FROM readable_action WHERE ${IN_FLIGHT} ORDER BY next_at LIMIT ?`,
      ({ id, action_id }) => ({ id: id as number, actionId: action_id as number | null }),
      limit,
    ),

  insertAction(rows, action, now) {
    const { runId, job, step, name, body, signature, expireAt, sendOnly, plugins } = action;
    const { part = 0, lifeMs = null, postBy = null, agentsMax = null, guards = null } = action;
    return rows.insert(ACTION, {
      runId,
      job,
      step,
      part,
      state: "planned",
      name,
      body,
      signature,
      expireAt,
      lifeMs,
      postBy,
      postedAt: null,
      sendOnly,
      agentsMax,
      guards,
      held: null,
      pageSize: action.pageSize ?? null,
      plugins,
      actionId: null,
      reply: null,
      maybeSent: true,
      failures: 0,
      nextAt: now,
      updatedAt: now,
      error: null,
      tries: [],
      resultPath: null,
      resultSha256: null,
      writing: false,
      completeness: null,
      collectedAt: null,
    });
  },

  saveAction(rows, row) {
    tallyCommands(rows, row);
    rows.save(ACTION, row);
  },
} satisfies Partial<Methods>;
