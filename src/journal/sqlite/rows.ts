// Rows: SQLite's values to the flow's rows and back.
import type { Guards, Hold } from "../guards.ts";
import type {
  ActionRow,
  ActionState,
  Completeness,
  DeliveryRow,
  DeliveryState,
  RunCause,
  RunRow,
  RunState,
} from "../inflight.ts";
import type { Cursor, MissedRow } from "../journal.ts";
import type { BodyRow, StepKind, StepRow } from "../steps.ts";
import type { Try } from "../tries.ts";

/** What node:sqlite hands out for one row. */
export type Raw = Record<string, unknown>;

/** A value that node:sqlite binds. */
export type Bindable = string | number | null | Uint8Array;

/** A row of table `run`. */
export function runOf(raw: Raw): RunRow {
  return {
    id: raw.id as number,
    job: raw.job as string,
    firesAt: raw.fires_at as number,
    cause: raw.cause as RunCause,
    state: raw.state as RunState,
    source: raw.source as string | null,
    note: raw.note as string | null,
    params: raw.params as string | null,
    begunAt: raw.begun_at as number | null,
    deadlineAt: raw.deadline_at as number | null,
    endedAt: raw.ended_at as number | null,
    notBefore: raw.not_before as number | null,
  };
}

/** A row of table `action`, its two JSON columns decoded. */
export function actionOf(raw: Raw): ActionRow {
  const completeness = raw.completeness as string | null;
  return {
    id: raw.id as number,
    runId: raw.run_id as number,
    job: raw.job as string,
    step: raw.step as string,
    part: raw.part as number,
    state: raw.state as ActionState,
    name: raw.name as string,
    body: raw.body as string,
    signature: raw.signature as string,
    expireAt: raw.expire_at as number,
    lifeMs: raw.life_ms as number | null,
    postBy: raw.post_by as number | null,
    postedAt: raw.posted_at as number | null,
    sendOnly: raw.send_only === 1,
    agentsMax: raw.agents_max as number | null,
    guards: raw.guards === null ? null : (JSON.parse(raw.guards as string) as Guards),
    held: raw.held as Hold | null,
    pageSize: raw.page_size as number | null,
    plugins: JSON.parse(raw.plugins as string) as string[],
    actionId: raw.action_id as number | null,
    reply: raw.reply as Uint8Array | null,
    maybeSent: raw.maybe_sent === 1,
    attempts: raw.attempts as number,
    nextAt: raw.next_at as number | null,
    resultPath: raw.result_path as string | null,
    resultSha256: raw.result_sha256 as string | null,
    writing: raw.writing === 1,
    completeness: completeness === null ? null : completenessOf(completeness),
    collectedAt: raw.collected_at as number | null,
    tries: triesOf(raw),
    error: raw.error as string | null,
    updatedAt: raw.updated_at as number,
  };
}

function triesOf({ tries }: Raw): readonly Try[] {
  return tries === null ? [] : (JSON.parse(tries as string) as Try[]);
}

/** What is written of tries: of most actions there is nothing to write. */
export function triesText(tries: readonly Try[]): string | null {
  return tries.length === 0 ? null : JSON.stringify(tries);
}

/** Rows that were written before all counters were kept have none. */
function completenessOf(text: string): Completeness {
  return { counters: null, ...(JSON.parse(text) as Omit<Completeness, "counters">) };
}

/** The columns of `UPDATE action` in the order of ACTION_UPDATE, without the id. */
export function actionValues(row: ActionRow): Bindable[] {
  return [
    row.state,
    row.body,
    row.signature,
    row.expireAt,
    row.postBy,
    row.postedAt,
    row.actionId,
    row.reply,
    row.maybeSent ? 1 : 0,
    row.attempts,
    row.nextAt,
    row.resultPath,
    row.resultSha256,
    row.writing ? 1 : 0,
    row.completeness === null ? null : JSON.stringify(row.completeness),
    row.collectedAt,
    triesText(row.tries),
    row.error,
    row.held,
    row.updatedAt,
  ];
}

export const ACTION_UPDATE =
  "UPDATE action SET state = ?, body = ?, signature = ?, expire_at = ?, post_by = ?, " +
  "posted_at = ?, action_id = ?, reply = ?, maybe_sent = ?, attempts = ?, next_at = ?, result_path = ?, " +
  "result_sha256 = ?, writing = ?, completeness = ?, collected_at = ?, " +
  "tries = ?, error = ?, held = ?, updated_at = ? WHERE id = ?";

/** A row of table `delivery`. */
export function deliveryOf(raw: Raw): DeliveryRow {
  return {
    id: raw.id as number,
    actionRow: raw.action_row as number,
    job: raw.job as string,
    plugin: raw.plugin as string,
    key: raw.key as string,
    resultPath: raw.result_path as string | null,
    state: raw.state as DeliveryState,
    attempts: raw.attempts as number,
    nextAt: raw.next_at as number | null,
    error: raw.error as string | null,
    tries: triesOf(raw),
    progress: raw.progress as string | null,
    updatedAt: raw.updated_at as number,
  };
}

/** A row of table `cursor`, without its job. */
export function cursorOf(raw: Raw): Cursor {
  return {
    decidedAt: raw.decided_at as number,
    schedule: raw.schedule as string,
    aheadAt: raw.ahead_at as number | null,
  };
}

/** A row of table `missed`. */
export function missedOf(raw: Raw): MissedRow {
  return {
    id: raw.id as number,
    job: raw.job as string,
    firstAt: raw.first_at as number,
    lastAt: raw.last_at as number,
    count: raw.count as number,
    reason: raw.reason as string,
    recordedAt: raw.recorded_at as number,
    kind: raw.kind as MissedRow["kind"],
  };
}

/** A row of table `body`. */
export function bodyOf(raw: Raw): BodyRow {
  return {
    runId: raw.run_id as number,
    template: raw.template as string | null,
    expiryMs: raw.expiry_ms as number,
    agentsMax: raw.agents_max as number | null,
    plugins: JSON.parse(raw.plugins as string) as string[],
    seed: raw.seed as number,
    begunAt: raw.begun_at as number,
    nextAt: raw.next_at as number | null,
    setAt: raw.set_at as number,
    starts: raw.starts as number,
    version: raw.version as number,
  };
}

/** A row of table `step`. */
export function stepOf(raw: Raw): StepRow {
  return {
    id: raw.id as number,
    runId: raw.run_id as number,
    name: raw.name as string,
    kind: raw.kind as StepKind,
    digest: raw.digest as string,
    state: raw.state as StepRow["state"],
    value: raw.value as string | null,
    error: raw.error as string | null,
    attempts: raw.attempts as number,
    tries: raw.tries as number,
    nextAt: raw.next_at as number | null,
    setAt: raw.set_at as number,
    begunAt: raw.begun_at as number | null,
    sequence: raw.sequence as number | null,
    endedAt: raw.ended_at as number | null,
    asked: raw.asked as string | null,
    answer: raw.answer as string | null,
  };
}
