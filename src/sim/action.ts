// Action: a posted action as the API decodes, checks, signs off and prints it.
//
// A second formulation of the signed text, apart from src/mig: it starts from the JSON that was
// posted, as the real API does, so that a mistake of the runner's encoder is refused here as well.

import { encodeJson, encodeText, type JsonValue } from "../lib/go/json.ts";
import { JsonError } from "../lib/go/syntax.ts";
import { formatRfc3339Nano, type GoTime, parseTimeJson, ZERO_TIME } from "../lib/go/time.ts";
import { encodeOrdered, parseJson } from "./json.ts";
import { compareTimestamps, millisOf, parseTimestamp } from "./timestamp.ts";

/** One operation of an action, decoded. */
export interface Operation {
  readonly module: string;
  readonly parameters: JsonValue;
  readonly isCompressed: boolean;
  readonly wantCompressed: boolean;
}

/** A posted action, decoded: members that are missing have Go's zero value. */
export interface PostedAction {
  readonly name: string;
  readonly target: string;
  /** JSON of the description, its known members only. */
  readonly description: string;
  /** JSON of the threat, its known members only. */
  readonly threat: string;
  /** The family that a search by `threatfamily` looks at; null when there is none. */
  readonly threatFamily: string | null;
  readonly validFrom: GoTime;
  readonly expireAfter: GoTime;
  readonly operations: readonly Operation[] | null;
  readonly signatures: readonly string[] | null;
  /** JSON of the posted investigators, null when there are none. */
  readonly investigators: string | null;
  /** JSON of the posted counters, which the reply repeats. */
  readonly counters: string;
  readonly syntaxVersion: number;
}

/** The version of actions that the API takes. @see mig/action.go `ActionVersion` */
const SYNTAX_VERSION = 2;
/** Characters in a name or target. @see database/schema.sql */
const NAME_MAX = 2048;
/** Characters in the JSON of all signatures: ten of an RSA key of 2,048 bits fit. */
const SIGNATURES_MAX = 4096;

const DESCRIPTION = ["author", "email", "url", "revision"] as const;
const THREAT = ["ref", "level", "family", "type"] as const;
const COUNTERS = [
  "sent",
  "done",
  "inflight",
  "success",
  "cancelled",
  "expired",
  "failed",
  "timeout",
] as const;

/**
 * Decodes the text of the form value `action`.
 *
 * @throws {JsonError} with Go's words when it is not JSON or a member has the wrong type.
 */
export function parseAction(text: string): PostedAction {
  const root = parseJson(text);
  if (root !== null && !(root instanceof Map)) {
    throw new JsonError(
      `json: cannot unmarshal ${kindOf(root)} into Go value of type mig.Action`,
      0,
    );
  }
  const member = membersOf(root, "Action");
  const threat = membersOf(member.json("threat"), "Threat");
  const signatures = member.list("pgpsignatures");
  const operations = member.list("operations");
  const investigators = member.list("investigators");
  return {
    name: member.text("name"),
    target: member.text("target"),
    description: encodeKnown(membersOf(member.json("description"), "Description"), DESCRIPTION),
    threat: encodeKnown(threat, THREAT),
    threatFamily: threat.text("family") || null,
    validFrom: member.time("validfrom"),
    expireAfter: member.time("expireafter"),
    operations: operations === null ? null : operations.map(operationOf),
    signatures: signatures === null ? null : signatures.map(signatureOf),
    investigators:
      investigators === null || investigators.length === 0 ? null : encodeOrdered(investigators),
    counters: encodeKnown(membersOf(member.json("counters"), "ActionCounters"), COUNTERS),
    syntaxVersion: member.number("syntaxversion"),
  };
}

function signatureOf(value: JsonValue): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  throw mismatch(value, "Action.pgpsignatures", "string");
}

function operationOf(value: JsonValue): Operation {
  const member = membersOf(value, "Operation");
  return {
    module: member.text("module"),
    parameters: member.json("parameters"),
    isCompressed: member.flag("is_compressed"),
    wantCompressed: member.flag("want_compressed"),
  };
}

/** Typed access to the members of one object; names match in any letter case, the last one wins. */
interface Members {
  json(name: string): JsonValue;
  text(name: string): string;
  number(name: string): number;
  flag(name: string): boolean;
  list(name: string): readonly JsonValue[] | null;
  time(name: string): GoTime;
}

function membersOf(value: JsonValue, type: string): Members {
  if (value !== null && !(value instanceof Map)) throw mismatch(value, type, `mig.${type}`);
  const found = new Map<string, JsonValue>();
  for (const [key, member] of value ?? []) found.set(foldCase(key), member);
  const json = (name: string): JsonValue => found.get(name) ?? null;
  function typed<Kind>(name: string, none: Kind, goType: string): Kind {
    const member = json(name);
    if (member === null) return none;
    if (typeof member !== typeof none) throw mismatch(member, `${type}.${name}`, goType);
    return member as Kind;
  }
  return {
    json,
    text: (name) => typed(name, "", "string"),
    number: (name) => typed(name, 0, "float64"),
    flag: (name) => typed(name, false as boolean, "bool"),
    list(name) {
      const member = json(name);
      if (member === null || Array.isArray(member)) return member;
      throw mismatch(member as JsonValue, `${type}.${name}`, "[]string");
    },
    time(name) {
      const member = json(name);
      if (member === null) return ZERO_TIME;
      const time = typeof member === "string" ? parseTimestamp(member) : null;
      if (time !== null) return time;
      throw new JsonError(timeProblem(member), 0);
    },
  };
}

/** Go's words for a time that is none. */
function timeProblem(value: JsonValue): string {
  try {
    parseTimeJson(new TextEncoder().encode(encodeJson(value)));
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  return `parsing time ${encodeText(encodeJson(value))}: it cannot be read`;
}

/** Letter case as Go's encoding/json folds it: U+017F is an s, U+212A a k. */
function foldCase(key: string): string {
  return key.replaceAll("\u017f", "s").replaceAll("\u212a", "k").toLowerCase();
}

function kindOf(value: JsonValue): string {
  if (typeof value === "boolean") return "bool";
  if (value instanceof Map) return "object";
  return Array.isArray(value) ? "array" : typeof value;
}

function mismatch(value: JsonValue, field: string, goType: string): JsonError {
  return new JsonError(
    `json: cannot unmarshal ${kindOf(value)} into Go struct field ${field} of type ${goType}`,
    0,
  );
}

/** The known members in the order of the Go struct, without those that hold nothing. */
function encodeKnown(members: Members, names: readonly string[]): string {
  const known = names
    .map((name) => [name, members.json(name)] as const)
    .filter(([, value]) => value !== null && value !== "" && value !== 0);
  return `{${known.map(([name, value]) => `"${name}":${encodeJson(value)}`).join(",")}}`;
}

/**
 * What keeps the API from taking the action, or null.
 *
 * @see mig/action.go `func (a Action) Validate`
 */
export function refusalOf(action: PostedAction, now: number): string | null {
  if (action.name === "") return "action name is empty";
  if (action.target === "") return "action target is empty";
  if (action.syntaxVersion !== SYNTAX_VERSION) {
    return `wring syntax version, expected ${SYNTAX_VERSION}`;
  }
  if (compareTimestamps(action.validFrom, action.expireAfter) > 0) {
    return "action expireafter is set before action validfrom";
  }
  if (now > millisOf(action.expireAfter)) return "action expireafter is in the past";
  if (action.operations === null) return "action operations is empty";
  if ((action.signatures ?? []).length === 0) return "action pgpsignatures is empty";
  return null;
}

/** What keeps PostgreSQL from storing the action, or null. */
export function storageRefusalOf(action: PostedAction): string | null {
  for (const text of [action.name, action.target]) {
    if (text.includes("\u0000")) return `pq: invalid byte sequence for encoding "UTF8": 0x00`;
    if ([...text].length > NAME_MAX) {
      return `pq: value too long for type character varying(${NAME_MAX})`;
    }
  }
  if (encodeJson(action.signatures ?? []).length > SIGNATURES_MAX) {
    return `pq: value too long for type character varying(${SIGNATURES_MAX})`;
  }
  return null;
}

/**
 * The text that a signature of the action must cover.
 *
 * @see mig/action.go `func (a Action) String`, whose `%s` of an integer Go prints as
 * `%!s(int64=N)`; the recorded probes hold signatures over it.
 */
export function signedTextOf(action: PostedAction): string {
  const { name, target, validFrom, expireAfter } = action;
  return (
    `name=${name};target=${target};validfrom=${validFrom.unixSeconds};` +
    `expireafter=%!s(int64=${expireAfter.unixSeconds});operations=${encodeOperations(action)};`
  );
}

/** The operations as JSON, members in the order of the Go struct. */
function encodeOperations({ operations }: Pick<PostedAction, "operations">): string {
  if (operations === null) return "null";
  const items = operations.map((operation) => {
    const compressed = operation.isCompressed ? ',"is_compressed":true' : "";
    const wanted = operation.wantCompressed ? ',"want_compressed":true' : "";
    const parameters = encodeJson(operation.parameters);
    const module = encodeText(operation.module);
    return `{"module":${module},"parameters":${parameters}${compressed}${wanted}}`;
  });
  return `[${items.join(",")}]`;
}

/** The members that differ between the places where the API prints an action. */
export interface ActionView {
  readonly id: number;
  /** JSON; null leaves the member out. */
  readonly investigators: string | null;
  /** "" leaves the member out. */
  readonly status: string;
  readonly startAt: GoTime;
  readonly finishAt: GoTime;
  readonly updateAt: GoTime;
  /** JSON of the counters. */
  readonly counters: string;
}

/** An action as JSON, members as in the Go struct. */
export function encodeAction(action: PostedAction, view: ActionView): string {
  const investigators = view.investigators === null ? "" : `,"investigators":${view.investigators}`;
  const status = view.status === "" ? "" : `,"status":"${view.status}"`;
  return (
    `{"id":${view.id},"name":${encodeText(action.name)},` +
    `"target":${encodeText(action.target)},"description":${action.description},` +
    `"threat":${action.threat},` +
    `"validfrom":"${formatRfc3339Nano(action.validFrom)}",` +
    `"expireafter":"${formatRfc3339Nano(action.expireAfter)}",` +
    `"operations":${encodeOperations(action)},` +
    `"pgpsignatures":${encodeJson(action.signatures)}${investigators}${status},` +
    `"starttime":"${formatRfc3339Nano(view.startAt)}",` +
    `"finishtime":"${formatRfc3339Nano(view.finishAt)}",` +
    `"lastupdatetime":"${formatRfc3339Nano(view.updateAt)}","counters":${view.counters},` +
    `"syntaxversion":${action.syntaxVersion}}`
  );
}
