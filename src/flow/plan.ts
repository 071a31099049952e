// Plan: signs a job's action and journals it with its run, so that it can be posted (I1). The
// actions of a workflow's steps are signed here too, and journaled with their step
// (workflow/actions.ts).
import { type ErrorDetail, RunnerError } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import { launchOffsetMs } from "../jobs/fires.ts";
import { guardsOf } from "../jobs/guards.ts";
import type { Guards } from "../journal/guards.ts";
import type { ActionRow } from "../journal/inflight.ts";
import type { NewAction } from "../journal/journal.ts";
import { type Action, actionName, hasStaleSignatures } from "../mig/action.ts";
import { resolveTarget } from "../mig/target.ts";
import type { Milliseconds } from "../time.ts";
import { cutTarget } from "./canary.ts";
import { type Edges, type SignedAction, say } from "./edges.ts";
import { APPROVAL_MS } from "./guard.ts";
import type { RunOrder } from "./order.ts";
import { openRun } from "./runs.ts";
import { signDated } from "./sign.ts";
import { actionAhead, takeWindow, type UnsignedPart, windowForRun } from "./signed-ahead.ts";
import { loadTemplate, prepareAction, templatePath } from "./template.ts";
import { transit } from "./transition.ts";

/** What one action is made of, and where its result goes. */
export interface ActionOrder
  extends Pick<NewAction, "step" | "part" | "agentsMax" | "guards" | "pageSize"> {
  readonly job: string;
  /** The whole name, as posted. */
  readonly name: string;
  readonly template: Action;
  readonly expiryMs: Milliseconds;
  readonly sendOnly: boolean;
  readonly plugins: readonly string[];
}

/**
 * Dates, compresses and signs an action. It must be journaled before it is posted (I1).
 *
 * @param where The file to name when there is a mistake in the action.
 * @param now The time by which it is dated.
 * @throws {RunnerError} When the template or the key cannot be used.
 */
export async function signAction(
  edges: Edges,
  order: ActionOrder,
  where: ErrorDetail = {},
  now = edges.clock.now(),
): Promise<SignedAction> {
  const { template, expiryMs, ...kept } = order;
  if (hasStaleSignatures(template)) {
    say(edges, order.job, "warning", "action.json holds a signature that can never hold: dropped");
  }
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
export async function planAction(edges: Edges, order: RunOrder): Promise<ActionRow | null> {
  const { entity, firing } = order;
  const ahead = windowForRun(edges, entity, firing.run);
  const parts =
    ahead === null
      ? ((await takePresigned(edges, order)) ?? (await signLive(edges, entity)))
      : [actionAhead(ahead, keptFor(entity))];
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const run = openRun(transaction, { ...order, source: null }, now);
    if (run === null) return null;
    takeWindow(transaction, run, ahead);
    const rows = parts.map((part) => transaction.insertAction({ ...part, runId: run.id }, now));
    const [first = null, rest] = rows;
    // The action for the rest waits for its canary: see canary.ts.
    if (rest !== undefined) {
      const nextAt = rest.postBy ?? rest.expireAt;
      const event = { kind: "held", by: "canary", nextAt, error: null, maybeSent: false } as const;
      transit(transaction, rest, event, now);
    }
    return first;
  });
}

/** The actions that were signed before this fire time came; null when there are none. */
async function takePresigned(
  edges: Edges,
  { entity, firing }: RunOrder,
): Promise<readonly SignedAction[] | null> {
  if (firing.kind !== "new") return null;
  return (await edges.presigned?.take(entity, firing.run.firesAt + launchOffsetMs(entity))) ?? null;
}

/** What is journaled of a job's own action beside what was signed. */
function keptFor(entity: Entity): UnsignedPart {
  const { job, sendOnly, plugins, maxAgents } = entity;
  const guards = guardsFor(entity);
  return {
    job,
    step: "",
    name: actionName(job),
    sendOnly,
    plugins,
    agentsMax: maxAgents,
    guards,
  };
}

/** The guards that are journaled with a job's own action; null for none. */
function guardsFor(entity: Entity): Guards | null {
  const { growth, approve } = guardsOf(entity);
  if (growth === null && approve === null) return null;
  return {
    ...(growth?.kind === "share" ? { growth: growth.percent } : {}),
    ...(approve?.kind === "always" ? { approve: "always" } : {}),
    ...(approve?.kind === "count" ? { approve: approve.count } : {}),
  };
}

/**
 * Signs the job's action. With a canary these are two: the canary's, and that for the rest of the
 * agents, which is posted only when the canary went well.
 *
 * @param now The time by which they are dated.
 */
export async function signLive(
  edges: Edges,
  entity: Entity,
  now = edges.clock.now(),
): Promise<readonly SignedAction[]> {
  const kept = keptFor(entity);
  const { job, expiryMs, canaryFailures, canaryWaitMs } = entity;
  const template = await ownTemplate(edges, entity);
  const where = { job, path: templatePath(entity) };
  const signed = async (target: string, lifeMs: Milliseconds, own: UnsignedPart) =>
    await signAction(
      edges,
      { ...own, template: { ...template, target }, expiryMs: lifeMs },
      where,
      now,
    );
  const { canary } = guardsOf(entity);
  const needsYes = kept.guards?.approve !== undefined;
  const late = (action: SignedAction, waitMs: Milliseconds) => ({
    ...action,
    postBy: (action.postBy ?? action.expireAt) + waitMs,
  });
  if (canary === null || canary.kind === "always") {
    const action = await signed(template.target, expiryMs, kept);
    return [needsYes ? late(action, APPROVAL_MS) : action];
  }
  const share =
    canary.kind === "share"
      ? canary.percent / 100
      : canary.count / Math.max(1, await countOf(edges, { job, target: template.target }));
  const cut = cutTarget(template.target, share);
  const guards = { ...kept.guards, target: template.target, canaryFailures };
  const waitMs = canaryWaitMs ?? expiryMs;
  const first = await signed(cut.canary, waitMs, { ...kept, part: 0, guards });
  const rest = await signed(cut.rest, expiryMs, {
    ...kept,
    part: 1,
    agentsMax: null,
    guards: null,
  });
  const approvalMs = needsYes ? APPROVAL_MS : 0;
  // The canary may be collected late, when the API is down. The rest waits for it, within a limit.
  return [late(first, approvalMs), late(rest, waitMs + approvalMs + APPROVAL_MS)];
}

/** @throws {RunnerError} API, as a temporary failure: the run begins a little later. */
async function countOf(
  { api }: Edges,
  { job, target }: { readonly job: string; readonly target: string },
): Promise<number> {
  const count = await api.countAgents(target, new AbortController().signal);
  if (count.kind === "counted") return count.agents;
  const message = `Cannot choose the canary: the agents cannot be counted: ${count.message}`;
  throw new RunnerError("API", message, { job, passing: true });
}

/**
 * The job's action template. In job.ts the target may be the name of a macro; a target in
 * action.json is posted as it stands, as by the original.
 */
export async function ownTemplate(edges: Edges, entity: Entity): Promise<Action> {
  const template = await loadTemplate(edges, entity);
  if (entity.template.kind === "file") return template;
  return { ...template, target: resolveTarget(template.target, edges.macros) };
}
