// Guard: what is checked before an action goes to its agents, and what releases a held action.
//
//   planned ──▶ too many agents, or grown too much ──▶ refused
//           ──▶ held for approval ──▶ a person approves ──▶ posted
//   canary collected ──▶ its agents answered ──▶ the action for the rest is released
//                    └─▶ they did not ──▶ the action for the rest is refused
//
// A refusal is a recorded outcome of the run, with its numbers; nothing is held for ever (I4).
//
// Owns:     the rules, and how held actions go on.
// Not here: counting (mig/api.ts), posting (post.ts), what a job asks for (jobs/guards.ts).
import { RunnerError } from "../errors.ts";
import { awaitsApproval, isHeldBack } from "../journal/guards.ts";
import type { ActionRow } from "../journal/inflight.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import { targetOf } from "../mig/action.ts";
import { DAY_MS, type Instant, type Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";
import { transit } from "./transition.ts";

/** How long a person has to approve, where no calendar window closes before. */
export const APPROVAL_MS: Milliseconds = DAY_MS;

/** What the guards say of an action now. */
export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "refuse"; readonly error: string }
  | { readonly kind: "hold"; readonly error: string }
  | { readonly kind: "uncounted"; readonly error: string; readonly status: number | null };

const PASS: Verdict = { kind: "pass" };

/** Whether an action may go to its agents, as many as they are now. */
export async function judgeGuards(
  edges: Pick<Edges, "api" | "journal">,
  row: ActionRow,
  signal: AbortSignal,
): Promise<Verdict> {
  const { agentsMax, guards, held } = row;
  const { growth, approve } = guards ?? {};
  const needsYes = approve !== undefined && held !== "approved";
  if (agentsMax === null && growth === undefined && !needsYes) return PASS;
  const count = await edges.api.countAgents(guards?.target ?? targetOf(row.body), signal);
  if (count.kind === "failed") {
    const error = `the agents of its target cannot be counted: ${count.message}`;
    return { kind: "uncounted", error, status: count.status };
  }
  const agents = `${count.isAtLeast ? "at least " : ""}${count.agents}`;
  if (agentsMax !== null && count.agents > agentsMax) {
    return {
      kind: "refuse",
      error: `its target matches ${agents} agents, maxAgents is ${agentsMax}`,
    };
  }
  const last = growth === undefined ? null : lastMatched(edges.journal, row);
  if (growth !== undefined && last !== null && count.agents > last * (1 + growth / 100)) {
    const error = `its target matches ${agents} agents, ${last} at the last run: growth is ${growth}%`;
    return { kind: "refuse", error };
  }
  if (!needsYes || (approve !== "always" && count.agents <= approve)) return PASS;
  const error = `it waits for approval, to go to ${agents} agents`;
  return { kind: "hold", error: `${error} (mig-runner approve ${row.runId}, or deny)` };
}

/** Earlier runs that are looked through for one that reached agents. */
const RUNS_MAX = 50;

/** How many agents the last posted action of this name reached; null: none was posted yet. */
function lastMatched(
  journal: Pick<JournalReads, "runs" | "actionsOf">,
  { job, runId, name }: Pick<ActionRow, "job" | "runId" | "name">,
): number | null {
  for (const run of journal.runs(job, RUNS_MAX)) {
    if (run.id === runId) continue;
    const parts = journal.actionsOf(run.id).filter((action) => action.name === name);
    const sent = parts.flatMap(({ completeness }) => completeness?.sent ?? []);
    if (sent.length > 0) return sent.reduce((sum, each) => sum + each, 0);
  }
  return null;
}

/** The actions of a run that wait for a person. */
function waitingIn(
  transaction: JournalTransaction,
  { verb, runId }: { readonly verb: string; readonly runId: number },
): readonly ActionRow[] {
  const run = transaction.run(runId);
  const waiting = transaction.actionsOf(runId).filter(awaitsApproval);
  if (waiting.length > 0) return waiting;
  const state = run === null ? "there is none" : "it waits for no approval";
  throw new RunnerError("JOURNAL", `Cannot ${verb} run ${runId}: ${state}`, {
    ...(run === null ? {} : { job: run.job }),
    hint: "mig-runner status shows what waits",
  });
}

/** Approves a run. Returns its job. @throws {RunnerError} JOURNAL, when it waits for no approval. */
export function approveRun(transaction: JournalTransaction, runId: number, now: Instant): string {
  const waiting = waitingIn(transaction, { verb: "approve", runId });
  for (const row of waiting) {
    if (now >= (row.postBy ?? row.expireAt)) {
      const message = `Cannot approve run ${runId}: the time in which it could be posted is over`;
      throw new RunnerError("JOURNAL", message, {
        job: row.job,
        hint: "it ends as failed by itself",
      });
    }
    transaction.saveAction({ ...row, held: "approved", nextAt: now, error: null, updatedAt: now });
  }
  return waiting[0]?.job ?? "";
}

/** Refuses a run that waits. Returns its job. @throws {RunnerError} JOURNAL, as `approveRun`. */
export function denyRun(
  transaction: JournalTransaction,
  { runId, error }: { readonly runId: number; readonly error: string },
  now: Instant,
): string {
  const waiting = waitingIn(transaction, { verb: "deny", runId });
  for (const row of waiting) {
    transit(transaction, row, { kind: "refused", error, by: "denied" }, now);
  }
  return waiting[0]?.job ?? "";
}

/** The reason of an action that expired while it was held; null when it was not held. */
export function heldTooLong(row: ActionRow): string | null {
  if (!isHeldBack(row)) return null;
  return row.held === "approval" ? "no one approved it in time" : "its canary did not end in time";
}
