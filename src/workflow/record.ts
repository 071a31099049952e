// Record: what the engine writes into the journal, one function a transition of a run.
//
// Each is one transaction's work: it looks at the rows as they are then, because the run may have
// been ended or dropped by somebody else in the meantime.

import type { JournalTransaction } from "../journal/journal.ts";
import {
  type BodyRow,
  due,
  endStep,
  type NewStep,
  type StepOutcome,
  type StepRow,
} from "../journal/steps.ts";
import { createHash } from "../lib/late.ts";
import { agentLists } from "../mig/target.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { LossCause } from "./host.ts";
import type { ActionRequest, StepRequest } from "./messages.ts";

/**
 * A hash of what a step asks for. How a function is tried is no part of it, and neither is how a
 * list of agents is written as a target: a run goes on after an upgrade that writes it otherwise.
 */
export function digestOf(request: StepRequest): string {
  if (request.kind === "step") return "";
  const asked = "targets" in request ? { ...request, targets: sameTargets(request) } : request;
  return createHash("sha256").update(JSON.stringify(asked)).digest("hex");
}

function sameTargets({ targets, agents }: ActionRequest): readonly string[] | null {
  return targets === null || agents === null ? targets : agentLists(targets);
}

/** The step as it would be begun. */
export function newStep(
  runId: number,
  name: string,
  how: Pick<NewStep, "digest" | "begunAt"> & { readonly kind: StepRequest["kind"] },
): NewStep {
  return { runId, name, ...how, nextAt: null };
}

/**
 * Ends a step, begun or not, and calls its body. Null when it has ended before, or its run has.
 */
export function recordEnd(
  transaction: JournalTransaction,
  {
    step,
    outcome,
  }: {
    readonly step: NewStep;
    /** A function is called if the step is to end now: what it writes is saved with the end. */
    readonly outcome: StepOutcome | (() => StepOutcome);
  },
  now: Instant,
): StepRow | null {
  const begun = openStep(transaction, step);
  if (begun === null) return null;
  const frontier = transaction.frontier(step.runId);
  const came = typeof outcome === "function" ? outcome() : outcome;
  const ended = endStep(begun, came, { frontier, now });
  transaction.saveStep(ended);
  callBody(transaction, step.runId, now);
  return ended;
}

/** Notes that a step is about to be tried. Null when it has ended before, or its run has. */
export function recordBegun(transaction: JournalTransaction, step: NewStep): StepRow | null {
  const row = openStep(transaction, step);
  if (row === null) return null;
  const begun = { ...row, attempts: row.attempts + 1 };
  transaction.saveStep(begun);
  return begun;
}

/** Notes a failed try of a step; its next one is due at `nextAt`. */
export function recordTry(
  transaction: JournalTransaction,
  tried: {
    readonly step: NewStep;
    readonly attempt: number;
    readonly error: string;
    readonly nextAt: Instant;
    readonly setAt: Instant;
  },
): void {
  const { step, attempt, ...rest } = tried;
  const begun = openStep(transaction, step);
  if (begun !== null) transaction.saveStep({ ...begun, ...rest, failures: attempt });
}

/** The time for another try has come: the body makes it. */
export function recordRetry(transaction: JournalTransaction, stepId: number, now: Instant): void {
  const step = transaction.step(stepId);
  if (step?.state !== "begun") return;
  transaction.saveStep({ ...step, nextAt: null });
  callBody(transaction, step.runId, now);
}

/** A step has come to its end, which cannot be recorded before `nextAt`. */
export function recordDelay(
  transaction: JournalTransaction,
  delay: Pick<StepRow, "id" | "error" | "setAt"> & { readonly nextAt: Instant },
): void {
  const { id, error, nextAt, setAt } = delay;
  const step = transaction.step(id);
  if (step?.state === "begun") transaction.saveStep({ ...step, error, nextAt, setAt });
}

/** The row of a step that has not ended, in a run that is open; made when there is none. */
export function openStep(transaction: JournalTransaction, step: NewStep): StepRow | null {
  if (transaction.run(step.runId)?.state !== "open") return null;
  const row = transaction.stepNamed(step.runId, step.name) ?? transaction.insertStep(step);
  return row?.state === "begun" ? row : null;
}

/** Wakes the body of a run: one of its steps has ended, or may be tried again. */
export function callBody(transaction: JournalTransaction, runId: number, now: Instant): void {
  const body = transaction.body(runId);
  if (body === null) return;
  const isCalled = body.nextAt !== null && body.nextAt <= now;
  // At work already: a row that stays as it is costs no page of the disk.
  if (isCalled && body.starts === 0) return;
  const called = isCalled ? body : { ...body, ...due(now, now) };
  transaction.saveBody({ ...called, starts: 0 });
}

/** How long until a body is started again for which the system had no process. */
const UNSTARTED_MS: Milliseconds = 5_000;

/** How long until a body is started a third time that never got anywhere; then twice as long. */
const RESTART_MS: Milliseconds = 10_000;
const RESTART_MAX_MS: Milliseconds = 80_000;

/**
 * Counts a start. If the process dies of it, the next start waits: a body that takes the process
 * down must not keep it down.
 */
export function recordStart(
  transaction: JournalTransaction,
  runId: number,
  now: Instant,
): BodyRow | null {
  const body = transaction.body(runId);
  if (body === null || transaction.run(runId)?.state !== "open") return null;
  const starts = body.starts + 1;
  const waitMs = starts === 1 ? 0 : Math.min(RESTART_MS * 2 ** (starts - 2), RESTART_MAX_MS);
  const started = { ...body, starts, ...due(now + waitMs, now) };
  transaction.saveBody(started);
  return started;
}

/**
 * Lets a run go on without its body, until one of its steps has ended. False when one has in the
 * meantime.
 *
 * @param handed The last step whose outcome the body got.
 */
export function recordParked(
  transaction: JournalTransaction,
  { runId, handed }: { readonly runId: number; readonly handed: number },
): boolean {
  const body = transaction.body(runId);
  if (body === null || transaction.stepAt(runId, handed + 1) !== null) return false;
  transaction.saveBody({ ...body, nextAt: null, starts: 0 });
  return true;
}

/** A body that was stopped in order is started at once next time. */
export function recordStopped(transaction: JournalTransaction, runId: number, now: Instant): void {
  const body = transaction.body(runId);
  if (body !== null) transaction.saveBody({ ...body, ...due(now, now), starts: 0 });
}

/**
 * Starts a lost body again after a while; when that has been done often enough, the run has failed.
 *
 * @returns Whether it has.
 */
export function recordLost(
  transaction: JournalTransaction,
  lost: {
    readonly runId: number;
    readonly reason: string;
    readonly cause: LossCause;
    readonly lostMax: number;
  },
  now: Instant,
): boolean {
  const { runId, reason, cause, lostMax } = lost;
  const body = transaction.body(runId);
  if (body === null || transaction.run(runId)?.state !== "open") return false;
  if (cause === "system") {
    // It never was: this start does not count.
    const starts = Math.max(0, body.starts - 1);
    transaction.saveBody({ ...body, starts, ...due(now + UNSTARTED_MS, now) });
    return false;
  }
  if (body.starts >= lostMax) {
    return recordRun(transaction, { runId, state: "failed", note: reason }, now);
  }
  transaction.saveBody({ ...body, ...due(now + 1_000 * 2 ** body.starts, now) });
  return false;
}

/** Ends or pauses a run that is open. False when it is not. */
export function recordRun(
  transaction: JournalTransaction,
  ended: {
    readonly runId: number;
    readonly state: "done" | "failed" | "paused";
    readonly note: string | null;
  },
  now: Instant,
): boolean {
  const { runId, state, note } = ended;
  const run = transaction.run(runId);
  if (run === null || run.state !== "open") return false;
  transaction.saveRun({ ...run, state, note, endedAt: state === "paused" ? null : now });
  quietBody(transaction, runId);
  return true;
}

/** Nothing of the run is due any more. Its actions are still collected and delivered. */
export function quietBody(transaction: JournalTransaction, runId: number): void {
  const body = transaction.body(runId);
  if (body !== null) transaction.saveBody({ ...body, nextAt: null, starts: 0 });
}
