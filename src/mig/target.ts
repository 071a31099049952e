// Target: writes conditions over agents, with values that cannot end the text around them.
//
// A target is pasted into a statement of the scheduler and runs with the scheduler's rights: it is
// code. So a value from outside, be it only an agent's name, goes through `sql` or `quoteText`.
import { RunnerError } from "../errors.ts";
import { scanSql } from "./sql.ts";

/** Most characters of a target: the API's database has no room for more. */
export const TARGET_SIZE_MAX = 2_048;

/** What `sql` can write. A list becomes `(a, b)`, for IN. */
export type SqlValue = string | number | bigint | boolean | readonly (string | number | bigint)[];

/**
 * A text as an SQL literal. It is one literal whatever is in it, with
 * `standard_conforming_strings` on or off: quotes are doubled, and a text with a backslash is
 * written as ` E'..'` with backslashes doubled.
 *
 * @throws {RunnerError} ACTION, for what a database cannot hold: U+0000, half a surrogate pair.
 * @example
 * ```ts
 * import { quoteText } from "mig-runner";
 *
 * export const target = `name=${quoteText("o'brien.example.net")}`;
 * ```
 */
export function quoteText(text: string): string {
  if (typeof text !== "string") throw unquotable(text, "it is no text");
  if (text.includes("\0")) throw unquotable(text, "it has a NUL in it");
  if (!text.isWellFormed()) throw unquotable(text, "it has half a surrogate pair in it");
  const doubled = text.replaceAll("'", "''");
  return doubled.includes("\\") ? ` E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

function unquotable(value: unknown, why: string): RunnerError {
  const isShown = typeof value === "string" || Array.isArray(value);
  const text = isShown ? JSON.stringify(value) : String(value);
  return new RunnerError("ACTION", `Cannot write ${text} into SQL: ${why}`);
}

/**
 * A text as a pattern of LIKE and ILIKE that matches just that text. It is not quoted yet: put it
 * together with `%` and `_`, then hand it to `sql`.
 *
 * @example
 * ```ts
 * import { likePattern, sql } from "mig-runner";
 *
 * export const target = sql`name LIKE ${`${likePattern("web_")}%`}`;
 * ```
 */
export function likePattern(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

/**
 * A condition with values in it, each written so that it stays one value.
 *
 * @throws {RunnerError} ACTION, for a value that has no literal (null, NaN, an empty list, ..), or
 *   that stands inside quotes or a comment.
 * @example
 * ```ts
 * import { sql } from "mig-runner";
 *
 * const names = ["web1.example.net", "web2.example.net"];
 * export const target = sql`mode='daemon' AND name IN ${names}`;
 * ```
 */
export function sql(strings: TemplateStringsArray, ...values: readonly SqlValue[]): string {
  let text = "";
  for (const [index, part] of strings.entries()) {
    text += part;
    if (index === values.length) break;
    const value = values[index];
    const { open } = scanSql(text);
    const where = open ?? (strings[index + 1]?.startsWith("'") ? "text" : null);
    if (where !== null) throw unquotable(value, `it stands in a ${where}, it gets its own quotes`);
    text += literal(value);
  }
  return text;
}

function literal(value: unknown): string {
  if (Array.isArray(value)) {
    if (value.length === 0) throw unquotable([], "the list is empty, a value is wanted");
    return `(${value.map(scalar).join(", ")})`;
  }
  return typeof value === "boolean" ? String(value).toUpperCase() : scalar(value);
}

function scalar(value: unknown): string {
  if (typeof value === "string") return quoteText(value);
  const isNumber = typeof value === "bigint" || Number.isFinite(value);
  if (!isNumber) throw unquotable(value, "a text, number, boolean or list is wanted");
  // Without brackets a minus after a minus would begin a comment.
  return String(value).startsWith("-") ? `(${value})` : String(value);
}

/**
 * The conditions that together match the hosts of agents, each of at most 2,048 characters: about
 * 130 agents. Empty when there are no agents.
 *
 * An agent's id is that of a process: after a restart the host has another. So the ids only say
 * whose queue is meant, which a host keeps.
 *
 * @param agents Each is taken once, in the order given.
 * @throws {RunnerError} ACTION, for an id that is not a whole number from 1 to 2^53 - 1.
 */
export function agentsTarget(agents: readonly { readonly id: number }[]): readonly string[] {
  return splitList(new Set(agents.map(agentId)), hostsTarget);
}

/** Conditions of at most 2,048 characters, each written around a part of a list of ids. */
function splitList(ids: Iterable<string>, write: (list: string) => string): readonly string[] {
  const targets: string[] = [];
  let list = "";
  for (const id of ids) {
    const longer = list === "" ? id : `${list},${id}`;
    const isFull = write(longer).length > TARGET_SIZE_MAX;
    if (isFull) targets.push(write(list));
    list = isFull ? id : longer;
  }
  return list === "" ? targets : [...targets, write(list)];
}

function hostsTarget(list: string): string {
  return `queueloc IN (SELECT queueloc FROM agents WHERE id IN (${list}))`;
}

/**
 * The agents that `targets` list, written in the one form that never changes, whatever words the
 * targets have: journals of runs that are under way compare it.
 */
export function agentLists(targets: readonly string[]): readonly string[] {
  const ids = targets.flatMap((target) => LIST.exec(target)?.[1]?.match(/\d+/g) ?? []);
  return splitList(ids, (list) => `id IN (${list})`);
}

/** Just a list of agents, as `agentsTarget` or a person writes it. */
const LIST = new RegExp(
  String.raw`^\s*(?:queueloc\s+IN\s*\(\s*SELECT\s+queueloc\s+FROM\s+agents\s+WHERE\s+)?` +
    String.raw`id\s+IN\s*\(([\d\s,]+)\)[\s)]*$`,
  "i",
);

/** How many agents a target lists that is nothing but a list of them; null for any other. */
export function listedAgents(target: string): number | null {
  const list = LIST.exec(target)?.[1];
  return list === undefined ? null : new Set(list.match(/\d+/g)).size;
}

function agentId({ id }: { readonly id: number }): string {
  if (Number.isSafeInteger(id) && id >= 1) return String(id);
  throw unquotable(id, "an agent's id is a whole number from 1 to 2^53 - 1");
}

/**
 * The condition that a target stands for: that of the macro when it is exactly a macro's name,
 * itself in all other cases.
 *
 * @param macros Conditions by name, from `[targets]` of the configuration.
 *   A name inside a condition is not replaced, and neither is one that a macro stands for.
 */
export function resolveTarget(target: string, macros: ReadonlyMap<string, string>): string {
  return macros.get(target) ?? target;
}

/** Texts, names in quotes and comments, in which words mean nothing. */
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;

const ID_LIST = /(?<![\w.>])(?:agents\s*\.\s*)?id\s+(?:NOT\s+)?IN\s*\(/i;

/**
 * Whether a target picks agents from a list of ids, and so loses each host whose agent was started
 * again since: it has another id now.
 */
export function picksProcesses(target: string): boolean {
  const words = target.replaceAll(QUOTED, "''");
  const meansHosts = /\bSELECT\s+queueloc\s+FROM\s+agents\b/i.test(words);
  return ID_LIST.test(words) && !meansHosts;
}

/**
 * What in a target could end the brackets around it, or hide what follows them; empty when nothing
 * does. A target is the author's own code, so these are warnings, each a phrase such as "a
 * semicolon ends the statement". They do not tell whether the rest is good SQL.
 */
export function targetMistakes(target: string): readonly string[] {
  return scanSql(target).mistakes;
}
