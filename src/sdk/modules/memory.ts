// Memory: the module that looks for processes by name, library or bytes in their memory.
import * as v from "valibot";
import { defineSearchModule } from "./module.ts";
import { filledPattern, flag, labelled, members, text, texts, whole } from "./rules.ts";

/** How a memory search is done. */
export interface MemoryOptions {
  /** Where to begin in a process, in bytes. @default 0 */
  readonly offset?: number | undefined;
  /** Bytes that are read of each process. @default 0: all */
  readonly maxlength?: number | undefined;
  /** Return what could not be read. @default false */
  readonly logfailures?: boolean | undefined;
  /** A process must pass all checks. @default false: each check has hits of its own */
  readonly matchall?: boolean | undefined;
}

/** What to look for. Patterns are RE2; nothing is required. */
export interface MemorySearch {
  readonly description?: string | undefined;
  /** Patterns on the full path of the executable. */
  readonly names?: readonly string[] | undefined;
  /** Patterns on the paths of the loaded libraries. */
  readonly libraries?: readonly string[] | undefined;
  /** Hexadecimal bytes without 0x, such as "afd37df8". */
  readonly bytes?: readonly string[] | undefined;
  /** Patterns on the memory. */
  readonly contents?: readonly string[] | undefined;
  readonly options?: MemoryOptions | undefined;
}

/** Searches by label: 1 to 64 letters, digits, `_` and `-`. */
export interface MemoryParameters {
  readonly searches: Readonly<Record<string, MemorySearch>>;
}

/** One hit, or the note that there was none. */
export interface MemoryMatch {
  readonly process: {
    /** Path of the executable; "" when nothing matched. */
    readonly name: string;
    /** 0 when nothing matched. */
    readonly pid: number;
  };
  /** The search, with `matchall`; else only the one check that matched. */
  readonly search: Readonly<Record<string, unknown>>;
}

/** Hits by label. */
export type MemoryElements = Readonly<Record<string, readonly MemoryMatch[] | null>>;

/** What the memory module counts. */
export interface MemoryStatistics {
  readonly processcount: number;
  /** Bytes. */
  readonly memoryread: number;
  readonly totalhits: number;
  readonly failures?: readonly string[] | undefined;
  /** A duration as Go prints it. */
  readonly exectime: string;
}

/** @see modules/memory/memory.go `validateLabel` of the original */
function label(name: string): string | null {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return null;
  return "a label has 1 to 64 letters, digits, _ and -";
}

function bytesRule(bytes: string): string | null {
  if (/^(?:[0-9A-Fa-f]{2})+$/.test(bytes)) return null;
  return "an even number of hexadecimal digits is wanted, without 0x";
}

const SearchSchema = members({
  description: v.optional(text()),
  names: v.optional(texts(filledPattern)),
  libraries: v.optional(texts(filledPattern)),
  bytes: v.optional(texts(bytesRule)),
  contents: v.optional(texts(filledPattern)),
  options: v.optional(
    members({
      offset: v.optional(whole(0)),
      maxlength: v.optional(whole(0)),
      logfailures: v.optional(flag()),
      matchall: v.optional(flag()),
    }),
  ),
});

const MatchSchema = v.looseObject({
  process: v.looseObject({ name: v.string(), pid: v.number() }),
  search: v.record(v.string(), v.unknown()),
});

/** The memory module. @see modules/memory/memory.go `ValidateParameters` of the original */
export const memory = defineSearchModule<MemoryParameters, MemoryMatch, MemoryStatistics>(
  {
    module: "memory",
    parameters: members({ searches: labelled(label, SearchSchema) }),
    elements: v.record(v.string(), v.nullable(v.array(MatchSchema))),
    statistics: v.looseObject({
      processcount: v.number(),
      memoryread: v.number(),
      totalhits: v.number(),
      failures: v.optional(v.array(v.string())),
      exectime: v.string(),
    }),
  },
  ({ process: { name, pid } }) => pid !== 0 || name !== "",
);
