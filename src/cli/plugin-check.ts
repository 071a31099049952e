// Plugin check: what is wrong with the plugins that no job names, and with their settings.
import type { RunnerConfig } from "../config/runner.ts";
import type { DiskPlugins } from "../edge/plugins/plugins.ts";
import { describeError, type ErrorDetail, nearest, RunnerError } from "../errors.ts";
import type { Plugins } from "../ports.ts";
import type { Gathering } from "./findings.ts";
import { pluginMistakes } from "./owners.ts";

/** The same plugins, each looked at once however many jobs name it: a module takes a worker. */
export function checkedOnce(plugins: DiskPlugins): DiskPlugins {
  const answers = new Map<string, Promise<string | null>>();
  const check: Plugins["check"] = (name, use = "result") => {
    const key = `${use} ${name}`;
    const answer = answers.get(key) ?? plugins.check(name, use);
    answers.set(key, answer);
    return answer;
  };
  return { ...plugins, check };
}

/** A mistake from what a look at a plugin answered: the lines after its first are of a program. */
export function pluginMistake(message: string, problem: string, place: ErrorDetail): RunnerError {
  const [text, ...frame] = problem.split("\n");
  const shown = frame.length === 0 ? {} : { frame: frame.join("\n") };
  return new RunnerError("PLUGIN", `${message}: ${text}`, { ...place, ...shown });
}

/** What the jobs say of plugins. */
export interface PluginUse {
  /** Names that some job has. */
  readonly used: ReadonlySet<string>;
  /** Whether a workflow may deliver to others. */
  readonly hasWorkflows: boolean;
}

/**
 * Adds what is wrong with plugins that tell alarms, with files of plugins/ that no job names, and
 * with sections of settings; and whatever others can have written there, also what only programs
 * use.
 */
export async function checkOtherPlugins(
  found: Gathering,
  config: RunnerConfig,
  { plugins, used: byJobs, hasWorkflows }: PluginUse & { readonly plugins: DiskPlugins },
): Promise<void> {
  const { mistakes, warnings } = found;
  const used = new Set([...byJobs, ...config.notify.plugins]);
  const told = mistakes.map(({ message }) => message).join("\n");
  const foreign = pluginMistakes(config).map((error) => ({ error, mend: error.detail.hint ?? "" }));
  mistakes.push(...foreign.filter(({ mend }) => !told.includes(mend)).map(({ error }) => error));
  const isTold = (problem: string): boolean => foreign.some(({ mend }) => problem.includes(mend));
  for (const { name, problem } of await plugins.list()) {
    if (used.has(name)) continue;
    const path = `${config.pluginsDirectory}/${name}`;
    if (problem !== null && isTold(problem)) continue;
    if (problem !== null) {
      warnings.push(`${path}: no job uses it: ${problem}`);
      continue;
    }
    const fault = await plugins.check(name);
    if (fault !== null && !isTold(fault)) mistakes.push(unusable(name, fault, { path }));
  }
  // One that is not there, or cannot tell, would be known when there is an alarm to tell.
  for (const name of config.notify.plugins) {
    const isSaid = byJobs.has(name) && (await plugins.check(name)) !== null;
    const fault = isSaid ? null : await plugins.check(name, "alarm");
    if (fault !== null && !isTold(fault))
      mistakes.push(unusable(name, fault, { path: config.path }));
  }
  const names = await plugins.names();
  for (const name of config.pluginConfig.keys()) {
    await checkSection(found, { name, names, config, plugins, used, hasWorkflows });
  }
}

/** Places it where the fault is, if it says so itself. */
function unusable(name: string, fault: string, place: ErrorDetail): RunnerError {
  const [before = "", path = "", line, column] =
    /^(\/[^:\n]+):(?:(\d+):(\d+):)? /.exec(fault) ?? [];
  const own = line === undefined ? { path } : { path, line: Number(line), column: Number(column) };
  const text = fault.slice(before.length).replace(`Cannot load plugin "${name}": `, "");
  return pluginMistake(`Cannot use plugin "${name}"`, text, path === "" ? place : own);
}

interface Section extends PluginUse {
  readonly name: string;
  /** Of all plugins that there are. */
  readonly names: readonly string[];
  readonly config: RunnerConfig;
  readonly plugins: DiskPlugins;
}

/** A section of settings that nobody reads. */
async function checkSection(
  { mistakes, warnings }: Gathering,
  { name, names, config, plugins, used, hasWorkflows }: Section,
): Promise<void> {
  const place = placeOf(config, name);
  const title = `[plugin "${name}"]`;
  if (!names.includes(name)) {
    const near = nearest(name, names);
    const hint = near === null ? `Known plugins: ${names.join(", ")}` : `did you mean "${near}"?`;
    const message = `${title}: there is no plugin of this name`;
    mistakes.push(new RunnerError("CONFIG", message, { ...place, hint }));
  } else if (await plugins.isProgram(name)) {
    const message = `${title} has no effect: "${name}" is a program, and only modules get settings`;
    warnings.push(describeError(new RunnerError("CONFIG", message, place)));
  } else if (!used.has(name)) {
    const fault = await plugins.check(name);
    if (fault !== null) mistakes.push(unusable(name, fault, place));
    else if (!hasWorkflows) {
      const message = `${title} has no effect: no job uses "${name}"`;
      warnings.push(describeError(new RunnerError("CONFIG", message, place)));
    }
  }
}

/** Where the section begins; the places of sections without a key are not known. */
function placeOf({ path, pluginPlaces }: RunnerConfig, name: string): ErrorDetail {
  const line = /:(\d+)$/.exec(pluginPlaces.get(name) ?? "")?.[1];
  return line === undefined ? { path } : { path, line: Number(line) };
}
