// Scanner: gcfg text into tokens, byte for byte as the original's library cuts it.
//
// Owns:     what is a name, a quoted string, a value, a comment; the faults inside them.
// Not here: the order of tokens and what they mean (gcfg.ts).
//
// The scanner looks one rune ahead, and reports a fault when it looks at the rune, not when it
// reads the token. Keep that order: it decides which mistake is the first of a file.

/** Something inside a token that no gcfg text may hold. `at` is a byte offset. */
export interface Fault {
  readonly at: number;
  readonly message: string;
}

/** `line` is the end of a line, `end` that of the file; comments are no tokens. */
export type TokenKind =
  | "name"
  | "string"
  | "value"
  | "open"
  | "close"
  | "assign"
  | "line"
  | "end"
  | "illegal";

/** One token. `at` is the byte offset of its first byte. */
export interface Token {
  readonly kind: TokenKind;
  readonly at: number;
  /** The name, or the string or value without quotes and escapes; otherwise empty. */
  readonly text: string;
  /** A comment begins right behind an unquoted character of this value, as in `5#3`. */
  readonly cut: boolean;
}

/** Where the scanner stands. Make one with `openScanner`; only this file changes it. */
export interface Scanner {
  readonly bytes: Uint8Array;
  /** Byte offsets at which lines begin. */
  readonly lines: readonly number[];
  /** Byte offset of `rune`. */
  at: number;
  /** Byte offset behind `rune`. */
  behind: number;
  /** The code point looked at; `END` behind the last one. */
  rune: number;
  /** The next token is a value, because an equals sign was the last one. */
  wantsValue: boolean;
  /** Faults met so far and not yet taken by the reader, in the order of meeting. */
  faults: Fault[];
}

const END = -1;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const REPLACEMENT = 0xfffd;

const ONE_RUNE_TOKENS: ReadonlyMap<number, TokenKind> = new Map([
  [END, "end"],
  [LINE_FEED, "line"],
  [0x5b, "open"],
  [0x5d, "close"],
  [0x3d, "assign"],
]);
const COMMENT_STARTS: ReadonlySet<number> = new Set([0x3b, 0x23]);
const VALUE_ESCAPES = '\\"nt';
const NAME_ESCAPES = '\\"';

/** A scanner before the first token of `bytes`. */
export function openScanner(bytes: Uint8Array): Scanner {
  const scanner: Scanner = {
    bytes,
    lines: lineStarts(bytes),
    at: 0,
    behind: 0,
    rune: SPACE,
    wantsValue: false,
    faults: [],
  };
  step(scanner);
  return scanner;
}

/**
 * The next token. Faults inside it are added to `scanner.faults`; a token comes back all the same.
 * @see gcfg.v1 `scanner.Scan`; test/golden/gcfg.
 */
export function scanToken(scanner: Scanner): Token {
  skipBlanks(scanner);
  while (!scanner.wantsValue && COMMENT_STARTS.has(scanner.rune)) {
    skipLine(scanner);
  }
  const { at, rune } = scanner;
  if (scanner.wantsValue) return scanValue(scanner);
  if (isLetter(rune)) return token("name", at, scanName(scanner));
  step(scanner);
  if (rune === QUOTE) return token("string", at, scanQuoted(scanner, at));
  const kind = ONE_RUNE_TOKENS.get(rune);
  scanner.wantsValue = kind === "assign";
  if (kind !== undefined) return token(kind, at);
  scanner.faults.push({ at, message: `illegal character ${runeName(rune)}` });
  return token("illegal", at);
}

/** Goes to the end of the line, over whatever is left of it. */
export function skipLine(scanner: Scanner): void {
  scanner.wantsValue = false;
  while (scanner.rune !== LINE_FEED && scanner.rune !== END) step(scanner);
}

/**
 * Line and column of a byte offset, both from 1. Columns count bytes, and the end of a file that
 * ends in a line feed is still on the line before it, as in the original's messages.
 */
export function positionOf({ lines }: Scanner, at: number): { line: number; column: number } {
  let low = 0;
  let high = lines.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: at - (lines[low] ?? 0) + 1 };
}

/** Where lines begin. Nothing begins at the end of the file. */
function lineStarts(bytes: Uint8Array): readonly number[] {
  const starts = [0];
  bytes.forEach((byte, index) => {
    if (byte === LINE_FEED && index + 1 < bytes.length) starts.push(index + 1);
  });
  return starts;
}

function token(kind: TokenKind, at: number, text = "", cut = false): Token {
  return { kind, at, text, cut };
}

/** Looks at the next rune. */
function step(scanner: Scanner): void {
  const { bytes } = scanner;
  scanner.at = scanner.behind;
  const lead = bytes[scanner.at];
  if (lead === undefined) {
    scanner.rune = END;
    return;
  }
  if (lead === 0) scanner.faults.push({ at: scanner.at, message: "illegal character NUL" });
  const rune = lead < 0x80 ? lead : decodeRune(bytes, scanner.at);
  if (rune === null) scanner.faults.push({ at: scanner.at, message: "illegal UTF-8 encoding" });
  scanner.rune = rune ?? REPLACEMENT;
  scanner.behind = scanner.at + (rune === null ? 1 : runeWidth(lead));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The code point at `at`, or null where the bytes are no UTF-8. */
function decodeRune(bytes: Uint8Array, at: number): number | null {
  try {
    const text = utf8.decode(bytes.subarray(at, at + runeWidth(bytes[at] ?? 0)));
    return text.codePointAt(0) ?? null;
  } catch {
    return null;
  }
}

function runeWidth(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

/** The original takes a carriage return for a blank, so CRLF files work. */
function isBlank(rune: number): boolean {
  return rune === SPACE || rune === TAB || rune === RETURN;
}

function skipBlanks(scanner: Scanner): void {
  while (isBlank(scanner.rune)) step(scanner);
}

/** For ASCII, which nearly all of it is, nothing of Unicode is loaded. */
function isLetter(rune: number): boolean {
  if (rune < 0x80) return /[A-Za-z]/.test(String.fromCharCode(rune));
  return /\p{L}/u.test(String.fromCodePoint(rune));
}

function isInName(rune: number): boolean {
  if (rune < 0x80) return /[A-Za-z\d-]/.test(String.fromCharCode(rune));
  return /[\p{L}\p{Nd}]/u.test(String.fromCodePoint(rune));
}

function scanName(scanner: Scanner): string {
  const start = scanner.at;
  while (isInName(scanner.rune)) step(scanner);
  return textBetween(scanner, start, scanner.at);
}

/** A quoted name behind its opening quote, which stands at `start`. */
function scanQuoted(scanner: Scanner, start: number): string {
  while (scanner.rune !== QUOTE) {
    const { rune } = scanner;
    if (rune === LINE_FEED || rune === END) {
      scanner.faults.push({ at: start, message: "string not terminated" });
      return "";
    }
    step(scanner);
    if (rune === BACKSLASH) scanEscape(scanner, NAME_ESCAPES);
  }
  step(scanner);
  return unquote(textBetween(scanner, start, scanner.at));
}

/** The rest of a line up to a comment; quoted parts and continued lines may be anywhere in it. */
function scanValue(scanner: Scanner): Token {
  scanner.wantsValue = false;
  const start = scanner.at;
  let end = start;
  let quoted = false;
  let bare = false;
  while (quoted || !endsValue(scanner.rune)) {
    const { rune } = scanner;
    if (rune === LINE_FEED || rune === END) {
      scanner.faults.push({ at: start, message: "string not terminated" });
      break;
    }
    step(scanner);
    if (rune === QUOTE) quoted = !quoted;
    else if (rune === BACKSLASH && quoted) scanEscape(scanner, VALUE_ESCAPES);
    else if (rune === BACKSLASH && !continueLine(scanner)) {
      scanner.faults.push({ at: start, message: "unquoted '\\' must be followed by new line" });
      break;
    }
    bare = !quoted && rune !== QUOTE && rune !== BACKSLASH && !isBlank(rune);
    if (quoted || !isBlank(rune)) end = scanner.at;
  }
  // A carriage return is dropped wherever it is, inside quotes too.
  const text = unquote(textBetween(scanner, start, end).replaceAll("\r", ""));
  return token("value", start, text, bare && COMMENT_STARTS.has(scanner.rune));
}

function endsValue(rune: number): boolean {
  return rune === END || rune === LINE_FEED || COMMENT_STARTS.has(rune);
}

function scanEscape(scanner: Scanner, known: string): void {
  const { at, rune } = scanner;
  step(scanner);
  if (rune === END || !known.includes(String.fromCodePoint(rune))) {
    scanner.faults.push({ at, message: "unknown escape sequence" });
  }
}

/** Goes over the end of line behind a backslash; false when something else is there. */
function continueLine(scanner: Scanner): boolean {
  if (scanner.rune === RETURN) step(scanner);
  if (scanner.rune !== LINE_FEED) return false;
  step(scanner);
  return true;
}

function textBetween(scanner: Scanner, start: number, end: number): string {
  // Faulty bytes become U+FFFD here: their fault is noted, and nobody uses the text.
  const lax = new TextDecoder("utf-8", { ignoreBOM: true });
  return lax.decode(scanner.bytes.subarray(start, end));
}

/** Without quotes, escapes resolved, continued lines joined. Faulty escapes stay as they are. */
function unquote(raw: string): string {
  return raw.replace(/\\([\s\S])|"/g, (whole, escaped: string | undefined) => {
    if (escaped === undefined) return "";
    if (escaped === "n") return "\n";
    if (escaped === "t") return "\t";
    if (escaped === "\n") return "";
    return escaped === '"' || escaped === "\\" ? escaped : whole;
  });
}

/** As Go's `%#U`: the number, and the character itself where it can be printed. */
function runeName(rune: number): string {
  const number = `U+${rune.toString(16).toUpperCase().padStart(4, "0")}`;
  const character = String.fromCodePoint(rune);
  return /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character) ? `${number} '${character}'` : number;
}
