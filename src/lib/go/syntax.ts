// Syntax: reads JSON as Go's encoding/json does, into a tree of values that know their bytes.
//
// The tree keeps what a plain value would lose and a typed decoder needs: the order of members,
// repeated members, the digits of numbers, and where each value begins and ends. Nothing here
// recurses: Go accepts 10,000 levels, more than a JavaScript stack holds.
import { quoteByte } from "./quote.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Bytes from `start` up to, not including, `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

export type JsonNode = Span &
  (
    | { readonly kind: "null" }
    | { readonly kind: "bool"; readonly value: boolean }
    | { readonly kind: "number"; readonly digits: string }
    | { readonly kind: "string"; readonly text: string }
    | { readonly kind: "array"; readonly items: readonly JsonNode[] }
    | { readonly kind: "object"; readonly members: readonly JsonMember[] }
  );

/** One member of an object. Several may have the same key. */
export interface JsonMember {
  readonly key: string;
  /** Where the key begins, with its quotation mark. */
  readonly at: number;
  readonly value: JsonNode;
}

/** What is wrong with a JSON text: Go's message, and the byte where it shows. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  readonly offset: number;

  constructor(message: string, offset: number, options?: ErrorOptions) {
    super(message, options);
    this.offset = offset;
  }
}

/** Arrays and objects may be nested this deep. @see encoding/json/scanner.go `maxNestingDepth` */
const DEPTH_MAX = 10_000;

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** An array or object whose end has not been read. `key` is that of the member being read. */
type Open =
  | { readonly kind: "array"; readonly start: number; readonly items: JsonNode[] }
  | {
      readonly kind: "object";
      readonly start: number;
      readonly members: JsonMember[];
      key: string;
      at: number;
    };

/**
 * The one JSON value in `bytes`.
 *
 * @throws {JsonError} With the message of Go's json.Unmarshal.
 * @see encoding/json/scanner.go of Go 1.19; test/golden/json
 */
export function parseJson(bytes: Uint8Array): JsonNode {
  const cursor: Cursor = { bytes, at: 0 };
  const open: Open[] = [];
  let value = beginValue(cursor, open);
  for (;;) {
    const parent = open.at(-1);
    if (value === null) {
      value = beginValue(cursor, open);
    } else if (parent === undefined) {
      if (skipSpace(cursor) !== null) throw unexpected(cursor, "after top-level value");
      return value;
    } else {
      if (parent.kind === "array") parent.items.push(value);
      else parent.members.push({ key: parent.key, at: parent.at, value });
      value = endValue(cursor, open);
    }
  }
}

/** Reads a value that has no parts; opens one that has, and answers null. */
function beginValue(cursor: Cursor, open: Open[]): JsonNode | null {
  const first = skipSpace(cursor);
  const start = cursor.at;
  switch (first) {
    case null:
      throw unexpectedEnd(cursor);
    case "[":
    case "{":
      return beginContainer(cursor, open);
    case '"': {
      const text = readString(cursor);
      return { kind: "string", text, start, end: cursor.at };
    }
    case "t":
      return { kind: "bool", value: true, start, end: readWord(cursor, "true") };
    case "f":
      return { kind: "bool", value: false, start, end: readWord(cursor, "false") };
    case "n":
      return { kind: "null", start, end: readWord(cursor, "null") };
    default: {
      if (first !== "-" && !isDigit(first)) {
        throw unexpected(cursor, "looking for beginning of value");
      }
      const digits = readNumber(cursor);
      return { kind: "number", digits, start, end: cursor.at };
    }
  }
}

/** Answers the value if it is empty, otherwise null. */
function beginContainer(cursor: Cursor, open: Open[]): JsonNode | null {
  const start = cursor.at;
  const isArray = peek(cursor) === "[";
  if (open.length === DEPTH_MAX) throw unexpected(cursor, "exceeded max depth");
  cursor.at++;
  if (isArray) {
    open.push({ kind: "array", start, items: [] });
    return skipSpace(cursor) === "]" ? close(cursor, open) : null;
  }
  open.push({ kind: "object", start, members: [], key: "", at: start });
  if (skipSpace(cursor) === "}") return close(cursor, open);
  readKey(cursor, open);
  return null;
}

/** After a part of an array or object: answers the whole if that was its last, otherwise null. */
function endValue(cursor: Cursor, open: Open[]): JsonNode | null {
  const isArray = open.at(-1)?.kind === "array";
  switch (skipSpace(cursor)) {
    case null:
      throw unexpectedEnd(cursor);
    case ",":
      cursor.at++;
      if (!isArray) readKey(cursor, open);
      return null;
    case isArray ? "]" : "}":
      return close(cursor, open);
    default:
      throw unexpected(cursor, isArray ? "after array element" : "after object key:value pair");
  }
}

function close(cursor: Cursor, open: Open[]): JsonNode | null {
  const container = open.pop();
  if (container === undefined) return null;
  const span = { start: container.start, end: ++cursor.at };
  return container.kind === "array"
    ? { kind: "array", items: container.items, ...span }
    : { kind: "object", members: container.members, ...span };
}

function readKey(cursor: Cursor, open: Open[]): void {
  const first = skipSpace(cursor);
  if (first === null) throw unexpectedEnd(cursor);
  if (first !== '"') throw unexpected(cursor, "looking for beginning of object key string");
  const object = open.at(-1);
  const { at } = cursor;
  const key = readString(cursor);
  if (object?.kind === "object") {
    object.key = key;
    object.at = at;
  }
  const next = skipSpace(cursor);
  if (next === null) throw unexpectedEnd(cursor);
  if (next !== ":") throw unexpected(cursor, "after object key");
  cursor.at++;
}

function readWord(cursor: Cursor, word: string): number {
  for (const letter of word) {
    if (peek(cursor) !== letter) {
      throw unexpected(cursor, `in literal ${word} (expecting '${letter}')`);
    }
    cursor.at++;
  }
  return cursor.at;
}

function readNumber(cursor: Cursor): string {
  const start = cursor.at;
  if (peek(cursor) === "-") cursor.at++;
  // A zero stands alone: what follows it is not part of the number.
  if (peek(cursor) === "0") cursor.at++;
  else readDigits(cursor, "in numeric literal");
  if (peek(cursor) === ".") {
    cursor.at++;
    readDigits(cursor, "after decimal point in numeric literal");
  }
  if (/[eE]/.test(peek(cursor))) {
    cursor.at++;
    if (/[+-]/.test(peek(cursor))) cursor.at++;
    readDigits(cursor, "in exponent of numeric literal");
  }
  return decodeUtf8(cursor.bytes.subarray(start, cursor.at));
}

function readDigits(cursor: Cursor, context: string): void {
  if (!isDigit(peek(cursor))) throw unexpected(cursor, context);
  while (isDigit(peek(cursor))) cursor.at++;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The text of the string that begins at the cursor, its escapes undone. */
function readString(cursor: Cursor): string {
  const { bytes } = cursor;
  let text = "";
  let kept = ++cursor.at;
  for (;;) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw unexpectedEnd(cursor);
    if (byte < 0x20) throw unexpected(cursor, "in string literal");
    if (byte !== QUOTE && byte !== BACKSLASH) {
      cursor.at++;
      continue;
    }
    const part = decodeUtf8(bytes.subarray(kept, cursor.at));
    cursor.at++;
    if (byte === QUOTE) return text + part;
    text += part + readEscape(cursor);
    kept = cursor.at;
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** The character that an escape stands for; the cursor is after its backslash. */
function readEscape(cursor: Cursor): string {
  const letter = peek(cursor);
  const character = ESCAPES.get(letter);
  if (character === undefined && letter !== "u") throw unexpected(cursor, "in string escape code");
  cursor.at++;
  if (character !== undefined) return character;
  for (let digit = 0; digit < 4; digit++) {
    if (!isHexadecimal(peek(cursor))) {
      throw unexpected(cursor, "in \\u hexadecimal character escape");
    }
    cursor.at++;
  }
  const unit = unitAt(cursor.bytes, cursor.at - 6);
  const next = unitAt(cursor.bytes, cursor.at);
  // Half of a pair becomes U+FFFD; what follows it is read on its own.
  const isPair = isHighSurrogate(unit) && next !== null && isLowSurrogate(next);
  if (!isPair) return String.fromCharCode(unit ?? 0).toWellFormed();
  cursor.at += 6;
  return String.fromCharCode(unit ?? 0, next);
}

/** The UTF-16 unit that a `\uXXXX` at `at` stands for, or null when there is none. */
function unitAt(bytes: Uint8Array, at: number): number | null {
  const text = String.fromCharCode(...bytes.subarray(at, at + 6));
  return /^\\u[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text.slice(2), 16) : null;
}

function isHighSurrogate(unit: number | null): boolean {
  return unit !== null && unit >= 0xd800 && unit < 0xdc00;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}

function isHexadecimal(character: string): boolean {
  return /^[0-9a-fA-F]$/.test(character);
}

/**
 * The byte at the cursor as a character. Past the end it is a space, as for Go's scanner: a text
 * cut off within a word or number is reported as an unexpected space.
 */
function peek(cursor: Cursor): string {
  return String.fromCharCode(cursor.bytes[cursor.at] ?? 0x20);
}

/** The next byte that is not space, as a character; null at the end of the text. */
function skipSpace(cursor: Cursor): string | null {
  const { bytes } = cursor;
  for (;;) {
    const byte = bytes[cursor.at];
    if (byte === undefined) return null;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
      return String.fromCharCode(byte);
    }
    cursor.at++;
  }
}

function unexpected(cursor: Cursor, context: string): JsonError {
  const byte = cursor.bytes[cursor.at] ?? 0x20;
  return new JsonError(`invalid character ${quoteByte(byte)} ${context}`, cursor.at);
}

function unexpectedEnd(cursor: Cursor): JsonError {
  return new JsonError("unexpected end of JSON input", cursor.at);
}
