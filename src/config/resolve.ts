// Resolve: reads single values out of a settings file, each with its default and its limits.
//
// Reading a value never throws: a mistake is noted and the default is answered, so that one pass
// over a file finds all mistakes.

import { type ErrorDetail, messageOf, RunnerError } from "../errors.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { limitText, type Milliseconds } from "../time.ts";
import { isList, type Reading, type Setting, type SettingsFile, warningAt } from "./settings.ts";

/** A file being turned into a configuration. */
export interface Resolver {
  readonly file: SettingsFile;
  readonly mistakes: RunnerError[];
  readonly warnings: string[];
  /** Whether part of the file could not be read, so that a key may only seem to be missing. */
  readonly incomplete: boolean;
}

/** A resolver that begins with what the reader of the file had to say. */
export function openResolver({ file, mistakes }: Reading): Resolver {
  return {
    file,
    mistakes: [...mistakes],
    warnings: [...file.warnings],
    incomplete: mistakes.length > 0,
  };
}

/** A key by section and name, as `[section] key`. */
export type KeyPath = readonly [section: string, key: string];

/** The setting of a key, or null when the file does not set it. */
export function settingOf({ file }: Resolver, [section, key]: KeyPath): Setting | null {
  return file.sections.get(section)?.get(key) ?? null;
}

/** Where a key is set, or its file when it is not, for messages. */
export function placeOf(resolver: Resolver, path: KeyPath): PlaceInFile {
  const { path: file } = resolver.file;
  const setting = settingOf(resolver, path);
  return setting === null
    ? { path: file }
    : { path: file, line: setting.line, column: setting.column };
}

/** A place in a file; without a line when nothing is set there. */
export type PlaceInFile = Pick<ErrorDetail, "line" | "column"> & { readonly path: string };

/** A string; null when it is not set or empty, which mean the same everywhere. */
export function textOf(resolver: Resolver, path: KeyPath): string | null {
  const value = settingOf(resolver, path)?.value;
  return typeof value === "string" && value !== "" ? value : null;
}

/** A yes or no. @default false */
export function flagOf(resolver: Resolver, path: KeyPath): boolean {
  return settingOf(resolver, path)?.value === true;
}

/** The values of a list. @default [] */
export function listOf(resolver: Resolver, path: KeyPath): readonly string[] {
  const value = settingOf(resolver, path)?.value;
  return value !== undefined && isList(value) ? value : [];
}

/** A whole number within limits, or the default. Outside of them is a mistake. */
export function wholeOf<Fallback>(
  resolver: Resolver,
  path: KeyPath,
  rule: { readonly min: number; readonly max: number; readonly default: Fallback },
): number | Fallback {
  const value = settingOf(resolver, path)?.value;
  if (typeof value !== "bigint") return rule.default;
  if (value >= BigInt(rule.min) && value <= BigInt(rule.max)) return Number(value);
  const [section, key] = path;
  const wanted = `a whole number from ${rule.min} to ${rule.max}`;
  noteMistake(resolver, path, {
    message: `Cannot set [${section}] ${key} to ${value}: it is out of range, ${wanted} is wanted`,
  });
  return rule.default;
}

/** A Go duration within limits, in milliseconds, or the default. */
export function durationOf<Fallback>(
  resolver: Resolver,
  path: KeyPath,
  rule: { readonly min: Milliseconds; readonly max: Milliseconds; readonly default: Fallback },
): Milliseconds | Fallback {
  const text = textOf(resolver, path);
  if (text === null) return rule.default;
  const [section, key] = path;
  try {
    const ms = durationToMs(parseDuration(text));
    if (ms >= rule.min && ms <= rule.max) return ms;
    const wanted = `${limitText(rule.min)} to ${limitText(rule.max)} is wanted`;
    noteMistake(resolver, path, {
      message: `Cannot set [${section}] ${key} to "${text}": it is out of range, ${wanted}`,
    });
  } catch (cause) {
    const message = `Cannot set [${section}] ${key}: ${messageOf(cause)}`;
    noteMistake(resolver, path, { message, hint: DURATION_HINT, cause });
  }
  return rule.default;
}

/** How to write a duration. */
const DURATION_HINT = "Write a duration such as 90s, 10m or 1h30m (there is no unit of days)";

/** What to say about a key. */
export interface Note {
  readonly message: string;
  readonly hint?: string;
  readonly cause?: unknown;
  /** The mistake is a missing key: not noted when part of the file could not be read. */
  readonly absence?: boolean;
}

/** Notes a mistake at a key, or at its file when the key is not set. */
export function noteMistake(
  resolver: Resolver,
  path: KeyPath,
  { message, hint, cause, absence }: Note,
): void {
  if (absence === true && resolver.incomplete) return;
  const detail = { ...placeOf(resolver, path), ...(hint === undefined ? {} : { hint }) };
  const options = cause === undefined ? undefined : { cause };
  resolver.mistakes.push(new RunnerError("CONFIG", message, detail, options));
}

/** Notes a warning at a key, or at its file when the key is not set. */
export function noteWarning(resolver: Resolver, path: KeyPath, text: string): void {
  const setting = settingOf(resolver, path);
  const { path: file } = resolver.file;
  resolver.warnings.push(setting === null ? `${file}: ${text}` : warningAt(file, setting, text));
}
