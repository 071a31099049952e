// Flags: the command line in the syntax of Go's flag package, which the original uses.
//
//   -name  --name  -name=value  --name=value  -name value      "--" ends the flags
import { nearest } from "../errors.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { instantOf, parseTime } from "../lib/go/time.ts";
import { DAY_MS, type Instant, type Milliseconds } from "../time.ts";

export interface FlagSpec {
  readonly name: string;
  /** A list may be given several times. */
  readonly kind: "switch" | "text" | "number" | "list";
  /** What the value is, in help: FILE, N, ZONE. */
  readonly value?: string;
  /** Whether a text may be "". Elsewhere it is a variable of a shell that is not set. */
  readonly mayBeEmpty?: boolean;
  readonly help: string;
}

/** A mistake on the command line; the caller prints it with the usage and ends with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The flags of one call, by name. */
export class Flags {
  readonly #values: ReadonlyMap<string, string>;
  readonly #lists: ReadonlyMap<string, readonly string[]>;

  constructor(
    values: ReadonlyMap<string, string>,
    lists: ReadonlyMap<string, readonly string[]> = new Map(),
  ) {
    this.#values = values;
    this.#lists = lists;
  }

  /** All values of a flag that may be given several times, in order. */
  list(name: string): readonly string[] {
    return this.#lists.get(name) ?? [];
  }

  /** @throws {UsageError} Unless each value is NAME=VALUE, and each name is there once. */
  pairs(name: string): Readonly<Record<string, string>> {
    const pairs = new Map<string, string>();
    for (const word of this.list(name)) {
      const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
      if (key === "") {
        throw new UsageError(`invalid value "${word}" for flag -${name}: NAME=VALUE is wanted`);
      }
      if (pairs.has(key)) throw new UsageError(`flag -${name} sets ${key} twice`);
      pairs.set(key, value);
    }
    return Object.fromEntries(pairs);
  }

  has(name: string): boolean {
    return this.#values.get(name) === "true";
  }

  text(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  /** @throws {UsageError} Unless the value is a whole number of at least `least`. */
  number(name: string, least: number): number | null {
    const text = this.#values.get(name);
    if (text === undefined) return null;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new UsageError(`invalid value "${text}" for flag -${name}: a number from ${least} up`);
    }
    return value;
  }

  /** @throws {UsageError} Unless the value is a time in RFC 3339. */
  instant(name: string): Instant | null {
    const text = this.#values.get(name);
    if (text === undefined) return null;
    try {
      return instantOf(parseTime(text));
    } catch {
      const wanted = "a time such as 2026-01-02T03:04:05Z";
      throw new UsageError(`invalid value "${text}" for flag -${name}: ${wanted}`);
    }
  }

  /**
   * A time, or how far it is from now: `36h`, `7d`.
   *
   * @throws {UsageError} Unless the value is a time in RFC 3339 or a duration.
   */
  moment(name: string, now: Instant, way: "ago" | "from now"): Instant | null {
    const text = this.#values.get(name);
    if (text === undefined) return null;
    const ms = spanOf(text);
    if (ms !== null) return way === "ago" ? now - ms : now + ms;
    try {
      return this.instant(name);
    } catch {
      const wanted = `a time such as 2026-01-02T03:04:05Z, or how long ${way} it is, such as 36h or 7d`;
      throw new UsageError(`invalid value "${text}" for flag -${name}: ${wanted}`);
    }
  }
}

/** A duration of Go, or whole days; null for any other text. */
function spanOf(text: string): Milliseconds | null {
  const days = /^(\d{1,5})d$/.exec(text);
  if (days !== null) return Number(days[1]) * DAY_MS;
  try {
    const ms = durationToMs(parseDuration(text));
    return ms < 0 ? null : ms;
  } catch {
    return null;
  }
}

export interface CommandLine {
  readonly flags: Flags;
  readonly positionals: readonly string[];
}

const EMPTY_WORD = 'one of the words is "": is a variable of the shell not set?';

/** Flags before, between and after the other words; -h and --help become the switch "help". */
export function parseFlags(argv: readonly string[], specs: readonly FlagSpec[]): CommandLine {
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const take = ({ name, kind, mayBeEmpty = false }: FlagSpec, value: string): void => {
    if (value === "" && (kind === "text" || kind === "list") && !mayBeEmpty) {
      throw new UsageError(`flag needs an argument: -${name} is followed by ""`);
    }
    if (kind !== "list") values.set(name, value);
    else lists.set(name, [...(lists.get(name) ?? []), value]);
  };
  const positionals: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "") throw new UsageError(EMPTY_WORD);
    if (word === "--") {
      const others = argv.slice(index + 1);
      if (others.includes("")) throw new UsageError(EMPTY_WORD);
      positionals.push(...others);
      break;
    }
    // A number is no flag: an answer may be below zero.
    if (/^-(?:$|[\d.])/.test(word) || !word.startsWith("-")) {
      positionals.push(word);
      continue;
    }
    if (/^(--|-(?!-))[-=]/.test(word)) throw new UsageError(`bad flag syntax: ${word}`);
    const { name, value } = split(word);
    const spec = find(name, specs);
    if (value !== null) take(spec, spec.kind === "switch" ? parseSwitch(spec, value) : value);
    else if (spec.kind === "switch") take(spec, "true");
    else if (index + 1 < argv.length) take(spec, argv[++index] ?? "");
    else throw new UsageError(`flag needs an argument: -${spec.name}`);
  }
  return { flags: new Flags(values, lists), positionals };
}

function split(word: string): { name: string; value: string | null } {
  const text = word.replace(/^--?/, "");
  const at = text.indexOf("=");
  return at < 0
    ? { name: text, value: null }
    : { name: text.slice(0, at), value: text.slice(at + 1) };
}

const HELP: FlagSpec = { name: "help", kind: "switch", help: "Show this help and exit" };

function find(name: string, specs: readonly FlagSpec[]): FlagSpec {
  if (name === "h" || name === "help") return HELP;
  const spec = specs.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  const meant = nearest(
    name,
    specs.map((candidate) => candidate.name).filter((n) => n.length > 2),
  );
  const hint = meant === null ? "" : `; did you mean -${meant.length > 1 ? "-" : ""}${meant}?`;
  throw new UsageError(`flag provided but not defined: -${name}${hint}`);
}

/** The spellings of true and false that Go's strconv.ParseBool takes. */
function parseSwitch(spec: FlagSpec, value: string): "true" | "false" {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return "true";
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return "false";
  throw new UsageError(`invalid boolean value "${value}" for -${spec.name}: parse error`);
}

/** The flags as lines of help, two columns. */
export function renderFlags(specs: readonly FlagSpec[]): string[] {
  const rows = specs.map((spec) => {
    const dashes = spec.name.length === 1 ? "-" : "--";
    const value = spec.value === undefined ? "" : ` ${spec.value}`;
    return { left: `  ${dashes}${spec.name}${value}`, help: spec.help };
  });
  const width = Math.max(0, ...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, help }) => `${left.padEnd(width)}${help}`);
}
