// Module: the outline of a job.ts, as an Entity.
//
// The module is evaluated and examined in a worker (edge/modules/): what comes from there is data,
// so that the program itself never holds anything of a job's making.
import { messageOf, RunnerErrors } from "../errors.ts";
import { parseTemplate } from "../mig/action.ts";
import { type EntityDefaults, type KeyPosition, makeEntity } from "./definition.ts";
import type { Entity, JobParams } from "./entity.ts";
import type { RawDefinition } from "./keys.ts";
import { type ModuleProblem, problemError } from "./problem.ts";

/** What a job's module says of itself. Plain data. */
export interface JobOutline {
  readonly definition: unknown;
  /** Whether there is a function after the definition. */
  readonly workflow: boolean;
  /** What its runs can be given. @default null, nothing */
  readonly params?: JobParams | null | undefined;
}

/** What evaluating a module came to. Plain data. */
export type Examined =
  | { readonly kind: "job"; readonly outline: JobOutline }
  | { readonly kind: "problem"; readonly problem: ModuleProblem };

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
    params: outline.params ?? null,
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
    const place = { path: null, line: at?.line ?? null, column: at?.column ?? null };
    const found = { message, hint: null, ...place };
    throw new RunnerErrors([problemError(found, { job, path, textOf: () => text })]);
  }
}

type Places = ReadonlyMap<string, KeyPosition>;

/** Comments and texts, in which brackets and names mean nothing. */
const OPAQUE = /\/\/[^\n]*|\/\*.*?\*\/|(["'])(?:\\.|(?!\1)[^\\\n])*\1|`(?:\\.|[^`\\])*`/gs;

/** A program with blanks in place of its comments and texts, but for the texts to keep. */
export function maskOpaque(program: string, kept: RegExp): string {
  return program.replace(OPAQUE, (opaque) => {
    return kept.test(opaque) ? opaque : opaque.replace(/[^\n]/g, " ");
  });
}

/** Brackets, and keys with the colon after them. Expressions are not understood. */
const TOKEN = /[{}()[\]]|(["']?)([\w$]+)\1\s*:/g;

/**
 * Where the keys of a definition are in the text of a job.ts, by their names in lower case: those
 * of the object in `job({ … })`, and of the schedule in it.
 */
export function keyPositions(text: string): Places {
  const places = new Map<string, KeyPosition>();
  const code = maskOpaque(text, /^["']\w+["']$/);
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
