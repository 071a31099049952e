// Init SDK: "mig-runner" and "mig-runner/test" as files in the runner directory, for editors, tsc,
// `bun test` and `deno test`. The program does not read them: it serves its own to jobs.

import { listNames, readBytes, replaceFile } from "../edge/files.ts";
import { errnoCode } from "../lib/os/errno.ts";

/** JSON: texts by the names of files. build.ts puts it there. */
declare const MIG_RUNNER_SDK: string | undefined;

/** Where a build leaves them, for the program that runs from its sources. */
const BUILT = `${import.meta.dirname}/../../dist/sdk`;

/**
 * Writes the files of this version. Answers whether any was another, or missing; null when there
 * are none to write, because the program runs from sources that were not built.
 */
export async function writeSdk(folder: string): Promise<boolean | null> {
  const texts = await sdkTexts();
  if (texts.length === 0) return null;
  let isNew = false;
  for (const [name, text] of texts) {
    const path = `${folder}/${name}`;
    if ((await textOf(path)) === text) continue;
    await replaceFile(path, text);
    isNew = true;
  }
  return isNew;
}

async function sdkTexts(): Promise<readonly (readonly [string, string])[]> {
  if (typeof MIG_RUNNER_SDK === "string") return Object.entries(JSON.parse(MIG_RUNNER_SDK));
  const names = await listNames(BUILT);
  return Promise.all(names.map(async (name) => [name, (await textOf(`${BUILT}/${name}`)) ?? ""]));
}

async function textOf(path: string): Promise<string | null> {
  try {
    return new TextDecoder().decode(await readBytes(path));
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    throw error;
  }
}
