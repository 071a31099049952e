// Params: the parameters of a run: what a person sets, checked by the schema of the job, and kept
// as JSON with the run for as long as it lives.
//
// For the worker that evaluates a job: a schema is the job's own code.
import { messageOf, nearest } from "../errors.ts";
import { encodeValue, parsePlain, TooLarge } from "../lib/json/plain.ts";
import {
  isSchema,
  issuePath,
  keysOf,
  memberSchema,
  type Schema,
  type SchemaIssue,
  validateNow,
} from "../sdk/standard.ts";

/** Characters of the JSON of all parameters of a run. */
const PARAMS_SIZE_MAX = 64 * 1024;

/** What was given for parameters, by their names. */
export type GivenParams = Readonly<Record<string, unknown>>;

/** The parameters as JSON, or everything that is wrong with them, a sentence each. */
export type ReadParams =
  | { readonly kind: "sound"; readonly json: string }
  | { readonly kind: "broken"; readonly problems: readonly string[] };

/**
 * Checks parameters.
 *
 * @param schema Null: the job takes none.
 * @param isText Whether all values are texts of a command line: one that the schema refuses as a
 *   text, and that is JSON, is tried as what that says.
 */
export function readParams(schema: Schema | null, given: GivenParams, isText: boolean): ReadParams {
  const names = Object.keys(given);
  if (schema === null) {
    if (names.length === 0) return { kind: "sound", json: "{}" };
    const why = "the job takes no parameters: add params to its definition";
    return broken(`Cannot set ${names.join(", ")}: ${why}`);
  }
  const known = keysOf(schema);
  const unknown = names.filter((name) => !(known?.includes(name) ?? !OF_OBJECTS.includes(name)));
  if (unknown.length > 0) return broken(...unknown.map((name) => unknownText(name, known)));
  try {
    return checked(schema, given, isText);
  } catch (error) {
    return broken(`Cannot check the parameters: ${messageOf(error)}`);
  }
}

function checked(schema: Schema, given: GivenParams, isText: boolean): ReadParams {
  let values = given;
  let answer = validateNow(schema, values);
  if (isText && answer.issues !== undefined) {
    const wrong = new Set(answer.issues.map((issue) => issuePath(issue).split(".")[0] ?? ""));
    const problems: string[] = [];
    const meant = Object.entries(given).map(([name, text]) => {
      try {
        return [name, wrong.has(name) ? meaningOf(text) : text] as const;
      } catch (error) {
        problems.push(`Cannot set parameter ${name} to ${String(text)}: ${messageOf(error)}`);
        return [name, text] as const;
      }
    });
    if (problems.length > 0) return broken(...problems);
    values = Object.fromEntries(meant);
    answer = validateNow(schema, values);
  }
  if (answer.issues !== undefined) {
    return broken(...answer.issues.map((issue) => issueText(schema, issue, given)));
  }
  const { value } = answer;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return broken("Cannot use params: its schema is not that of an object");
  }
  const unfit = Object.entries(value).flatMap(([name, member]) => unfitText(name, member) ?? []);
  if (unfit.length > 0) return broken(...unfit);
  try {
    const json = encodeValue(value) ?? "{}";
    if (json.length <= PARAMS_SIZE_MAX) return { kind: "sound", json };
    return broken(`Cannot use parameters of ${json.length} characters: ${PARAMS_SIZE_MAX} fit`);
  } catch (error) {
    return broken(`Cannot keep the parameters: ${messageOf(error)}, wanted JSON`);
  }
}

/** Why JSON cannot hold what the schema has made of a parameter; null when it can. */
function unfitText(name: string, member: unknown): string | null {
  try {
    encodeValue(member);
    return null;
  } catch (error) {
    return `Cannot keep parameter ${name}: what the schema makes of it is no JSON, ${messageOf(error)}`;
  }
}

/** What JSON a text is; the text itself when it is none. @throws {TooLarge} */
function meaningOf(text: unknown): unknown {
  try {
    return typeof text === "string" ? parsePlain(text) : text;
  } catch (error) {
    if (error instanceof TooLarge) throw error;
    return text;
  }
}

function broken(...problems: readonly string[]): ReadParams {
  return { kind: "broken", problems };
}

/** Names that schemas which take any others leave out without a word. */
const OF_OBJECTS: readonly string[] = ["__proto__", "constructor", "prototype"];

/** @param known Null: any name but those of objects. */
function unknownText(name: string, known: readonly string[] | null): string {
  if (known === null) return `Cannot set parameter ${name}: no parameter can have this name`;
  const near = nearest(name, known);
  const takes = known.length === 0 ? "the job takes none" : `it takes ${known.join(", ")}`;
  const meant = near === null ? takes : `did you mean ${near}?`;
  return `Cannot set parameter ${name}: there is none of that name (${meant})`;
}

function issueText(schema: Schema, issue: SchemaIssue, given: GivenParams): string {
  const path = issuePath(issue);
  const [name = ""] = path.split(".");
  const why = issue.message.replace(/\.$/, "");
  if (name === "") return `Cannot use the parameters: ${why}`;
  const { type, description } = describe(memberSchema(schema, name));
  const called = description === null ? name : `${name} ("${description}")`;
  if (!Object.hasOwn(given, name)) {
    return `Parameter ${called} is not set${type === null ? "" : `, wanted ${type}`}`;
  }
  const inside = path === name ? "" : ` at ${path}`;
  const value = JSON.stringify(given[name]) ?? "undefined";
  const what = type === null ? "" : ` (wanted ${type})`;
  return `Cannot set parameter ${called} to ${value}${inside}: ${why}${what}`;
}

/** What a parameter is, in the words of its schema: of what type, and what for. */
function describe(schema: Schema | null): {
  readonly type: string | null;
  readonly description: string | null;
} {
  if (schema === null) return { type: null, description: null };
  const { expects, pipe, wrapped, description } = schema as Schema &
    Readonly<Record<string, unknown>>;
  const parts = Array.isArray(pipe) ? (pipe as readonly Readonly<Record<string, unknown>>[]) : [];
  const own = [description, ...parts.map((part) => part.description)].filter(isText).at(-1);
  // That of `optional` and its like, around the schema that may have one.
  const first: unknown = parts[0];
  const within = [wrapped, first].find((one) => one !== schema && isSchema(one));
  return {
    type: isText(expects) ? expects.replace(/^\((.*) \| undefined\)$/, "$1") : null,
    description: own ?? (isSchema(within) ? describe(within).description : null),
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Parameters in one line: `sha256=ab12 days=3`. */
export function paramsText(json: string | null): string {
  if (json === null) return "";
  const params = JSON.parse(json) as Readonly<Record<string, unknown>>;
  return Object.entries(params)
    .map(([name, value]) => {
      const isPlain = typeof value === "string" && /^[^\s"']+$/.test(value);
      return `${name}=${isPlain ? value : JSON.stringify(value)}`;
    })
    .join(" ");
}
