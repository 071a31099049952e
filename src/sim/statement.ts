// Statement: what the API's database would say of a search before it looks at a row.
//
// The API puts its SQL together from the parameters. Without a single condition it writes a WHERE
// with nothing behind it; for the status of an action it names a table that it does not read; and
// limits that are no unsigned integers do not reach the database at all.
//
// @see database/searches.go; the recorded answers in test/golden/api
import { encodeText } from "../lib/go/json.ts";
import {
  ANY,
  ANY_ID,
  parseFloatText,
  type SearchParameters,
  type SearchQuery,
  WINDOW_SECONDS,
} from "./query.ts";

/** The rows that are wanted, or why the database refuses the statement. */
export type Range =
  | { readonly limit: number; readonly offset: number }
  | { readonly message: string };

/** The names under which the API reports a statement that it could not run. */
const PLURALS: Readonly<Record<string, string>> = {
  action: "actions",
  agent: "agents",
  command: "commands",
  investigator: "investigators",
};

/** Checks what the statement of a search would be refused for. */
export function rangeOf(query: SearchQuery, now: number): Range {
  const { parameters } = query;
  if (parameters.type === "agent" && parameters.target !== "") return { limit: 0, offset: 0 };
  const ids = ["actionid", "commandid", "agentid", "investigatorid", "manifestid", "loaderid"];
  for (const name of ids as "actionid"[]) {
    const text = parameters[name];
    if (text === ANY_ID || parseFloatText(text) !== null) continue;
    const why = /^[+-]?[\d.]+e/i.test(text) ? "value out of range" : "invalid syntax";
    return { message: `strconv.ParseFloat: parsing ${encodeText(text)}: ${why}` };
  }
  const filters = countArguments(query, now);
  if (parameters.type === "action" && parameters.status !== ANY) {
    const why = 'missing FROM-clause entry for table "action"';
    return broken(why, actionStatement(parameters, now));
  }
  if (filters === 0) {
    const word = PLURALS[parameters.type] === undefined ? "ORDER" : "GROUP";
    return broken(`syntax error at or near "${word}"`, BARE[parameters.type] ?? "");
  }
  for (const [index, name] of (["limit", "offset"] as const).entries()) {
    const value = parameters[name];
    if (Number.isNaN(value) || Math.trunc(value) < 0 || value >= 2 ** 63) {
      const plural = PLURALS[parameters.type] ?? "rows";
      return {
        message:
          `Error while finding ${plural}: 'sql: converting argument ` +
          `$${filters + 1 + index} type: uint64 values with high bit set are not supported'`,
      };
    }
  }
  return { limit: Math.trunc(parameters.limit), offset: Math.trunc(parameters.offset) };
}

function broken(why: string, statement: string): Range {
  return { message: `Error while preparing search statement: 'pq: ${why}' in '${statement}'` };
}

/** How many arguments the statement has before its limit. */
function countArguments({ parameters, hasFound }: SearchQuery, now: number): number {
  const { type } = parameters;
  let count = Number(isBeforeSet(parameters, now)) + Number(isAfterSet(parameters, now));
  const ids = ["actionid", "agentid", "commandid", "investigatorid"] as const;
  const texts = ["actionname", "agentname", "agentversion", "investigatorname"] as const;
  for (const name of ids) count += parameters[name] === ANY_ID ? 0 : 2;
  for (const name of [...texts, "status", "threatfamily"] as const) {
    count += parameters[name] === ANY ? 0 : 1;
  }
  for (const name of ["loadername", "manifestname"] as const) {
    const isUsed = name.startsWith(type);
    count += isUsed && parameters[name] !== ANY ? 1 : 0;
  }
  return count + (type === "command" && hasFound ? 4 : 0);
}

/** The API looks at `before` only when it is well within the window. */
export function isBeforeSet({ before }: SearchParameters, now: number): boolean {
  return before.unixSeconds < now / 1000 + WINDOW_SECONDS - 3600;
}

/** The same of `after`. */
export function isAfterSet({ after }: SearchParameters, now: number): boolean {
  return after.unixSeconds > now / 1000 - (WINDOW_SECONDS - 3600);
}

/** Indented as the API writes the lines of a statement. */
const LINE = "\n\t\t";

const ACTION_COLUMNS = [
  "actions.id, actions.name, actions.target,  actions.description, actions.threat," +
    " actions.operations,",
  "actions.validfrom, actions.expireafter, actions.starttime, actions.finishtime," +
    " actions.lastupdatetime,",
  "actions.status, actions.pgpsignatures, actions.syntaxversion ",
].join(LINE);

/** The statements without a condition. */
const BARE: Readonly<Record<string, string>> = {
  action: selectActions("", "", 0),
  agent:
    `SELECT ${[
      "agents.id, agents.name, agents.queueloc, agents.mode,",
      "agents.version, agents.pid, agents.starttime, agents.destructiontime,",
      "agents.heartbeattime, agents.status, agents.tags, agents.environment",
    ].join(LINE)} FROM agents  WHERE  GROUP BY agents.id${LINE}` +
    "ORDER BY agents.heartbeattime DESC LIMIT $1 OFFSET $2;",
  command: [
    "SELECT commands.id, commands.status, commands.results, commands.starttime," +
      " commands.finishtime,",
    "\tactions.id, actions.name, actions.target, actions.description, actions.threat,",
    "\tactions.operations, actions.validfrom, actions.expireafter, actions.pgpsignatures,",
    "\tactions.syntaxversion, agents.id, agents.name, agents.version, agents.tags," +
      " agents.environment",
    "FROM\tcommands",
    "\tINNER JOIN actions ON ( commands.actionid = actions.id)",
    "\tINNER JOIN signatures ON ( actions.id = signatures.actionid )",
    "\tINNER JOIN investigators ON ( signatures.investigatorid = investigators.id )",
    "\tINNER JOIN agents ON ( commands.agentid = agents.id )",
    "WHERE  GROUP BY commands.id, actions.id, agents.id",
    "ORDER BY commands.starttime DESC LIMIT $1 OFFSET $2;",
  ].join(LINE),
  investigator:
    `SELECT ${[
      "investigators.id, investigators.name, investigators.pgpfingerprint,",
      "investigators.status, investigators.createdat, investigators.lastmodified,",
      "investigators.permissions",
    ].join(LINE)} FROM investigators  WHERE  GROUP BY investigators.id${LINE}` +
    "ORDER BY investigators.id ASC LIMIT $1 OFFSET $2;",
  manifest:
    "SELECT manifests.id, manifests.name, manifests.status, manifests.target," +
    " manifests.timestamp FROM manifests WHERE  ORDER BY timestamp DESC;",
  loader:
    "SELECT loaders.id, loaders.loadername, loaders.name, loaders.lastseen, loaders.enabled" +
    " FROM loaders WHERE  ORDER BY loadername;",
};

function selectActions(joins: string, where: string, values: number): string {
  return (
    `SELECT ${ACTION_COLUMNS} FROM actions ${joins} WHERE ${where} GROUP BY actions.id${LINE}` +
    `ORDER BY actions.validfrom DESC LIMIT $${values + 1} OFFSET $${values + 2};`
  );
}

/** The statement of a search for actions, with the conditions in the API's order. */
function actionStatement(parameters: SearchParameters, now: number): string {
  const conditions: string[] = [];
  let values = 0;
  const next = (): string => `$${++values}`;
  const put = (isSet: boolean, write: () => string): boolean => {
    if (isSet) conditions.push(write());
    return isSet;
  };
  const id = (name: "actionid" | "investigatorid" | "agentid" | "commandid", table: string) =>
    put(parameters[name] !== ANY_ID, () => `${table}.id >= ${next()} AND ${table}.id <= ${next()}`);
  const text = (
    name: "status" | "actionname" | "investigatorname" | "agentname" | "agentversion",
    column: string,
  ) => put(parameters[name] !== ANY, () => `${column} ILIKE ${next()}`);
  put(isBeforeSet(parameters, now), () => `actions.expireafter <= ${next()} `);
  put(isAfterSet(parameters, now), () => `actions.validfrom >= ${next()} `);
  text("status", "action.status");
  id("actionid", "actions");
  text("actionname", "actions.name");
  const isSigned = [
    id("investigatorid", "investigators"),
    text("investigatorname", "investigators.name"),
  ];
  const isAnswered = [
    id("agentid", "agents"),
    text("agentname", "agents.name"),
    text("agentversion", "agents.version"),
  ];
  const isSent = id("commandid", "commands") || isAnswered.includes(true);
  put(parameters.threatfamily !== ANY, () => `actions.threat#>>'{family}' ILIKE ${next()} `);
  const joins = [
    isSent ? "INNER JOIN commands ON ( commands.actionid = actions.id) " : "",
    isAnswered.includes(true) ? " INNER JOIN agents ON ( commands.agentid = agents.id ) " : "",
    isSigned.includes(true)
      ? ` INNER JOIN signatures ON ( actions.id = signatures.actionid )${LINE}\t` +
        "INNER JOIN investigators ON ( signatures.investigatorid = investigators.id ) "
      : "",
  ];
  return selectActions(joins.join(""), conditions.join(" AND "), values);
}
