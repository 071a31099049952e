// Json: reading and writing JSON with the results that Go's encoding/json has.
//
// The API signs and verifies what Go makes of the posted text: objects with their keys sorted by
// UTF-8 bytes, `<`, `>` and `&` escaped, -0 kept. This is a formulation of its own, apart from the
// runner's encoder: the two must agree, and the sandbox is where it shows when they do not.

/** A JSON value; objects are maps, so that no key is special. */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

/** Nesting that Go accepts. Where the stack ends sooner, a RangeError comes instead. */
const DEPTH_MAX = 10_000;

/** A text that is not JSON; the message is Go's where it is common. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/**
 * Reads one JSON text. The last of two equal keys wins.
 *
 * @throws {JsonError} with the words of Go's encoding/json.
 */
export function parseJson(text: string): Json {
  const reader = { text, at: 0 };
  const value = readValue(reader, 0);
  skipBlanks(reader);
  if (reader.at < text.length) throw unexpected(reader, "after top-level value");
  return value;
}

interface Reader {
  readonly text: string;
  at: number;
}

function skipBlanks(reader: Reader): void {
  while (" \t\r\n".includes(reader.text[reader.at] ?? "x")) reader.at++;
}

function unexpected(reader: Reader, where: string): JsonError {
  const character = reader.text[reader.at];
  if (character === undefined) return new JsonError("unexpected end of JSON input");
  const shown = character === "'" ? "'\\''" : character === '"' ? "'\"'" : `'${character}'`;
  return new JsonError(`invalid character ${shown} ${where}`);
}

function readValue(reader: Reader, depth: number): Json {
  if (depth > DEPTH_MAX) throw new JsonError("exceeded max depth");
  skipBlanks(reader);
  const character = reader.text[reader.at];
  if (character === "{") return readObject(reader, depth);
  if (character === "[") return readArray(reader, depth);
  if (character === '"') return readString(reader);
  for (const [word, value] of [
    ["true", true],
    ["false", false],
    ["null", null],
  ] as const) {
    if (reader.text.startsWith(word, reader.at)) {
      reader.at += word.length;
      return value;
    }
  }
  return readNumber(reader);
}

function readObject(reader: Reader, depth: number): Json {
  const members = new Map<string, Json>();
  reader.at++;
  skipBlanks(reader);
  if (reader.text[reader.at] === "}") {
    reader.at++;
    return members;
  }
  for (;;) {
    skipBlanks(reader);
    if (reader.text[reader.at] !== '"') {
      throw unexpected(reader, "looking for beginning of object key string");
    }
    const key = readString(reader);
    skipBlanks(reader);
    if (reader.text[reader.at] !== ":") throw unexpected(reader, "after object key");
    reader.at++;
    members.set(key, readValue(reader, depth + 1));
    skipBlanks(reader);
    const next = reader.text[reader.at];
    if (next !== "," && next !== "}") throw unexpected(reader, "after object key:value pair");
    reader.at++;
    if (next === "}") return members;
  }
}

function readArray(reader: Reader, depth: number): Json {
  const items: Json[] = [];
  reader.at++;
  skipBlanks(reader);
  if (reader.text[reader.at] === "]") {
    reader.at++;
    return items;
  }
  for (;;) {
    items.push(readValue(reader, depth + 1));
    skipBlanks(reader);
    const next = reader.text[reader.at];
    if (next !== "," && next !== "]") throw unexpected(reader, "after array element");
    reader.at++;
    if (next === "]") return items;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

function readString(reader: Reader): string {
  STRING.lastIndex = reader.at;
  const match = STRING.exec(reader.text);
  if (match === null) throw brokenString(reader);
  reader.at += match[0].length;
  return (JSON.parse(match[0]) as string).toWellFormed();
}

/** The error of a string that does not end, or that holds what a string must not. */
function brokenString(reader: Reader): JsonError {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these.
  const good = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
  good.lastIndex = reader.at + 1;
  good.exec(reader.text);
  reader.at = good.lastIndex;
  if (reader.text[reader.at] !== "\\") return unexpected(reader, "in string literal");
  reader.at++;
  return unexpected(reader, "in string escape code");
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function readNumber(reader: Reader): number {
  NUMBER.lastIndex = reader.at;
  const match = NUMBER.exec(reader.text);
  if (match === null) throw unexpected(reader, "looking for beginning of value");
  const value = Number(match[0]);
  if (!Number.isFinite(value)) {
    throw new JsonError(`json: cannot unmarshal number ${match[0]} into Go value of type float64`);
  }
  reader.at += match[0].length;
  return value;
}

/**
 * JSON in one line as Go's json.Marshal writes it.
 *
 * @param order "given" keeps the members in their order, as for a Go struct. @default "sorted"
 */
export function encodeJson(value: Json, order: "sorted" | "given" = "sorted"): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return encodeString(value);
  if (value instanceof Map) {
    const members = [...value];
    if (order === "sorted") members.sort(([left], [right]) => compareBytes(left, right));
    return `{${members.map(([key, member]) => encodeMember(key, member, order)).join(",")}}`;
  }
  return `[${(value as readonly Json[]).map((item) => encodeJson(item, order)).join(",")}]`;
}

const SURROGATE = /[\ud800-\udfff]/;

function encodeMember(key: string, value: Json, order: "sorted" | "given"): string {
  return `${encodeString(key)}:${encodeJson(value, order)}`;
}

/** By UTF-8 bytes, which differs from the order of code units only with surrogates. */
function compareBytes(left: string, right: string): number {
  if (!SURROGATE.test(left) && !SURROGATE.test(right)) return left < right ? -1 : 1;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that Go escapes.
const ESCAPED = /["\\<>&\u0000-\u001f\u2028\u2029]/g;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** A JSON string as Go 1.19 writes it: backspace and form feed have no short form there. */
export function encodeString(text: string): string {
  const escaped = text
    .toWellFormed()
    .replace(
      ESCAPED,
      (character) =>
        SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return `"${escaped}"`;
}

/** A plain JavaScript value as Json: objects become maps, undefined members are left out. */
export function jsonOf(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return value;
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Map) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([key, member]) => [key, jsonOf(member)]));
}

/** The plain JavaScript value of a Json. */
export function plainOf(value: Json): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, member]) => [key, plainOf(member)]));
  }
  return Array.isArray(value) ? value.map(plainOf) : value;
}
