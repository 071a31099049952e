// Stored: the result files of a spool, found by their action's id or by their job.
//
// Names come from a command line: an id is digits, a job is one of the directories that the spool
// lists, and no link is followed but a trusted one named results (links.ts): nothing outside
// of results/ is ever found.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Attempt, fileError, lstatOrNull } from "../../lib/os/durable.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import { statMeant } from "../../lib/os/links.ts";
import { streamRegular } from "../../lib/os/read.ts";
import { parseActionId } from "../../mig/ids.ts";
import { listDirectories, sortByBytes } from "./scan.ts";

/** Where a result lies. */
export interface ResultFile {
  readonly job: string;
  readonly actionId: number;
  readonly path: string;
}

/**
 * The newest result file of an action, or null. Two jobs cannot have results of one action; should
 * a file have been copied, the first job by name has it.
 *
 * @throws {RunnerError} SPOOL, when a directory cannot be read.
 */
export async function findResult(directory: string, actionId: number): Promise<ResultFile | null> {
  const runners = join(directory, "runners");
  for (const job of await listDirectories(runners)) {
    const found = await resultOf(join(runners, job), actionId);
    if (found !== null) return { job, actionId, path: found.path };
  }
  return null;
}

/** The newest result file of an action in a job's directory, or null. */
export async function resultOf(
  jobPath: string,
  actionId: number,
): Promise<{ readonly path: string; readonly bytes: AsyncIterable<Uint8Array> } | null> {
  for (const date of (await datesOf(jobPath)).toReversed()) {
    const path = join(jobPath, "results", date, `${actionId}.json`);
    if (await isFile(path)) return { path, bytes: readResult(path) };
  }
  return null;
}

/** The newest result file of a job, or null: of its newest day the one with the highest id. */
export async function latestResult(directory: string, job: string): Promise<ResultFile | null> {
  const runners = join(directory, "runners");
  if (!(await listDirectories(runners)).includes(job)) return null;
  for (const date of (await datesOf(join(runners, job))).toReversed()) {
    const folder = join(runners, job, "results", date);
    const ids = (await namesIn(folder))
      .flatMap((name) => actionOf(name) ?? [])
      .sort((left, right) => right - left);
    for (const actionId of ids) {
      const path = join(folder, `${actionId}.json`);
      if (await isFile(path)) return { job, actionId, path };
    }
  }
  return null;
}

/** The id of the action whose result a file is by its name; null for any other name. */
export function actionOf(name: string): number | null {
  return name.endsWith(".json") ? parseActionId(name.slice(0, -".json".length)) : null;
}

/** The same, and of a result of several actions (FIRST-LAST.json) the first of them. */
export function ownerOf(name: string): number | null {
  return actionOf(name.replace(/-[1-9]\d{0,15}(?=\.json$)/, ""));
}

/** Whether a result file is still where the journal says. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstatOrNull(path))?.isFile() === true;
  } catch (error) {
    if (errnoCode(error) === "ENOTDIR") return false;
    throw fileError(attemptOn(path), error);
  }
}

/** The bytes of a result file. Iterating throws a RunnerError when it cannot be read. */
export async function* readResult(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* streamRegular(path);
  } catch (error) {
    throw fileError(attemptOn(path), error);
  }
}

/** The directories of days in a job's results/, oldest first. */
export async function datesOf(jobPath: string): Promise<readonly string[]> {
  const results = join(jobPath, "results");
  const names = await namesIn(results);
  const dates: string[] = [];
  for (const name of names.filter((each) => /^\d{8}$/.test(each))) {
    if ((await lstatOrNull(join(results, name)))?.isDirectory()) dates.push(name);
  }
  return dates;
}

/** The sorted names in a directory; none when there is no such directory. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    if (!statMeant(path)?.isDirectory()) return [];
    return sortByBytes(await readdir(path));
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return [];
    throw fileError({ verb: "list", thing: "results", path }, error);
  }
}

function attemptOn(path: string): Attempt {
  return { verb: "read", thing: "result", path };
}
