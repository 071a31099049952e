// Toml: the same sections and keys in TOML, with TOML's own types.
//
// A whole number is a number, a list an array of strings, a duration a string such as "90s".
// Names are in lower case. The parser stops at the first fault of the language; faults of the
// schema are all reported, each at the line of its key.
import { parse, TomlDate, TomlError } from "smol-toml";
import { RunnerError } from "../errors.ts";
import {
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

/** How to read a TOML file. */
export interface TomlOptions extends ReadOptions {
  /** The section of keys that stand before the first header. @default none */
  readonly topSection?: string;
}

interface Reader {
  readonly options: TomlOptions;
  readonly positions: ReadonlyMap<string, Position>;
  readonly mistakes: RunnerError[];
  readonly warnings: string[];
}

type Table = Readonly<Record<string, unknown>>;

const START: Position = { line: 1, column: 1 };

/**
 * Reads a TOML file by a schema.
 *
 * @returns What could be read, and all mistakes of the file, each with line and column.
 */
export function readToml(bytes: Uint8Array, options: TomlOptions): Reading {
  // Bytes that are not UTF-8 become U+FFFD, a character that no configuration needs.
  const text = new TextDecoder().decode(bytes);
  const document = parseDocument(text, options);
  if (document instanceof RunnerError) {
    const { path } = options;
    const file = { path, sections: new Map(), subsections: new Map(), warnings: [] };
    return { file, mistakes: [document] };
  }
  const reader: Reader = { options, positions: locate(text), mistakes: [], warnings: [] };
  const sections = new Map<string, Map<string, Setting>>();
  const subsections = new Map<string, Map<string, Map<string, Setting>>>();
  for (const [name, value] of groups(document, options)) {
    const spec = Object.hasOwn(options.schema, name) ? options.schema[name] : undefined;
    if (spec === undefined || spec.internal === true || !isTable(value)) {
      reader.mistakes.push(unknownSection(options, name, find(reader, [name])));
    } else if (spec.shape === "free" || spec.shape === "map") {
      subsections.set(name, readGroup(reader, { name, spec, table: value }));
    } else {
      sections.set(name, readSection(reader, { path: [name], spec, table: value }));
    }
  }
  const { warnings, mistakes } = reader;
  return { file: { path: options.path, sections, subsections, warnings }, mistakes };
}

function parseDocument(text: string, options: TomlOptions): Table | RunnerError {
  const bad = text.indexOf("\ufffd");
  if (bad >= 0) {
    const before = text.slice(0, bad).split("\n");
    const at = { line: before.length, column: (before.at(-1) ?? "").length + 1 };
    const hint = "Save the file as UTF-8";
    return mistakeAt(options, at, { message: "illegal UTF-8 encoding", hint });
  }
  try {
    return parse(text, { integersAsBigInt: true });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The message goes on with an excerpt of the file, which may hold a secret; so does the cause.
    const [first = ""] = cause.message.split("\n");
    return mistakeAt(options, cause, { message: first.replace("Invalid TOML document: ", "") });
  }
}

/** The tables of a document; keys before the first header go to the top section. */
function groups(document: Table, { topSection, schema }: TomlOptions): [string, unknown][] {
  if (topSection === undefined) return Object.entries(document);
  const isSection = (name: string, value: unknown): boolean =>
    isTable(value) || Object.hasOwn(schema, name);
  const entries = Object.entries(document);
  const tables = entries.filter(([name, value]) => isSection(name, value));
  const loose = entries.filter(([name, value]) => !isSection(name, value));
  if (loose.length === 0) return tables;
  const top = tables.find(([name]) => name === topSection)?.[1];
  const merged = { ...(isTable(top) ? top : {}), ...Object.fromEntries(loose) };
  return [[topSection, merged], ...tables.filter(([name]) => name !== topSection)];
}

function readSection(
  reader: Reader,
  { path, spec, table }: { path: readonly string[]; spec: SectionSpec; table: Table },
): Map<string, Setting> {
  const [name = "", subsection = ""] = path;
  const { options, mistakes, warnings } = reader;
  const settings = new Map<string, Setting>();
  for (const [key, value] of Object.entries(table)) {
    const at = find(reader, [...path, key]);
    const known = Object.hasOwn(spec.keys, key) ? spec.keys[key] : undefined;
    if (known === undefined) {
      mistakes.push(unknownKey(options, { spec, section: name, subsection, key }, at));
      continue;
    }
    if (known.ignored === true) warnings.push(warningAt(options.path, at, `${key} has no effect`));
    const typed = typedValue(known, value);
    if (typed === null) {
      const wanted = WANTED[known.kind];
      const title = path.join(".");
      const message = `Cannot use [${title}] ${key}: ${kindOf(value)} is set, ${wanted} is wanted`;
      mistakes.push(mistakeAt(options, at, { message }));
    } else {
      settings.set(key, { value: typed, ...at });
    }
  }
  return settings;
}

const WANTED: Readonly<Record<KeySpec["kind"], string>> = {
  bool: "true or false",
  int: "a whole number",
  int64: "a whole number",
  string: "a string",
  list: "an array of strings",
  opaque: "nothing",
};

/** The value if it has the type of its key, otherwise null. */
function typedValue({ kind }: KeySpec, value: unknown): SettingValue | null {
  if (kind === "bool") return typeof value === "boolean" ? value : null;
  if (kind === "int" || kind === "int64") return typeof value === "bigint" ? value : null;
  // A moment of TOML's own is the text that people would write for it.
  const isMoment = value instanceof TomlDate && value.isDateTime() && !value.isLocal();
  if (kind === "string" && isMoment) return value.toISOString();
  if (kind === "string") return typeof value === "string" ? value : null;
  return kind === "list" && isStrings(value) ? value : null;
}

/** `[GROUP.NAME]` tables: with the keys of the group, or with any. */
function readGroup(
  reader: Reader,
  { name: group, spec, table }: { name: string; spec: SectionSpec; table: Table },
): Map<string, Map<string, Setting>> {
  const { options, mistakes } = reader;
  const subsections = new Map<string, Map<string, Setting>>();
  for (const [name, keys] of Object.entries(table)) {
    if (!isTable(keys)) {
      const message = `can't store data at section "${group}"`;
      const hint = `Put ${name} into a table [${group}.NAME]`;
      mistakes.push(mistakeAt(options, find(reader, [group, name]), { message, hint }));
      continue;
    }
    const path = [group, name];
    const order = { path, spec, table: keys };
    subsections.set(
      name,
      spec.shape === "map" ? readSection(reader, order) : readFree(reader, order),
    );
  }
  return subsections;
}

/** Any keys, their values as strings, lists of strings, true or false. */
function readFree(
  reader: Reader,
  { path, table }: { path: readonly string[]; table: Table },
): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const [key, value] of Object.entries(table)) {
    const at = find(reader, [...path, key]);
    const free = freeValue(value);
    if (free !== null) {
      settings.set(key, { value: free, ...at });
      continue;
    }
    const message = `Cannot use [${path.join(".")}] ${key}: ${kindOf(value)} is set`;
    const hint = "Write a string, a number, true or false, or an array of strings";
    reader.mistakes.push(mistakeAt(reader.options, at, { message, hint }));
  }
  return settings;
}

function freeValue(value: unknown): SettingValue | null {
  if (typeof value === "boolean" || typeof value === "string" || isStrings(value)) return value;
  return typeof value === "bigint" || typeof value === "number" ? String(value) : null;
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isTable(value: unknown): value is Table {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "bigint") return "a whole number";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "object" ? "a table or a date" : `a ${typeof value}`;
}

/** The place of a key: its own line, else its section's, else the file's first. */
function find(reader: Reader, path: readonly string[]): Position {
  for (let length = path.length; length > 0; length--) {
    const [last = ""] = path.slice(length - 1);
    const found =
      reader.positions.get(path.slice(0, length).join("\0")) ??
      (length === 2 ? reader.positions.get(last) : undefined);
    if (found !== undefined) return found;
  }
  return START;
}

const WORD = /\s*(?:([\w-]+)|"([^"]*)"|'([^']*)')\s*/y;

/**
 * Where headers and keys stand, by their full names joined with NUL. The parser gives no positions;
 * for messages the first line that looks like the key is good enough.
 */
function locate(text: string): ReadonlyMap<string, Position> {
  const positions = new Map<string, Position>();
  let header: readonly string[] = [];
  text.split("\n").forEach((source, index) => {
    const column = source.length - source.trimStart().length + 1;
    const opening = /^\s*\[{1,2}/.exec(source)?.[0];
    const words = dottedWords(source.slice(opening?.length ?? 0));
    if (words === null || !(opening === undefined ? "=" : "]").includes(words.behind)) return;
    if (opening !== undefined) header = words.names;
    const path = opening === undefined ? [...header, ...words.names] : words.names;
    const name = path.join("\0");
    if (!positions.has(name)) positions.set(name, { line: index + 1, column });
  });
  return positions;
}

/** The dotted name at the start of a line and the sign behind it, or null. */
function dottedWords(source: string): { names: readonly string[]; behind: string } | null {
  const names: string[] = [];
  let at = 0;
  for (;;) {
    WORD.lastIndex = at;
    const match = WORD.exec(source);
    if (match === null) return null;
    names.push(match[1] ?? match[2] ?? match[3] ?? "");
    at = WORD.lastIndex;
    const behind = source[at] ?? "";
    if (behind !== ".") return behind === "" ? null : { names, behind };
    at++;
  }
}
