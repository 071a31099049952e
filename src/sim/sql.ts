// Sql: the words of a target, as PostgreSQL would cut them.

/** A piece of a target. `text` is the value of a literal, lower-case for a word. */
export interface Token {
  readonly kind: "word" | "name" | "text" | "number" | "operator" | "end";
  readonly text: string;
  /** As written, for error messages. */
  readonly raw: string;
}

/** A target that PostgreSQL refuses, in its words. */
export class SqlError extends Error {
  override readonly name = "SqlError";
}

/** A target that may be good SQL, but that the sandbox cannot evaluate. */
export class UnsupportedSql extends Error {
  override readonly name = "UnsupportedSql";
}

/** Longest operator first; `#>>` must not be cut into `#` and `>>`. */
const PATTERN = new RegExp(
  [
    String.raw`(?<blank>\s+|--[^\n]*)`,
    `(?<text>'(?:[^']|'')*')`,
    `(?<name>"(?:[^"]|"")+")`,
    String.raw`(?<number>\d+(?:\.\d*)?|\.\d+)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    `(?<json>#>>|->>|->|::|@>)`,
    String.raw`(?<like>!~~\*|!~~|~~\*|~~|!~\*|!~|~\*|~)`,
    `(?<operator><>|!=|<=|>=|[=<>?(),.+*/;-])`,
  ].join("|"),
  "uy",
);

/**
 * Cuts a target into tokens; the last one is always of kind "end".
 *
 * @throws {SqlError} for a quote that does not end or a character that SQL does not know.
 */
export function tokensOf(target: string): Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < target.length) {
    const start = PATTERN.lastIndex;
    const groups = PATTERN.exec(target)?.groups;
    if (groups === undefined) throw brokenToken(target.slice(start));
    const raw = target.slice(start, PATTERN.lastIndex);
    if (groups.blank !== undefined) continue;
    if (groups.text !== undefined) {
      tokens.push({ kind: "text", text: raw.slice(1, -1).replaceAll("''", "'"), raw });
    } else if (groups.name !== undefined) {
      tokens.push({ kind: "name", text: raw.slice(1, -1).replaceAll('""', '"'), raw });
    } else if (groups.number !== undefined) {
      tokens.push({ kind: "number", text: raw, raw });
    } else if (groups.word !== undefined) {
      tokens.push({ kind: "word", text: raw.toLowerCase(), raw });
    } else {
      tokens.push({ kind: "operator", text: raw, raw });
    }
  }
  tokens.push({ kind: "end", text: "", raw: "" });
  return tokens;
}

function brokenToken(rest: string): SqlError {
  if (rest.startsWith("'")) return new SqlError(`unterminated quoted string at or near "${rest}"`);
  if (rest.startsWith('"')) {
    return new SqlError(`unterminated quoted identifier at or near "${rest}"`);
  }
  return new SqlError(`syntax error at or near "${[...rest][0] ?? ""}"`);
}

/** PostgreSQL's complaint about a token that does not fit. */
export function syntaxError(token: Token): SqlError {
  return token.kind === "end"
    ? // The target is pasted into brackets, so that its end is always followed by one.
      new SqlError('syntax error at or near ")"')
    : new SqlError(`syntax error at or near "${token.raw}"`);
}

/** Whether `value` is LIKE `pattern`: `%` any text, `_` one character, `\` takes one literally. */
export function isLike(value: string, pattern: string, ignoreCase: boolean): boolean {
  let source = "";
  const characters = [...pattern];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? "";
    if (character === "%") source += "[^]*";
    else if (character === "_") source += "[^]";
    else {
      const literal = character === "\\" ? (characters[++index] ?? "\\") : character;
      source += literal.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
  }
  return new RegExp(`^${source}$`, ignoreCase ? "iu" : "u").test(value);
}
