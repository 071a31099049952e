// Job check: everything that can be wrong with one job, beyond what loading it shows.

import { isThere } from "../edge/files.ts";
import { type ErrorDetail, RunnerError } from "../errors.ts";
import { scheduleAdvice } from "../jobs/advice.ts";
import { repeatedNames } from "../jobs/call-names.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { TEMPLATE_NAME } from "../jobs/keys.ts";
import { isModuleFile, JOB_FILE_SIZE_MAX, readTable } from "../jobs/load.ts";
import { neverFires } from "../jobs/schedule.ts";
import { findFlawIfThere } from "../lib/os/ownership.ts";
import type { Clock } from "../lib/ports.ts";
import type { Plugins, Spool } from "../ports.ts";
import type { Gathering } from "./findings.ts";
import { hasAction } from "./jobs.ts";
import { pluginMistake } from "./plugin-check.ts";
import { checkTemplate, type Templated } from "./template-check.ts";

/** What a job is held against. */
export interface Surroundings {
  /** The directory of all jobs. */
  readonly folder: string;
  readonly spool: Spool;
  readonly plugins: Plugins;
  /** Plugins that cannot be used and were told; names are added. */
  readonly toldPlugins: Set<string>;
  readonly clock: Clock;
}

/** Adds what is wrong with a job to what was found. */
export async function checkJob(
  found: Gathering,
  { job, entity, errors }: JobState,
  around: Surroundings,
): Promise<void> {
  found.mistakes.push(...errors);
  const directory = `${around.folder}/${job}`;
  if (entity !== null) await checkSound(found, entity, around);
  else await checkBroken(found, { job, errors, directory }, around);
  checkKept(found, directory);
}

/** A mistake in a definition must not hide the others, nor those of the template beside it. */
async function checkBroken(
  found: Gathering,
  { job, errors, directory }: Pick<JobState, "job" | "errors"> & { readonly directory: string },
  around: Surroundings,
): Promise<void> {
  const template = { kind: "file", name: TEMPLATE_NAME } as const;
  const path = `${directory}/${template.name}`;
  if (!errors.some(({ code, detail }) => code === "ACTION" || detail.path === path)) {
    if (await isThere(path)) await checkAction(found, { job, path, template }, around);
  }
  const tables = errors.flatMap(
    ({ detail }) => /\/(entity\.[a-z]+)$/.exec(detail.path ?? "") ?? [],
  );
  const name = tables[1];
  if (name === undefined) return;
  const bytes = await around.spool.read(job, name, JOB_FILE_SIZE_MAX).catch(() => null);
  if (bytes === null) return;
  const files = new Map([[name, bytes]]);
  const table = readTable({ job, path: directory, files, defaults: { timezone: null } });
  found.warnings.push(...(table.source.warnings ?? []));
  const named = [table.definition.plugin ?? []].flat();
  // One that cannot be the name of a plugin at all was told already.
  const plugins = named.filter(
    (each) => !errors.some(({ message }) => message.includes(`"${each}"`)),
  );
  await checkPlugins(found, { job, path: `${directory}/${name}`, plugins }, around);
}

async function checkSound(found: Gathering, entity: Entity, around: Surroundings): Promise<void> {
  const { mistakes, warnings } = found;
  warnings.push(...entity.warnings);
  if (await hasAction(entity)) await checkAction(found, entity, around);
  const { job, schedule } = entity;
  const advice = schedule === null ? [] : scheduleAdvice(schedule, around.clock.now());
  if (advice.length > 0) {
    const { path, line } = await placeOf(around.spool, entity, "schedule");
    const where = line === undefined ? path : `${path}:${line}`;
    warnings.push(...advice.map((text) => `${where}: ${text}`));
  }
  if (schedule !== null && neverFires(schedule, around.clock.now())) {
    mistakes.push(
      new RunnerError(
        "SCHEDULE",
        `Cannot schedule job "${job}" by "${schedule.expression}": it never fires`,
        {
          ...(await placeOf(around.spool, entity, "schedule")),
          hint: "use a date in the future; mig-runner next shows when it fires",
        },
      ),
    );
  }
  await checkPlugins(found, entity, around);
  if (entity.workflow) await checkWorkflow(found, entity, around);
}

/** What the text of a workflow shows: its one file, and not what it imports. */
async function checkWorkflow(
  { warnings }: Gathering,
  { job, path, plugins }: Entity,
  { spool, plugins: known }: Surroundings,
): Promise<void> {
  const file = path.replace(/^.*\//, "");
  const bytes = await spool.read(job, file, JOB_FILE_SIZE_MAX).catch(() => null);
  const text = new TextDecoder().decode(bytes ?? new Uint8Array());
  for (const { name, call, line, before } of repeatedNames(text)) {
    const other = `run.${before.call} of line ${before.line}`;
    const state = `run.${call} has the name "${name}" that ${other} has`;
    warnings.push(`${path}:${line}: ${state}: a run would stop there, names must be unique in it`);
  }
  const names = await known.names();
  for (const { 2: named = "", index } of text.matchAll(DELIVERED)) {
    // Those of the definition are checked with it.
    if (names.includes(named) || plugins.includes(named)) continue;
    const line = text.slice(0, index).split("\n").length;
    const there = names.length === 0 ? "none" : names.join(", ");
    warnings.push(`${path}:${line}: there is no plugin "${named}" to deliver to (there: ${there})`);
  }
  // A file of the author's own may do it.
  if (bytes === null || plugins.length === 0 || /\bdeliver\b|["']\.{1,2}\//.test(text)) return;
  const { line } = await placeOf(spool, { job, path }, "plugin");
  warnings.push(`${line === undefined ? path : `${path}:${line}`}: ${undelivered(plugins)}`);
}

/** A call that gives a result to one plugin by its name. */
const DELIVERED = /\brun\.deliver\(\s*(["'`])([\w.-]+)\1\s*,/g;

/** What to tell of plugins that a workflow gives nothing. */
export function undelivered(plugins: readonly string[]): string {
  const names = plugins.map((name) => `"${name}"`).join(", ");
  const get = plugins.length === 1 ? "gets" : "get";
  const way = "write await run.deliver(result) behind run.collect";
  return `plugin ${names} ${get} nothing: a workflow delivers nothing by itself (${way})`;
}

async function checkPlugins(
  { mistakes }: Gathering,
  entity: Pick<Entity, "job" | "path" | "plugins">,
  { spool, plugins, toldPlugins }: Surroundings,
): Promise<void> {
  for (const name of entity.plugins) {
    const problem = await plugins.check(name);
    if (problem === null || toldPlugins.has(name)) continue;
    // What is wrong with a plugin itself is told once, for the first job that names it.
    if ((await plugins.names()).includes(name)) toldPlugins.add(name);
    const message = `Cannot deliver job "${entity.job}" to plugin "${name}"`;
    mistakes.push(pluginMistake(message, problem, await placeOf(spool, entity, "plugin")));
  }
}

async function checkAction(
  found: Gathering,
  entity: Templated,
  { spool, clock }: Surroundings,
): Promise<void> {
  const place = await placeOf(spool, entity, "action");
  await checkTemplate(found, entity, { spool, clock, place });
}

/** Where a key stands in a job's definition, when that can be seen without understanding it. */
async function placeOf(
  spool: Spool,
  { job, path }: Pick<Entity, "job" | "path">,
  key: string,
): Promise<ErrorDetail> {
  const name = path.replace(/^.*\//, "");
  const bytes = await spool.read(job, name, JOB_FILE_SIZE_MAX).catch(() => new Uint8Array());
  const text = new TextDecoder().decode(bytes);
  if (isModuleFile(name)) {
    const { keyPositions } = await import("../jobs/module.ts");
    return { job, path, ...keyPositions(text).get(key) };
  }
  const pattern = new RegExp(`^\\s*${key}s?\\s*=`, "i");
  const line = text.split("\n").findIndex((each) => pattern.test(each)) + 1;
  return line === 0 ? { job, path } : { job, path, line };
}

/** Whoever can write a job's results decides what its plugins get when one is delivered again. */
function checkKept({ warnings }: Gathering, directory: string): void {
  const path = `${directory}/results`;
  const flaw = findFlawIfThere(path, { below: directory });
  if (flaw !== null && flaw.path !== directory)
    warnings.push(`${path}: ${flaw.state} (${flaw.mend})`);
}
