// Convert: a job definition as the text of an entity.cfg, an entity.toml or a job.ts.
//
// Values keep the spelling that their author gave them, and keys that were not set stay unset.
// Pure: the caller reads and writes the files.
import { stringify } from "smol-toml";
import { encodeGcfg } from "../config/encode.ts";
import type { SettingValue } from "../config/settings.ts";
import { KEY_NAMES, keyNamed, MORE_PLUGINS, type RawDefinition, TEMPLATE_NAME } from "./keys.ts";
import type { DefinitionFile } from "./load.ts";

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
  const isElsewhere = typeof action === "string" && fileOf(action) !== TEMPLATE_NAME;
  if (isElsewhere) {
    reasons.push(`${name} takes its action from ${TEMPLATE_NAME}, not from ${action}`);
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
  const { schedule, plugin: _, ...rest } = definition;
  const written: Readonly<Record<string, unknown>> = {
    ...(typeof schedule === "object" ? schedule : { cron: schedule ?? "" }),
    ...rest,
  };
  const plugins = pluginsOf(definition);
  const values = KEY_NAMES.map(keyNamed).flatMap((key, index) => {
    if (key.kind === "plugins") {
      return plugins.length > 1
        ? [[MORE_PLUGINS, plugins] as const]
        : plugins.map((one) => [key.file, one] as const);
    }
    return [[key.file, settingOf(written[KEY_NAMES[index] ?? ""])] as const];
  });
  return values.flatMap(([file, value]) =>
    typeof file !== "string" || value === null ? [] : [[file, value] as const],
  );
}

/** A value as tables write it. Null: leaving the key out means the same. */
function settingOf(value: unknown): SettingValue | null {
  if (typeof value === "number") return BigInt(value);
  return typeof value === "string" || value === true ? value : null;
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
  const own = { ...definition, schedule: shortSchedule(definition.schedule) };
  const members: Record<string, unknown> = { schedule: own.schedule };
  for (const name of KEY_NAMES) {
    if (keyNamed(name).within !== null) continue;
    const value = (own as Readonly<Record<string, unknown>>)[name];
    members[name] = value === false ? undefined : value;
  }
  members.action = action ?? `./${TEMPLATE_NAME}`;
  members.plugin = plugins.length > 1 ? plugins : plugins[0];
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
