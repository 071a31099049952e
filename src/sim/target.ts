// Target: the part of SQL conditions that the simulated scheduler can evaluate.
//
//   or := and {OR and}        and := not {AND not}        not := [NOT] test
//   test := value [comparison | [NOT] LIKE | [NOT] IN (..) | IS [NOT] NULL] | (or) | TRUE | FALSE
//   value := column | 'text' | number | json->>'member' | json#>>'{a,b}'
//          | json::jsonb->'a' ? 'b'
//          | NOW() [- INTERVAL 'n unit'] | LEFT(MD5(column), n)
//
// What is not in this list is refused as unsupported; it never matches anything by accident.
// NULL is three-valued, as in SQL. Two subqueries are known: a column of the agents themselves, and
// by its shape the one that MIG itself writes (agents that found something in an earlier action).
//
//   [NOT] IN (SELECT column FROM agents [WHERE or])
import { createHash } from "node:crypto";
import { COLUMNS, KEYWORDS, textAt, type Value, valueAt } from "./columns.ts";
import type { Agent } from "./fleet.ts";
import { isLike, SqlError, syntaxError, type Token, tokensOf, UnsupportedSql } from "./sql.ts";

/** What a condition can look at besides the agent. */
export interface TargetWorld {
  /** Microseconds since the Unix epoch. */
  readonly nowMicros: number;
  /** All agents, also those that are offline: what a subquery looks through. */
  readonly fleet: readonly Agent[];
  /** Agents with a result of that action whose foundanything is `found`. */
  agentsOf(actionId: number, found: boolean): ReadonlySet<number>;
}

/** True, false, or SQL's NULL. */
export type Condition = (agent: Agent, world: TargetWorld) => boolean | null;

type Expression = (agent: Agent, world: TargetWorld) => Value;

/** Brackets and NOTs within each other. */
const DEPTH_MAX = 200;

/**
 * Reads a target.
 *
 * @throws {SqlError} in PostgreSQL's words.
 * @throws {UnsupportedSql} when the sandbox does not know the form.
 */
export function parseTarget(target: string): Condition {
  const parser: Parser = { tokens: tokensOf(target), at: 0, depth: 0, problem: null };
  const condition = parseOr(parser);
  if (peek(parser).text === ";") throw new UnsupportedSql("several statements");
  if (peek(parser).kind !== "end") throw syntaxError(peek(parser));
  if (parser.problem !== null) throw parser.problem;
  return condition;
}

interface Parser {
  readonly tokens: readonly Token[];
  at: number;
  depth: number;
  /** The first mistake that is not one of syntax; PostgreSQL looks for those only afterwards. */
  problem: SqlError | UnsupportedSql | null;
}

function peek(parser: Parser, ahead = 0): Token {
  return parser.tokens[Math.min(parser.at + ahead, parser.tokens.length - 1)] as Token;
}

function next(parser: Parser): Token {
  const token = peek(parser);
  parser.at++;
  return token;
}

/** Takes the next token when it is this word or operator. */
function take(parser: Parser, text: string): boolean {
  const token = peek(parser);
  if (token.text !== text || (token.kind !== "word" && token.kind !== "operator")) return false;
  parser.at++;
  return true;
}

function expect(parser: Parser, text: string): void {
  if (!take(parser, text)) throw syntaxError(peek(parser));
}

function parseOr(parser: Parser): Condition {
  if (++parser.depth > DEPTH_MAX) throw new SqlError("stack depth limit exceeded");
  const sides = [parseAnd(parser)];
  while (take(parser, "or")) sides.push(parseAnd(parser));
  parser.depth--;
  return (agent, world) => {
    const values = sides.map((side) => side(agent, world));
    return values.includes(true) ? true : values.includes(null) ? null : false;
  };
}

function parseAnd(parser: Parser): Condition {
  const sides = [parseNot(parser)];
  while (take(parser, "and")) sides.push(parseNot(parser));
  return (agent, world) => {
    const values = sides.map((side) => side(agent, world));
    return values.includes(false) ? false : values.includes(null) ? null : true;
  };
}

function parseNot(parser: Parser): Condition {
  let negated = false;
  while (take(parser, "not")) negated = !negated;
  const condition = parseTest(parser);
  return negated ? negate(condition) : condition;
}

function negate(condition: Condition): Condition {
  return (agent, world) => {
    const value = condition(agent, world);
    return value === null ? null : !value;
  };
}

function parseTest(parser: Parser): Condition {
  if (take(parser, "(")) {
    const inner = parseOr(parser);
    expect(parser, ")");
    return inner;
  }
  if (take(parser, "true")) return () => true;
  if (take(parser, "false")) return () => false;
  const start = parser.at;
  const left = parseValue(parser);
  if (typeof left !== "function") return left.condition;
  const negated = take(parser, "not");
  const word = next(parser);
  const compare = comparisonOf(word);
  if (compare !== null && !negated) {
    const right = parseValue(parser);
    if (typeof right !== "function") throw syntaxError(peek(parser));
    return (agent, world) => compare(left(agent, world), right(agent, world));
  }
  const test = parseWordTest(parser, word, left, start);
  return negated ? negate(test) : test;
}

function parseWordTest(parser: Parser, word: Token, left: Expression, start: number): Condition {
  if (word.text === "like" || word.text === "ilike") {
    const pattern = parseValue(parser);
    if (typeof pattern !== "function") throw syntaxError(peek(parser));
    return likeOf(left, pattern, word.text === "ilike");
  }
  if (word.text === "in") return parseIn(parser, left);
  if (word.text === "is") {
    const negated = take(parser, "not");
    expect(parser, "null");
    return (agent, world) => (left(agent, world) === null) !== negated;
  }
  if (word.text === "between" || word.text.startsWith("~") || word.text.startsWith("!~")) {
    throw new UnsupportedSql(`the operator ${word.raw}`);
  }
  if (word.kind === "end" || word.text === ")" || word.text === "and" || word.text === "or") {
    const first = peek({ ...parser, at: start });
    parser.at--;
    parser.problem ??= new SqlError(`argument of AND must be type boolean: ${first.raw}`);
    return () => null;
  }
  throw syntaxError(word);
}

function likeOf(left: Expression, pattern: Expression, ignoreCase: boolean): Condition {
  return (agent, world) => {
    const value = left(agent, world);
    const like = pattern(agent, world);
    if (value === null || like === null) return null;
    return isLike(String(value), String(like), ignoreCase);
  };
}

type Compare = (left: Value, right: Value) => boolean | null;

function comparisonOf({ kind, text }: Token): Compare | null {
  if (kind !== "operator") return null;
  const test = COMPARISONS[text];
  if (test === undefined) return null;
  return (left, right) => {
    if (left === null || right === null) return null;
    const numeric = typeof left === "number" || typeof right === "number";
    const order = numeric
      ? Number(left) - Number(right)
      : Number(left > right) - Number(left < right);
    return test(order);
  };
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "<>": (order) => order !== 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  ">=": (order) => order >= 0,
};

function parseIn(parser: Parser, left: Expression): Condition {
  expect(parser, "(");
  if (peek(parser).text === "select")
    return parseAgentsIn(parser, left) ?? parseFoundIn(parser, left);
  const values: Expression[] = [];
  do {
    const value = parseValue(parser);
    if (typeof value !== "function") throw syntaxError(peek(parser));
    values.push(value);
  } while (take(parser, ","));
  expect(parser, ")");
  const equals = comparisonOf({ kind: "operator", text: "=", raw: "=" }) as Compare;
  return (agent, world) => {
    const wanted = left(agent, world);
    const matches = values.map((value) => equals(wanted, value(agent, world)));
    return matches.includes(true) ? true : matches.includes(null) ? null : false;
  };
}

/** A subquery over the agents; null when it is another one. */
function parseAgentsIn(parser: Parser, left: Expression): Condition | null {
  const start = parser.at;
  const column = take(parser, "select") ? parseColumn(parser) : null;
  const isKnown = column !== null && take(parser, "from") && take(parser, "agents");
  const isWanted = isKnown && take(parser, "where") ? parseOr(parser) : () => true;
  if (!isKnown || !take(parser, ")")) {
    parser.at = start;
    return null;
  }
  // The same for every agent that is tested, so looked up once.
  const found = new WeakMap<TargetWorld, ReadonlySet<Value>>();
  return (agent, world) => {
    const values = found.get(world) ?? valuesOf(column, isWanted, world);
    found.set(world, values);
    return values.has(left(agent, world));
  };
}

function valuesOf(column: Expression, isWanted: Condition, world: TargetWorld): ReadonlySet<Value> {
  const agents = world.fleet.filter((agent) => isWanted(agent, world) === true);
  return new Set(agents.map((agent) => column(agent, world)));
}

/** A column of the agents, with or without the table's name; null for anything else. */
function parseColumn(parser: Parser): Expression | null {
  const token = next(parser);
  const column = token.text === "agents" && take(parser, ".") ? next(parser) : token;
  return COLUMNS.get(column.text) ?? null;
}

/** The subquery of `mig -target-found`, also with the table's name before its columns. */
const FOUND_QUERY = new RegExp(
  "^select (?:commands \\. )?agentid from commands , " +
    "json_array_elements \\( commands \\. results \\) as r " +
    "where (?:commands \\. )?actionid = (\\d+) " +
    "and r #>> '\\{foundanything\\}' = '(true|false)' \\)$",
);

function parseFoundIn(parser: Parser, left: Expression): Condition {
  const words: string[] = [];
  for (let depth = 1; depth > 0; ) {
    const token = next(parser);
    if (token.kind === "end") throw syntaxError(token);
    if (token.text === "(" && token.kind === "operator") depth++;
    if (token.text === ")" && token.kind === "operator") depth--;
    words.push(token.kind === "word" ? token.text : token.raw);
  }
  const match = FOUND_QUERY.exec(words.join(" "));
  if (match === null) throw new UnsupportedSql("this subquery");
  return (agent, world) => {
    const found = world.agentsOf(Number(match[1]), match[2] === "true");
    return found.has(Number(left(agent, world)));
  };
}

/** A value, or the condition that a json containment test already is. */
function parseValue(parser: Parser): Expression | { readonly condition: Condition } {
  const token = next(parser);
  if (token.kind === "text") return () => token.text;
  if (token.kind === "number") return () => Number(token.text);
  if (token.text === "-" && peek(parser).kind === "number") {
    const value = -Number(next(parser).text);
    return () => value;
  }
  if (token.kind === "word" && token.text === "now") return parseNow(parser);
  if (token.text === "left" && peek(parser).text === "(") return parseLeftOfHash(parser);
  if (token.kind !== "word" && token.kind !== "name") throw syntaxError(token);
  const column = token.text === "agents" && take(parser, ".") ? next(parser) : token;
  if (column.text === "environment" || column.text === "tags") {
    return parseJsonPath(parser, column.text);
  }
  const read = COLUMNS.get(column.text);
  if (read !== undefined) return read;
  if (KEYWORDS.has(column.text)) {
    throw ["case", "exists", "interval"].includes(column.text)
      ? new UnsupportedSql(column.raw.toUpperCase())
      : syntaxError(column);
  }
  const after = peek(parser);
  if (after.kind === "word" && !KEYWORDS.has(after.text)) throw syntaxError(after);
  if (after.text === "(") throw new UnsupportedSql(`the function ${column.raw}`);
  parser.problem ??= new SqlError(`column "${column.text}" does not exist`);
  return () => null;
}

/** `left(md5(column), n)`: by which a share of the agents is told from the rest. */
function parseLeftOfHash(parser: Parser): Expression {
  for (const text of ["(", "md5", "("]) expect(parser, text);
  const inner = parseValue(parser);
  if (typeof inner !== "function") throw syntaxError(peek(parser));
  for (const text of [")", ","]) expect(parser, text);
  const length = next(parser);
  if (length.kind !== "number") throw syntaxError(length);
  expect(parser, ")");
  return (agent, world) => {
    const value = inner(agent, world);
    if (value === null) return null;
    return createHash("md5").update(String(value)).digest("hex").slice(0, Number(length.text));
  };
}

/** `now() [- interval 'n unit']`, in microseconds since the Unix epoch. */
function parseNow(parser: Parser): Expression {
  expect(parser, "(");
  expect(parser, ")");
  if (!take(parser, "-")) return (_, world) => world.nowMicros;
  expect(parser, "interval");
  const text = next(parser);
  const match = /^\s*(\d+)\s*(second|minute|hour|day|week)s?\s*$/i.exec(text.text);
  if (match === null) throw new UnsupportedSql(`the interval ${text.raw}`);
  const unit = UNIT_MICROS[(match[2] ?? "").toLowerCase()] ?? 0;
  return (_, world) => world.nowMicros - Number(match[1]) * unit;
}

const UNIT_MICROS: Readonly<Record<string, number>> = {
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 604_800_000_000,
};

function parseJsonPath(
  parser: Parser,
  column: "environment" | "tags",
): Expression | { readonly condition: Condition } {
  let isJsonb = false;
  if (take(parser, "::")) {
    const type = next(parser);
    if (type.text !== "jsonb" && type.text !== "json") throw new UnsupportedSql(`::${type.raw}`);
    isJsonb = type.text === "jsonb";
  }
  const operator = next(parser);
  if (operator.text === "is" || operator.text === "not") {
    parser.at--;
    // The JSON null of an agent without tags is a value, but SQL NULL never occurs.
    return () => column;
  }
  if (operator.text === "=" || operator.text === "@>") {
    parser.problem ??=
      operator.text === "="
        ? new SqlError("operator does not exist: json = unknown")
        : new UnsupportedSql("@>");
    parser.at--;
    if (operator.text === "@>") throw parser.problem;
    return () => null;
  }
  const path = next(parser);
  if (path.kind !== "text") throw syntaxError(path);
  if (operator.text === "->>") return (agent) => textAt(agent, column, [path.text]);
  if (operator.text === "#>>") {
    const keys = path.text.replace(/^\{|\}$/g, "").split(",");
    return (agent) => textAt(agent, column, keys);
  }
  if (operator.text !== "->") throw syntaxError(operator);
  if (!take(parser, "?")) throw new UnsupportedSql("-> without ?");
  const wanted = next(parser);
  if (wanted.kind !== "text") throw syntaxError(wanted);
  if (!isJsonb) parser.problem ??= new SqlError("operator does not exist: json ? unknown");
  return {
    condition: (agent) => {
      const value = valueAt(agent, column, [path.text]);
      if (Array.isArray(value)) return value.includes(wanted.text);
      return value === undefined || value === null ? null : value === wanted.text;
    },
  };
}
