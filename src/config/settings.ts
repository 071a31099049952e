// Settings: a configuration file as sections of typed values, whatever language it was written in.
//
// A schema says which sections and keys there are. gcfg.ts and toml.ts read a file by it; both
// refuse what the schema does not have, name the nearest thing that it has, and report all
// mistakes of a file at once.
import { type ErrorCode, nearest, RunnerError } from "../errors.ts";

/** How a key's text becomes a value. `opaque` keys exist in the original but take no value. */
export type KeyKind = "bool" | "int" | "int64" | "string" | "list" | "opaque";

/** One key of a schema. */
export interface KeySpec {
  readonly kind: KeyKind;
  /** Accepted without an effect, as in the original. Never suggested. */
  readonly ignored?: boolean;
  /** Go type of an opaque key, for the original's message. */
  readonly type?: string;
}

/**
 * `struct`: keys straight under the section. `map`: one subsection a name, each with these keys.
 * `free`: one subsection a name, each with any keys. `scalar`: the original crashes on it.
 */
export type SectionShape = "struct" | "map" | "free" | "scalar";

/** One section of a schema. */
export interface SectionSpec {
  readonly shape: SectionShape;
  /** By key name in lower case. */
  readonly keys: Readonly<Record<string, KeySpec>>;
  /** Part of the original's insides: accepted, never suggested. */
  readonly internal?: boolean;
}

/** By section name in lower case. */
export type Schema = Readonly<Record<string, SectionSpec>>;

/** What a key can hold. Whole numbers keep their 64 bits. */
export type SettingValue = boolean | bigint | string | readonly string[];

/** True for the value of a list key. */
export function isList(value: SettingValue): value is readonly string[] {
  return Array.isArray(value);
}

/** A value and where it stands, for messages. */
export interface Setting {
  readonly value: SettingValue;
  readonly line: number;
  readonly column: number;
}

/** The keys that a section sets, by their names in lower case (in a free section: as written). */
export type Section = ReadonlyMap<string, Setting>;

/** A file that was read without a mistake. */
export interface SettingsFile {
  readonly path: string;
  /** By section name in lower case. A section that is not in the file is missing here. */
  readonly sections: ReadonlyMap<string, Section>;
  /** Of map and free sections: by section name, then by subsection name as written. */
  readonly subsections: ReadonlyMap<string, ReadonlyMap<string, Section>>;
  /** `path:line:column: text`, each worth saying once. */
  readonly warnings: readonly string[];
}

/** A file as far as it could be read, and what was wrong with the rest. */
export interface Reading {
  readonly file: SettingsFile;
  readonly mistakes: readonly RunnerError[];
}

/** What a reader of a file needs to know. */
export interface ReadOptions {
  /** The file's name in messages. */
  readonly path: string;
  readonly schema: Schema;
  /** Code of the mistakes. @default "CONFIG" */
  readonly code?: ErrorCode;
  /** The job that the file belongs to. @default none */
  readonly job?: string;
}

/** Where in a file, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One mistake at a place of a file. */
export function mistakeAt(
  options: ReadOptions,
  at: Position,
  { message, hint, cause }: { message: string; hint?: string | null | undefined; cause?: unknown },
): RunnerError {
  const detail = {
    ...(options.job === undefined ? {} : { job: options.job }),
    path: options.path,
    line: at.line,
    column: at.column,
    ...(hint === undefined || hint === null ? {} : { hint }),
  };
  const errorOptions = cause === undefined ? undefined : { cause };
  return new RunnerError(options.code ?? "CONFIG", message, detail, errorOptions);
}

/** The mistake for a section that the schema does not have; the text is the original's. */
export function unknownSection(options: ReadOptions, name: string, at: Position): RunnerError {
  const known = Object.keys(options.schema).filter((key) => !options.schema[key]?.internal);
  const near = nearest(name, known);
  const hint = near === null ? `Known sections: ${known.join(", ")}` : `Did you mean [${near}]?`;
  return mistakeAt(options, at, { message: `can't store data at section "${name}"`, hint });
}

/** The mistake for a key that its section does not have; the text is the original's. */
export function unknownKey(
  options: ReadOptions,
  place: { spec: SectionSpec; section: string; subsection: string; key: string },
  at: Position,
): RunnerError {
  const { spec, section, subsection, key } = place;
  const known = Object.keys(spec.keys).filter((name) => isSuggested(spec.keys[name]));
  const near = nearest(key, known);
  const all = known.length === 0 ? null : `Known keys: ${known.join(", ")}`;
  const part = subsection === "" && spec.shape === "struct" ? "" : `, subsection "${subsection}"`;
  return mistakeAt(options, at, {
    message: `can't store data at section "${section}"${part}, variable "${key}"`,
    hint: near === null ? all : `Did you mean ${near}?`,
  });
}

function isSuggested(spec: KeySpec | undefined): boolean {
  return spec !== undefined && spec.ignored !== true && spec.kind !== "opaque";
}

/** `path:line:column: text` for a warning. */
export function warningAt(path: string, at: Position, text: string): string {
  return `${path}:${at.line}:${at.column}: ${text}`;
}
