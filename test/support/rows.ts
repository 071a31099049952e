// Rows: an action and a delivery as the journal would hold them, for tests that need one.
import type { ActionRow, DeliveryRow } from "../../src/flow/inflight.ts";

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
    sendOnly: false,
    agentsMax: null,
    pageSize: null,
    plugins: ["mail"],
    actionId: null,
    reply: null,
    maybeSent: true,
    attempts: 0,
    nextAt: 1_000,
    resultPath: null,
    writing: false,
    completeness: null,
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
    progress: null,
    updatedAt: 1_000,
    ...changes,
  };
}
