// Renew: for `resume --with-new-source`: today's source of a job, played against a run.
import { workflowEdges } from "../edge/workflow/edges.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { JournalReads } from "../journal/journal.ts";
import { besideSteps, type Renewal, stepsAgain } from "../workflow/operate.ts";
import { type Rehearsal, type Rehearsed as RehearsedRun, rehearse } from "../workflow/rehearse.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import type { JournalAccess } from "./open.ts";

/** What was rehearsed, and whether it still holds. */
export interface Rehearsed extends Renewal {
  /** Steps to try again that failed beside saved ones. */
  readonly beside: readonly string[];
  /** @throws {RunnerError} JOURNAL, when the run has gone on in the meantime. */
  check(journal: JournalReads): void;
}

/**
 * Plays job.ts as it is now against what a run has saved. Null for what `resume` itself refuses.
 *
 * @throws {RunnerError|RunnerErrors} Where the two part, or what is wrong with job.ts.
 */
export async function renew(access: JournalAccess, runId: number): Promise<Rehearsed | null> {
  const { journal } = access.edges;
  const kept = keptOf(journal, runId);
  if (kept === null) return null;
  const { run, steps } = kept;
  const path = await pathOf(access, run.job);
  const { source, hash } = await workflowEdges(access.config, access.edges.results).bundle(path);
  const { beside, ...played } = await play(access, kept, source);
  const refuse = (state: string, hint: string): never => {
    const message = `Cannot resume run "${runId}" of ${run.job} with its new source: ${state}`;
    throw new RunnerError("JOURNAL", message, { job: run.job, path, hint });
  };
  if (played.parting !== null) {
    const own = `mig-runner resume ${runId} goes on with the source that it began with`;
    const where = await placesOf(access, kept, played);
    const hint = `Nothing was changed. ${own}; mig-runner run ${run.job} begins a new run`;
    refuse(`${played.parting}${where}`, hint);
  }
  const before = JSON.stringify([run, steps]);
  return {
    hash,
    source,
    asked: played.asked,
    beside,
    check(now) {
      const isSame = JSON.stringify([now.run(runId), now.stepsOf(runId)]) === before;
      if (!isSame) refuse("it has gone on in the meantime", "mig-runner status shows it");
    },
  };
}

/** Steps that failed beside saved ones and that the run's own source can have tried again. */
export async function retriable(access: JournalAccess, runId: number): Promise<readonly string[]> {
  const { journal } = access.edges;
  const kept = keptOf(journal, runId);
  const source = kept === null ? null : journal.source(kept.run.source ?? "");
  if (kept === null || source === null || besideSteps(journal, runId).length === 0) return [];
  return (await play(access, kept, source)).beside;
}

/** What the journal has of a run that can go on. */
type Kept = Omit<RehearsedRun, "again">;

function keptOf(journal: JournalReads, runId: number): Kept | null {
  const run = journal.run(runId);
  const body = journal.body(runId);
  if (run === null || body === null || !["paused", "failed"].includes(run.state)) return null;
  return { run, body, steps: journal.stepsOf(runId) };
}

/** Plays a source, with what failed beside saved steps tried again, if it takes that. */
async function play(
  access: JournalAccess,
  kept: Kept,
  source: string,
): Promise<Rehearsal & { readonly beside: readonly string[] }> {
  const { clock, journal } = access.edges;
  const { host } = workflowEdges(access.config, access.edges.results);
  const last = stepsAgain(journal, kept.run.id).map(({ name }) => name);
  const beside = besideSteps(journal, kept.run.id).map(({ name }) => name);
  if (beside.length > 0) {
    const again = [...beside, ...last];
    const played = await rehearse({ host, clock }, { ...kept, again, source });
    if (played.parting === null) return { ...played, beside };
  }
  return { ...(await rehearse({ host, clock }, { ...kept, again: last, source })), beside: [] };
}

/** Where the code that the run began with and that of now are, at the step where they part. */
async function placesOf(
  access: JournalAccess,
  kept: Kept,
  { step, at }: Rehearsal,
): Promise<string> {
  const { journal } = access.edges;
  const source = journal.source(kept.run.source ?? "");
  const before =
    step === null || source === null ? null : (await play(access, kept, source)).places.get(step);
  const old = before == null ? [] : [`the source that the run began with asks for it at ${before}`];
  const now = at === null ? [] : [`the new one is at ${at}`];
  const places = [...old, ...now];
  return places.length === 0 ? "" : `; ${places.join(", ")}`;
}

/** The file of a job with a workflow. */
async function pathOf(access: JournalAccess, job: string): Promise<string> {
  const states = await loadJobs(access);
  const state = states.find((each) => each.job === job);
  const path = access.config.runnersDirectory;
  if (state === undefined) {
    throw unknownJob({ verb: "resume", job }, { jobs: states.map((each) => each.job), path });
  }
  if (state.entity === null) throw new RunnerErrors(state.errors);
  if (state.entity.workflow) return state.entity.path;
  const message = `Cannot resume a run of ${job} with its new source: it has no workflow any more`;
  throw new RunnerError("ENTITY", message, { job, path: state.entity.path });
}
