// Schema: the tables of journal.db, and which versions of them this program can read.

/** Marks the file as ours ("MIGR"): any other SQLite file is refused, never written to. */
export const APPLICATION_ID = 0x4d494752;

/** The schema that this program writes. Lower versions are migrated when the file is opened. */
export const SCHEMA_VERSION = 4;

/** A column that a table has got since the first version. */
interface Addition {
  /** The version that has it. */
  readonly version: number;
  readonly table: string;
  readonly name: string;
  readonly type: string;
  /** What it says in rows from before. */
  readonly unset: string;
}

const ADDITIONS: readonly Addition[] = [
  { version: 2, table: "step", name: "tries", type: "INTEGER NOT NULL DEFAULT 0", unset: "0" },
  { version: 2, table: "action", name: "writing", type: "INTEGER NOT NULL DEFAULT 0", unset: "0" },
  { version: 2, table: "delivery", name: "progress", type: "TEXT", unset: "NULL" },
  { version: 2, table: "delivery", name: "result_path", type: "TEXT", unset: "NULL" },
  // When moments were set, by the clock of then: one that was ahead is known by it.
  { version: 2, table: "run", name: "begun_at", type: "INTEGER", unset: "NULL" },
  { version: 2, table: "body", name: "set_at", type: "INTEGER NOT NULL DEFAULT 0", unset: "0" },
  { version: 2, table: "step", name: "set_at", type: "INTEGER NOT NULL DEFAULT 0", unset: "0" },
  { version: 2, table: "cursor", name: "ahead_at", type: "INTEGER", unset: "NULL" },
  { version: 2, table: "action", name: "life_ms", type: "INTEGER", unset: "NULL" },
  { version: 2, table: "action", name: "post_by", type: "INTEGER", unset: "NULL" },
  { version: 2, table: "action", name: "posted_at", type: "INTEGER", unset: "NULL" },
  { version: 2, table: "action", name: "guards", type: "TEXT", unset: "NULL" },
  { version: 2, table: "action", name: "held", type: "TEXT", unset: "NULL" },
  { version: 3, table: "run", name: "params", type: "TEXT", unset: "NULL" },
  { version: 3, table: "run", name: "not_before", type: "INTEGER", unset: "NULL" },
  {
    ...{ version: 3, table: "missed", name: "kind", type: "TEXT NOT NULL DEFAULT 'missed'" },
    unset: "'missed'",
  },
  { version: 3, table: "action", name: "result_sha256", type: "TEXT", unset: "NULL" },
  { version: 3, table: "body", name: "version", type: "INTEGER NOT NULL DEFAULT 1", unset: "1" },
  // What people are asked in the middle of a run, and who answered what.
  { version: 3, table: "step", name: "asked", type: "TEXT", unset: "NULL" },
  { version: 3, table: "step", name: "answer", type: "TEXT", unset: "NULL" },
  // Where the time of a run went: when its parts began and ended, and what was tried in vain.
  { version: 4, table: "step", name: "begun_at", type: "INTEGER", unset: "NULL" },
  { version: 4, table: "action", name: "collected_at", type: "INTEGER", unset: "NULL" },
  { version: 4, table: "action", name: "tries", type: "TEXT", unset: "NULL" },
  { version: 4, table: "delivery", name: "tries", type: "TEXT", unset: "NULL" },
];

/** Tables since the second version; rows refer only to those of tables above them. */
const TABLES_2 = `
  CREATE TABLE calendar (
    id           INTEGER PRIMARY KEY,
    job          TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    hash         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    template     TEXT    NOT NULL,
    min_signers  INTEGER NOT NULL,
    signers      TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    installed_at INTEGER NOT NULL,
    ended_at     INTEGER,
    UNIQUE (job, sequence)
  ) STRICT;

  CREATE TABLE calendar_window (
    id           INTEGER PRIMARY KEY,
    calendar_id  INTEGER NOT NULL REFERENCES calendar (id),
    fires_at     INTEGER NOT NULL,
    valid_from   INTEGER NOT NULL,
    expire_after INTEGER NOT NULL,
    signatures   TEXT    NOT NULL,
    run_id       INTEGER UNIQUE,
    UNIQUE (calendar_id, fires_at)
  ) STRICT;

  CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    deed     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    previous TEXT    NOT NULL,
    hash     TEXT    NOT NULL
  ) STRICT;

  CREATE TABLE alarm (
    id        INTEGER PRIMARY KEY,
    event     TEXT    NOT NULL,
    job       TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    run_id    INTEGER,
    since     INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    told_at   INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    message   TEXT    NOT NULL,
    hint      TEXT    NOT NULL,
    ended_at  INTEGER
  ) STRICT;

  CREATE TABLE notice (
    id         INTEGER PRIMARY KEY,
    alarm_id   INTEGER NOT NULL REFERENCES alarm (id),
    plugin     TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER,
    error      TEXT,
    updated_at INTEGER NOT NULL
  ) STRICT;
  `;

/** Tables since the third version. */
const TABLES_3 = `
  CREATE TABLE pause (
    id       INTEGER PRIMARY KEY,
    job      TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    actor    TEXT    NOT NULL,
    why      TEXT    NOT NULL,
    ended_at INTEGER
  ) STRICT;

  CREATE TABLE tally (
    id      INTEGER PRIMARY KEY,
    what    TEXT    NOT NULL,
    job     TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_at INTEGER,
    UNIQUE (what, job, label)
  ) STRICT;

  CREATE TABLE state (
    id     INTEGER PRIMARY KEY,
    job    TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    run_id INTEGER,
    set_at INTEGER NOT NULL,
    UNIQUE (job, key)
  ) STRICT;
  `;

/** A sum that a row can hold, whatever the rows say that it is made of. */
function sumOf(column: string): string {
  return `CAST(max(0, min(total(${column}), 9e15)) AS INTEGER)`;
}

/** What has happened before it was counted, as far as it is still there. */
const TALLIES = `
  INSERT INTO tally (what, job, label, count, last_at)
    SELECT 'run', job, state, count(*),
      max(CASE WHEN ended_at BETWEEN -8e15 AND 8e15 THEN ended_at END)
    FROM run WHERE state IN ('done', 'failed') GROUP BY job, state;
  INSERT INTO tally (what, job, label, count)
    SELECT 'missed', job, '', ${sumOf("count")} FROM missed GROUP BY job;
  INSERT INTO tally (what, job, label, count)
    SELECT 'command', '', key, ${sumOf("value")} FROM action,
      json_each(CASE WHEN json_valid(completeness) THEN completeness ELSE '{}' END, '$.statuses')
    WHERE completeness IS NOT NULL AND type = 'integer' AND key IS NOT NULL GROUP BY key`;

function additionsOf(version: number): readonly Addition[] {
  return ADDITIONS.filter((column) => column.version === version);
}

function addColumn({ table, name, type }: Addition): string {
  return `ALTER TABLE ${table} ADD COLUMN ${name} ${type}`;
}

/** The token of the last checkpoint: see seal.ts. */
const SEAL =
  "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL) STRICT";

/** Pages of the history (reading.ts); those of one job have the unique index of (job, fires_at). */
const HISTORY = `
  CREATE INDEX run_fires ON run (fires_at);
  CREATE INDEX run_failed ON run (fires_at) WHERE state IN ('failed', 'paused');
  CREATE INDEX run_job_failed ON run (job, fires_at) WHERE state IN ('failed', 'paused')`;

const ALARMS = `
  CREATE UNIQUE INDEX alarm_open ON alarm (event, job, subject) WHERE ended_at IS NULL;
  CREATE INDEX notice_next ON notice (next_at) WHERE next_at IS NOT NULL;
  CREATE INDEX notice_alarm ON notice (alarm_id)`;

/** Statement lists, one a version: `MIGRATIONS[n]` takes a journal from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    job         TEXT    NOT NULL,
    fires_at    INTEGER NOT NULL,
    cause       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    source      TEXT,
    note        TEXT,
    deadline_at INTEGER,
    ended_at    INTEGER,
    UNIQUE (job, fires_at)
  ) STRICT;
  CREATE INDEX run_state ON run (state, id) WHERE state IN ('requested', 'open', 'paused');
  CREATE INDEX run_deadline ON run (deadline_at)
    WHERE deadline_at IS NOT NULL AND state = 'open';

  CREATE TABLE action (
    id           INTEGER PRIMARY KEY,
    run_id       INTEGER NOT NULL REFERENCES run (id),
    job          TEXT    NOT NULL,
    step         TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    signature    TEXT    NOT NULL,
    expire_at    INTEGER NOT NULL,
    send_only    INTEGER NOT NULL,
    agents_max   INTEGER,
    page_size    INTEGER,
    plugins      TEXT    NOT NULL,
    action_id    INTEGER,
    reply        BLOB,
    maybe_sent   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    next_at      INTEGER,
    result_path  TEXT,
    completeness TEXT,
    error        TEXT,
    updated_at   INTEGER NOT NULL,
    UNIQUE (run_id, step, part)
  ) STRICT;
  CREATE UNIQUE INDEX action_api ON action (action_id) WHERE action_id IS NOT NULL;
  CREATE INDEX action_next ON action (next_at) WHERE next_at IS NOT NULL;
  CREATE INDEX action_due ON action (state, next_at) WHERE next_at IS NOT NULL;

  CREATE TABLE source (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE body (
    run_id     INTEGER PRIMARY KEY REFERENCES run (id),
    template   TEXT,
    expiry_ms  INTEGER NOT NULL,
    agents_max INTEGER,
    plugins    TEXT    NOT NULL,
    seed       INTEGER NOT NULL,
    begun_at   INTEGER NOT NULL,
    next_at    INTEGER,
    starts     INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX body_next ON body (next_at) WHERE next_at IS NOT NULL;

  CREATE TABLE step (
    id       INTEGER PRIMARY KEY,
    run_id   INTEGER NOT NULL REFERENCES run (id),
    name     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    value    TEXT,
    error    TEXT,
    attempts INTEGER NOT NULL,
    next_at  INTEGER,
    sequence INTEGER,
    ended_at INTEGER,
    UNIQUE (run_id, name)
  ) STRICT;
  CREATE UNIQUE INDEX step_sequence ON step (run_id, sequence) WHERE sequence IS NOT NULL;
  CREATE INDEX step_next ON step (next_at) WHERE next_at IS NOT NULL;

  CREATE TABLE delivery (
    id         INTEGER PRIMARY KEY,
    action_row INTEGER NOT NULL REFERENCES action (id),
    job        TEXT    NOT NULL,
    plugin     TEXT    NOT NULL,
    key        TEXT    NOT NULL UNIQUE,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER,
    error      TEXT,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX delivery_action ON delivery (action_row);
  CREATE INDEX delivery_next ON delivery (next_at) WHERE next_at IS NOT NULL;
  CREATE INDEX delivery_open ON delivery (state, id) WHERE state IN ('pending', 'dead');

  CREATE TABLE cursor (
    job        TEXT PRIMARY KEY,
    decided_at INTEGER NOT NULL,
    schedule   TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE missed (
    id          INTEGER PRIMARY KEY,
    job         TEXT    NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    recorded_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX missed_job ON missed (job, id);
  `,
  `${additionsOf(2).map(addColumn).join(";\n")};
  ${TABLES_2}
  CREATE UNIQUE INDEX calendar_installed ON calendar (job) WHERE state = 'installed';
  ${SEAL};
  ${HISTORY};
  ${ALARMS};
  `,
  `${additionsOf(3).map(addColumn).join(";\n")};
  ${TABLES_3}
  CREATE INDEX pause_open ON pause (job) WHERE ended_at IS NULL;
  ${TALLIES};
  `,
  additionsOf(4).map(addColumn).join(";\n"),
];

/** What a journal of an older version lacks, for a connection that may not add it. */
export function missingColumns(version: number): string {
  const missing = ADDITIONS.filter((column) => column.version > version);
  const tables = new Set(missing.map(({ table }) => table));
  const views = [...tables].map((table) => {
    const columns = missing.filter((column) => column.table === table);
    const unset = columns.map(({ name, unset }) => `${unset} AS ${name}`).join(", ");
    // Of this connection alone, and found before the table of that name.
    return `CREATE TEMP VIEW "${table}" AS SELECT *, ${unset} FROM main."${table}"`;
  });
  // Empty, and of this connection too.
  const empty = [TABLES_2, TABLES_3]
    .slice(Math.max(0, version - 1))
    .map((tables) => tables.replaceAll("CREATE TABLE", "CREATE TEMP TABLE"));
  return [...views, ...empty].join(";\n");
}
