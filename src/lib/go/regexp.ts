// Regexp: tells whether agents can compile a regular expression, by the rules of Go's package
// regexp (RE2 syntax). It reads the syntax only: it matches nothing and translates nothing.
//
// Owns:     Go's grammar and its words for what is wrong.
// Not here: Go's limits on memory (a pattern that compiles to more than 128 MiB passes here).

/** Most repeats of one thing, nested ones multiplied. */
const REPEAT_MAX = 1_000;

/** Most levels of a pattern: groups, alternatives and repeats within each other. */
const HEIGHT_MAX = 1_000;

/** What is known of a pattern that compiles. */
export interface Regexp {
  /** Groups that capture, named or not. */
  readonly captures: number;
}

/** A part of a pattern: how often nested repeats copy it, and how many levels it has. */
interface Part {
  readonly copies: number;
  readonly height: number;
}

const LITERAL: Part = { copies: 1, height: 1 };

/** Parts one after the other, or one or the other; more than one is a level of its own. */
interface Parts {
  count: number;
  copies: number;
  height: number;
}

/** A group that is open, or the whole pattern. */
interface Group {
  readonly captures: boolean;
  /** The alternatives that are finished. */
  branches: Parts;
  /** The current alternative but its last part. */
  before: Parts;
  /** What a repeat would apply to; null at the beginning of an alternative. */
  last: Part | null;
}

interface Parser {
  readonly text: string;
  at: number;
  captures: number;
  readonly groups: Group[];
  /** Where the repeat begins that has just been read; null after anything else. */
  repeatedAt: number | null;
}

/**
 * Reads a pattern as `regexp.Compile` does.
 *
 * @throws {RangeError} With Go's words, such as "missing closing ): `(a`".
 * @see regexp/syntax/parse.go `Parse` of Go 1.19, which has no `(?<name>..)` yet
 */
export function parseRegexp(pattern: string): Regexp {
  if (!pattern.isWellFormed()) throw fault("invalid UTF-8", pattern);
  const parser: Parser = {
    text: pattern,
    at: 0,
    captures: 0,
    groups: [newGroup(false)],
    repeatedAt: null,
  };
  while (parser.at < pattern.length) readPart(parser);
  if (parser.groups.length > 1) throw fault("missing closing )", pattern);
  return { captures: parser.captures };
}

/** What is wrong with a pattern, in Go's words; null when it compiles. */
export function regexpFault(pattern: string): string | null {
  try {
    parseRegexp(pattern);
    return null;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function fault(what: string, where: string): RangeError {
  return new RangeError(`${what}: \`${where}\``);
}

function newGroup(captures: boolean): Group {
  return { captures, branches: noParts(), before: noParts(), last: null };
}

function noParts(): Parts {
  return { count: 0, copies: 1, height: 1 };
}

function add(parts: Parts, part: Part): void {
  parts.count += 1;
  parts.copies = Math.max(parts.copies, part.copies);
  parts.height = Math.max(parts.height, part.height);
}

function whole({ count, copies, height }: Parts): Part {
  return { copies, height: count > 1 ? height + 1 : height };
}

function readPart(parser: Parser): void {
  const repeatedAt = parser.repeatedAt;
  parser.repeatedAt = null;
  switch (parser.text[parser.at]) {
    case "(":
      openGroup(parser);
      break;
    case ")":
      closeGroup(parser);
      break;
    case "|":
      finishBranch(groupOf(parser));
      parser.at += 1;
      break;
    case "[":
      readClass(parser);
      push(parser, LITERAL);
      break;
    case "*":
    case "+":
    case "?":
      repeat(parser, { min: 0, max: 1, end: parser.at + 1, repeatedAt });
      break;
    case "{":
      readCount(parser, repeatedAt);
      break;
    case "\\":
      readEscape(parser);
      break;
    default:
      readCharacter(parser);
      push(parser, LITERAL);
  }
}

function groupOf({ groups }: Parser): Group {
  return groups.at(-1) as Group;
}

function push(parser: Parser, part: Part): void {
  const group = groupOf(parser);
  if (part.height > HEIGHT_MAX) throw fault("expression nests too deeply", parser.text);
  if (group.last !== null) add(group.before, group.last);
  group.last = part;
}

function finishBranch(group: Group): void {
  if (group.last !== null) add(group.before, group.last);
  add(group.branches, whole(group.before));
  group.before = noParts();
  group.last = null;
}

const NAMED = /\(\?P<([^>]*)>/y;
const FLAGS = /\(\?[imsU]*(?:-[imsU]+)?([:)])/y;
const BAD_FLAGS = /\(\?[imsU]*(?:-[imsU]*)?.?/suy;

function openGroup(parser: Parser): void {
  const { text, at } = parser;
  if (text[at + 1] !== "?") {
    parser.at += 1;
    openCapture(parser);
    return;
  }
  if (text.startsWith("P<", at + 2) && text.length > at + 4) {
    const [whole = "", name = ""] = match(parser, NAMED) ?? [];
    if (whole === "") throw fault("invalid named capture", text.slice(at));
    if (!/^\w+$/.test(name)) throw fault("invalid named capture", whole);
    openCapture(parser);
    return;
  }
  const flags = match(parser, FLAGS);
  if (flags === null) {
    const bad = match(parser, BAD_FLAGS)?.[0] ?? "(?";
    throw fault("invalid or unsupported Perl syntax", bad);
  }
  // `(?i)` alone is no group, and what stands before it can still be repeated.
  if (flags[1] === ":") parser.groups.push(newGroup(false));
}

function openCapture(parser: Parser): void {
  parser.captures += 1;
  parser.groups.push(newGroup(true));
}

function closeGroup(parser: Parser): void {
  const group = groupOf(parser);
  if (parser.groups.length === 1) throw fault("unexpected )", parser.text);
  finishBranch(group);
  parser.groups.pop();
  parser.at += 1;
  const inside = whole(group.branches);
  push(parser, group.captures ? { ...inside, height: inside.height + 1 } : inside);
}

const COUNT = /\{(0|[1-9]\d*)(,(0|[1-9]\d*)?)?\}/y;

/** A count such as {2}, {2,} or {2,3}; any other use of the brace stands for itself. */
function readCount(parser: Parser, repeatedAt: number | null): void {
  const { at } = parser;
  const count = match(parser, COUNT);
  if (count === null) {
    parser.at += 1;
    push(parser, LITERAL);
    return;
  }
  const [whole, least = "", more, most] = count;
  const min = Number(least);
  const max = more === undefined ? min : most === undefined ? min : Number(most);
  if (min > max || max > REPEAT_MAX) throw fault("invalid repeat count", whole);
  const end = parser.at;
  parser.at = at;
  repeat(parser, { min, max, end, repeatedAt });
}

interface Repeat {
  readonly min: number;
  /** The same as `min` when there is no limit: those copies are what the pattern costs. */
  readonly max: number;
  /** Where the operator ends, without the `?` of a lazy one. */
  readonly end: number;
  readonly repeatedAt: number | null;
}

function repeat(parser: Parser, { min, max, end, repeatedAt }: Repeat): void {
  const { text, at } = parser;
  const group = groupOf(parser);
  parser.at = text[end] === "?" ? end + 1 : end;
  const operator = text.slice(repeatedAt ?? at, parser.at);
  if (repeatedAt !== null) throw fault("invalid nested repetition operator", operator);
  const { last } = group;
  if (last === null) throw fault("missing argument to repetition operator", operator);
  const copies = max === 0 ? 1 : last.copies * max;
  if ((min >= 2 || max >= 2) && copies > REPEAT_MAX) throw fault("invalid repeat count", operator);
  group.last = null;
  push(parser, { copies, height: last.height + 1 });
  parser.repeatedAt = at;
}

const EDGE = /\\[AbBz]/y;
const QUOTED = /\\Q(.*?)(?:\\E|$)/sy;
const PERL_CLASS = /\\[dDsSwW]/y;

function readEscape(parser: Parser): void {
  const quoted = match(parser, QUOTED);
  if (quoted !== null) {
    // Only the last character of a quotation can be repeated; none of an empty one.
    const characters = [...(quoted[1] ?? "")].length;
    if (characters > 1) push(parser, LITERAL);
    if (characters > 0) push(parser, LITERAL);
    return;
  }
  const isClass = match(parser, EDGE) ?? match(parser, PERL_CLASS);
  if (isClass === null && !readUnicodeClass(parser)) readCharacter(parser);
  push(parser, LITERAL);
}

const UNICODE = /\\[pP](?:\{([^}]*)\}|(.))/suy;

/** True when there was a class such as \pN or \p{Greek}. */
function readUnicodeClass(parser: Parser): boolean {
  const { text, at } = parser;
  if (!/^\\[pP]./s.test(text.slice(at, at + 3))) return false;
  const [whole = "", long, short] = match(parser, UNICODE) ?? [];
  const name = long ?? short ?? "";
  if (whole === "" || short === "{") throw fault("invalid character class range", text.slice(at));
  if (!isUnicodeTable(name.replace(/^\^/, ""))) throw fault("invalid character class range", whole);
  return true;
}

/** The general categories that Go has tables of. */
const CATEGORIES = new Set(
  "Any C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So"
    .split(" ")
    .concat("Z", "Zl", "Zp", "Zs"),
);

/** Scripts are looked up in this runtime, which may know some that an old agent does not. */
function isUnicodeTable(name: string): boolean {
  if (CATEGORIES.has(name)) return true;
  if (!/^[A-Z]\w+$/.test(name)) return false;
  try {
    return new RegExp(`\\p{Script=${name}}`, "u") instanceof RegExp;
  } catch {
    return false;
  }
}

const POSIX_CLASS = /\[:(.*?):\]/sy;
const POSIX_NAME =
  /^\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit)$/;

function readClass(parser: Parser): void {
  const { text, at } = parser;
  parser.at += text[at + 1] === "^" ? 2 : 1;
  const first = parser.at;
  while (text[parser.at] !== "]" || parser.at === first) {
    const posix = match(parser, POSIX_CLASS);
    if (posix !== null) {
      if (!POSIX_NAME.test(posix[1] ?? "")) throw fault("invalid character class range", posix[0]);
      continue;
    }
    if (readUnicodeClass(parser) || match(parser, PERL_CLASS) !== null) continue;
    readRange(parser, text.slice(at));
  }
  parser.at += 1;
}

function readRange(parser: Parser, wholeClass: string): void {
  const { text, at } = parser;
  if (at >= text.length) throw fault("missing closing ]", wholeClass);
  const low = readCharacter(parser);
  // A dash before the bracket stands for itself.
  if (text[parser.at] !== "-" || parser.at + 1 >= text.length || text[parser.at + 1] === "]")
    return;
  parser.at += 1;
  const high = readCharacter(parser);
  if (high < low) throw fault("invalid character class range", text.slice(at, parser.at));
}

const OCTAL = /\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/y;
const HEX = /\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/y;
const CONTROL = /\\([afnrtv])/y;
const ITSELF = /\\([^0-9A-Za-z\u0080-\u{10ffff}])/uy;
/** What Go shows of an escape: the part that it had read when it gave up. */
const BAD_ESCAPE = /\\x\{[0-9A-Fa-f]*.?|\\x[^{].?|\\./suy;
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** One character, escaped or not, as its code point. */
function readCharacter(parser: Parser): number {
  const { text, at } = parser;
  if (text[at] !== "\\") {
    const plain = text.codePointAt(at) ?? 0;
    parser.at += plain > 0xffff ? 2 : 1;
    return plain;
  }
  if (at + 1 === text.length) throw fault("trailing backslash at end of expression", "");
  const octal = match(parser, OCTAL)?.[1];
  if (octal !== undefined) return Number.parseInt(octal, 8);
  const hex = match(parser, HEX);
  const point = Number.parseInt(hex?.[1] ?? hex?.[2] ?? "", 16);
  if (point <= 0x10ffff) return point;
  const control = match(parser, CONTROL)?.[1];
  if (control !== undefined) return CONTROLS[control] ?? 0;
  const itself = match(parser, ITSELF)?.[1];
  if (itself !== undefined) return itself.codePointAt(0) ?? 0;
  throw fault("invalid escape sequence", match(parser, BAD_ESCAPE)?.[0] ?? "");
}

/** What a sticky pattern finds here; what it found is then behind us. */
function match(parser: Parser, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = parser.at;
  const found = pattern.exec(parser.text);
  if (found !== null) parser.at += found[0].length;
  return found;
}
