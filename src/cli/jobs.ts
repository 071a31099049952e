// Jobs: the jobs that the words of a command line name.

import { isThere } from "../edge/files.ts";
import { describeError, nearest, RunnerError, RunnerErrors } from "../errors.ts";
import { templatePath } from "../flow/template.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { TEMPLATE_NAME } from "../jobs/keys.ts";
import type { SpoolView } from "./open.ts";

/** Loads every job of the spool; sorted by name. @throws {RunnerError} SPOOL. */
export async function loadJobs({ catalog, spool }: JobSource): Promise<readonly JobState[]> {
  await catalog.refresh(await spool.scan());
  return [...catalog.states()].map((state) => ({ ...state, errors: inOrder(state.errors) }));
}

/** From the top of each file to its bottom, the files in the order in which they were read. */
function inOrder(errors: readonly RunnerError[]): readonly RunnerError[] {
  const files = [...new Set(errors.map(({ detail }) => detail.path))];
  const placeOf = ({ detail: { path, line } }: RunnerError): number =>
    files.indexOf(path) * 2 ** 32 + (line ?? 0);
  return errors.toSorted((left, right) => placeOf(left) - placeOf(right));
}

/** Where jobs are loaded from. */
export type JobSource = Pick<SpoolView, "catalog" | "spool">;

/** The mistake of naming a job that is not there, with the nearest one that is. */
export function unknownJob(
  attempt: { readonly verb: string; readonly job: string },
  { jobs, path }: { readonly jobs: Iterable<string>; readonly path: string },
): RunnerError {
  const { verb, job } = attempt;
  const meant = nearest(job, jobs);
  const hint = meant === null ? "mig-runner status lists the jobs" : `did you mean "${meant}"?`;
  return new RunnerError("ENTITY", `Cannot ${verb} job "${job}": there is none`, {
    job,
    path,
    hint,
  });
}

/** The states of the named jobs, in the order of the words; of all when there are none. */
export function chooseJobs(
  states: readonly JobState[],
  { verb, names, path }: { verb: string; names: readonly string[]; path: string },
): { readonly chosen: readonly JobState[]; readonly unknown: readonly RunnerError[] } {
  if (names.length === 0) return { chosen: states, unknown: [] };
  const jobs = states.map(({ job }) => job);
  const known = new Map(states.map((state) => [state.job, state]));
  const unknown: RunnerError[] = [];
  const chosen = [...new Set(names)].flatMap((job) => {
    const state = known.get(job);
    if (state === undefined) unknown.push(unknownJob({ verb, job }, { jobs, path }));
    return state === undefined ? [] : [state];
  });
  return { chosen, unknown };
}

/** The mistakes in anything thrown. What is no mistake of the operator is thrown on. */
export function errorsOf(error: unknown): readonly RunnerError[] {
  if (error instanceof RunnerErrors) return error.errors;
  if (error instanceof RunnerError) return [error];
  throw error;
}

/** One line a mistake. */
export function describeErrors(errors: readonly RunnerError[]): string[] {
  return errors.map(describeError);
}

/** Whether a job has an action to post at its fire time: a workflow may make all of its own. */
export async function hasAction({ workflow, template, path }: Entity): Promise<boolean> {
  const isDefault = template.kind === "file" && template.name === TEMPLATE_NAME;
  return !workflow || !isDefault || (await isThere(templatePath({ path, template })));
}
