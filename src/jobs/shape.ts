// Shape: the names and types of a job definition, checked by valibot before anything is understood.
import * as v from "valibot";
import { nearest } from "../errors.ts";
import type { OnMissed, Overlap } from "./entity.ts";

const RETRIES_MAX = 100;

const ScheduleSchema = v.strictObject({
  cron: v.string(),
  timezone: v.optional(v.string()),
  spread: v.optional(v.string()),
  onMissed: v.optional(v.picklist(["skip", "last", "all"])),
  overlap: v.optional(v.picklist(["skip", "queue", "allow"])),
});

/** A text stands for an object with that one key. */
const DefinitionSchema = v.strictObject({
  schedule: v.optional(
    v.pipe(
      v.unknown(),
      v.transform((written) => (typeof written === "string" ? { cron: written } : written)),
      ScheduleSchema,
    ),
  ),
  expiry: v.optional(v.string()),
  action: v.optional(v.custom<string | object>(isAction)),
  plugin: v.optional(
    v.pipe(
      v.unknown(),
      v.transform((written) => (typeof written === "string" ? [written] : written)),
      v.array(v.string()),
    ),
  ),
  sendOnly: v.optional(v.boolean()),
  early: v.optional(v.boolean()),
  late: v.optional(v.string()),
  deadline: v.optional(v.string()),
  maxAgents: v.optional(wholeFrom(1, Number.MAX_SAFE_INTEGER)),
  retries: v.optional(wholeFrom(0, RETRIES_MAX)),
  pluginTimeout: v.optional(v.string()),
});

/** When a job fires. Durations are Go's, such as "90s". */
export interface RawSchedule {
  readonly cron: string;
  /** @default the configuration's */
  readonly timezone?: string | undefined;
  /** @default "0s" */
  readonly spread?: string | undefined;
  /** @default "skip" */
  readonly onMissed?: OnMissed | undefined;
  /** @default "allow" */
  readonly overlap?: Overlap | undefined;
}

/** The declarative part of a job, as job.ts writes it. Every member has a default. */
export interface RawDefinition {
  /** A text is the cron expression alone. @default none: the job fires by hand only */
  readonly schedule?: string | RawSchedule | undefined;
  /** @default "5m" */
  readonly expiry?: string | undefined;
  /** The template, or the name of its file. @default "./action.json" */
  readonly action?: string | object | undefined;
  /** @default none */
  readonly plugin?: string | readonly string[] | undefined;
  /** @default false */
  readonly sendOnly?: boolean | undefined;
  /** @default false */
  readonly early?: boolean | undefined;
  /** @default "0s" */
  readonly late?: string | undefined;
  /** @default none */
  readonly deadline?: string | undefined;
  /** @default none */
  readonly maxAgents?: number | undefined;
  /** @default 2 */
  readonly retries?: number | undefined;
  /** @default the configuration's */
  readonly pluginTimeout?: string | undefined;
}

/** A definition in which every key that is there has its type. */
export type SoundDefinition = v.InferOutput<typeof DefinitionSchema>;

/** One wrong name or type. */
export interface ShapeFault {
  /** The key, as `schedule.onMissed`. Empty when the whole definition is wrong. */
  readonly key: string;
  readonly message: string;
  /** Null when nobody can say. */
  readonly hint: string | null;
}

/**
 * What of a definition has the right shape, and what is wrong with the rest.
 *
 * @param nameOf How the operator calls a key.
 */
export function soundPart(
  definition: unknown,
  nameOf: (key: string) => string,
): { readonly sound: SoundDefinition; readonly faults: readonly ShapeFault[] } {
  const whole = v.safeParse(DefinitionSchema, definition);
  if (whole.success) return { sound: whole.output, faults: [] };
  const faults = whole.issues.map((issue) => faultOf(issue, nameOf));
  let rest: unknown = definition;
  for (const issue of whole.issues) rest = without(rest, keysOf(issue));
  const part = v.safeParse(DefinitionSchema, rest);
  return { sound: part.success ? part.output : {}, faults };
}

/** An object without the member at the end of a path; the whole member when it is no object's. */
function without(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || first === undefined) return undefined;
  const { [first]: member, ...others } = value as Record<string, unknown>;
  const left = rest.length === 0 || Array.isArray(member) ? undefined : without(member, rest);
  return left === undefined ? others : { ...others, [first]: left };
}

/** A whole number within limits. */
function wholeFrom(min: number, max: number) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
}

function isAction(value: unknown): boolean {
  if (typeof value === "string") return true;
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const A_DURATION = 'a duration such as "10m"';

/** What each key takes, by its last name. */
const WANTED: Readonly<Record<string, string>> = {
  schedule: "a cron expression or an object with cron",
  cron: "a cron expression",
  timezone: "the name of a time zone",
  spread: A_DURATION,
  onMissed: "skip, last or all",
  overlap: "skip, queue or allow",
  expiry: A_DURATION,
  action: "a file name or an object",
  plugin: "a name or a list of names",
  sendOnly: "true or false",
  early: "true or false",
  late: A_DURATION,
  deadline: A_DURATION,
  maxAgents: "a whole number above 0",
  retries: `a whole number from 0 to ${RETRIES_MAX}`,
  pluginTimeout: A_DURATION,
};

type Issue = v.InferIssue<typeof DefinitionSchema>;

/** The names on the way to a fault, without places in a list. */
function keysOf({ path }: Issue): readonly string[] {
  return (path ?? []).map(({ key }) => key).filter((key) => typeof key === "string");
}

function faultOf(issue: Issue, nameOf: (key: string) => string): ShapeFault {
  const path = keysOf(issue);
  const key = path.join(".");
  const last = path.at(-1) ?? "";
  if (issue.type === "strict_object" && issue.expected === "never") {
    const schema = path.length === 1 ? DefinitionSchema : ScheduleSchema;
    const near = nearest(last, Object.keys(schema.entries));
    const message = `Cannot read ${key}: there is no such key`;
    return { key, message, hint: near === null ? null : `Did you mean ${near}?` };
  }
  const name = key === "" ? "the definition" : nameOf(key);
  const state = issue.received === "undefined" ? "nothing" : issue.received;
  const wanted = WANTED[last] ?? "an object";
  return { key, message: `Cannot set ${name} to ${state}: ${wanted} is wanted`, hint: null };
}
