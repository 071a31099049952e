// Job: what a job.ts exports. The definition is checked when the job is loaded, by the rule that
// also holds for entity.cfg (jobs/definition.ts); here it only gets its types.
import { RunnerError } from "../errors.ts";
import { brand, hasBrand } from "./brand.ts";
import type { JobDefinition } from "./definition.ts";
import type { NoParams, Run } from "./run.ts";
import { isSchema, type Schema, type SchemaOutput } from "./standard.ts";

/**
 * The workflow of a job: what it does at each firing. It may be run again from its beginning at any
 * time; then what it did by name (`run.collect`, `run.step`, ..) is not done again, and answers as
 * it did the first time. So everything that changes the world, or that could differ the next time,
 * belongs into a step. Nobody looks at what it resolves with.
 */
export type JobBody<Params = NoParams> = (run: Run<Params>) => Promise<unknown>;

/** A job, ready to be loaded: the default export of a job.ts. */
export interface JobModule {
  readonly kind: "job";
  readonly definition: JobDefinition;
  /** Null: dispatch the action, collect, deliver to the plugins. */
  readonly body: JobBody | null;
  /** What its parameters must be; null: it takes none. */
  readonly params: Schema | null;
}

/** The definition of a job whose runs take parameters. */
export interface JobWithParams<Params extends Schema> extends JobDefinition {
  /**
   * A schema of an object: what `mig-runner run JOB --set NAME=VALUE` may set, and `run.params`
   * then holds. What the schema gives must be JSON. A job with a schedule needs a default for each.
   */
  readonly params: Params;
}

/**
 * Makes a job. Its default export is all that the runner looks at in a job.ts.
 *
 * @param definition When it fires, what it dispatches and who gets the result.
 * @param body For what a table cannot say. Without it the job dispatches its action, waits until
 *   it has expired, collects, and delivers the result to its plugins. With it, the definition's
 *   action is what `run.collect` takes over, and nothing is dispatched or delivered by itself.
 * @throws {RunnerError} ENTITY, when it is not called with an object and a function.
 * @example
 * ```ts
 * import { job, modules } from "mig-runner";
 *
 * export default job({
 *   schedule: "0 3 * * *",
 *   expiry: "10m",
 *   action: {
 *     target: "status='online' AND mode='daemon'",
 *     operations: [modules.pkg({ pkgmatch: { matches: ["^openssl$"] } })],
 *   },
 *   plugin: "mozdef",
 * });
 * ```
 */
export function job<Params extends Schema>(
  definition: JobWithParams<Params>,
  body: JobBody<SchemaOutput<Params>>,
): JobModule;
export function job(definition: JobDefinition, body?: JobBody): JobModule;
export function job(
  given: JobDefinition & { readonly params?: Schema | undefined },
  body?: JobBody<never>,
): JobModule {
  if (typeof given !== "object" || given === null) {
    const state = `its definition is ${nameOf(given)}, an object is wanted`;
    throw new RunnerError("ENTITY", `Cannot make a job: ${state}`);
  }
  if (body !== undefined && typeof body !== "function") {
    const state = `its workflow is ${nameOf(body)}, a function is wanted`;
    throw new RunnerError("ENTITY", `Cannot make a job: ${state}`);
  }
  const { params = null, ...definition } = given;
  if (params !== null && !isSchema(params)) {
    const hint = "Take a schema of valibot, such as v.object({ sha256: v.string() })";
    throw new RunnerError("ENTITY", "Cannot make a job: its params are no schema", { hint });
  }
  const made: JobModule = {
    kind: "job",
    definition: Object.freeze(definition),
    body: (body ?? null) as JobBody | null,
    params,
  };
  return Object.freeze(brand(made, "job"));
}

/** Whether a value was made by `job`, here or in another copy of the SDK. */
export function isJobModule(value: unknown): value is JobModule {
  return hasBrand(value, "job");
}

function nameOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
