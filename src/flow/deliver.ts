// Deliver: give a durable result to a plugin, and remember whether it took it (I6).

import { describeError, isPassing } from "../errors.ts";
import {
  type ActionRow,
  advanceDelivery,
  awaitsSweep,
  type DeliveryEvent,
  type DeliveryRow,
} from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { DeliveryAnswer, Loan } from "../ports.ts";
import { againText, DAY_MS, type Milliseconds } from "../time.ts";
import { backoffMs, DELIVERY_BACKOFF } from "./backoff.ts";
import { type Edges, subjectOf } from "./edges.ts";
import { transit } from "./transition.ts";

/** What a delivery needs of the edges. */
export type DeliveryEdges = Pick<
  Edges,
  "clock" | "random" | "log" | "journal" | "plugins" | "results" | "lease" | "mayAct"
>;

/** The key of a delivery: the same for every attempt, another for any other result or plugin. */
export function deliveryKey(action: Pick<ActionRow, "job" | "actionId">, plugin: string): string {
  return `${action.job}/${action.actionId}/${plugin}`;
}

/**
 * Writes the outbox rows of a collected action: one for each of its plugins. Rows that exist
 * already are queued again, because a sweep has found more results; or, of a result that was lost
 * with a host and collected again, those that are not made yet go on.
 */
export function queueDeliveries(
  transaction: JournalTransaction,
  action: ActionRow,
  now: number,
  isLost = false,
): void {
  for (const row of transaction.deliveriesOf(action.id)) {
    if (isLost && row.state === "pending") {
      // Its attempts are counted on.
      transaction.saveDelivery({ ...row, nextAt: now, progress: null, updatedAt: now });
    } else if (!isLost && row.state !== "dropped") {
      const event = { kind: "redeliver", isNew: true } as const;
      transaction.saveDelivery(advanceDelivery(row, event, now));
    }
  }
  for (const plugin of action.plugins) {
    const key = deliveryKey(action, plugin);
    transaction.insertDelivery({ actionRow: action.id, job: action.job, plugin, key }, now);
  }
}

/** The longest wait until the next attempt that a plugin may ask for. */
const RETRY_AFTER_MAX_MS = DAY_MS;

/** Attempts that may end with the death of this process before the next ones wait. */
const CRASHES_AT_ONCE = 3;

/**
 * An attempt that a crash has cut off is made again at once, the first times; then it waits,
 * because the delivery may be what takes the process down.
 */
function beginning({ clock, random }: DeliveryEdges, { attempts }: DeliveryRow): DeliveryEvent {
  const isOften = attempts >= CRASHES_AT_ONCE;
  const waitMs = isOften
    ? (backoffMs(DELIVERY_BACKOFF, attempts, random.next()) ?? DELIVERY_BACKOFF.capMs)
    : 0;
  return { kind: "begun", nextAt: clock.now() + waitMs };
}

/** How one attempt is to be made. */
export interface AttemptOptions {
  readonly signal: AbortSignal;
  /** The job's own time limit for its plugins; null when it has none, or is gone. */
  readonly timeoutMs: Milliseconds | null;
}

/**
 * Makes one attempt at one delivery. It is journaled before it is made, so that its number is right
 * after a crash (I1), and how it ended after it.
 *
 * @returns Whether nothing of it failed: the plugin took it, or an operator moved it on meanwhile.
 * @throws {RunnerError} JOURNAL: the attempt could not be journaled, and is to be made again.
 */
export async function deliverResult(
  edges: DeliveryEdges,
  queued: DeliveryRow,
  { signal, timeoutMs }: AttemptOptions,
): Promise<boolean> {
  const isAbsent = await isElsewhere(edges, queued);
  if (isAbsent && (await collectAgain(edges, queued))) return true;
  const row = await keepDelivery(edges, queued, beginning(edges, queued));
  if (row === null) return true;
  const action = edges.journal.action(row.actionRow);
  const resultPath = row.resultPath ?? action?.resultPath ?? null;
  if (action === null || resultPath === null || action.actionId === null) {
    await keepDelivery(edges, row, { kind: "failed", error: "its result is gone", nextAt: null });
    return false;
  }
  const subject = subjectOf({ ...action, plugin: row.plugin });
  const order = { row, actionId: action.actionId, timeoutMs, signal };
  const answer = isAbsent ? absent(resultPath) : await giveResult(edges, resultPath, order);
  if (answer === null) return true;
  if (answer.kind === "delivered") {
    edges.log.emit("info", `${row.plugin}: ${answer.message}`, subject);
    await keepDelivery(edges, row, { kind: "delivered" });
    return true;
  }
  const waitMs =
    waitAfter(answer, row.attempts, edges.random.next()) ??
    (answer.kind === "failed" && answer.isOutOfReach === true ? DELIVERY_BACKOFF.capMs : null);
  const nextAt = waitMs === null ? null : edges.clock.now() + waitMs;
  const next = waitMs === null ? "given up, `mig-runner redeliver` tries again" : againText(waitMs);
  edges.log.emit(
    waitMs === null ? "err" : "warning",
    `results error for ${row.job}: ${row.plugin}: ${answer.message}; ${next}`,
    subject,
  );
  const isFinal = answer.kind === "failed" && answer.final === true;
  await keepDelivery(edges, row, { kind: "failed", error: answer.message, nextAt, isFinal });
  return false;
}

function absent(place: string): GiveAnswer {
  const way = "copy it from there to the same path, or see [results] store";
  return {
    kind: "failed",
    message: `its result is on the host that collected it: ${place} (${way})`,
  };
}

interface GiveOrder extends AttemptOptions {
  readonly row: DeliveryRow;
  readonly actionId: number;
}

/** `isOutOfReach`: the result cannot be had now; however long that takes, it is tried again. */
type GiveAnswer =
  | Exclude<DeliveryAnswer, { readonly kind: "failed" }>
  | (Extract<DeliveryAnswer, { readonly kind: "failed" }> & { readonly isOutOfReach?: boolean });

/** Gives a result to a plugin, as a file; null when another host has it by now (I12). */
async function giveResult(
  edges: DeliveryEdges,
  place: string,
  { row, actionId, timeoutMs, signal }: GiveOrder,
): Promise<GiveAnswer | null> {
  const { plugin, job, key, attempts: attempt, progress } = row;
  let loan: Loan;
  try {
    loan = await edges.results.lend(place, signal);
  } catch (error) {
    return { kind: "failed", message: describeError(error), isOutOfReach: isPassing(error) };
  }
  try {
    if (edges.mayAct?.() === false) return null;
    return await edges.plugins.deliver({
      plugin,
      job,
      actionId,
      resultPath: loan.path,
      key,
      attempt,
      progress,
      timeoutMs,
      signal,
      async saveProgress(saved) {
        await keepDelivery(edges, row, { kind: "progress", progress: saved });
      },
    });
  } finally {
    await loan.release();
  }
}

/** How long a delivery waits for its result to be collected again: then it is looked at again. */
const LOST_MS: Milliseconds = 60 * 60_000;

/**
 * Whether the result lies on a host that had the job before this one, or this host has another one
 * of the same action. Of a store that does not answer it is not known, and the attempt says what
 * is wrong.
 */
async function isElsewhere(edges: DeliveryEdges, queued: DeliveryRow): Promise<boolean> {
  const { journal, lease, results } = edges;
  if (lease === undefined) return false;
  const action = journal.action(queued.actionRow);
  const place = queued.resultPath ?? action?.resultPath ?? null;
  if (place === null) return action !== null;
  const sha256 = queued.resultPath === null ? (action?.resultSha256 ?? null) : null;
  return await results.has(place, sha256).then(
    (isThere) => !isThere,
    () => false,
  );
}

/** Has it collected again. False when it cannot be, such as one of several actions. */
async function collectAgain(edges: DeliveryEdges, queued: DeliveryRow): Promise<boolean> {
  const { clock, journal, log } = edges;
  const before = journal.action(queued.actionRow);
  if (before === null || queued.resultPath !== null) return false;
  const now = clock.now();
  const isWaiting = await journal.write((transaction) => {
    const action = transaction.action(queued.actionRow);
    if (action?.state === "posted") return postpone(transaction, action, now);
    if (action?.state !== "collected" || action.reply === null) return false;
    transit(transaction, action, { kind: "lost" }, now);
    return postpone(transaction, action, now);
  });
  const where = `${before.job}/${before.actionId}`;
  if (isWaiting && before.state === "collected") {
    const text = `${where}: its result is on another host: collecting it again`;
    log.emit("notice", text, { job: before.job });
  }
  return isWaiting;
}

function postpone(transaction: JournalTransaction, action: ActionRow, now: number): true {
  for (const row of transaction.deliveriesOf(action.id)) {
    if (row.state !== "pending") continue;
    transaction.saveDelivery({ ...row, nextAt: now + LOST_MS, updatedAt: now });
  }
  return true;
}

/** How long until the next attempt, of a delivery or an alarm; null when there is none. */
export function waitAfter(
  answer: Exclude<DeliveryAnswer, { kind: "delivered" }>,
  attempts: number,
  roll: number,
): Milliseconds | null {
  if (answer.kind === "failed" && answer.final === true) return null;
  const waitMs = backoffMs(DELIVERY_BACKOFF, attempts, roll);
  if (waitMs === null || answer.kind === "missing") return waitMs;
  return Math.max(waitMs, Math.min(answer.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
}

/**
 * Journals a delivery's transition; the last one that leaves the outbox settles the action.
 *
 * @returns The new row, or null when somebody else has moved it on.
 */
export async function keepDelivery(
  edges: Pick<Edges, "journal" | "clock">,
  row: DeliveryRow,
  event: DeliveryEvent,
): Promise<DeliveryRow | null> {
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const current = transaction.delivery(row.id);
    // It was queued again meanwhile, with a newer result: this attempt does not count.
    if (current === null || current.state !== row.state) return null;
    if (current.updatedAt !== row.updatedAt || current.attempts !== row.attempts) return null;
    const next = advanceDelivery(current, event, now);
    transaction.saveDelivery(next);
    settleDelivered(transaction, row.actionRow, now);
    return next;
  });
}

/** Settles an action once none of its deliveries is pending or dead. */
export function settleDelivered(
  transaction: JournalTransaction,
  actionRow: number,
  now: number,
): void {
  const action = transaction.action(actionRow);
  if (action === null || action.state !== "collected" || awaitsSweep(action)) return;
  const open = transaction
    .deliveriesOf(actionRow)
    .some(({ state }) => state === "pending" || state === "dead");
  if (open) return;
  transit(transaction, action, { kind: "delivered" }, now);
}
