// Load: entity.cfg or entity.toml as an Entity.
import { posix } from "node:path";
import { readSettings } from "../config/read.ts";
import type { Section } from "../config/settings.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import { type DefinitionSource, type EntityDefaults, makeEntity } from "./definition.ts";
import type { Entity } from "./entity.ts";
import { ENTITY_SCHEMA, KEY_NAMES, keyNamed, MORE_PLUGINS, type RawDefinition } from "./keys.ts";
import { nameFault } from "./name.ts";

/** A file of a job that is larger than this is refused. */
export const JOB_FILE_SIZE_MAX = 16 * 1024 * 1024;

/** The files that may hold a job's program. */
const MODULE_FILES = ["job.ts", "job.mts", "job.js"] as const;

/** The files that can define a job. A job has exactly one of them. */
export const DEFINITION_FILES = ["entity.cfg", "entity.toml", ...MODULE_FILES] as const;

/** Name of the file that defines a job. */
export type DefinitionFile = (typeof DEFINITION_FILES)[number];

/** Whether a file of a job is its program, by its name. */
export function isModuleFile(name: string): boolean {
  return (MODULE_FILES as readonly string[]).includes(name);
}

/** A job directory and what is in it. */
export interface JobFiles {
  readonly job: string;
  /** The job's directory. */
  readonly path: string;
  /** Its files by name; of a program only the name is looked at. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly defaults: EntityDefaults;
}

/**
 * The one file of a job directory that defines the job.
 *
 * @throws {RunnerErrors} When there is none, or more than one.
 */
export function definitionFile(
  { job, path }: { readonly job: string; readonly path: string },
  names: Iterable<string>,
): DefinitionFile {
  const fault = nameFault(job);
  if (fault !== null) {
    const message = `Cannot load job "${job}": ${fault.message}`;
    const { hint } = fault;
    throw new RunnerErrors([new RunnerError("ENTITY", message, { job, path, hint })]);
  }
  const present = new Set(names);
  const [first, ...others] = DEFINITION_FILES.filter((name) => present.has(name));
  if (first === undefined) {
    const message = `stat ${posix.join(path, "entity.cfg")}: no such file or directory`;
    const hint = "A job is defined by entity.cfg, entity.toml or job.ts in its directory";
    throw new RunnerErrors([new RunnerError("ENTITY", message, { job, path, hint })]);
  }
  if (others.length > 0) {
    const all = [first, ...others].join(" and ");
    const message = `Cannot load job "${job}": ${all} define it, exactly one of them may`;
    const hint = `Remove ${others.join(" and ")}, or ${first}`;
    throw new RunnerErrors([new RunnerError("ENTITY", message, { job, path, hint })]);
  }
  return first;
}

/**
 * The entity of a job with an entity.cfg or entity.toml.
 *
 * @throws {RunnerErrors} With all mistakes of the file; also for a job that has a job.ts as well.
 */
export function loadEntity(files: JobFiles): Entity {
  const { definition, source } = readTable(files);
  return makeEntity(definition, source);
}

/**
 * What an entity.cfg or entity.toml says, in the words of job.ts and as it is written there.
 *
 * @throws {RunnerErrors} As `loadEntity`: a definition with a mistake is none.
 */
export function loadDefinition(files: JobFiles): RawDefinition {
  const { definition, source } = readTable(files);
  makeEntity(definition, source);
  return definition;
}

/**
 * As much of an entity.cfg or entity.toml as can be read; its mistakes are noted in the source.
 *
 * @throws {RunnerErrors} When no such file defines the job.
 */
export function readTable({ job, path, files, defaults }: JobFiles): {
  readonly definition: RawDefinition;
  readonly source: DefinitionSource;
} {
  const name = definitionFile({ job, path }, files.keys());
  const bytes = files.get(name) ?? new Uint8Array();
  if (isModuleFile(name)) {
    const message = `Cannot load job "${job}" as a table: it is defined by ${name}`;
    throw new RunnerErrors([new RunnerError("ENTITY", message, { job, path })]);
  }
  const options = {
    path: posix.join(path, name),
    schema: ENTITY_SCHEMA,
    code: "ENTITY",
    job,
    topSection: "configuration",
  } as const;
  const { file, mistakes } = readSettings(bytes, options);
  const section: Section = file.sections.get("configuration") ?? new Map();
  const plugins = section.get(MORE_PLUGINS);
  const source: DefinitionSource = {
    job,
    path: options.path,
    defaults,
    needsSchedule: true,
    // One member of a definition holds what is written under two keys.
    positions: plugins === undefined ? section : new Map([["plugin", plugins], ...section]),
    warnings: file.warnings,
    mistakes,
  };
  return { definition: definitionOf(section), source };
}

/** The keys of a table as job.ts would write them. An empty text counts as not set. */
function definitionOf(section: Section): RawDefinition {
  const members: Record<string, unknown> = {};
  const schedule: Record<string, unknown> = { cron: "" };
  for (const name of KEY_NAMES) {
    const { file, within } = keyNamed(name);
    const value = file === null ? undefined : section.get(file)?.value;
    if (value === undefined || value === "") continue;
    const written = typeof value === "bigint" ? Number(value) : value;
    (within === "schedule" ? schedule : members)[name] = written;
  }
  const more = section.get(MORE_PLUGINS)?.value;
  const plugin = [members.plugin ?? [], typeof more === "object" ? more : []].flat();
  // makeEntity checks the shape of it.
  return { ...members, schedule, plugin } as unknown as RawDefinition;
}
