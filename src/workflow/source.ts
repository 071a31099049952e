// Source: the text that a run began with, as the job that it says.
import { createHash } from "node:crypto";
import { RunnerError } from "../errors.ts";
import { isJobModule, type JobModule } from "../sdk/job.ts";

/** Runs a bundled module in this process and resolves with its exports. */
export type Evaluate = (source: string) => Promise<object>;

/** The name of a source: SHA-256 of its UTF-8, in hexadecimal. */
export function hashSource(source: string): string {
  return createHash("sha256").update(source).digest("hex");
}

/**
 * The job in a bundled source. For the worker of a run: it executes the job's top-level code.
 *
 * Rejects with what that code throws; lines in its stack are those of the original files.
 *
 * @param source As `bundleJob` made it.
 * @throws {RunnerError} ENTITY, when the source exports no job.
 */
export async function importSource(source: string, evaluate: Evaluate): Promise<JobModule> {
  const exported: unknown = Reflect.get(await evaluate(source), "default");
  if (isJobModule(exported)) return exported;
  throw new RunnerError("ENTITY", "Cannot run job: its source exports no job as default");
}
