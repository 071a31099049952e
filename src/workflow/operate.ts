// Operate: how an operator settles a run that is paused or has failed. Works on the journal alone,
// in one transaction each, so that it is safe beside a daemon.
import { RunnerError } from "../errors.ts";
import { DROPPED } from "../flow/drop.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import { bySequence, due, type StepRow } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import { quietBody } from "./record.ts";

/**
 * Lets a paused or failed run go on: it is replayed, and what failed last is tried again. Steps
 * that were saved stay saved. A deadline that has passed no longer counts.
 *
 * @returns The names of the steps that are tried again.
 * @throws {RunnerError} JOURNAL, when the run cannot go on.
 */
export function resumeRun(
  transaction: JournalTransaction,
  runId: number,
  now: Instant,
  { renewal = null, beside = [] }: Resumption = {},
): readonly string[] {
  const run = requireRun(transaction, { verb: "resume", runId });
  const body = transaction.body(runId);
  if (body === null) {
    const hint = `mig-runner run ${run.job} fires the job again`;
    throw settled(run, "resume", { state: "it has no workflow", hint });
  }
  if (run.state !== "paused" && run.state !== "failed") {
    throw settled(run, "resume", { state: `it is ${run.state}` });
  }
  const isOver = run.deadlineAt !== null && run.deadlineAt <= now;
  const deadlineAt = isOver ? null : run.deadlineAt;
  const source = renewal?.hash ?? run.source;
  // Before the run forgets what has ended it.
  const others = besideSteps(transaction, runId).filter(({ name }) => beside.includes(name));
  const again = [...others, ...stepsAgain(transaction, runId)];
  transaction.saveRun({ ...run, source, state: "open", note: null, deadlineAt, endedAt: null });
  if (renewal !== null) transaction.insertSource(renewal.hash, renewal.source);
  transaction.saveBody({ ...body, ...due(now, now), starts: 0 });
  for (const step of again) {
    const asked = renewal === null ? step.digest : renewal.asked.get(step.name);
    // A function that the new code does not call any more.
    if (asked === undefined) transaction.removeStep(step.id);
    else transaction.saveStep({ ...begunAnew(transaction, step), digest: asked });
  }
  closeGaps(transaction, runId);
  return again.map(({ name }) => name);
}

/** How a run is to go on. */
export interface Resumption {
  readonly renewal?: Renewal | null;
  /** Names of steps to try again that failed before others were saved: see `besideSteps`. */
  readonly beside?: readonly string[];
}

/** Another source for a run to go on with, which was rehearsed: see rehearse.ts. */
export interface Renewal {
  readonly hash: string;
  readonly source: string;
  /** What it asked for, by name: the digest of it. */
  readonly asked: ReadonlyMap<string, string>;
}

/** What an operator can do about a run that is paused or has failed, as the end of a message. */
export function wayOut({ id, job, state }: Pick<RunRow, "id" | "job" | "state">): string {
  const drop = state === "paused" ? `mig-runner drop ${id}, then ` : "";
  return (
    `mig-runner resume ${id} tries again with the source that the run began with; ` +
    `a job that was mended needs a new run: ${drop}mig-runner run ${job}`
  );
}

/**
 * Ends a run that has not ended. What it has posted is still collected and delivered.
 *
 * @throws {RunnerError} JOURNAL, when there is no such run, or it has ended.
 */
export function dropRun(transaction: JournalTransaction, runId: number, now: Instant): RunRow {
  const run = requireRun(transaction, { verb: "drop", runId });
  if (run.state === "done" || run.state === "failed") {
    throw settled(run, "drop", { state: `it is ${run.state} already` });
  }
  const note = run.note === null ? DROPPED : `${DROPPED}; before: ${run.note}`;
  const dropped: RunRow = { ...run, state: "failed", note, endedAt: now };
  transaction.saveRun(dropped);
  quietBody(transaction, runId);
  return dropped;
}

/**
 * Ends the runs of a job that have not begun, or have a workflow; others end with their actions.
 * Answers them as they are now, oldest first.
 */
export function dropRuns(
  transaction: JournalTransaction,
  job: string,
  now: Instant,
): readonly RunRow[] {
  return (["requested", "open", "paused"] as const)
    .flatMap((state) => transaction.runsIn(state, RUNS_MAX))
    .filter((run) => run.job === job && (run.state === "requested" || run.source !== null))
    .map((run) => dropRun(transaction, run.id, now))
    .toSorted((left, right) => left.id - right.id);
}

/** Runs of all jobs that are looked through for those of one. */
const RUNS_MAX = 10_000;

/** The steps that failed with nothing recorded after them: those that ended the run. */
export function stepsAgain(journal: JournalReads, runId: number): readonly StepRow[] {
  const ended = endedSteps(journal, runId).toReversed();
  const saved = ended.findIndex(({ state }) => state === "saved");
  return saved < 0 ? ended : ended.slice(0, saved);
}

/**
 * The steps that failed beside others, which were saved behind them: the one whose error has ended
 * the run, and those that failed after it. What was saved may be there because they failed, so they
 * can only be tried again when the code asks for all of it without their outcome: see rehearse.ts.
 */
export function besideSteps(journal: JournalReads, runId: number): readonly StepRow[] {
  const note = journal.run(runId)?.note ?? null;
  const failed = journal
    .stepsOf(runId)
    .filter(({ state }) => state === "failed")
    .toSorted(bySequence);
  const from = failed.findIndex(({ error }) => error !== null && note?.startsWith(error));
  const last = new Set(stepsAgain(journal, runId).map(({ name }) => name));
  return from < 0 ? [] : failed.slice(from).filter(({ name }) => !last.has(name));
}

/** Numbers what has ended again, in the order that it has: W2. */
function closeGaps(transaction: JournalTransaction, runId: number): void {
  for (const [index, step] of endedSteps(transaction, runId).entries()) {
    if (step.sequence !== index + 1) transaction.saveStep({ ...step, sequence: index + 1 });
  }
}

function endedSteps(journal: JournalReads, runId: number): readonly StepRow[] {
  return journal
    .stepsOf(runId)
    .filter(({ sequence }) => sequence !== null)
    .toSorted(bySequence);
}

/** As if it had never ended. Actions that it had are given up: a collect begins with new ones. */
function begunAnew(transaction: JournalTransaction, step: StepRow): StepRow {
  const parts = transaction.actionsOf(step.runId).filter((action) => action.step === step.name);
  const failures = parts.reduce((next, { part }) => Math.max(next, part + 1), 0);
  return {
    ...step,
    state: "begun",
    failures,
    attempts: 0,
    nextAt: null,
    sequence: null,
    endedAt: null,
    answer: null,
  };
}

function requireRun(
  transaction: JournalTransaction,
  { verb, runId }: { readonly verb: string; readonly runId: number },
): RunRow {
  const run = transaction.run(runId);
  if (run !== null) return run;
  throw new RunnerError("JOURNAL", `Cannot ${verb} run "${runId}": the journal has none`, {
    hint: "mig-runner status lists the runs",
  });
}

function settled(
  { id, job }: RunRow,
  verb: string,
  { state, hint }: { readonly state: string; readonly hint?: string },
): RunnerError {
  const detail = hint === undefined ? { job } : { job, hint };
  return new RunnerError("JOURNAL", `Cannot ${verb} run "${id}" of ${job}: ${state}`, detail);
}
