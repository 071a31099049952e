// Renew: for `resume --with-new-source`: today's source of a job, played against a run.
import { workflowEdges } from "../edge/workflow/edges.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { JournalReads } from "../journal/journal.ts";
import { type Renewal, stepsAgain } from "../workflow/operate.ts";
import { rehearse } from "../workflow/rehearse.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import type { Bench } from "./open.ts";

/** What was rehearsed, and whether it still holds. */
export interface Rehearsed extends Renewal {
  /** @throws {RunnerError} JOURNAL, when the run has gone on in the meantime. */
  check(journal: JournalReads): void;
}

/**
 * Plays job.ts as it is now against what a run has saved. Null for what `resume` itself refuses.
 *
 * @throws {RunnerError|RunnerErrors} Where the two part, or what is wrong with job.ts.
 */
export async function renew(bench: Bench, runId: number): Promise<Rehearsed | null> {
  const { clock, journal } = bench.edges;
  const run = journal.run(runId);
  const body = journal.body(runId);
  if (run === null || body === null || !["paused", "failed"].includes(run.state)) return null;
  const path = await pathOf(bench, run.job);
  const { bundle, host } = workflowEdges(bench.config);
  const { source, hash } = await bundle(path);
  const steps = journal.stepsOf(runId);
  const again = stepsAgain(journal, runId).map(({ name }) => name);
  const { parting, asked } = await rehearse({ host, clock }, { run, body, steps, again, source });
  const refuse = (state: string, hint: string): never => {
    const message = `Cannot resume run "${runId}" of ${run.job} with its new source: ${state}`;
    throw new RunnerError("JOURNAL", message, { job: run.job, path, hint });
  };
  if (parting !== null) {
    const own = `mig-runner resume ${runId} goes on with the source that it began with`;
    refuse(parting, `Nothing was changed. ${own}; mig-runner run ${run.job} begins anew`);
  }
  const before = JSON.stringify([run, steps]);
  return {
    ...{ hash, source, asked },
    check(now) {
      const isSame = JSON.stringify([now.run(runId), now.stepsOf(runId)]) === before;
      if (!isSame) refuse("it has gone on in the meantime", "mig-runner status shows it");
    },
  };
}

/** The file of a job with a workflow. */
async function pathOf(bench: Bench, job: string): Promise<string> {
  const states = await loadJobs(bench);
  const state = states.find((each) => each.job === job);
  const path = bench.config.runnersDirectory;
  if (state === undefined) {
    throw unknownJob({ verb: "resume", job }, { jobs: states.map((each) => each.job), path });
  }
  if (state.entity === null) throw new RunnerErrors(state.errors);
  if (state.entity.workflow) return state.entity.path;
  const message = `Cannot resume a run of ${job} with its new source: it has no workflow any more`;
  throw new RunnerError("ENTITY", message, { job, path: state.entity.path });
}
