// Plan: sign an action and journal it, so that it can be posted (I1). Every action goes this way:
// that of a schedule, of `run JOB`, and of a workflow's step.
import type { ErrorDetail } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import type { ActionRow, RunRow } from "../journal/inflight.ts";
import type { JournalTransaction, NewAction } from "../journal/journal.ts";
import { type Action, hasStaleSignatures } from "../mig/action.ts";
import { resolveTarget } from "../mig/target.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { type Edges, say } from "./edges.ts";
import type { RunOrder } from "./order.ts";
import { moveCursor } from "./rewind.ts";
import { signDated } from "./sign.ts";
import { actionAhead, type Kept, takeWindow, windowForRun } from "./signed-ahead.ts";
import { loadTemplate, prepareAction, templatePath } from "./template.ts";

/** What one action is made of, and what becomes of its result. */
export interface ActionOrder extends Pick<NewAction, "step" | "part" | "agentsMax" | "pageSize"> {
  readonly job: string;
  /** As posted, whole. */
  readonly name: string;
  readonly template: Action;
  readonly expiryMs: Milliseconds;
  readonly sendOnly: boolean;
  readonly plugins: readonly string[];
}

/** The name of an action: of the job's own, or of one that a step of its workflow made. */
export function actionName(job: string, step = ""): string {
  return step === "" ? `mig-runner: ${job}` : `mig-runner: ${job}/${step}`;
}

/**
 * Dates, compresses and signs an action. It must be journaled before it is posted (I1).
 *
 * @param where The file that holds a mistake in it.
 * @throws {RunnerError} When the template or the key cannot be used.
 */
export async function signAction(
  edges: Edges,
  order: ActionOrder,
  where: ErrorDetail = {},
): Promise<Omit<NewAction, "runId">> {
  const { template, expiryMs, ...kept } = order;
  if (hasStaleSignatures(template)) {
    say(edges, order.job, "warning", "action.json holds a signature that can never hold: dropped");
  }
  const now = edges.clock.now();
  const action = prepareAction(template, { name: order.name, now, expiryMs }, where);
  const signed = await signDated(edges, action);
  const expireAt = now + expiryMs;
  return { ...kept, ...signed, expireAt, lifeMs: expiryMs, postBy: expireAt };
}

/**
 * Signs the job's action and journals it with its run.
 *
 * @returns The planned action, or null when this fire time has a run already (I2).
 * @throws {RunnerError} When the template, the key or the journal cannot be used.
 */
export async function planAction(
  edges: Edges,
  order: { readonly entity: Entity; readonly run: RunOrder },
): Promise<ActionRow | null> {
  const { entity, run: which } = order;
  const { job, sendOnly, plugins, maxAgents } = entity;
  const kept = { job, step: "", name: actionName(job), sendOnly, plugins, agentsMax: maxAgents };
  const ahead = windowForRun(edges, entity, which.run);
  const action = ahead === null ? await signLive(edges, entity, kept) : actionAhead(ahead, kept);
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const run = openRun(transaction, { ...order, source: null }, now);
    if (run === null) return null;
    takeWindow(transaction, run, ahead);
    return transaction.insertAction({ ...action, runId: run.id }, now);
  });
}

async function signLive(
  edges: Edges,
  entity: Entity,
  kept: Kept,
): Promise<Omit<NewAction, "runId">> {
  const { job, expiryMs } = entity;
  const template = await ownTemplate(edges, entity);
  const where = { job, path: templatePath(entity) };
  return await signAction(edges, { ...kept, template, expiryMs }, where);
}

/**
 * The job's action template. A target in job.ts may be the name of a macro; in action.json it is
 * posted as it is, as the original does.
 */
export async function ownTemplate(edges: Edges, entity: Entity): Promise<Action> {
  const template = await loadTemplate(edges, entity);
  if (entity.template.kind === "file") return template;
  return { ...template, target: resolveTarget(template.target, edges.macros) };
}

/**
 * Opens the run that an order is for, in the transaction that plans its first work.
 *
 * @returns Null when another process has opened it already.
 */
export function openRun(
  transaction: JournalTransaction,
  order: {
    readonly entity: Entity;
    readonly run: RunOrder;
    /** Hash of the workflow's source; null without a workflow. */
    readonly source: string | null;
  },
  now: Instant,
): RunRow | null {
  const { entity, run: which, source } = order;
  const deadlineAt = entity.deadlineMs === null ? null : now + entity.deadlineMs;
  if (which.kind === "new") {
    moveCursor(transaction, entity, which.cursor);
    const run = { ...which.run, source, begunAt: now, deadlineAt };
    return transaction.insertRun(run, "open", now);
  }
  const run = transaction.run(which.run.id);
  if (run === null || run.state !== "requested") return null;
  const opened: RunRow = { ...run, state: "open", note: null, source, begunAt: now, deadlineAt };
  transaction.saveRun(opened);
  return opened;
}
