// File: the module that lists files by name, size, mode, time, content or hash.
import * as v from "valibot";
import { parseDuration } from "../../lib/go/duration.ts";
import { defineSearchModule } from "./module.ts";
import { flag, invertiblePattern, labelled, members, text, texts, whole } from "./rules.ts";

/** A check whose outcome `mismatch` can turn around. */
export type FileCheck =
  | "name"
  | "size"
  | "mode"
  | "mtime"
  | "content"
  | "md5"
  | "sha1"
  | "sha2"
  | "sha3";

/** How a file search is done. */
export interface FileOptions {
  /** Levels of directories below the paths. @default 0: no limit */
  readonly maxdepth?: number | undefined;
  /** Errors that are returned. @default 0: no limit */
  readonly maxerrors?: number | undefined;
  /** Hits after which the search ends, counted over all searches. @default 0: no limit */
  readonly matchlimit?: number | undefined;
  /** A file must pass all checks. @default false: each check has hits of its own */
  readonly matchall?: boolean | undefined;
  /** All lines of a file must match `contents`. @default false: one line */
  readonly macroal?: boolean | undefined;
  /** Checks that are turned around: files that do not match are hits. @default none */
  readonly mismatch?: readonly FileCheck[] | undefined;
  /** Give the SHA-256 of each hit; only with `matchall`. @default false */
  readonly returnsha256?: boolean | undefined;
  /** Read gzip files unpacked. The last search checked decides for all. @default false */
  readonly decompress?: boolean | undefined;
  /** "print" makes noise on the agent's stderr. */
  readonly debug?: string | undefined;
  /** Never looked at by agents. */
  readonly remotefs?: boolean | undefined;
}

/** What to look for, and where. Patterns are RE2. */
export interface FileSearch {
  readonly description?: string | undefined;
  /** Directories or files, at least one. */
  readonly paths: readonly string[];
  /** Patterns on the base name; `!` in front inverts one. */
  readonly names?: readonly string[] | undefined;
  /** Patterns on each line; `!` in front inverts one. Reading ends at a line above 64 KiB. */
  readonly contents?: readonly string[] | undefined;
  /** Such as "<10m", ">2k" or "1024", limits included; units k, m, g and t of 1024. */
  readonly sizes?: readonly string[] | undefined;
  /** Patterns on Go's mode text, such as "^-rwsr". */
  readonly modes?: readonly string[] | undefined;
  /** "<90d" changed in the last 90 days, ">12h" longer ago; units d, h and m. */
  readonly mtimes?: readonly string[] | undefined;
  /** 32 hexadecimal digits each, as all hashes in any case. */
  readonly md5?: readonly string[] | undefined;
  /** 40 digits each. */
  readonly sha1?: readonly string[] | undefined;
  /** 64, 96 or 128 digits each: SHA-256, SHA-384, SHA-512. */
  readonly sha2?: readonly string[] | undefined;
  /** 56, 64, 96 or 128 digits each. */
  readonly sha3?: readonly string[] | undefined;
  readonly options?: FileOptions | undefined;
}

/** Searches by label: 1 to 64 characters without a newline. */
export interface FileParameters {
  readonly searches: Readonly<Record<string, FileSearch>>;
}

/** One hit, or the note that there was none. */
export interface FileMatch {
  /** Path of the file; "" when nothing matched. */
  readonly file: string;
  /** The search, with `matchall`; else only the one check that matched. */
  readonly search: Readonly<Record<string, unknown>>;
  readonly fileinfo: {
    /** Bytes. */
    readonly size: number;
    /** Go's mode text, such as "-rw-r--r--". */
    readonly mode: string;
    /** Such as "2026-10-01 12:00:00 +0000 UTC". */
    readonly lastmodified: string;
    /** Upper case; with `returnsha256`. */
    readonly sha256?: string | undefined;
  };
}

/** Hits by label; null when a search has no checks. */
export type FileElements = Readonly<Record<string, readonly FileMatch[] | null>>;

/** What the file module counts. */
export interface FileStatistics {
  readonly filescount: number;
  readonly openfailed: number;
  readonly totalhits: number;
  /** A duration as Go prints it. */
  readonly exectime: string;
}

/** @see modules/file/file.go `validateLabel` of the original */
function label(name: string): string | null {
  const size = [...name].length;
  if (size >= 1 && size <= 64 && !name.includes("\n")) return null;
  return "a label has 1 to 64 characters and no newline";
}

const SIZE = /^[<>]?(\d+)[kmgt]?$/;
const SIZE_MAX = 2n ** 64n - 1n;

/** @see modules/file/file.go `validateSize`, and `parseSize`, which fails on no digits */
export function sizeRule(size: string): string | null {
  const digits = SIZE.exec(size)?.[1];
  if (digits === undefined) return 'a size such as "<10m", ">2k" or "1024" is wanted';
  return BigInt(digits) > SIZE_MAX ? "it has more digits than agents can count" : null;
}

const AGE = /^[<>](\d+)([dhm])$/;

/** @see modules/file/file.go `validateMtime`, and `parseMtime`, which fails on no digits */
export function ageRule(age: string): string | null {
  const [, digits, unit] = AGE.exec(age) ?? [];
  if (digits === undefined) return 'a time such as "<90d", ">12h" or "<5m" is wanted';
  const duration = unit === "d" ? `${BigInt(digits) * 24n}h` : `${digits}${unit}`;
  try {
    parseDuration(duration);
    return null;
  } catch {
    return "it is longer than the 292 years that agents can count";
  }
}

/** Agents compile a mode with the `!` that they allow in front of it, so it could never match. */
export function modeRule(mode: string): string | null {
  if (!mode.startsWith("!")) return invertiblePattern(mode);
  return 'a mode cannot be inverted by "!", use options.mismatch ["mode"]';
}

/** Hashes of certain lengths; agents answer no JSON at all to SHA-2 and SHA-3 of another one. */
export function hashRule(...sizes: readonly number[]): (hash: string) => string | null {
  return (hash) => {
    if (/^[0-9A-Fa-f]*$/.test(hash) && sizes.includes(hash.length)) return null;
    const last = sizes.at(-1);
    const others = sizes.slice(0, -1).join(", ");
    return `${others === "" ? last : `${others} or ${last}`} hexadecimal digits are wanted`;
  };
}

export const FILE_CHECKS: readonly FileCheck[] = [
  "name",
  "size",
  "mode",
  "mtime",
  "content",
  "md5",
  "sha1",
  "sha2",
  "sha3",
];

const OptionsSchema = members({
  maxdepth: v.optional(whole(0)),
  maxerrors: v.optional(whole(0)),
  matchlimit: v.optional(whole(0)),
  matchall: v.optional(flag()),
  macroal: v.optional(flag()),
  mismatch: v.optional(
    v.array(
      v.picklist(FILE_CHECKS, `one of ${FILE_CHECKS.join(", ")} is wanted`),
      "a list of checks is wanted",
    ),
  ),
  returnsha256: v.optional(flag()),
  decompress: v.optional(flag()),
  debug: v.optional(text()),
  remotefs: v.optional(flag()),
});

const SearchSchema = members({
  description: v.optional(text()),
  paths: v.pipe(texts(), v.nonEmpty("at least one path is wanted")),
  names: v.optional(texts(invertiblePattern)),
  contents: v.optional(texts(invertiblePattern)),
  sizes: v.optional(texts(sizeRule)),
  modes: v.optional(texts(modeRule)),
  mtimes: v.optional(texts(ageRule)),
  md5: v.optional(texts(hashRule(32))),
  sha1: v.optional(texts(hashRule(40))),
  sha2: v.optional(texts(hashRule(64, 96, 128))),
  sha3: v.optional(texts(hashRule(56, 64, 96, 128))),
  options: v.optional(OptionsSchema),
});

const MatchSchema = v.looseObject({
  file: v.string(),
  search: v.record(v.string(), v.unknown()),
  fileinfo: v.looseObject({
    size: v.number(),
    mode: v.string(),
    lastmodified: v.string(),
    sha256: v.optional(v.string()),
  }),
});

/** The file module. @see modules/file/file.go `ValidateParameters` of the original */
export const file = defineSearchModule<FileParameters, FileMatch, FileStatistics>(
  {
    module: "file",
    parameters: members({ searches: labelled(label, SearchSchema) }),
    elements: v.record(v.string(), v.nullable(v.array(MatchSchema))),
    statistics: v.looseObject({
      filescount: v.number(),
      openfailed: v.number(),
      totalhits: v.number(),
      exectime: v.string(),
    }),
  },
  ({ file: path }) => path !== "",
);
