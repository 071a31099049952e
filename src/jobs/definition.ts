// Definition: what a job file says, checked and turned into an Entity.
//
// entity.cfg, entity.toml and job.ts all end here, so that one rule holds for all of them. The
// shape is checked first (names and types, shape.ts), then what the values mean; both report
// every mistake they find.
import { messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import { durationToMs, formatDuration, parseDuration } from "../go/duration.ts";
import { DAY_MS, MINUTE_MS, type Milliseconds } from "../time.ts";
import type { Entity, TemplateSource } from "./entity.ts";
import { parseSchedule, type Schedule, scheduleFault, scheduleWarnings } from "./schedule.ts";
import { type RawDefinition, type SoundDefinition, soundPart } from "./shape.ts";

/** What holds for a job that does not say otherwise. */
export const JOB_DEFAULTS = {
  /** The original's: mig-runner/entity.go `defaultExpiry`. */
  expiryMs: 5 * MINUTE_MS,
  template: "action.json",
  spreadMs: 0,
  onMissed: "skip",
  overlap: "allow",
  retries: 2,
  early: false,
  lateMs: 0,
} as const;

/** Longer actions make RabbitMQ refuse the scheduler's queue: its limit is 2^32 milliseconds. */
const EXPIRY_MAX_MS = 49 * DAY_MS;
const SPREAD_MAX_MS = 7 * DAY_MS;
const LATE_MAX_MS = 7 * DAY_MS;
const DEADLINE_MAX_MS = 366 * DAY_MS;
const PLUGIN_TIMEOUT_MAX_MS = DAY_MS;

/** An entity, with what only the delivery of its results needs. */
export interface LoadedEntity extends Entity {
  /** Time limit of its plugins. Null: `[client] plugintimeout`. */
  readonly pluginTimeoutMs: Milliseconds | null;
}

/** What a job takes over from the configuration. */
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

/** What is the same for nearly all jobs is kept once for all of them. */
const TEMPLATE_FILE: TemplateSource = { kind: "file", name: JOB_DEFAULTS.template };
const NONE: readonly string[] = [];

/** A definition being checked. */
interface Check {
  readonly source: DefinitionSource;
  readonly mistakes: RunnerError[];
}

/**
 * The entity of a definition, whose shape nobody has checked yet.
 *
 * @throws {RunnerErrors} With all mistakes, each with code ENTITY or SCHEDULE.
 */
export function makeEntity(definition: RawDefinition, source: DefinitionSource): LoadedEntity {
  const check: Check = { source, mistakes: [...(source.mistakes ?? [])] };
  const { sound, faults } = soundPart(definition, (key) => nameOf(check, key));
  for (const { key, message, hint } of faults) {
    note(check, key, hint === null ? { message } : { message, hint });
  }
  const { schedule: timing, ...rest } = sound;
  const schedule = scheduleOf(check, timing);
  const plugins = pluginsOf(check, rest.plugin);
  const sendOnly = rest.sendOnly ?? false;
  const entity: LoadedEntity = {
    job: source.job,
    path: source.path,
    schedule,
    plugins,
    expiryMs: timeOf(check, "expiry", {
      text: rest.expiry,
      min: 1,
      max: EXPIRY_MAX_MS,
      fallback: JOB_DEFAULTS.expiryMs,
    }),
    sendOnly,
    early: rest.early ?? JOB_DEFAULTS.early,
    lateMs: timeOf(check, "late", {
      text: rest.late,
      min: 0,
      max: LATE_MAX_MS,
      fallback: JOB_DEFAULTS.lateMs,
    }),
    template: templateOf(check, rest.action),
    spreadMs: timeOf(check, "spread", {
      text: timing?.spread,
      min: 0,
      max: SPREAD_MAX_MS,
      fallback: JOB_DEFAULTS.spreadMs,
    }),
    onMissed: timing?.onMissed ?? JOB_DEFAULTS.onMissed,
    overlap: timing?.overlap ?? JOB_DEFAULTS.overlap,
    deadlineMs: timeOf(check, "deadline", {
      text: rest.deadline,
      min: 1,
      max: DEADLINE_MAX_MS,
      fallback: null,
    }),
    maxAgents: rest.maxAgents ?? null,
    retries: rest.retries ?? JOB_DEFAULTS.retries,
    workflow: source.workflow ?? false,
    warnings: warningsOf(source, { schedule, deaf: sendOnly && plugins.length > 0 }),
    pluginTimeoutMs: timeOf(check, "pluginTimeout", {
      text: rest.pluginTimeout,
      min: 1,
      max: PLUGIN_TIMEOUT_MAX_MS,
      fallback: null,
    }),
  };
  if (check.mistakes.length > 0) throw new RunnerErrors(check.mistakes);
  return entity;
}

function scheduleOf(check: Check, timing: SoundDefinition["schedule"]): Schedule | null {
  const { source } = check;
  const expression = timing?.cron ?? "";
  if (expression === "") {
    const isMistake = source.needsSchedule === true || timing !== undefined;
    // In a file with other mistakes it may only seem to be missing.
    if (isMistake && check.mistakes.length === 0) {
      const hint = 'Set schedule, for example to "0 */4 * * *"';
      note(check, "schedule", { message: "missing schedule", hint });
    }
    return null;
  }
  try {
    const own = timing?.timezone ?? "";
    return parseSchedule(expression, { timezone: own === "" ? source.defaults.timezone : own });
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

/** What the file's reader said, and what is odd about its values; each with its place. */
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
  if (deaf) warnings.push(`${place("plugin")}: plugins get nothing, because sendonly is set`);
  return warnings.length === 0 ? NONE : warnings;
}

/** The names of plugins, in order, each once. A name cannot leave the plugins directory. */
function pluginsOf(check: Check, plugin: SoundDefinition["plugin"]): readonly string[] {
  const names = plugin ?? [];
  for (const name of names) {
    const why = pluginFault(name);
    if (why === null) continue;
    const message = `Cannot use plugin ${JSON.stringify(name)}: ${why}`;
    note(check, "plugin", { message, hint: "Name a file of the plugins directory" });
  }
  return names.length === 0 ? NONE : [...new Set(names)];
}

function pluginFault(name: string): string | null {
  if (name === "") return "the name is empty";
  if (name.includes("/")) return "the name has a slash in it";
  if (name === "." || name === "..") return "the name is a directory";
  return name.includes("\0") ? "the name has a NUL in it" : null;
}

function templateOf(check: Check, action: SoundDefinition["action"]): TemplateSource {
  if (action === undefined) return TEMPLATE_FILE;
  if (typeof action === "string") {
    const name = action.replace(/^\.\//, "");
    if (pluginFault(name) === null) return { kind: "file", name };
    const message = `Cannot use action ${JSON.stringify(action)}: it is not in the job's directory`;
    note(check, "action", { message, hint: 'Write a file name such as "./action.json"' });
    return TEMPLATE_FILE;
  }
  try {
    return { kind: "inline", json: JSON.stringify(action) };
  } catch (cause) {
    const message = `Cannot use the action: it is no JSON: ${messageOf(cause)}`;
    note(check, "action", { message, cause });
    return TEMPLATE_FILE;
  }
}

interface TimeLimits<Fallback> {
  readonly text: string | undefined;
  readonly min: Milliseconds;
  readonly max: Milliseconds;
  readonly fallback: Fallback;
}

/** A duration within its limits; an empty text is the same as none. */
function timeOf<Fallback>(
  check: Check,
  key: string,
  { text, min, max, fallback }: TimeLimits<Fallback>,
): Milliseconds | Fallback {
  if (text === undefined || text === "") return fallback;
  const name = nameOf(check, key);
  try {
    const ms = durationToMs(parseDuration(text));
    if (ms >= min && ms <= max) return ms;
    const limit =
      ms > max
        ? `it is too long, at most ${formatDuration(BigInt(max) * 1_000_000n)} is possible`
        : `it must be ${min === 0 ? "positive or 0" : "above 0"}`;
    note(check, key, { message: `Cannot set ${name} to "${text}": ${limit}` });
  } catch (cause) {
    const message = `bad ${name}: ${messageOf(cause)}`;
    const hint = "Write a duration such as 90s, 10m or 1h30m (there is no unit of days)";
    note(check, key, { message, hint, cause });
  }
  return fallback;
}

/** How the operator calls a key: in files it is the last name, in lower case. */
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
