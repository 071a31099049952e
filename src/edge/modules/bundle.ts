// Bundle: a job's module as one text that can be kept, sent to a worker and evaluated there.
//
// By Bun's bundler where there is one, else as a pack. Runs no code of the job, in either case.
import { resolve } from "node:path";
import { RunnerErrors } from "../../errors.ts";
import { problemError } from "../../jobs/problem.ts";
import { distrust, findFlawIfThere } from "../../lib/os/ownership.ts";
import { moduleTools } from "../../lib/os/runtime.ts";
import { hashSource } from "../../workflow/source.ts";
import { type Bundled, bundleAll, type Files } from "./bundler.ts";
import { type Below, readGraph } from "./graph.ts";

/** A job's module with all that it imports, and the name of that text. */
export interface JobSource {
  /** For `evaluateSource`. The same files give the same text. */
  readonly source: string;
  /** SHA-256 of the text in UTF-8, in hexadecimal. */
  readonly hash: string;
}

/** The text of each module, or what is wrong with it, by the module's path. */
export async function bundleJobs(
  entries: ReadonlyMap<string, Files>,
): Promise<ReadonlyMap<string, Bundled>> {
  const tools = moduleTools();
  if (tools !== null) return await bundleAll(tools, entries);
  const { packFiles } = await import("./pack.ts");
  return new Map([...entries].map(([entry, files]) => [entry, packFiles(entry, files)]));
}

/**
 * The source of a job as it is now, for a run to keep.
 *
 * @param file The job.ts.
 * @throws {RunnerErrors} ENTITY, with the place of each mistake; SPOOL for a file that others can
 *   have written.
 */
export async function bundleJob(file: string, owned: Below = {}): Promise<JobSource> {
  const path = resolve(file);
  const { files, problem } = readGraph(path, owned);
  if (problem !== null) throw new RunnerErrors([problem]);
  const bundled = (await bundleJobs(new Map([[path, files]]))).get(path);
  if (bundled?.kind !== "source") throw bundleError(bundled, { job: jobOf(path), path, files });
  assertOwnPackages(bundled, owned);
  return { source: bundled.source, hash: hashSource(bundled.source) };
}

/**
 * Looks at the files of packages that were bundled: which ones those are is known only afterwards.
 *
 * @throws {RunnerErrors} SPOOL, when others can have written one of them.
 */
export function assertOwnPackages(
  { packages }: Extract<Bundled, { kind: "source" }>,
  owned: Below,
): void {
  for (const path of packages) {
    const flaw = findFlawIfThere(path, owned);
    if (flaw === null) continue;
    throw new RunnerErrors([distrust({ code: "SPOOL", thing: "package", path }, flaw)]);
  }
}

/** What the bundler found, as mistakes of the operator. */
export function bundleError(
  bundled: Extract<Bundled, { kind: "broken" }> | undefined,
  { job, path, files }: { readonly job: string; readonly path: string; readonly files: Files },
): RunnerErrors {
  const textOf = (file: string): string | null => files.get(file) ?? null;
  const problems = bundled?.problems ?? [];
  return new RunnerErrors(problems.map((each) => problemError(each, { job, path, textOf })));
}

function jobOf(path: string): string {
  return path.split("/").at(-2) ?? "";
}
