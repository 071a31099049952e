// Module: a job.ts that has been evaluated, as plain data and then as an Entity.
//
// `examineModule` runs in the thread where the module was evaluated, `moduleEntity` in the main
// thread: what crosses is data, so that the program itself never holds anything of a job's making.
import { messageOf, RunnerErrors } from "../errors.ts";
import { parseTemplate } from "../mig/action.ts";
import { isJobModule } from "../sdk/job.ts";
import { type EntityDefaults, type KeyPosition, makeEntity } from "./definition.ts";
import type { Entity } from "./entity.ts";
import type { RawDefinition } from "./keys.ts";
import { type ModuleProblem, problemError } from "./problem.ts";

/** What a job's module says of itself. Plain data. */
export interface JobOutline {
  readonly definition: unknown;
  /** Whether there is a function after the definition. */
  readonly workflow: boolean;
}

/** What evaluating a module came to. Plain data. */
export type Examined =
  | { readonly kind: "job"; readonly outline: JobOutline }
  | { readonly kind: "problem"; readonly problem: ModuleProblem };

/** What a module exports, as plain data. Looks at the default export only. */
export function examineModule(namespace: object): Examined {
  const exported: unknown = Reflect.get(namespace, "default");
  if (!isJobModule(exported)) return { kind: "problem", problem: noJob(exported) };
  const { definition, body } = exported;
  const faults: string[] = [];
  const plain = plainOf(definition, { path: "", above: [], faults });
  const [fault] = faults;
  if (fault !== undefined) return { kind: "problem", problem: problem(fault, null) };
  return { kind: "job", outline: { definition: plain, workflow: body !== null } };
}

function noJob(exported: unknown): ModuleProblem {
  const hint = "Write: export default job({ … })";
  if (exported === undefined) return problem("Cannot load job: no default export", hint);
  const what = isMade(exported) ? `a ${String(exported.kind)}` : nounOf(exported);
  return problem(`Cannot load job: the default export is ${what}, not made by job()`, hint);
}

function isMade(exported: unknown): exported is { readonly kind: unknown } {
  return typeof exported === "object" && exported !== null && "kind" in exported;
}

function nounOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function problem(message: string, hint: string | null): ModuleProblem {
  return { message, path: null, line: null, column: null, hint };
}

interface Walk {
  /** The keys down to here, as `action.operations.0`. */
  readonly path: string;
  /** The objects that this one is in. */
  readonly above: readonly object[];
  readonly faults: string[];
}

/** A value as JSON would give it back. What JSON would drop without a word is a fault. */
function plainOf(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return value;
    case "number":
      if (!Number.isFinite(value)) walk.faults.push(faultOf(walk, String(value)));
      return value;
    case "object":
      return value === null ? null : plainObject(value, walk);
    default:
      walk.faults.push(faultOf(walk, `a ${typeof value}`));
      return null;
  }
}

function plainObject(value: object, walk: Walk): unknown {
  const own = value as { toJSON?: () => unknown };
  if (typeof own.toJSON === "function") return plainOf(own.toJSON(), walk);
  if (walk.above.includes(value)) {
    walk.faults.push(faultOf(walk, "an object that it is part of"));
    return null;
  }
  const within = (key: string): Walk => ({
    path: walk.path === "" ? key : `${walk.path}.${key}`,
    above: [...walk.above, value],
    faults: walk.faults,
  });
  if (Array.isArray(value)) return value.map((item, index) => plainOf(item, within(String(index))));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, plainOf(member, within(key))]),
  );
}

function faultOf({ path }: Walk, what: string): string {
  return `Cannot set ${path === "" ? "the definition" : path} to ${what}: it is not JSON`;
}

/** A job's outline, and where it comes from. */
export interface OutlineSource {
  readonly job: string;
  /** The module's file. */
  readonly path: string;
  /** Its text, to find the places of mistakes in. */
  readonly text: string;
  readonly defaults: EntityDefaults;
}

/**
 * The entity of a job's module.
 *
 * @throws {RunnerErrors} With all mistakes, each with its place in the file where it can be found.
 */
export function moduleEntity(outline: JobOutline, source: OutlineSource): Entity {
  const { job, path, text, defaults } = source;
  let places: Places | null = null;
  const get = (key: string): KeyPosition | undefined => {
    places ??= keyPositions(text);
    return places.get(key);
  };
  const entity = makeEntity(outline.definition as RawDefinition, {
    job,
    path,
    defaults,
    workflow: outline.workflow,
    positions: { get },
    isProgram: true,
  });
  if (entity.template.kind === "inline") checkTemplate(entity.template.json, source, get);
  return entity;
}

function checkTemplate(
  json: string,
  { job, path, text }: OutlineSource,
  placeOf: (key: string) => KeyPosition | undefined,
): void {
  try {
    parseTemplate(new TextEncoder().encode(json));
  } catch (error) {
    const message = messageOf(error);
    const at = placeOf("action");
    const found = problem(message, null);
    const placed = { ...found, line: at?.line ?? null, column: at?.column ?? null };
    throw new RunnerErrors([problemError(placed, { job, path, textOf: () => text })]);
  }
}

type Places = ReadonlyMap<string, KeyPosition>;

/** What a bracket or a name means nothing in: comments, and texts of three kinds. */
const OPAQUE = /\/\/[^\n]*|\/\*.*?\*\/|(["'])(?:\\.|(?!\1)[^\\\n])*\1|`(?:\\.|[^`\\])*`/gs;

/** Brackets, and keys with the colon after them. Expressions are not understood. */
const TOKEN = /[{}()[\]]|(["']?)([\w$]+)\1\s*:/g;

/**
 * Where the keys of a definition are in the text of a job.ts, by their names in lower case: those
 * of the object in `job({ … })`, and of the schedule in it.
 */
export function keyPositions(text: string): Places {
  const places = new Map<string, KeyPosition>();
  const code = text.replace(OPAQUE, (opaque) => {
    return /^["']\w+["']$/.test(opaque) ? opaque : opaque.replace(/[^\n]/g, " ");
  });
  const start = /\bjob\s*(?:<[^>]*>)?\(\s*\{/.exec(code);
  if (start === null) return places;
  const from = start.index + start[0].length;
  let depth = 1;
  let member = "";
  for (const { 0: token, 2: key, index } of code.slice(from).matchAll(TOKEN)) {
    if ("{([".includes(token)) depth++;
    else if ("})]".includes(token)) depth--;
    if (depth === 0) break;
    if (depth === 1 && key !== undefined) member = key;
    if (key === undefined || depth > 2 || (depth === 2 && member !== "schedule")) continue;
    places.set(key.toLowerCase(), placeAt(text, from + index));
  }
  return places;
}

function placeAt(text: string, at: number): KeyPosition {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: at - lineStart + 1 };
}
