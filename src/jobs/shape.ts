// Shape: checks the names and types of a job definition with valibot, before its values are read.
import * as v from "valibot";
import { nearest } from "../errors.ts";
import { guardWords } from "./guards.ts";
import { type JobKey, KEY_NAMES, type KeyName, keyNamed, type SoundDefinition } from "./keys.ts";

const textAsCron = v.transform((written: unknown) =>
  typeof written === "string" ? { cron: written } : written,
);

const textAsList = v.transform((written: unknown) =>
  typeof written === "string" ? [written] : written,
);

/** What valibot asks of one key's value. */
function schemaFor(key: JobKey): v.GenericSchema {
  switch (key.kind) {
    case "flag":
      return v.boolean();
    case "choice":
      return v.picklist(key.of);
    case "whole":
      return v.pipe(v.number(), v.safeInteger(), v.minValue(key.min), v.maxValue(key.max));
    case "guard":
      return v.union([v.string(), v.number(), v.boolean()]);
    case "plugins":
      return v.pipe(v.unknown(), textAsList, v.array(v.string()));
    case "action":
      return v.custom<string | object>(isAction);
    default:
      return v.string();
  }
}

/** The keys of a definition, or of the member of it that is named. */
function entriesWithin(within: JobKey["within"]): Record<string, v.GenericSchema> {
  const names = KEY_NAMES.filter((name) => keyNamed(name).within === within);
  return Object.fromEntries(names.map((name) => [name, v.optional(schemaFor(keyNamed(name)))]));
}

const SCHEDULE = v.strictObject({ ...entriesWithin("schedule"), cron: v.string() });

/** A text stands for an object with that one key. */
const DEFINITION = v.strictObject({
  schedule: v.optional(v.pipe(v.unknown(), textAsCron, SCHEDULE)),
  ...entriesWithin(null),
});

/** One wrong name or type. */
export interface ShapeFault {
  /** The key, as `schedule.onMissed`. Empty when the whole definition is wrong. */
  readonly key: string;
  readonly message: string;
  /** Null when there is nothing near. */
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
  const whole = v.safeParse(DEFINITION, definition);
  // The schema and the type are both derived from the table of keys.
  if (whole.success) return { sound: whole.output as SoundDefinition, faults: [] };
  const faults = whole.issues.map((issue) => faultOf(issue, nameOf));
  let rest: unknown = definition;
  for (const issue of whole.issues) rest = without(rest, keysOf(issue));
  const part = v.safeParse(DEFINITION, rest);
  return { sound: part.success ? (part.output as SoundDefinition) : {}, faults };
}

/** An object without the member at the end of a path; the whole member when it is no object's. */
function without(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || first === undefined) return undefined;
  const { [first]: member, ...others } = value as Record<string, unknown>;
  const left = rest.length === 0 || Array.isArray(member) ? undefined : without(member, rest);
  return left === undefined ? others : { ...others, [first]: left };
}

function isAction(value: unknown): boolean {
  if (typeof value === "string") return true;
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a key takes, in words. */
function wantedOf(key: JobKey): string {
  switch (key.kind) {
    case "cron":
      return "a cron expression";
    case "zone":
      return "the name of a time zone";
    case "moment":
      return 'a time such as "2026-12-01T00:00:00Z"';
    case "duration":
      return 'a duration such as "10m"';
    case "flag":
      return "true or false";
    case "choice":
      return `${key.of.slice(0, -1).join(", ")} or ${key.of.at(-1)}`;
    case "whole":
      return key.max === Number.MAX_SAFE_INTEGER
        ? `a whole number above ${key.min - 1}`
        : `a whole number from ${key.min} to ${key.max}`;
    case "guard":
      return guardWords(key.forms);
    case "plugins":
      return "a name or a list of names";
    case "action":
      return "a file name or an object";
  }
}

type Issue = v.BaseIssue<unknown>;

/** The names on the way to a fault, without places in a list. */
function keysOf({ path }: Issue): readonly string[] {
  return (path ?? []).map(({ key }) => key).filter((key) => typeof key === "string");
}

function faultOf(issue: Issue, nameOf: (key: string) => string): ShapeFault {
  const path = keysOf(issue);
  const key = path.join(".");
  const last = path.at(-1) ?? "";
  if (issue.type === "strict_object" && issue.expected === "never") {
    const known = Object.keys((path.length === 1 ? DEFINITION : SCHEDULE).entries);
    const near = nearest(last, known);
    const message = `Cannot read ${key}: there is no such key`;
    return { key, message, hint: near === null ? null : `Did you mean ${near}?` };
  }
  const name = key === "" ? "the definition" : nameOf(key);
  const state = issue.received === "undefined" ? "nothing" : issue.received;
  const wanted = wantedAt(last);
  return { key, message: `Cannot set ${name} to ${state}: ${wanted} is wanted`, hint: null };
}

function wantedAt(last: string): string {
  if (last === "schedule") return "a cron expression or an object with cron";
  return isKey(last) ? wantedOf(keyNamed(last)) : "an object";
}

function isKey(name: string): name is KeyName {
  return (KEY_NAMES as readonly string[]).includes(name);
}
