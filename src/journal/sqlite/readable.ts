// Readable: which rows of a journal can be worked with, as conditions of SQLite.
//
// Rows are read only through a view of their table, `readable_TABLE`. It leaves out rows with
// values that this program never writes, such as numbers that JavaScript cannot hold, impossible
// times, broken JSON and unknown states. Such a row does no harm to others (I8, I10): nothing works
// on it, `verify` names it, `salvage` and `drop` take it out.
//
// Owns:    what each column must hold, and what a row must have to be in its state.
// Not its: rows that can be read but contradict themselves or others (rules.ts).

import { ALARM_EVENTS, NOTICE_STATES } from "../alarms.ts";
import { HOLDS } from "../guards.ts";
import { ACTION_STATES, DELIVERY_STATES, RUN_CAUSES, RUN_STATES } from "../inflight.ts";
import { MISSED_KINDS } from "../journal.ts";
import { STEP_KINDS, STEP_STATES } from "../steps.ts";
import { TALLIES } from "../tally.ts";
import { CALENDAR_STATES } from "../windows.ts";

/** A table whose rows are read through a view. */
export type RowTable = keyof typeof TABLES;

interface Rule {
  /** True for a wrong row, as a condition. */
  readonly when: string;
  /** What is wrong, as an expression that gives a text. */
  readonly says: string;
}

/** What a column holds. */
interface Kind {
  /** True for a value that is wrong; `@` stands for the column. */
  readonly when: string;
  /** What it must be, in words. */
  readonly wanted: string;
  /** The value that salvage writes in place of a wrong one; null where there is none. */
  readonly mended: string | null;
}

const SAFE_MAX = Number.MAX_SAFE_INTEGER;

/** Milliseconds from the epoch that a Date can hold, either way. */
const INSTANT_MAX = 8_640_000_000_000_000;

function whole(least: number, most: number, mended: string | null): Kind {
  return {
    when: `typeof(@) <> 'integer' OR @ NOT BETWEEN ${least} AND ${most}`,
    wanted: `a whole number from ${least} to ${most}`,
    mended,
  };
}

function oneOf(words: readonly string[]): Kind {
  const list = words.map((word) => `'${word}'`).join(", ");
  return {
    when: `@ IS NULL OR @ NOT IN (${list})`,
    wanted: `one of ${words.join(", ")}`,
    mended: null,
  };
}

/** Wrong is what is no JSON, and JSON of which `wrong` is true. CASE keeps that order. */
function wrongJson(wrong: string): string {
  return `CASE WHEN typeof(@) <> 'text' THEN 1 WHEN NOT json_valid(@) THEN 1 ELSE ${wrong} END`;
}

/** The same for a column that may be empty. */
function optional(kind: Kind, mended: string | null = "NULL"): Kind {
  return { ...kind, when: `@ IS NOT NULL AND (${kind.when})`, mended };
}

const ID = whole(1, SAFE_MAX, null);
const INSTANT = whole(-INSTANT_MAX, INSTANT_MAX, "0");
/** A moment that cannot be guessed when it is unreadable: a row without it cannot be mended. */
const DECIDED: Kind = { ...INSTANT, mended: null };
const COUNT = whole(0, SAFE_MAX, "0");
const FLAG = whole(0, 1, "1");
const TEXT: Kind = { when: "typeof(@) <> 'text'", wanted: "a text", mended: null };
const BYTES: Kind = { when: "typeof(@) <> 'blob'", wanted: "bytes", mended: null };
const NAMES: Kind = {
  when: wrongJson(
    "json_type(@) <> 'array' OR EXISTS (SELECT 1 FROM json_each(@) WHERE type <> 'text')",
  ),
  wanted: "a list of names",
  mended: "'[]'",
};
/** Whether a member of the JSON object `value` is no moment. */
function wrongInstant(path: string): string {
  const value = `json_extract(value, '${path}')`;
  return `(typeof(${value}) <> 'integer' OR ${value} NOT BETWEEN -${INSTANT_MAX} AND ${INSTANT_MAX})`;
}

/** Tries of journal/tries.ts. */
const TRIES: Kind = {
  when: wrongJson(
    "json_type(@) <> 'array' OR EXISTS (SELECT 1 FROM json_each(@) WHERE CASE type " +
      "WHEN 'object' THEN json_type(value, '$.what') IS NOT 'text' " +
      "OR json_type(value, '$.error') IS NOT 'text' " +
      "OR json_type(value, '$.count') IS NOT 'integer' " +
      `OR ${wrongInstant("$.firstAt")} OR ${wrongInstant("$.lastAt")} ELSE 1 END)`,
  ),
  wanted: "a list of tries",
  mended: null,
};
const JSON_TEXT: Kind = { when: wrongJson("0"), wanted: "JSON", mended: null };
const JSON_OBJECT: Kind = {
  when: wrongJson("json_type(@) <> 'object'"),
  wanted: "a JSON object",
  mended: null,
};
/** When something is to be done next; mended to 0: at once. */
const NEXT = optional(INSTANT, "0");

/** Whether a member of a JSON object, as json_each gives it, is a number to count with. */
function isCount(member: string): string {
  return `${member}.type = 'integer' AND ${member}.value BETWEEN 0 AND ${SAFE_MAX}`;
}

/** The same of every member of a JSON object that is a member itself. */
function areCounts(member: string): string {
  const wrong = `SELECT 1 FROM json_each(${member}.value) AS count WHERE NOT (${isCount("count")})`;
  return `CASE ${member}.type WHEN 'object' THEN NOT EXISTS (${wrong}) ELSE 0 END`;
}

/** See Completeness in journal/inflight.ts. Rows of the first version have no counters. */
const COMPLETENESS: Kind = {
  when: wrongJson(
    "json_type(@) <> 'object' OR json_type(@, '$.fetched') IS NULL OR " +
      "json_type(@, '$.strays') IS NULL OR json_type(@, '$.sent') IS NULL OR " +
      "json_type(@, '$.statuses') IS NULL OR " +
      "EXISTS (SELECT 1 FROM json_each(@) AS member WHERE NOT CASE member.key " +
      `WHEN 'fetched' THEN ${isCount("member")} WHEN 'strays' THEN ${isCount("member")} ` +
      `WHEN 'listed' THEN ${isCount("member")} ` +
      `WHEN 'sent' THEN member.type = 'null' OR (${isCount("member")}) ` +
      `WHEN 'statuses' THEN ${areCounts("member")} ` +
      `WHEN 'counters' THEN member.type = 'null' OR ${areCounts("member")} ELSE 1 END)`,
  ),
  wanted: "how whole a result is",
  mended: `'{"fetched":0,"sent":null,"counters":null,"statuses":{},"strays":0}'`,
};

interface Table {
  /** How a row is called, as an expression. */
  readonly name: string;
  readonly columns: Readonly<Record<string, Kind>>;
  /** What a row lacks for its state: what is wrong, and when. */
  readonly states?: readonly (readonly [says: string, when: string])[];
}

const TABLES = {
  run: {
    name: "'run ' || id || ' (' || job || ')'",
    columns: {
      ...{ id: ID, job: TEXT, fires_at: DECIDED },
      cause: oneOf(RUN_CAUSES),
      state: oneOf(RUN_STATES),
      ...{ source: optional(TEXT), note: optional(TEXT), params: optional(JSON_OBJECT, null) },
      begun_at: optional(INSTANT),
      ...{ deadline_at: optional(INSTANT), ended_at: optional(INSTANT, "0") },
      not_before: optional(INSTANT),
    },
  },
  action: {
    name: "'action ' || id || ' (' || job || ')'",
    columns: {
      ...{ id: ID, run_id: ID, job: TEXT, step: TEXT, part: COUNT, state: oneOf(ACTION_STATES) },
      ...{ name: TEXT, body: TEXT, signature: TEXT, expire_at: INSTANT, send_only: FLAG },
      ...{ life_ms: optional(COUNT), post_by: optional(INSTANT), posted_at: optional(INSTANT) },
      // An unreadable limit must not turn into "no limit".
      ...{ agents_max: optional(COUNT, null), page_size: optional(ID) },
      ...{ guards: optional(JSON_OBJECT, null), held: optional(oneOf(HOLDS), null) },
      ...{ plugins: NAMES, action_id: optional(ID), reply: optional(BYTES) },
      ...{ maybe_sent: FLAG, attempts: COUNT, next_at: NEXT, result_path: optional(TEXT) },
      ...{ result_sha256: optional(TEXT), writing: FLAG },
      ...{ collected_at: optional(INSTANT), tries: optional(TRIES) },
      ...{ completeness: optional(COMPLETENESS, COMPLETENESS.mended), error: optional(TEXT) },
      updated_at: INSTANT,
    },
    states: [
      ["it is planned, but its signed action is gone (I1)", "state = 'planned' AND body = ''"],
      [
        "it is posted, but the API's answer is gone",
        "state = 'posted' AND (action_id IS NULL OR reply IS NULL)",
      ],
      [
        "its result is to be read once more, but the API's answer is gone",
        "state = 'collected' AND next_at IS NOT NULL AND (action_id IS NULL OR reply IS NULL)",
      ],
      [
        "it is collected, but where its result is was not recorded (I6)",
        "state = 'collected' AND (result_path IS NULL OR completeness IS NULL)",
      ],
    ],
  },
  delivery: {
    name: "'delivery ' || id || ' (' || job || ')'",
    columns: {
      ...{ id: ID, action_row: ID, job: TEXT, plugin: TEXT, key: TEXT },
      ...{ state: oneOf(DELIVERY_STATES), attempts: COUNT, next_at: NEXT },
      ...{ error: optional(TEXT), progress: optional(TEXT), updated_at: INSTANT },
      ...{ result_path: optional(TEXT, null), tries: optional(TRIES) },
    },
  },
  body: {
    name: "'workflow of run ' || run_id",
    columns: {
      ...{ run_id: ID, template: optional(TEXT, null), expiry_ms: whole(0, SAFE_MAX, null) },
      ...{ agents_max: optional(COUNT, null), plugins: NAMES, seed: COUNT, begun_at: INSTANT },
      ...{ next_at: NEXT, set_at: INSTANT, starts: COUNT, version: whole(1, SAFE_MAX, null) },
    },
  },
  step: {
    name: "'step ' || id || ' (' || name || ' of run ' || run_id || ')'",
    columns: {
      ...{ id: ID, run_id: ID, name: TEXT, kind: oneOf(STEP_KINDS), digest: TEXT },
      ...{
        state: oneOf(STEP_STATES),
        value: optional(JSON_TEXT, null),
        error: optional(TEXT, "''"),
      },
      ...{
        attempts: COUNT,
        tries: COUNT,
        next_at: NEXT,
        set_at: INSTANT,
        sequence: optional(ID, null),
      },
      ...{ begun_at: optional(INSTANT), ended_at: optional(INSTANT, "0") },
      ...{ asked: optional(JSON_OBJECT, null), answer: optional(JSON_OBJECT, null) },
    },
    states: [
      [
        "it waits for people, but what they are asked is gone",
        "kind IN ('wait', 'approval') AND asked IS NULL",
      ],
      [
        "it ended, but has no place or no time (W2)",
        "state IN ('saved', 'failed') AND (sequence IS NULL OR ended_at IS NULL)",
      ],
    ],
  },
  missed: {
    name: "'missed ' || id || ' (' || job || ')'",
    columns: {
      ...{
        id: ID,
        job: TEXT,
        first_at: INSTANT,
        last_at: INSTANT,
        count: { ...COUNT, mended: null },
      },
      ...{ reason: TEXT, recorded_at: INSTANT, kind: oneOf(MISSED_KINDS) },
    },
  },
  calendar: {
    name: "'calendar ' || sequence || ' (' || job || ')'",
    columns: {
      ...{ id: ID, job: TEXT, sequence: ID, hash: TEXT, state: oneOf(CALENDAR_STATES) },
      ...{ action: TEXT, template: TEXT, min_signers: ID, signers: NAMES },
      ...{ requested_at: INSTANT, installed_at: INSTANT, ended_at: optional(INSTANT, "0") },
    },
  },
  calendar_window: {
    name: "'window ' || id || ' of a calendar'",
    columns: {
      ...{ id: ID, calendar_id: ID, fires_at: DECIDED, valid_from: DECIDED },
      ...{ expire_after: DECIDED, signatures: { ...NAMES, mended: null } },
      // A used window must not turn into an unused one.
      run_id: optional(ID, null),
    },
  },
  alarm: {
    name: "'alarm ' || id || ' (' || event || ' ' || job || ')'",
    columns: {
      ...{ id: ID, event: oneOf(ALARM_EVENTS), job: TEXT, subject: TEXT, run_id: optional(ID) },
      ...{ since: INSTANT, raised_at: INSTANT, told_at: INSTANT, count: COUNT },
      ...{ message: TEXT, hint: TEXT, ended_at: optional(INSTANT, "0") },
    },
  },
  notice: {
    name: "'notice ' || id || ' of an alarm'",
    columns: {
      ...{ id: ID, alarm_id: ID, plugin: TEXT, body: JSON_TEXT, state: oneOf(NOTICE_STATES) },
      ...{ attempts: COUNT, next_at: NEXT, error: optional(TEXT), updated_at: INSTANT },
    },
  },
  pause: {
    name: "'pause ' || id || ' (' || job || ')'",
    columns: {
      // An unreadable pause must not last for ever, nor end before its time.
      ...{ id: ID, job: TEXT, since: DECIDED, until: optional(DECIDED, null), actor: TEXT },
      ...{ why: TEXT, ended_at: optional(DECIDED, null) },
    },
  },
  tally: {
    name: "'count of ' || what || ' ' || job || ' ' || label",
    columns: {
      ...{ id: ID, what: oneOf(TALLIES), job: TEXT, label: TEXT, count: COUNT },
      last_at: optional(INSTANT),
    },
  },
  state: {
    name: "'state ' || key || ' (' || job || ')'",
    columns: {
      ...{ id: ID, job: TEXT, key: TEXT, value: JSON_TEXT, run_id: optional(ID) },
      set_at: INSTANT,
    },
  },
  cursor: {
    name: "'cursor of ' || job",
    columns: { job: TEXT, decided_at: DECIDED, schedule: TEXT, ahead_at: optional(DECIDED) },
  },
} as const satisfies Readonly<Record<string, Table>>;

export const ROW_TABLES = Object.keys(TABLES) as readonly RowTable[];

function tableOf(table: RowTable): Table {
  return TABLES[table];
}

function rulesOf(table: RowTable): readonly Rule[] {
  const { columns, states = [] } = tableOf(table);
  const ofColumns = Object.entries(columns).map(([column, { when, wanted }]): Rule => {
    const value = `substr(quote("${column}"), 1, 40)`;
    const says = `'its ${column} is ' || ${value} || ', wanted ${wanted}'`;
    return { when: when.replaceAll("@", `"${column}"`), says };
  });
  const ofStates = states.map(([says, when]): Rule => ({ when, says: quoted(says) }));
  return [...ofColumns, ...ofStates];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Whether a row of a table cannot be read, as a condition that is never unknown. */
export function unreadable(table: RowTable): string {
  return `((${rulesOf(table)
    .map(({ when }) => when)
    .join(") OR (")})) IS TRUE`;
}

/** How a row of a table is called, as an expression. */
export function rowName(table: RowTable): string {
  return tableOf(table).name;
}

/** `action 7 (nightly): its action_id is 9007199254740992, wanted …`, as an expression. */
export function whyUnreadable(table: RowTable): string {
  const cases = rulesOf(table).map(({ when, says }) => `WHEN ${when} THEN ${says}`);
  return `coalesce(${rowName(table)}, '${table}') || ': ' || CASE ${cases.join(" ")} END`;
}

/**
 * The views that rows are read through, of this connection alone. Their tables may be views
 * themselves: see `missingColumns` of schema.ts.
 */
export const READABLE_VIEWS = ROW_TABLES.map(
  (table) =>
    `CREATE TEMP VIEW readable_${table} AS SELECT * FROM "${table}" ` +
    `WHERE NOT (${unreadable(table)})`,
).join(";\n");

/** Statements that replace unreadable values by their `mended` value, where a column has one. */
export const MENDINGS: readonly string[] = ROW_TABLES.flatMap((table) =>
  Object.entries(tableOf(table).columns).flatMap(([column, { when, mended }]) => {
    if (mended === null) return [];
    const wrong = when.replaceAll("@", `"${column}"`);
    return `UPDATE OR IGNORE "${table}" SET "${column}" = ${mended} WHERE ${wrong}`;
  }),
);
