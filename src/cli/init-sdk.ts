// Init SDK: "mig-runner" and "mig-runner/test" as files in the runner directory, for editors, tsc,
// `bun test` and `deno test`. The program does not read them: it serves its own to jobs.

import { listNames, readBytes, replaceFile } from "../edge/files.ts";
import type { DiskPlugins } from "../edge/plugins/plugins.ts";
import { errnoCode } from "../lib/os/errno.ts";

/** JSON: texts by the names of files. build.ts puts it there. */
declare const MIG_RUNNER_SDK: string | undefined;

/** Where a build leaves them, for the program that runs from its sources. */
const BUILT = `${import.meta.dirname}/../../dist/sdk`;

/**
 * Writes the files of this version. Answers whether any was another, or missing; null when there
 * are none to write, because the program runs from sources that were not built.
 *
 * @param plugins Those that jobs may deliver to, by any name while there are none.
 */
export async function writeSdk(folder: string, plugins: DiskPlugins): Promise<boolean | null> {
  const texts = await sdkTexts();
  if (texts.length === 0) return null;
  const names = await pluginNameText(plugins);
  let isNew = false;
  for (const [name, plain] of texts) {
    const path = `${folder}/${name}`;
    const text = plain.replace(PLUGIN_NAME, () => names);
    if ((await textOf(path)) === text) continue;
    await replaceFile(path, text);
    isNew = true;
  }
  return isNew;
}

/** A warning where the types beside jobs know other plugins than there are; null elsewhere. */
export async function typesAdvice(directory: string, plugins: DiskPlugins): Promise<string | null> {
  const path = `${directory}/sdk/index.d.ts`;
  const [known] = PLUGIN_NAME.exec((await textOf(path)) ?? "") ?? [];
  if (known === undefined || known === (await pluginNameText(plugins))) return null;
  const mend = `mig-runner init ${directory} writes them again`;
  return `${path}: the types that editors read name other plugins than there are (${mend})`;
}

/** The type of the names of plugins, in the types that authors get. */
const PLUGIN_NAME = /^type PluginName = .*;$/m;

async function pluginNameText(plugins: DiskPlugins): Promise<string> {
  // Where a job is written before the first plugin is, its name is not to be red.
  const names = (await plugins.list()).length === 0 ? [] : await plugins.names();
  const texts = names.map((name) => JSON.stringify(name));
  return `type PluginName = ${texts.length === 0 ? "string" : texts.join(" | ")};`;
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
