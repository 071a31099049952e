// Run: fire one job now. A daemon on the directory does it when there is one; else this process.

import { loadRunnerConfig } from "../config/config.ts";
import { systemClock } from "../edge/clock.ts";
import { canBeMet } from "../flow/defer.ts";
import type { Edges } from "../flow/edges.ts";
import { waitsForPeople } from "../flow/in-flight.ts";
import { ONCE_LATENESS } from "../flow/launch.ts";
import { hasAllFailed, shortfalls } from "../flow/shortfall.ts";
import { lateness } from "../flow/sign.ts";
import type { Entity } from "../jobs/entity.ts";
import { pauseReason } from "../jobs/hold.ts";
import { type ActionRow, awaitsSweep, type DeliveryRow, type RunRow } from "../journal/inflight.ts";
import type { JournalReads } from "../journal/journal.ts";
import { describeStatuses } from "../mig/statuses.ts";
import { Runner } from "../runner.ts";
import { jsonAnswer, plural } from "../view/text.ts";
import { askedText, openQuestions } from "../workflow/answers.ts";
import { wayOut } from "../workflow/operate.ts";
import { UsageError } from "./flags.ts";
import { type Opened, openRunner, sourcesOf } from "./open.ts";
import { reportAsked, showWait, startOf } from "./run-at.ts";
import { leaveRun, paramsOf, requestRun, requireJob } from "./run-request.ts";
import { endWhenBroken, handleSignals } from "./serve.ts";
import { type Call, JSON_FLAG, SET_FLAG, type Verb } from "./verb.ts";

/** How often a run in a daemon's hands is looked at. */
const LOOK_MS = 200;

/** How long whoever works on the directory may take to begin. */
const BEGIN_MAX_MS = 15_000;

/** How often it is looked whether somebody waits for the directory. */
const WANTED_LOOK_MS = 500;

/** Looks that must find nobody on the directory: a daemon that is started again goes first. */
const FREE_LOOKS_MAX = 5;

export const run: Verb = {
  usage: "JOB [--set NAME=VALUE...] [--at TIME] [--wait] [--json]",
  flags: [
    SET_FLAG,
    {
      name: "at",
      kind: "text",
      value: "TIME",
      help: "Start it then, not now: a time in RFC 3339, or 90m, 3d from now",
    },
    { name: "wait", kind: "switch", help: "Stay until the result is delivered" },
    JSON_FLAG,
  ],
  help:
    "Fires the job now, outside its schedule. If a mig-runner works on the directory, that one does\n" +
    "it; otherwise this process posts the action, and leaves what it does not wait for to the next\n" +
    "mig-runner. If a daemon starts meanwhile, it hands the directory over and watches on.\n" +
    "Ends with 1 when the action was not posted. With --wait also when something of the run failed,\n" +
    "when no command of any agent succeeded, or when it waits for people (--wait does not).\n" +
    "--set gives the run parameters, which the job checks before anything begins.\n" +
    "With --at the run is kept in the journal, also over restarts, and starts at its time, or when a\n" +
    "mig-runner works on the directory after it. `status`, `history` and `next JOB` show it, and\n" +
    "`drop RUN` gives it up. Pauses and blackouts do not hold runs that people ask for.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg run sshd-config\n" +
    "  mig-runner -c runner.cfg run hunt --set path=/usr/lib --set name='^libkeyutils'\n" +
    "  mig-runner -c runner.cfg run sshd-config --at 2026-12-24T02:00:00Z\n" +
    "  mig-runner -c runner.cfg run sshd-config --wait --json",
  async run(call) {
    const [job, ...others] = call.positionals;
    if (job === undefined || others.length > 0) throw new UsageError("run takes one JOB");
    startOf(call, systemClock().now());
    if (call.person !== undefined) return await leaveRun(call, job);
    const { config } = await loadRunnerConfig(sourcesOf(call));
    if (config.cluster !== null) {
      const { runBeside } = await import("./run-beside.ts");
      return await runBeside(call, job, { progressOf, report });
    }
    const opened = await openRunner(call, { lock: "if free", work: `run ${job}` });
    try {
      const { edges } = opened;
      const entity = await loadJob(opened, job);
      const params = await paramsOf(call, opened, entity);
      const asked = await requestRun(call, opened, { job, params });
      const { id: runId } = asked;
      if (asked.notBefore !== null && !call.flags.has("wait")) {
        const by = opened.lock.isOurs ? null : (opened.lock.holder?.pid ?? null);
        return reportAsked(call, edges, { ...asked, notBefore: asked.notBefore, by });
      }
      const by = await seeThrough(call, opened, runId);
      return report(call, edges, { runId, wait: call.flags.has("wait"), by });
    } finally {
      call.terminal.progress("");
      await opened.close();
    }
  },
};

/**
 * Sees to a run: here, or in the hands of whoever works on the directory, as often as that changes.
 *
 * @returns The process that had it in the end; null for this one.
 */
async function seeThrough(call: Call, opened: Opened, runId: number): Promise<number | null> {
  for (;;) {
    if (!opened.lock.isOurs) {
      const watched = await watchOthers(call, opened, runId);
      if (watched.isOver) return watched.by;
    }
    if (await workHere(call, opened, runId)) return null;
    opened.lock.release();
  }
}

/** Works on the run. False when somebody who does all the work waits for the directory. */
async function workHere(call: Call, opened: Opened, runId: number): Promise<boolean> {
  const { edges, catalog, config } = opened;
  const options = { checkDirectoryMs: config.checkDirectoryMs, lateness: ONCE_LATENESS };
  const runner = new Runner(edges, catalog, { ...options, once: true, runId });
  const signals = handleSignals(runner, opened);
  const journalFailure = endWhenBroken({ runner, stop: signals.stop }, opened);
  const over = new AbortController();
  const wanted = untilWanted(opened, over.signal).then((isWanted) => {
    if (isWanted) signals.stop();
    return isWanted;
  });
  try {
    await runner.start();
    await runner.runOnce(call.flags.has("wait"), () => showWait(call, opened, runId));
    const failure = journalFailure();
    if (failure !== null) throw failure.error;
  } finally {
    over.abort();
    signals.close();
  }
  return !(await wanted);
}

/** Resolves with true when somebody waits for the directory, with false when it is over. */
async function untilWanted({ edges, lock }: Opened, over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    if (lock.isWanted) return true;
    await edges.clock.sleep(WANTED_LOOK_MS, over);
  }
  return false;
}

type Watched = { readonly isOver: false } | { readonly isOver: true; readonly by: number | null };

/** Until others have done it, or have left the directory, which this process then has. */
async function watchOthers(call: Call, opened: Opened, runId: number): Promise<Watched> {
  const { edges, lock } = opened;
  const wait = call.flags.has("wait");
  let by: number | null = null;
  let freeLooks = 0;
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const { holder } = lock;
    by = holder?.pid ?? by;
    const { begun, ended } = progressOf(edges, runId);
    if (ended || (begun && !wait) || (!wait && waitedMs > BEGIN_MAX_MS))
      return { isOver: true, by };
    freeLooks = holder === null && !lock.isWanted ? freeLooks + 1 : 0;
    if (freeLooks > FREE_LOOKS_MAX && (await lock.take())) return { isOver: false };
    showWait(call, opened, runId);
    await edges.clock.sleep(LOOK_MS);
  }
}

/** How far a run in another process's hands has come. */
function progressOf(
  { journal }: Pick<Edges, "journal">,
  runId: number,
): { begun: boolean; ended: boolean } {
  const run = journal.run(runId);
  const actions = journal.actionsOf(runId);
  const isSettled =
    (run?.state !== "requested" && run?.state !== "open") ||
    onlySweeps(journal, runId) ||
    isGivenUp(journal, run);
  // A workflow is done before its results are delivered: a first try is waited for.
  const isUntried = actions
    .flatMap(({ id }) => journal.deliveriesOf(id))
    .some(({ state, attempts, error }) => state === "pending" && attempts < 2 && error === null);
  const isWorkflow = run?.source != null && run.state !== "requested";
  if (run?.state === "open" && waitsForPeople(journal, runId)) return { begun: true, ended: true };
  const begun = isWorkflow || actions.some(({ actionId }) => actionId !== null);
  return { begun, ended: isSettled && !(run?.state === "done" && isUntried) };
}

/** Whether all that a run is open for is results that no plugin will take until somebody acts. */
function isGivenUp(journal: JournalReads, run: RunRow): boolean {
  if (run.source !== null) return false;
  const actions = journal.actionsOf(run.id);
  if (!actions.every(({ state }) => state === "collected" || state === "settled")) return false;
  const deliveries = actions.flatMap(({ id }) => journal.deliveriesOf(id));
  const hasOpen = deliveries.some(({ state }) => state === "pending");
  return !hasOpen && deliveries.some(({ state }) => state === "dead");
}

/** Whether a run has its results delivered, and is open only because they are read once more. */
function onlySweeps(journal: JournalReads, runId: number): boolean {
  const actions = journal.actionsOf(runId);
  if (!actions.some(awaitsSweep)) return false;
  return actions.every((action) => {
    if (action.state === "settled") return true;
    return awaitsSweep(action) && journal.deliveriesOf(action.id).every(isTaken);
  });
}

function isTaken({ state }: DeliveryRow): boolean {
  return state === "delivered" || state === "dropped";
}

/** How long a job that may be half written is looked at again, and how often. */
const UNSETTLED_MAX_MS = 10_000;

/** @throws {RunnerError} ENTITY, when there is no such job, or when it is broken. */
async function loadJob(opened: Opened, job: string): Promise<Entity> {
  const { catalog, edges } = opened;
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      await catalog.refresh(await edges.spool.scan());
      return requireJob(opened, job);
    } catch (error) {
      if (waitedMs >= UNSETTLED_MAX_MS || !(await canBeMet(edges, job, error))) throw error;
      await edges.clock.sleep(LOOK_MS);
    }
  }
}

interface Outcome {
  readonly runId: number;
  readonly wait: boolean;
  /** The process that was asked to do it; null for this one. */
  readonly by: number | null;
}

/** Tells what became of it. Answers the exit status. */
function report(
  call: Call,
  edges: Pick<Edges, "clock" | "journal">,
  { runId, wait, by }: Outcome,
): number {
  const { journal } = edges;
  const row = journal.run(runId);
  const actions = journal.actionsOf(runId);
  const deliveries = actions.flatMap(({ id }) => journal.deliveriesOf(id));
  const posted = actions.length > 0 && actions.every(({ actionId }) => actionId !== null);
  // A workflow may have nothing to post, or not yet.
  const begun = row?.source == null ? posted : row.state === "open" || row.state === "done";
  const results = actions.flatMap(({ completeness }) => completeness ?? []);
  const isOver = row?.state === "done" || onlySweeps(journal, runId);
  const good = wait ? isOver && !hasAllFailed(results) : begun;
  const warnings = [...lateness(actions), ...shortfalls(results), ...pausedWarning(edges, row)];
  if (call.flags.has("json")) {
    const { job, firesAt, state = "requested", note } = row ?? {};
    const came = { actions: actions.map(plainAction), deliveries: deliveries.map(plainDelivery) };
    call.terminal.json(jsonAnswer({ job, firesAt, state, note, by, warnings, ...came }));
    return good ? 0 : 1;
  }
  const lines = actions.flatMap((action) => describe(action, by));
  lines.push(...warnings.map((warning) => `warning: ${warning}`));
  for (const { plugin, state, error } of deliveries) {
    lines.push(`plugin ${plugin}: ${state}${error === null ? "" : `: ${error}`}`);
  }
  if (actions.length === 0 && row?.state === "requested") lines.push(notBegun(runId, by));
  if (row !== null) lines.push(...describeOutcome(journal, row, by));
  call.terminal.out(lines);
  return good ? 0 : 1;
}

function notBegun(runId: number, by: number | null): string {
  if (by !== null) return `mig-runner (process ${by}) was asked to run it and has not begun yet`;
  const way = `\`mig-runner drop ${runId}\` takes it back`;
  return `run ${runId} is asked for, and nobody has begun it; ${NEXT_ONE}; ${way}`;
}

/** A person may run what is paused, and should know that it is. */
function pausedWarning(
  { clock, journal }: Pick<Edges, "clock" | "journal">,
  row: RunRow | null,
): string[] {
  const pause = journal.pausesNow(clock.now()).find(({ job }) => job === row?.job);
  return pause === undefined ? [] : [`the job is ${pauseReason(pause)}; run by hand all the same`];
}

/** What a workflow came to, also without an action; of other runs, why they failed. */
function describeOutcome(journal: JournalReads, row: RunRow, by: number | null): string[] {
  const { id, state, note, source } = row;
  const told = journal.actionsOf(id).some(({ error }) => error === note);
  if (source === null) return note === null || told ? [] : [note];
  const saved = journal.stepsOf(id).filter((step) => step.state === "saved").length;
  const done = plural(saved, "step");
  switch (state) {
    case "done":
      return [`run ${id}: done, ${done}`];
    case "failed":
    case "paused": {
      const why = note === null ? "" : `: ${note}`;
      return [`run ${id}: ${state} after ${done}${why} (${wayOut(row)})`];
    }
    default:
      return [
        `run ${id}: ${stillOpen(done, by)}`,
        ...openQuestions(journal, id).map((step) => `it waits for ${askedText(step)}`),
      ];
  }
}

/** Who goes on with what no process has in its hands. */
const NEXT_ONE = "the daemon or --once goes on with it";

/** Whose it is now: that of the process that works on the directory, or of the next one. */
export function stillOpen(done: string, by: number | null): string {
  if (by === null) return `not ended yet, ${done} so far; ${NEXT_ONE}`;
  return `mig-runner (process ${by}) has it, ${done} so far; mig-runner status shows how it goes on`;
}

function plainAction(action: ActionRow) {
  const { name, state, actionId, resultPath, completeness, error } = action;
  return { name, state, actionId, resultPath, completeness, error };
}

function plainDelivery({ plugin, state, attempts, error }: DeliveryRow) {
  return { plugin, state, attempts, error };
}

function describe(action: ActionRow, by: number | null): string[] {
  const { name, actionId, state, sendOnly, resultPath, completeness, error, expireAt } = action;
  if (actionId === null) {
    const whose = by === null ? NEXT_ONE : `mig-runner (process ${by}) goes on with it`;
    const then = state === "planned" ? `; ${whose}` : "";
    return [`${name}: not posted: ${error ?? state}${then}`];
  }
  if (resultPath === null || completeness === null) {
    const until = new Date(expireAt).toISOString();
    const why = error === null ? "" : `: ${error}`;
    const stands = sendOnly ? "posted, send only" : state;
    return [`${name}: action ${actionId} ${stands}, it expires at ${until}${why}`];
  }
  const counted = describeStatuses(completeness.statuses);
  const of = completeness.sent === null ? "" : ` of ${completeness.sent}`;
  return [
    `${name}: action ${actionId}, ${completeness.fetched}${of} commands (${counted || "none"})`,
    `result ${resultPath}`,
  ];
}
