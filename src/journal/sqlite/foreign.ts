// Foreign: whether a file is a journal of ours, its tables, and what is in it that no mig-runner
// makes.
import type { DatabaseSync } from "node:sqlite";

/** How many of the tables are there that every journal has had. */
const OUR_TABLES =
  "SELECT count(*) AS count FROM sqlite_schema WHERE type = 'table' " +
  "AND name IN ('run', 'action', 'delivery', 'cursor')";

/** Triggers, views and virtual tables have no page of their own. */
const STRANGER =
  `SELECT 'it has a ' || type || ' "' || name || '", which no mig-runner makes' AS text ` +
  "FROM sqlite_schema WHERE rootpage = 0 LIMIT 1";

/** Whether it has the tables of a journal. */
export function hasOurTables(database: DatabaseSync): boolean {
  return (database.prepare(OUR_TABLES).get() as { count: number }).count === 4;
}

/**
 * What is wrong with the schema of a journal: something that would run by itself at a read or a
 * write of ours, such as a trigger. Null: nothing.
 */
export function strangerIn(database: DatabaseSync): string | null {
  const row = database.prepare(STRANGER).get() as { readonly text: string } | undefined;
  return row?.text ?? null;
}

/** The first column of every row. */
export function texts(database: DatabaseSync, sql: string): string[] {
  return database
    .prepare(sql)
    .all()
    .map((row) => String(Object.values(row)[0]));
}

/** Our tables, in the order in which their rows refer to each other. */
export function tablesOf(database: DatabaseSync): string[] {
  return texts(
    database,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' " +
      "AND name NOT IN ('seal', 'moved') ORDER BY rowid",
  );
}
