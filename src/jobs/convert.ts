// Convert: a job definition as the text of an entity.cfg, an entity.toml or a job.ts.
//
// What is written is what was written: durations and expressions keep their spelling, and a key
// that was not set is not set. Pure; whoever calls reads and writes the files.
import { stringify } from "smol-toml";
import { encodeGcfg } from "../config/encode.ts";
import type { SettingValue } from "../config/settings.ts";
import { JOB_DEFAULTS } from "./definition.ts";
import type { DefinitionFile } from "./load.ts";
import type { RawDefinition, RawSchedule } from "./shape.ts";

/** The forms that a job can have. */
export const JOB_FORMS = ["cfg", "toml", "ts"] as const;

export type JobForm = (typeof JOB_FORMS)[number];

/** The name of the file that holds a definition of this form. */
export function formFile(form: JobForm): DefinitionFile {
  return form === "ts" ? "job.ts" : `entity.${form}`;
}

/** A definition, and whether a workflow function comes with it. */
export interface Outline {
  readonly definition: RawDefinition;
  readonly workflow: boolean;
}

/** A definition in another form. */
export interface Converted {
  readonly text: string;
  /** The action, when the definition held it and the form has no place for it. */
  readonly template: string | null;
}

/** Why a form cannot say what a job is, one sentence a reason; empty when it can. */
export function obstacles({ definition, workflow }: Outline, form: JobForm): readonly string[] {
  const name = formFile(form);
  if (form === "ts") return workflow ? ["a workflow function is not rewritten"] : [];
  const { schedule, action } = definition;
  const reasons: string[] = [];
  if (workflow) reasons.push(`${name} cannot hold a workflow function`);
  if (cronOf(schedule) === "") reasons.push(`${name} needs a schedule, and the job has none`);
  const isElsewhere = typeof action === "string" && fileOf(action) !== JOB_DEFAULTS.template;
  if (isElsewhere) {
    reasons.push(`${name} takes its action from ${JOB_DEFAULTS.template}, not from ${action}`);
  }
  return reasons;
}

/**
 * A definition without obstacles as the text of a form. It loads to the same entity.
 *
 * @throws {RunnerError} CONFIG, for a text that gcfg has no way to write.
 */
export function encodeDefinition(definition: RawDefinition, form: JobForm): Converted {
  const { action } = definition;
  const isInline = typeof action === "object" && form !== "ts";
  const template = isInline ? `${JSON.stringify(action, null, 2)}\n` : null;
  return { text: textOf(definition, form), template };
}

function textOf(definition: RawDefinition, form: JobForm): string {
  if (form === "ts") return programOf(definition);
  const values = tableOf(definition);
  if (form === "toml") {
    return `${stringify({ configuration: Object.fromEntries(values) }).trimEnd()}\n`;
  }
  return encodeGcfg([{ name: "configuration", subsection: null, values }]);
}

/** The keys of a table and their values, in the order in which operators write them. */
function tableOf(definition: RawDefinition): readonly (readonly [string, SettingValue])[] {
  const { schedule, maxAgents, retries } = definition;
  const timing: Partial<RawSchedule> = typeof schedule === "object" ? schedule : {};
  const plugins = pluginsOf(definition);
  const values: readonly (readonly [string, SettingValue | undefined])[] = [
    ["schedule", cronOf(schedule)],
    ["timezone", timing.timezone],
    ["spread", timing.spread],
    ["onmissed", timing.onMissed],
    ["overlap", timing.overlap],
    ["plugin", plugins.length === 1 ? plugins[0] : undefined],
    ["plugins", plugins.length > 1 ? plugins : undefined],
    ["expiry", definition.expiry],
    ["sendonly", definition.sendOnly === true ? true : undefined],
    ["early", definition.early === true ? true : undefined],
    ["late", definition.late],
    ["deadline", definition.deadline],
    ["maxagents", maxAgents === undefined ? undefined : BigInt(maxAgents)],
    ["retries", retries === undefined ? undefined : BigInt(retries)],
    ["plugintimeout", definition.pluginTimeout],
  ];
  return values.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
}

function cronOf(schedule: RawDefinition["schedule"]): string {
  return typeof schedule === "string" ? schedule : (schedule?.cron ?? "");
}

function pluginsOf({ plugin = [] }: RawDefinition): readonly string[] {
  return typeof plugin === "string" ? [plugin] : plugin;
}

function fileOf(action: string): string {
  return action.replace(/^\.\//, "");
}

function programOf(definition: RawDefinition): string {
  const plugins = pluginsOf(definition);
  const { action } = definition;
  const members = {
    schedule: shortSchedule(definition.schedule),
    expiry: definition.expiry,
    action: action ?? `./${JOB_DEFAULTS.template}`,
    plugin: plugins.length > 1 ? plugins : plugins[0],
    sendOnly: definition.sendOnly === true ? true : undefined,
    early: definition.early === true ? true : undefined,
    late: definition.late,
    deadline: definition.deadline,
    maxAgents: definition.maxAgents,
    retries: definition.retries,
    pluginTimeout: definition.pluginTimeout,
  };
  return `import { job } from "mig-runner";\n\nexport default job(${literal(members, "")});\n`;
}

/** A schedule that is a cron expression and nothing more is written as that. */
function shortSchedule(schedule: RawDefinition["schedule"]): RawDefinition["schedule"] {
  if (typeof schedule !== "object") return schedule;
  const { cron, ...rest } = schedule;
  const isPlain = Object.values(rest).every((value) => value === undefined);
  return isPlain ? (cron === "" ? undefined : cron) : schedule;
}

/** A literal ends before this column, or is broken into lines. */
const COLUMNS_MAX = 100;

/** A JSON value as TypeScript writes it; members that are undefined are left out. */
function literal(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item) => [null, item] as const)
    : Object.entries(value).filter(([, member]) => member !== undefined);
  if (items.length === 0) return isList ? "[]" : "{}";
  const inner = `${indent}  `;
  const parts = items.map(([key, item]) => {
    const text = literal(item, inner);
    return key === null ? text : `${nameOf(key)}: ${text}`;
  });
  const line = isList ? `[${parts.join(", ")}]` : `{ ${parts.join(", ")} }`;
  const isShort = indent !== "" && !line.includes("\n");
  // A member's own name stands before it on the line; 20 columns hold all of ours.
  if (isShort && indent.length + 20 + line.length <= COLUMNS_MAX) return line;
  const lines = parts.map((part) => `${inner}${part},\n`).join("");
  return isList ? `[\n${lines}${indent}]` : `{\n${lines}${indent}}`;
}

function nameOf(key: string): string {
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}
