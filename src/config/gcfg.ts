// Gcfg: the original's configuration language, read by its exact rules.
//
//   [section] or [section "subsection"], then lines of `key = value` or a lone `key`.
//
// Owns:     the order of tokens, the table of values, which mistakes there are and their order.
// Not here: single characters (scanner.ts), numbers and yes or no (scalars.ts), what a key means
//           (runner.ts, client.ts).
//
// The original stops at its first mistake. This reader goes on behind the line, so that one look
// shows all; the first mistake is always the original's, with its text and position.
import type { RunnerError } from "../errors.ts";
import { parseInteger, parseTruth, quoteGo } from "./scalars.ts";
import {
  type Fault,
  openScanner,
  positionOf,
  type Scanner,
  scanToken,
  skipLine,
  type Token,
} from "./scanner.ts";
import {
  isList,
  type KeySpec,
  mistakeAt,
  type Position,
  type Reading,
  type ReadOptions,
  type SectionSpec,
  type Setting,
  type SettingValue,
  unknownKey,
  unknownSection,
  warningAt,
} from "./settings.ts";

/** The section that lines go to. `spec` is null after a header that could not be used. */
interface Place {
  readonly spec: SectionSpec | null;
  readonly name: string;
  readonly subsection: string;
  readonly values: Map<string, Setting>;
}

interface Reader {
  readonly options: ReadOptions;
  readonly scanner: Scanner;
  readonly sections: Map<string, Map<string, Setting>>;
  readonly subsections: Map<string, Map<string, Map<string, Setting>>>;
  readonly mistakes: RunnerError[];
  readonly warnings: string[];
  /** Keys for which the warning was given that they are set more than once. */
  readonly repeated: Set<string>;
  /** Null before the first header. */
  place: Place | null;
  /** Whether a key before the first header was reported already. */
  headless: boolean;
}

/** The section after a header that could not be read: keys are only checked for their form. */
const NOWHERE: Place = { spec: null, name: "", subsection: "", values: new Map() };

/**
 * Reads a gcfg file.
 *
 * Names are the same in any letter case. The last of several equal keys wins; a list gathers them,
 * and a lone key empties it. A value may be quoted in whole or in part, and ends at `;` or `#`.
 *
 * @returns What could be read, and all mistakes of the file.
 * @see gcfg.v1 ReadFileInto; test/golden/gcfg.
 */
export function readGcfg(bytes: Uint8Array, options: ReadOptions): Reading {
  const reader: Reader = {
    options,
    scanner: openScanner(bytes),
    sections: new Map(),
    subsections: new Map(),
    mistakes: [],
    warnings: [],
    repeated: new Set(),
    place: null,
    headless: false,
  };
  let token = scanToken(reader.scanner);
  for (;;) {
    const faults = takeFaults(reader);
    if (faults.length > 0) token = recover(reader, token, faults);
    else if (token.kind === "end") break;
    else token = readStatement(reader, token);
  }
  const { sections, subsections, warnings, mistakes } = reader;
  return { file: { path: options.path, sections, subsections, warnings }, mistakes };
}

/** Moves the scanner's faults to the mistakes. */
function takeFaults(reader: Reader): readonly Fault[] {
  const { faults } = reader.scanner;
  if (faults.length > 0) reader.scanner.faults = [];
  for (const { at, message } of faults) {
    // A file in another encoding has many such characters: only the first is reported.
    const isTold =
      ENCODING.test(message) && reader.mistakes.some((one) => ENCODING.test(one.message));
    if (!isTold) addMistake(reader, at, { message });
  }
  return faults;
}

/** What the scanner says of bytes that are no text in UTF-8. */
const ENCODING = /^illegal (?:UTF-8 encoding|character NUL|character U\+FFFD)/;

function addMistake(reader: Reader, at: number, text: { message: string; hint?: string }): void {
  const hint = text.hint ?? SYNTAX_HINTS.find(([pattern]) => pattern.test(text.message))?.[1];
  const { message } = text;
  reader.mistakes.push(mistakeAt(reader.options, positionAt(reader, at), { message, hint }));
}

/** Hints for the original's messages. The first that matches is used. */
const SYNTAX_HINTS: readonly (readonly [message: RegExp, hint: string])[] = [
  [/^illegal character U\+FEFF/, "Save the file without a byte order mark"],
  [/^illegal character NUL/, "Save the file as text without NUL characters"],
  [/^illegal UTF-8/, "Save the file as UTF-8"],
  [/^string not terminated/, "End the value with a double quote in the same line"],
  [/^unknown escape/, String.raw`Inside quotes write \\, \", \n or \t`],
  [/^unquoted '\\'/, "Put the value in double quotes, and write each backslash twice"],
  [/section name|right bracket/, "Write a section as [name]"],
  [/^expected EOL/, "Begin a new line behind the section's name"],
  [/^expected '='|^illegal character/, "Write a line as key = value, the value in double quotes"],
];

function positionAt(reader: Reader, at: number): Position {
  return positionOf(reader.scanner, at);
}

/**
 * The token to go on with after a mistake: the first of the next line. `token` is the last one
 * that was read; when it is the line's end and every fault lies before it, nothing is lost.
 */
function recover(reader: Reader, token: Token, faults: readonly Fault[] = []): Token {
  const { scanner } = reader;
  const atEnd = token.kind === "line" || token.kind === "end";
  if (atEnd && faults.every((fault) => fault.at < token.at)) return token;
  skipLine(scanner);
  // A header that could not be read must not give its keys to the section before it.
  const start = scanner.at === 0 ? 0 : scanner.bytes.lastIndexOf(0x0a, scanner.at - 1) + 1;
  const line = new TextDecoder().decode(scanner.bytes.subarray(start, scanner.at));
  if (/^[^\p{L}=]*\[/u.test(line)) reader.place = NOWHERE;
  return scanToken(scanner);
}

/** Reads one statement from its first token on; returns the first token behind it. */
function readStatement(reader: Reader, first: Token): Token {
  if (first.kind === "line") return scanToken(reader.scanner);
  if (first.kind === "open") return readHeader(reader);
  if (reader.place === null) {
    if (!reader.headless) {
      const hint = "Begin with a section, such as [runner]";
      addMistake(reader, first.at, { message: "expected section header", hint });
    }
    reader.headless = true;
    return recover(reader, first);
  }
  if (first.kind === "name") return readVariable(reader, { place: reader.place, name: first });
  const message = "expected section header or variable declaration";
  const hint = "Write a line as [section], key = value or # comment";
  addMistake(reader, first.at, { message, hint });
  return recover(reader, first);
}

/** `[name]` or `[name "subsection"]`, behind its opening bracket. */
function readHeader(reader: Reader): Token {
  const { scanner } = reader;
  reader.place = NOWHERE;
  const fail = (token: Token, message: string): Token => {
    addMistake(reader, token.at, { message });
    return recover(reader, token);
  };
  const name = scanToken(scanner);
  if (scanner.faults.length > 0) return name;
  if (name.kind !== "name") return fail(name, "expected section name");
  let token = scanToken(scanner);
  if (scanner.faults.length > 0) return token;
  let subsection = "";
  if (token.kind === "string") {
    subsection = token.text;
    if (subsection === "") return fail(token, "empty subsection name");
    token = scanToken(scanner);
    if (scanner.faults.length > 0) return token;
  }
  if (token.kind !== "close") {
    const wanted = subsection === "" ? "subsection name or right bracket" : "right bracket";
    return fail(token, `expected ${wanted}`);
  }
  openPlace(reader, name, subsection);
  token = scanToken(scanner);
  if (token.kind === "line" || token.kind === "end") return token;
  // The header itself is clear: what stands behind it does not close its section.
  const { place } = reader;
  scanner.faults = [];
  const next = fail(token, "expected EOL, EOF, or comment");
  reader.place = place;
  return next;
}

/** Opens the section of a header for the keys that follow, or reports why it cannot. */
function openPlace(reader: Reader, header: Token, subsection: string): void {
  const { options } = reader;
  const at = positionAt(reader, header.at);
  const name = foldName(header.text);
  const spec = Object.hasOwn(options.schema, name) ? options.schema[name] : undefined;
  if (spec === undefined) {
    reader.mistakes.push(unknownSection(options, header.text, at));
    return;
  }
  const refuse = (message: string, hint: string): void => {
    reader.mistakes.push(mistakeAt(options, at, { message, hint }));
  };
  const section = quoteGo(header.text);
  if (spec.shape === "scalar") {
    refuse(`field for section must be a map or a struct: section ${section}`, "Remove it");
    return;
  }
  if (spec.shape === "struct") {
    if (subsection !== "") {
      const message = `can't store data at section "${header.text}", subsection "${subsection}"`;
      refuse(message, `Write [${name}]`);
      return;
    }
    const values = entryOf(reader.sections, name, () => new Map<string, Setting>());
    reader.place = { spec, name: header.text, subsection, values };
    return;
  }
  if (spec.internal !== true && subsection === "") {
    refuse(`can't store data at section "${header.text}"`, `Name it: [${name} "NAME"]`);
    return;
  }
  const group = entryOf(reader.subsections, name, () => new Map<string, Map<string, Setting>>());
  const values = entryOf(group, subsection, () => new Map<string, Setting>());
  reader.place = { spec, name: header.text, subsection, values };
}

function entryOf<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** Lower case as Go's strings.EqualFold compares names: U+017F is an s, U+212A a k. */
function foldName(name: string): string {
  return name.replaceAll("\u017f", "s").toLowerCase();
}

/** `key` or `key = value`, behind the key. */
function readVariable(reader: Reader, { place, name }: { place: Place; name: Token }): Token {
  const { scanner } = reader;
  const next = scanToken(scanner);
  if (scanner.faults.length > 0) return next;
  if (next.kind === "line" || next.kind === "end") {
    storeVariable(reader, { place, name, value: null });
    return next;
  }
  if (next.kind !== "assign") {
    addMistake(reader, next.at, { message: "expected '='" });
    return recover(reader, next);
  }
  const value = scanToken(scanner);
  if (scanner.faults.length > 0) return value;
  const behind = scanToken(scanner);
  // Faults of a comment behind the value come first, as in the original.
  const faults = takeFaults(reader);
  storeVariable(reader, { place, name, value });
  return faults.length > 0 ? recover(reader, behind, faults) : behind;
}

/** One line `key = value` of a section; `value` is null for a lone key. */
interface Variable {
  readonly place: Place;
  readonly name: Token;
  readonly value: Token | null;
}

function storeVariable(reader: Reader, variable: Variable): void {
  const { spec, values, name: section, subsection } = variable.place;
  if (spec === null) return;
  const key = variable.name.text;
  const name = spec.shape === "free" ? key : foldName(key);
  const at = positionAt(reader, variable.name.at);
  const known = spec.shape === "free" ? FREE_KEY : keyOf(spec, name);
  if (known === null) {
    reader.mistakes.push(unknownKey(reader.options, { spec, section, subsection, key }, at));
    return;
  }
  warnAbout(reader, variable, { known, name });
  const place = variable.value === null ? at : positionAt(reader, variable.value.at);
  try {
    const before = values.get(name)?.value;
    if (before !== undefined && known.kind !== "list" && spec.shape !== "free") {
      warnOfRepeat(reader, { section, key: name, at });
    }
    const value =
      spec.shape === "free" ? freeValue(variable, before) : typedValue(variable, { known, before });
    values.set(name, { value, ...place });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = error.message;
    reader.mistakes.push(mistakeAt(reader.options, place, { message, hint: HINTS[known.kind] }));
  }
}

/** Warns, once for a key, that it is set more than once and its last value counts. */
function warnOfRepeat(
  { options, repeated, warnings }: Reader,
  { section, key, at }: { readonly section: string; readonly key: string; readonly at: Position },
): void {
  const whole = `[${section}] ${key}`;
  if (repeated.has(whole)) return;
  repeated.add(whole);
  warnings.push(warningAt(options.path, at, `${whole} is set twice, the last one counts`));
}

const FREE_KEY: KeySpec = { kind: "string" };

const HINTS: Readonly<Record<KeySpec["kind"], string>> = {
  bool: "Write true or false",
  int: "Write a whole number",
  int64: "Write a whole number",
  string: "Write = and a value behind the key",
  list: "Write = and a value behind the key",
  opaque: "Remove it",
};

function keyOf(spec: SectionSpec, name: string): KeySpec | null {
  return Object.hasOwn(spec.keys, name) ? (spec.keys[name] ?? null) : null;
}

function warnAbout(
  reader: Reader,
  variable: Variable,
  { known, name }: { known: KeySpec; name: string },
): void {
  const warn = (at: number, text: string): void => {
    reader.warnings.push(warningAt(reader.options.path, positionAt(reader, at), text));
  };
  if (known.ignored === true) warn(variable.name.at, `${name} has no effect`);
  const { value } = variable;
  if (value?.cut === true && (known.kind === "string" || known.kind === "list")) {
    warn(
      value.at,
      `the value of ${name} ends where a comment begins inside it: put it in quotes to keep ` +
        `it whole`,
    );
  }
}

/** @throws {SyntaxError} With the original's text. */
function typedValue(
  { value }: Variable,
  { known, before }: { known: KeySpec; before: SettingValue | undefined },
): SettingValue {
  if (known.kind === "list") {
    const list = before === undefined || !isList(before) ? [] : before;
    return value === null ? [] : [...list, value.text];
  }
  if (known.kind === "bool") return value === null ? true : parseTruth(value.text);
  if (value === null) throw new SyntaxError("blank value not supported for type");
  if (known.kind === "string") return value.text;
  if (known.kind !== "opaque") return parseInteger(value.text, known.kind);
  const type = known.type ?? "";
  throw new SyntaxError(
    `failed to parse ${quoteGo(value.text)} as ${type}: can't scan type: *${type}`,
  );
}

/** A key without a schema: a lone key is true, one value is a string, several are a list. */
function freeValue({ value }: Variable, before: SettingValue | undefined): SettingValue {
  if (value === null) return true;
  if (before === undefined || typeof before !== "object") {
    return typeof before === "string" ? [before, value.text] : value.text;
  }
  return [...before, value.text];
}
