// Columns: what a target can ask an agent for: the columns of its row, and what is in its JSON.
import { type Agent, encodeEnvironment } from "./fleet.ts";

/** What a column can hold. */
export type Value = string | number | null;

/** Words that cannot stand where a column can. @see PostgreSQL 15, appendix C */
export const KEYWORDS = new Set(
  (
    "all and any array as asc between both case cast check collate column create desc distinct " +
    "do else end except exists fetch for from grant group having ilike in interval into is like " +
    "limit not null offset on only or order returning select some table then to union unique " +
    "using when where window with"
  ).split(" "),
);

/** The columns that are no JSON, by their names. */
export const COLUMNS: ReadonlyMap<string, (agent: Agent) => Value> = new Map<
  string,
  (agent: Agent) => Value
>([
  ["id", (agent) => agent.id],
  ["name", (agent) => agent.name],
  ["queueloc", (agent) => agent.queueLocation],
  ["mode", (agent) => agent.mode],
  ["version", (agent) => agent.version],
  ["pid", (agent) => agent.pid],
  ["status", (agent) => agent.status],
  ["loadername", () => ""],
  ["starttime", (agent) => agent.startMicros],
  ["refreshtime", (agent) => agent.startMicros],
  ["heartbeattime", (agent) => agent.heartbeatMicros],
]);

/** What stands in the JSON of an agent at a path; undefined when there is nothing. */
export function valueAt(
  agent: Agent,
  column: "environment" | "tags",
  keys: readonly string[],
): unknown {
  let value: unknown =
    column === "tags" ? agent.tags : JSON.parse(encodeEnvironment(agent.environment));
  for (const key of keys) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The same as text, as `->>` gives it; null when there is nothing. */
export function textAt(
  agent: Agent,
  column: "environment" | "tags",
  keys: readonly string[],
): Value {
  const value = valueAt(agent, column, keys);
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
