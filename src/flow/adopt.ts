// Adopt: takes the original's in-flight records (inflight/*.json) into the journal, so that
// swapping the binary loses no pending collect (I9). adoption.ts says when.
import { isJournalError, messageOf } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import type { ActionRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { parseActionId } from "../mig/ids.ts";
import { type InflightRecord, parseInflight } from "../mig/result.ts";
import type { InflightFile } from "../ports.ts";
import { collectAtOf } from "./collect-times.ts";
import { say } from "./edges.ts";
import { type Adopting, settleElsewhere } from "./elsewhere.ts";
import { openAdopted } from "./runs.ts";
import { transit } from "./transition.ts";

/**
 * Looks at every in-flight record of the spool: pending ones go into the journal, finished ones are
 * removed, and those that say nothing (empty, torn) are reported and set aside.
 *
 * @param entityOf The loaded job of a directory, for its plugins; null when it is broken or gone.
 * @param signal Ends it between two records; the next start goes on. @default never
 * @returns How many were adopted.
 * @throws {RunnerError} SPOOL or JOURNAL, when records cannot be read or journaled: try again
 * later.
 */
export async function adoptInflight(
  edges: Adopting,
  entityOf: (job: string) => Entity | null,
  { signal = null }: { readonly signal?: AbortSignal | null } = {},
): Promise<number> {
  let adopted = 0;
  const recorded = new Set<number>();
  const isKnown = (name: string): boolean => {
    const actionId = atWork(edges, name);
    if (actionId !== null) recorded.add(actionId);
    return actionId !== null;
  };
  for (const file of await edges.spool.inflight(isKnown)) {
    if (signal?.aborted === true) break;
    try {
      if (await adoptOne(edges, file, entityOf(file.job))) adopted++;
    } catch (error) {
      if (isJournalError(error)) throw error;
      say(edges, file.job, "err", `Cannot adopt "${file.path}": ${messageOf(error)}`);
    }
  }
  await lookElsewhere(edges, recorded, signal);
  return adopted;
}

/** The id of a journaled action that waits for its collect and whose record has this name. */
function atWork({ journal }: Adopting, name: string): number | null {
  const id = name.endsWith(".json") ? parseActionId(name.slice(0, -".json".length)) : null;
  return id !== null && journal.stateById(id) === "posted" ? id : null;
}

/** The other direction: posted actions without a record, which another runner may have collected. */
async function lookElsewhere(
  edges: Adopting,
  recorded: ReadonlySet<number>,
  signal: AbortSignal | null,
): Promise<void> {
  for (const { id, actionId } of edges.journal.pendingIds(POSTED_MAX)) {
    if (signal?.aborted === true) return;
    const row = actionId === null || recorded.has(actionId) ? null : edges.journal.action(id);
    if (row === null) continue;
    try {
      await settleElsewhere(edges, row);
    } catch (error) {
      if (isJournalError(error)) throw error;
      say(edges, row, "err", messageOf(error));
    }
  }
}

/** Actions in flight that are looked at here; others are looked at when they are collected. */
const POSTED_MAX = 10_000;

async function adoptOne(
  edges: Adopting,
  file: InflightFile,
  entity: Entity | null,
): Promise<boolean> {
  if (file.kind === "unreadable") throw new Error(file.message);
  const record = await parseOrSetAside(edges, file);
  if (record === null) return false;
  const known = edges.journal.actionById(record.actionId);
  if (known !== null) {
    const isOver = known.state !== "posted" || edges.lease !== undefined;
    if (isOver) await edges.spool.removeInflight(file.job, record.actionId);
    return false;
  }
  // The job may name another plugin by now; a job that is gone had the one in the record.
  const plugins = entity?.plugins ?? (record.plugin === "" ? [] : [record.plugin]);
  await edges.journal.write((transaction) => {
    insertAdopted(edges, transaction, { record, job: file.job, plugins });
  });
  const subject = { job: file.job, action: record.actionId };
  edges.log.emit("info", `monitoring result for ${file.job}/${record.actionId}`, subject);
  if (edges.lease !== undefined) {
    // The journal has it now, and another host may collect it.
    await edges.spool.removeInflight(file.job, record.actionId);
    return true;
  }
  if (file.name !== `${record.actionId}.json`) {
    const path = await edges.spool.setAside(file);
    const about = { job: file.job, actionId: record.actionId };
    say(edges, about, "warning", `${file.name} holds action ${record.actionId}: ${path}`);
  }
  return true;
}

async function parseOrSetAside(
  edges: Adopting,
  file: Extract<InflightFile, { kind: "bytes" }>,
): Promise<InflightRecord | null> {
  try {
    return parseInflight(file.bytes);
  } catch (error) {
    const path = await edges.spool.setAside(file);
    edges.log.emit(
      "err",
      `${file.job}: ${messageOf(error)}; nothing can be collected from it, it is now "${path}"`,
      { job: file.job },
    );
    return null;
  }
}

function insertAdopted(
  edges: Adopting,
  transaction: JournalTransaction,
  order: { record: InflightRecord; job: string; plugins: readonly string[] },
): void {
  const { record, job, plugins } = order;
  const { actionId, actionBytes, expireAt, signatures } = record;
  const now = edges.clock.now();
  const posted = {
    kind: "posted",
    actionId,
    reply: actionBytes,
    expireAt,
    collectAt: collectAtOf(record, edges.limits),
  } as const;
  const planned = plannedWith(transaction, signatures);
  if (planned !== null) {
    transit(transaction, planned, posted, now);
    return;
  }
  const run = openAdopted(transaction, { job, at: expireAt === 0 ? now : expireAt }, now);
  const row = transaction.insertAction(
    {
      runId: run.id,
      job,
      step: "",
      name: record.actionName,
      body: "",
      signature: signatures.at(-1) ?? "",
      expireAt,
      sendOnly: false,
      plugins,
    },
    now,
  );
  transit(transaction, row, posted, now);
}

/** Planned actions that are looked through. */
const PLANNED_MAX = 10_000;

/**
 * Our own planned action that carries one of these signatures: the API's answer to its POST was
 * lost, but a record of it exists.
 */
function plannedWith(
  transaction: JournalTransaction,
  signatures: readonly string[],
): ActionRow | null {
  // Planned actions only: there may be as many posted ones as there are records to adopt.
  const planned = transaction.dueActions("planned", Number.MAX_SAFE_INTEGER, PLANNED_MAX);
  return planned.find(({ signature }) => signatures.includes(signature)) ?? null;
}
