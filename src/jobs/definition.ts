// Definition: what a job file says, checked and turned into an Entity.
//
// entity.cfg, entity.toml and job.ts all end here, so that one rule holds for all of them. The
// shape is checked first (names and types, shape.ts), then what the values mean; both report
// every mistake they find.

import { messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { instantOf, parseTime } from "../lib/go/time.ts";
import { limitText, type Milliseconds } from "../time.ts";
import type { Entity, JobParams, TemplateSource } from "./entity.ts";
import { guardWords, parseGuard } from "./guards.ts";
import {
  type EntityValues,
  type JobKey,
  keyNamed,
  memberOf,
  PLAIN_NAMES,
  type RawDefinition,
  type SoundDefinition,
  TEMPLATE_NAME,
} from "./keys.ts";
import { pluginNameFault } from "./name.ts";
import { parseSchedule, type Schedule, scheduleFault, scheduleWarnings } from "./schedule.ts";
import { soundPart } from "./shape.ts";

/** What a job inherits from the configuration. */
export interface EntityDefaults {
  /** Zone of a schedule that names none. Null: the zone of the host. */
  readonly timezone: string | null;
}

/** A place in a file, both counted from 1. */
export interface KeyPosition {
  readonly line: number;
  readonly column: number;
}

/** Where a definition comes from. */
export interface DefinitionSource {
  readonly job: string;
  /** The file, for messages. */
  readonly path: string;
  readonly defaults: EntityDefaults;
  /** True when the job has a workflow function. @default false */
  readonly workflow?: boolean;
  /** The parameters of its runs. @default null, none */
  readonly params?: JobParams | null;
  /** A job without a schedule is a mistake. @default false */
  readonly needsSchedule?: boolean;
  /** Line and column of keys, by their names in lower case. */
  readonly positions?: Pick<ReadonlyMap<string, KeyPosition>, "get">;
  /** True for job.ts, where keys are called as `schedule.onMissed`. @default false */
  readonly isProgram?: boolean;
  /** What the reader of the file found. */
  readonly warnings?: readonly string[];
  readonly mistakes?: readonly RunnerError[];
}

/** Shared by nearly all jobs, to save memory. */
const TEMPLATE_FILE: TemplateSource = { kind: "file", name: TEMPLATE_NAME };
const NONE: readonly string[] = [];

/** A definition being checked. */
interface Check {
  readonly source: DefinitionSource;
  readonly mistakes: RunnerError[];
}

/**
 * The entity of a definition, whose shape and values are checked here.
 *
 * @throws {RunnerErrors} With all mistakes, each with code ENTITY or SCHEDULE.
 */
export function makeEntity(definition: RawDefinition, source: DefinitionSource): Entity {
  const check: Check = { source, mistakes: [...(source.mistakes ?? [])] };
  const { sound, faults } = soundPart(definition, (key) => nameOf(check, key));
  for (const { key, message, hint } of faults) {
    note(check, key, hint === null ? { message } : { message, hint });
  }
  const schedule = scheduleOf(check, sound.schedule);
  const plugins = pluginsOf(check, sound.plugin);
  const values = valuesOf(check, sound);
  if (values.postAheadMs > 0 && values.signing !== "calendar") {
    const hint = 'set signing = "calendar", whose actions MIG holds until they are valid';
    note(check, "postAhead", {
      message: `Cannot use ${nameOf(check, "postAhead")}: the job signs live`,
      hint,
    });
  }
  const canary = nameOf(check, "canary");
  if (values.canary !== null && values.signing === "calendar") {
    const hint = "signed ahead is the whole target: nobody has signed a share of it";
    note(check, "canary", { message: `Cannot use ${canary}: the job is signed ahead`, hint });
  }
  if (values.canary !== null && (values.sendOnly || source.workflow === true)) {
    const why = values.sendOnly
      ? "no result is collected"
      : "the job has a workflow, which decides";
    note(check, "canary", { message: `Cannot use ${canary}: ${why}` });
  }
  for (const name of ["growth", "approve"] as const) {
    if (values[name] === null || source.workflow !== true) continue;
    const message = `Cannot use ${nameOf(check, name)}: the job has a workflow, which decides`;
    note(check, name, { message });
  }
  checkParams(check, schedule);
  const entity: Entity = {
    ...values,
    job: source.job,
    path: source.path,
    schedule,
    plugins,
    template: templateOf(check, sound.action),
    workflow: source.workflow ?? false,
    params: source.params ?? null,
    warnings: warningsOf(source, { schedule, deaf: values.sendOnly && plugins.length > 0 }),
  };
  if (check.mistakes.length > 0) throw new RunnerErrors(check.mistakes.toSorted(byPlace));
  return entity;
}

/** Parameters need a workflow; with a schedule each needs a default, because nobody sets it. */
function checkParams(check: Check, schedule: Schedule | null): void {
  const { params = null, workflow = false } = check.source;
  if (params === null) return;
  if (!workflow) {
    const message = "Cannot use params: only a workflow can read them";
    note(check, "params", { message, hint: "Write job({ … }, async (run) => { … run.params … })" });
  } else if (schedule !== null && params.faults.length > 0) {
    const why = params.faults.join("; ");
    const message = `Cannot fire the job by its schedule: ${why}`;
    const hint = "Give each parameter a default, such as v.optional(v.string(), …)";
    note(check, "params", { message, hint });
  }
}

/** Orders mistakes as they stand in the file; those without a place come first. */
function byPlace(left: RunnerError, right: RunnerError): number {
  const lines = (left.detail.line ?? 0) - (right.detail.line ?? 0);
  return lines === 0 ? (left.detail.column ?? 0) - (right.detail.column ?? 0) : lines;
}

/** The plain keys, each with its written value or its default. */
function valuesOf(check: Check, sound: SoundDefinition): EntityValues {
  const written: Readonly<Record<string, unknown>> = { ...sound.schedule, ...sound };
  const values = PLAIN_NAMES.map((name) => {
    const [key, value] = [keyNamed(name), written[name]];
    const settled =
      key.kind === "duration"
        ? timeOf(check, name, { key, text: value })
        : key.kind === "guard"
          ? guardText(check, name, { key, value })
          : (value ?? key.default);
    return [memberOf(name), settled] as const;
  });
  // The table that the values were made by also gives their types.
  return Object.fromEntries(values) as EntityValues;
}

function scheduleOf(check: Check, timing: SoundDefinition["schedule"]): Schedule | null {
  const { source } = check;
  const expression = timing?.cron ?? "";
  if (expression === "") {
    const isMistake = source.needsSchedule === true || timing !== undefined;
    // With other mistakes in the file, the schedule may only seem to be missing.
    if (isMistake && check.mistakes.length === 0) {
      const hint = 'Set schedule, for example to "0 */4 * * *"';
      note(check, "schedule", { message: "missing schedule", hint });
    }
    return null;
  }
  const bounds = boundsOf(check, timing);
  try {
    const own = timing?.timezone ?? "";
    const timezone = own === "" ? source.defaults.timezone : own;
    return parseSchedule(expression, { timezone, ...bounds });
  } catch (cause) {
    if (!(cause instanceof RunnerError)) throw cause;
    const { hint } = cause.detail;
    const fault = scheduleFault(cause);
    const zone = fault.startsWith("unknown time zone");
    const message = zone ? `bad timezone: ${fault}` : `bad cron expression: ${fault}`;
    const text = hint === undefined ? { message, cause } : { message, hint, cause };
    note(check, zone ? "timezone" : "schedule", { ...text, code: "SCHEDULE" });
    return null;
  }
}

/** Between which times a schedule has fire times. */
function boundsOf(
  check: Check,
  timing: SoundDefinition["schedule"],
): Pick<Schedule, "from" | "until"> {
  const [from, until] = (["from", "until"] as const).map((key) => {
    const text = timing?.[key] ?? "";
    if (text === "") return null;
    try {
      return instantOf(parseTime(text));
    } catch (cause) {
      const message = `Cannot set ${nameOf(check, `schedule.${key}`)} to "${text}": it is no time`;
      const hint = "Write it such as 2026-12-24T00:00:00Z or 2026-12-24T00:00:00+01:00";
      note(check, key, { message, hint, cause });
      return null;
    }
  });
  if (from != null && until != null && until <= from) {
    const message = "Cannot schedule the job: its schedule ends before it begins";
    note(check, "until", { message, hint: "Set until to a time after from" });
  }
  return { from: from ?? null, until: until ?? null };
}

/** The warnings of the file's reader, and those about its values, each with its place. */
function warningsOf(
  source: DefinitionSource,
  { schedule, deaf }: { readonly schedule: Schedule | null; readonly deaf: boolean },
): readonly string[] {
  const place = (key: string): string => {
    const at = source.positions?.get(key);
    return at === undefined ? source.path : `${source.path}:${at.line}:${at.column}`;
  };
  const odd = schedule === null ? [] : scheduleWarnings(schedule);
  const warnings = [
    ...(source.warnings ?? []),
    ...odd.map((text) => `${place("schedule")}: ${text}`),
  ];
  if (deaf) warnings.push(`${place("plugin")}: no plugin gets a result, because sendonly is set`);
  return warnings.length === 0 ? NONE : warnings;
}

/** The names of plugins, in order, each once. A name cannot leave the plugins directory. */
function pluginsOf(check: Check, plugin: SoundDefinition["plugin"]): readonly string[] {
  const names = plugin ?? [];
  for (const name of names) {
    const why = pluginNameFault(name);
    if (why === null) continue;
    const message = `Cannot use plugin ${JSON.stringify(name)}: ${why}`;
    note(check, "plugin", { message, hint: "Name a file of the plugins directory" });
  }
  return names.length === 0 ? NONE : [...new Set(names)];
}

function templateOf(check: Check, action: SoundDefinition["action"]): TemplateSource {
  if (action === undefined) return TEMPLATE_FILE;
  if (typeof action === "string") {
    const name = action.replace(/^\.\//, "");
    if (pluginNameFault(name) === null) return { kind: "file", name };
    const message = `Cannot use action ${JSON.stringify(action)}: it is not in the job's directory`;
    note(check, "action", { message, hint: 'Write a file name such as "./action.json"' });
    return TEMPLATE_FILE;
  }
  try {
    return { kind: "inline", json: JSON.stringify(action) };
  } catch (cause) {
    const message = `Cannot use the action: it is not JSON: ${messageOf(cause)}`;
    note(check, "action", { message, cause });
    return TEMPLATE_FILE;
  }
}

/** The text of a guard; an empty text and false mean that there is none. */
function guardText(
  check: Check,
  name: string,
  { key, value }: { readonly key: JobKey & { readonly kind: "guard" }; readonly value: unknown },
): string | null {
  if (value === undefined || value === "" || value === false || value === "false") return null;
  const text = String(value);
  if (parseGuard(text, key.forms) !== null) return text;
  const wanted = guardWords(key.forms);
  note(check, name, {
    message: `Cannot set ${nameOf(check, name)} to "${text}": ${wanted} is wanted`,
  });
  return null;
}

/** A duration within its limits; an empty text means that there is none. */
function timeOf(
  check: Check,
  name: string,
  { key, text }: { readonly key: JobKey & { readonly kind: "duration" }; readonly text: unknown },
): Milliseconds | null {
  const { min, max } = key;
  if (typeof text !== "string" || text === "") return key.default;
  const called = nameOf(check, name);
  try {
    const ms = durationToMs(parseDuration(text));
    if (ms >= min && ms <= max) return ms;
    const limit =
      ms > max
        ? `it is too long, at most ${limitText(max)} is possible`
        : `it must be ${leastText(min)}`;
    note(check, name, { message: `Cannot set ${called} to "${text}": ${limit}` });
  } catch (cause) {
    const message = `bad ${called}: ${messageOf(cause)}`;
    const hint = "Write a duration such as 90s, 10m or 1h30m (there is no unit of days)";
    note(check, name, { message, hint, cause });
  }
  return key.default;
}

/** The least that a duration may be. */
function leastText(min: Milliseconds): string {
  if (min > 1) return `at least ${limitText(min)}`;
  return min === 1 ? "above 0" : "positive or 0";
}

/** The name of a key for messages: in entity.cfg and entity.toml its last part, in lower case. */
function nameOf({ source }: Check, key: string): string {
  const isPath = source.isProgram === true || source.positions === undefined;
  return isPath ? key : (key.split(".").at(-1) ?? key).toLowerCase();
}

function note(
  { source, mistakes }: Check,
  key: string,
  text: { message: string; hint?: string; cause?: unknown; code?: "SCHEDULE" },
): void {
  const name = (key.split(".").at(-1) ?? key).toLowerCase();
  const at = source.positions?.get(name === "cron" ? "schedule" : name);
  const detail = {
    job: source.job,
    path: source.path,
    ...(at === undefined ? {} : { line: at.line, column: at.column }),
    ...(text.hint === undefined ? {} : { hint: text.hint }),
  };
  const options = text.cause === undefined ? undefined : { cause: text.cause };
  mistakes.push(new RunnerError(text.code ?? "ENTITY", text.message, detail, options));
}
