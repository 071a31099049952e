// Schema: all tables of journal.db together, and how a journal of an older version gets what it
// lacks. What each table is, its home says.

import { ACTION } from "./action-table.ts";
import { ALARM, NOTICE } from "./alarm-tables.ts";
import { AUDIT } from "./audit-table.ts";
import { CALENDAR, WINDOW } from "./calendar-tables.ts";
import { DELIVERY } from "./delivery-table.ts";
import { PAUSE } from "./pause-table.ts";
import { mendingsOf, viewOf } from "./readable.ts";
import { RUN } from "./run-table.ts";
import { CURSOR, MISSED } from "./schedule-tables.ts";
import { STATE } from "./state-table.ts";
import { BODY, SOURCE, STEP } from "./step-tables.ts";
import { creationOf, declarationOf, type Table } from "./table.ts";
import { TALLY, TALLY_OF_OLD } from "./tally-table.ts";

/** Marks the file as ours ("MIGR"): any other SQLite file is refused, never written to. */
export const APPLICATION_ID = 0x4d494752;

/** The schema that this program writes. Lower versions are migrated when the file is opened. */
export const SCHEMA_VERSION = 4;

/** All tables; rows refer only to those of tables before their own. */
export const TABLES: readonly Table[] = [
  RUN,
  ACTION,
  SOURCE,
  BODY,
  STEP,
  DELIVERY,
  CURSOR,
  MISSED,
  CALENDAR,
  WINDOW,
  AUDIT,
  ALARM,
  NOTICE,
  PAUSE,
  TALLY,
  STATE,
];

/** Tables with rows that may be unreadable. */
export const ROW_TABLES: readonly Table[] = [
  RUN,
  ACTION,
  DELIVERY,
  BODY,
  STEP,
  MISSED,
  CALENDAR,
  WINDOW,
  ALARM,
  NOTICE,
  PAUSE,
  TALLY,
  STATE,
  CURSOR,
];

/** The views that rows are read through, of this connection alone. */
export const READABLE_VIEWS = [...ROW_TABLES, AUDIT].map(viewOf).join(";\n");

/** Statements that replace unreadable values, where that can be done. */
export const MENDINGS: readonly string[] = ROW_TABLES.flatMap(mendingsOf);

/** The token of the last checkpoint: see seal.ts. */
const SEAL =
  "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL) STRICT";

/** What takes a journal from a version to the newest one; 0 is an empty file. */
export function migrationFrom(version: number): string {
  const statements = TABLES.flatMap((table) =>
    table.since > version ? creationOf(table) : additionsTo(table, version),
  );
  if (version < 2) statements.push(SEAL);
  if (version < 3) statements.push(TALLY_OF_OLD);
  return statements.join(";\n");
}

function additionsTo(table: Table, version: number): string[] {
  const columns = columnsSince(table, version).map(
    (column) => `ALTER TABLE ${table.name} ADD COLUMN ${declarationOf(table, column)}`,
  );
  const indexes = Object.entries(table.indexes ?? {}).flatMap(([since, sql]) =>
    Number(since) > version ? sql : [],
  );
  return [...columns, ...indexes];
}

function columnsSince({ list }: Table, version: number) {
  return list.filter(({ kind }) => (kind.since ?? 0) > version);
}

/** What a journal of an older version lacks, for a connection that may not add it. */
export function missingColumns(version: number): string {
  const statements = TABLES.flatMap((table) => {
    const { name } = table;
    // Empty, and of this connection alone.
    if (table.since > version) return creationOf(table)[0]?.replace("TABLE", "TEMP TABLE") ?? [];
    const unset = columnsSince(table, version).map(
      (column) => `${column.kind.unset} AS ${column.name}`,
    );
    if (unset.length === 0) return [];
    // Of this connection too, and found before the table of that name.
    return `CREATE TEMP VIEW "${name}" AS SELECT *, ${unset.join(", ")} FROM main."${name}"`;
  });
  return statements.join(";\n");
}
