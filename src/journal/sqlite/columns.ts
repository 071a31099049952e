// Columns: what a column of the journal can hold: how SQLite declares it, which of its values can
// be worked with, and what a value is in a row of the flow.
//
// SQLite's own types are not enough: a value that this program never writes, such as a number that
// JavaScript cannot hold, an impossible time, broken JSON or an unknown state, makes its row
// unreadable (readable.ts).
import type { Completeness } from "../inflight.ts";
import type { Try } from "../tries.ts";

/** What node:sqlite hands out for one row. */
export type Raw = Record<string, unknown>;

/** A value that node:sqlite binds. */
export type Bindable = string | number | null | Uint8Array;

/** What a column holds, as a member of type `Value` of the flow's rows. */
export interface Kind<Value> {
  readonly type: "INTEGER" | "TEXT" | "BLOB";
  readonly isOptional: boolean;
  /** True for a value that is wrong; `@` stands for the column. */
  readonly when: string;
  /** What it must be, in words. */
  readonly wanted: string;
  /** The value that salvage writes in place of a wrong one; null where there is none. */
  readonly mended: string | null;
  /** How the column is called. @default as the member: `firesAt` is `fires_at` */
  readonly column?: string;
  /** What it says in the declaration beside the type, such as UNIQUE. */
  readonly also?: string;
  /** The version of the schema by which its table has got it. @default that of its table */
  readonly since?: number;
  /** What rows from before that say. @default NULL */
  readonly unset?: string;
  /** From SQLite's value. Missing: it is the same. */
  decode?(stored: unknown): Value;
  /** To SQLite's value. Missing: it is the same. */
  encode?(value: Value): Bindable;
}

/** A column that its table has got by a later version of the schema. */
export function since<Value>(version: number, kind: Kind<Value>, unset = "NULL"): Kind<Value> {
  return { ...kind, since: version, unset };
}

/** A column whose declaration says more than its type. */
export function declared<Value>(kind: Kind<Value>, also: string): Kind<Value> {
  return { ...kind, also };
}

/** A column that is called otherwise than its member, which got a better name later. */
export function inColumn<Value>(column: string, kind: Kind<Value>): Kind<Value> {
  return { ...kind, column };
}

/** A column that is never mended: a wrong value in it costs the row. */
export function unmended<Value>(kind: Kind<Value>): Kind<Value> {
  return { ...kind, mended: null };
}

const SAFE_MAX = Number.MAX_SAFE_INTEGER;

/** Milliseconds from the epoch that a Date can hold, either way. */
const INSTANT_MAX = 8_640_000_000_000_000;

/** A whole number. */
export function whole(least: number, most = SAFE_MAX, mended: string | null = null): Kind<number> {
  return {
    type: "INTEGER",
    isOptional: false,
    mended,
    when: `typeof(@) <> 'integer' OR @ NOT BETWEEN ${least} AND ${most}`,
    wanted: `a whole number from ${least} to ${most}`,
  };
}

/** One of some words. */
export function oneOf<Word extends string>(words: readonly Word[]): Kind<Word> {
  const list = words.map((word) => `'${word}'`).join(", ");
  return {
    type: "TEXT",
    isOptional: false,
    mended: null,
    when: `@ IS NULL OR @ NOT IN (${list})`,
    wanted: `one of ${words.join(", ")}`,
  };
}

/** The same for a column that may be empty. */
export function optional<Value>(
  kind: Kind<Value>,
  mended: string | null = "NULL",
): Kind<Value | null> {
  const { decode, encode } = kind;
  return {
    ...kind,
    isOptional: true,
    mended,
    when: `@ IS NOT NULL AND (${kind.when})`,
    ...(decode && { decode: (stored) => (stored === null ? null : decode(stored)) }),
    ...(encode && { encode: (value) => (value === null ? null : encode(value)) }),
  };
}

/** A text of JSON. Wrong is what is none, and JSON of which `wrong` is true. */
function json(wrong: string, wanted: string): Kind<string> {
  return {
    type: "TEXT",
    isOptional: false,
    mended: null,
    wanted,
    // CASE keeps the order.
    when: `CASE WHEN typeof(@) <> 'text' THEN 1 WHEN NOT json_valid(@) THEN 1 ELSE ${wrong} END`,
  };
}

/** A text of JSON that stands for its value in a row. */
export function parsed<Value>(kind: Kind<string>): Kind<Value> {
  return {
    ...kind,
    decode: (stored) => JSON.parse(stored as string) as Value,
    encode: (value) => JSON.stringify(value),
  };
}

export const ID = whole(1);
export const INSTANT = whole(-INSTANT_MAX, INSTANT_MAX, "0");
/** A moment that cannot be guessed when it is unreadable: a row without it cannot be mended. */
export const DECIDED = unmended(INSTANT);
/** When something is to be done next; mended to 0: at once. */
export const NEXT = optional(INSTANT, "0");
export const COUNT = whole(0, SAFE_MAX, "0");
export const FLAG: Kind<boolean> = {
  ...whole(0, 1, "1"),
  decode: (stored) => stored === 1,
  encode: (value) => (value ? 1 : 0),
};
export const TEXT: Kind<string> = {
  type: "TEXT",
  isOptional: false,
  mended: null,
  when: "typeof(@) <> 'text'",
  wanted: "a text",
};
export const BYTES: Kind<Uint8Array> = {
  type: "BLOB",
  isOptional: false,
  mended: null,
  when: "typeof(@) <> 'blob'",
  wanted: "bytes",
};
export const JSON_TEXT = json("0", "JSON");
export const JSON_OBJECT = json("json_type(@) <> 'object'", "a JSON object");
const LIST_OF_NAMES = json(
  "json_type(@) <> 'array' OR EXISTS (SELECT 1 FROM json_each(@) WHERE type <> 'text')",
  "a list of names",
);
export const NAMES: Kind<readonly string[]> = {
  ...parsed(LIST_OF_NAMES),
  // Most lists are empty, and to look into one takes a tenth of the time that reading its row does.
  when: `@ IS NOT '[]' AND (${LIST_OF_NAMES.when})`,
  mended: "'[]'",
};

/** Whether a member of the JSON object `value` is no moment. */
function wrongInstant(path: string): string {
  const value = `json_extract(value, '${path}')`;
  return `(typeof(${value}) <> 'integer' OR ${value} NOT BETWEEN -${INSTANT_MAX} AND ${INSTANT_MAX})`;
}

/** Tries of journal/tries.ts. Of most actions there are none, and nothing is written. */
export const TRIES: Kind<readonly Try[]> = {
  ...optional(
    json(
      "json_type(@) <> 'array' OR EXISTS (SELECT 1 FROM json_each(@) WHERE CASE type " +
        "WHEN 'object' THEN json_type(value, '$.what') IS NOT 'text' " +
        "OR json_type(value, '$.error') IS NOT 'text' " +
        "OR json_type(value, '$.count') IS NOT 'integer' " +
        `OR ${wrongInstant("$.firstAt")} OR ${wrongInstant("$.lastAt")} ELSE 1 END)`,
      "a list of tries",
    ),
  ),
  decode: (stored) => (stored === null ? [] : (JSON.parse(stored as string) as Try[])),
  encode: (tries) => (tries.length === 0 ? null : JSON.stringify(tries)),
};

/** Whether a member of a JSON object, as json_each gives it, is a number to count with. */
function isCount(member: string): string {
  return `${member}.type = 'integer' AND ${member}.value BETWEEN 0 AND ${SAFE_MAX}`;
}

/** The same of every member of a JSON object that is a member itself. */
function areCounts(member: string): string {
  const wrong = `SELECT 1 FROM json_each(${member}.value) AS count WHERE NOT (${isCount("count")})`;
  return `CASE ${member}.type WHEN 'object' THEN NOT EXISTS (${wrong}) ELSE 0 END`;
}

/** What is not known of how whole a result is, for a value that cannot be read. */
const NOT_COUNTED = `'{"fetched":0,"sent":null,"counters":null,"statuses":{},"strays":0}'`;

/** See Completeness in journal/inflight.ts. Rows of the first version have no counters. */
export const COMPLETENESS: Kind<Completeness | null> = optional<Completeness>(
  {
    ...json(
      "json_type(@) <> 'object' OR json_type(@, '$.fetched') IS NULL OR " +
        "json_type(@, '$.strays') IS NULL OR json_type(@, '$.sent') IS NULL OR " +
        "json_type(@, '$.statuses') IS NULL OR " +
        "EXISTS (SELECT 1 FROM json_each(@) AS member WHERE NOT CASE member.key " +
        `WHEN 'fetched' THEN ${isCount("member")} WHEN 'strays' THEN ${isCount("member")} ` +
        `WHEN 'listed' THEN ${isCount("member")} ` +
        `WHEN 'sent' THEN member.type = 'null' OR (${isCount("member")}) ` +
        `WHEN 'statuses' THEN ${areCounts("member")} ` +
        `WHEN 'counters' THEN member.type = 'null' OR ${areCounts("member")} ELSE 1 END)`,
      "how whole a result is",
    ),
    decode: (stored) => ({
      counters: null,
      ...(JSON.parse(stored as string) as Omit<Completeness, "counters">),
    }),
    encode: (value) => JSON.stringify(value),
  },
  NOT_COUNTED,
);
