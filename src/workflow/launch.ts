// Launch: begins the run of a workflow: its source and its job's action are journaled with it (I1),
// so that it goes on with them whatever the files say later.

import { assert, RunnerError } from "../errors.ts";
import type { RunOrder } from "../flow/order.ts";
import { ownTemplate } from "../flow/plan.ts";
import { openRun } from "../flow/runs.ts";
import { takeWindow, windowForRun } from "../flow/signed-ahead.ts";
import type { Entity } from "../jobs/entity.ts";
import { createHash } from "../lib/late.ts";
import { encodeAction } from "../mig/action.ts";
import type { EngineEdges } from "./edges.ts";
import { WORKFLOW_VERSION } from "./version.ts";

/** Seeds are whole numbers below this. */
const SEEDS = 2 ** 32;

/**
 * Opens a run and calls its body.
 *
 * @returns False when this fire time has a run already (I2).
 * @throws {RunnerError|RunnerErrors} When the job's files or the journal cannot be used.
 */
export async function launchWorkflow(edges: EngineEdges, order: RunOrder): Promise<boolean> {
  const { entity } = order;
  assert(edges.workflows !== undefined, `nothing here can run the workflow of ${entity.job}`);
  const ahead = windowForRun(edges, entity, order.firing.run);
  const { hash, source } = await edges.workflows.bundle(entity.path);
  const template = await templateText(edges, entity);
  const seed = Math.floor(edges.random.next() * SEEDS);
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    const run = openRun(transaction, { ...order, source: hash }, now);
    if (run === null) return false;
    takeWindow(transaction, run, ahead);
    transaction.insertSource(hash, source);
    if (template !== null) transaction.insertSource(template.hash, template.text);
    transaction.insertBody({
      runId: run.id,
      template: template?.hash ?? null,
      expiryMs: entity.expiryMs,
      agentsMax: entity.maxAgents,
      // Nothing is delivered by itself: its body says what goes where.
      plugins: [],
      seed,
      begunAt: now,
      nextAt: now,
      version: WORKFLOW_VERSION,
    });
    return true;
  });
}

/** The job's own action, or null for a workflow that names none and has no action.json. */
async function templateText(
  edges: EngineEdges,
  entity: Entity,
): Promise<{ readonly text: string; readonly hash: string } | null> {
  try {
    const text = encodeAction(await ownTemplate(edges, entity));
    return { text, hash: createHash("sha256").update(text).digest("hex") };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof RunnerError) || error.code !== "SPOOL") return false;
  return (error.cause as { readonly code?: unknown } | undefined)?.code === "ENOENT";
}
