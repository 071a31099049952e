// Delivery table: results on their way to plugins (the outbox).
import { DELIVERY_STATES, type DeliveryRow } from "../inflight.ts";
import {
  COUNT,
  declared,
  ID,
  INSTANT,
  NEXT,
  oneOf,
  optional,
  since,
  TEXT,
  TRIES,
} from "./columns.ts";
import type { Methods } from "./methods.ts";
import { tableOf } from "./table.ts";

export const DELIVERY = tableOf<DeliveryRow>({
  name: "delivery",
  called: "'delivery ' || id || ' (' || job || ')'",
  columns: {
    id: ID,
    actionRow: declared(ID, "REFERENCES action (id)"),
    job: TEXT,
    plugin: TEXT,
    key: TEXT,
    state: oneOf(DELIVERY_STATES),
    attempts: COUNT,
    nextAt: NEXT,
    error: optional(TEXT),
    updatedAt: INSTANT,
    progress: since(2, optional(TEXT)),
    resultPath: since(2, optional(TEXT, null)),
    tries: since(4, TRIES),
  },
  saved: ["state", "attempts", "nextAt", "error", "progress", "tries", "updatedAt"],
  unique: "key",
  once: ["key"],
  indexes: {
    1: [
      "CREATE INDEX delivery_action ON delivery (action_row)",
      "CREATE INDEX delivery_next ON delivery (next_at) WHERE next_at IS NOT NULL",
      "CREATE INDEX delivery_open ON delivery (state, id) WHERE state IN ('pending', 'dead')",
    ],
  },
  waiting: "next_at IS NOT NULL",
  meant: "job = ?1",
});

export const DELIVERIES = {
  delivery: (rows, id) => rows.one(DELIVERY, "WHERE id = ?", id),

  deliveriesOf: (rows, actionRow) =>
    rows.all(DELIVERY, "WHERE action_row = ? ORDER BY id", actionRow),

  dueDeliveries: (rows, now, limit) =>
    rows.all(DELIVERY, "WHERE next_at <= ? ORDER BY next_at LIMIT ?", now, limit),

  undelivered: (rows, limit) =>
    rows.all(DELIVERY, "WHERE state IN ('pending', 'dead') ORDER BY id LIMIT ?", limit),

  insertDelivery: (rows, { actionRow, job, plugin, key, resultPath = null }, now) =>
    rows.insertOnce(DELIVERY, {
      actionRow,
      job,
      plugin,
      key,
      resultPath,
      state: "pending",
      attempts: 0,
      nextAt: now,
      updatedAt: now,
      error: null,
      progress: null,
      tries: [],
    }),

  saveDelivery: (rows, row) => rows.save(DELIVERY, row),
} satisfies Partial<Methods>;
