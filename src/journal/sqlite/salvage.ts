// Salvage: every row of a damaged journal that SQLite can still reach, into a new one.
//
// A damaged page hides the rows on it and ends any walk over the table. So a table is walked from
// its begin, then from its end, and between the two its rows are asked for one by one.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Raw } from "./columns.ts";
import { unreadable } from "./readable.ts";
import { MENDINGS, ROW_TABLES } from "./schema.ts";
import type { Table } from "./table.ts";

/** What was saved of one table. */
export interface TableSalvage {
  readonly table: string;
  /** Rows in the new journal. */
  readonly saved: number;
  /** Rows that were left out: contradictory ones, and such as a delivery without its action. */
  readonly dropped: number;
  /** Whether all of the table could be read. */
  readonly whole: boolean;
}

/** Rows asked for one by one in the gap of one table. */
const PROBES_MAX = 1_000_000;

/** After so many failures on end the rest of a table is on pages that cannot be reached. */
const FAILURES_MAX = 20_000;

interface Order {
  /** The damaged journal. */
  readonly path: string;
  /** A new, empty journal. */
  readonly target: DatabaseSync;
  /** Its tables; a row refers only to rows of tables before its own. */
  readonly tables: readonly string[];
}

/** Copies what can be read. A file that is no database at all gives nothing, and no error. */
export function copyReadable({ path, target, tables }: Order): readonly TableSalvage[] {
  const source = openOrNull(path);
  target.exec("PRAGMA foreign_keys = OFF; BEGIN");
  try {
    const copied = tables.map((table) => ({ table, ...copyTable(source, target, table) }));
    for (const sql of MENDINGS) target.exec(sql);
    const left = new Map(ROW_TABLES.map((table) => [table.name, dropUnreadable(target, table)]));
    giveRuns(target);
    endStranded(target);
    const salvaged = copied.map(({ table, whole }) => {
      const dropped = dropOrphans(target, table) + (left.get(table) ?? 0);
      const saved = (target.prepare(`SELECT count(*) AS n FROM "${table}"`).get() as { n: number })
        .n;
      return { table, saved, dropped, whole };
    });
    target.exec("COMMIT");
    return salvaged;
  } catch (error) {
    target.exec("ROLLBACK");
    throw error;
  } finally {
    source?.close();
  }
}

function openOrNull(path: string): DatabaseSync | null {
  try {
    return new DatabaseSync(path, { readOnly: true });
  } catch {
    return null;
  }
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
}

function columnsOf(database: DatabaseSync, table: string): readonly Column[] {
  return database.prepare(`PRAGMA table_info("${table}")`).all() as unknown as Column[];
}

const IS_TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ?";

function copyTable(
  source: DatabaseSync | null,
  target: DatabaseSync,
  table: string,
): { readonly whole: boolean } {
  if (source === null) return { whole: false };
  const wanted = columnsOf(target, table);
  let known: ReadonlySet<string>;
  try {
    // Something else of its name may have rows without an end.
    if (source.prepare(IS_TABLE).get(table) === undefined) return { whole: false };
    known = new Set(columnsOf(source, table).map(({ name }) => name));
  } catch {
    return { whole: false };
  }
  const columns = wanted.map(({ name }) => name).filter((name) => known.has(name));
  const key = wanted.find(({ pk }) => pk === 1);
  if (key === undefined || !known.has(key.name)) return { whole: false };
  const names = columns.map((name) => `"${name}"`).join(", ");
  const holes = columns.map(() => "?").join(", ");
  const insert = target.prepare(`INSERT OR IGNORE INTO "${table}" (${names}) VALUES (${holes})`);
  const take = (row: Raw): void => {
    try {
      insert.run(...columns.map((name) => row[name] as Exact));
    } catch {
      // A damaged value that its column cannot hold.
    }
  };
  return { whole: readAll(source, { table, names, key }, take) };
}

/** A value as SQLite has it, with whole numbers of any size. */
type Exact = string | number | bigint | null | Uint8Array;

interface Walk {
  readonly table: string;
  readonly names: string;
  readonly key: Column;
}

/** Hands every readable row to `take`, some twice. Answers whether all rows could be read. */
function readAll(source: DatabaseSync, walk: Walk, take: (row: Raw) => void): boolean {
  const up = walkRows(source, { ...walk, order: "ASC" }, take);
  if (up.ended) return true;
  const down = walkRows(source, { ...walk, order: "DESC" }, take);
  if (walk.key.type !== "INTEGER") return false;
  const from = typeof up.last === "bigint" ? Number(up.last) + 1 : 1;
  const to = typeof down.last === "bigint" ? Number(down.last) : from + PROBES_MAX;
  const { table, names, key } = walk;
  const one = exact(source, `SELECT ${names} FROM "${table}" WHERE "${key.name}" = ?`);
  let failures = 0;
  for (let id = from; id < Math.min(to, from + PROBES_MAX) && failures < FAILURES_MAX; id++) {
    try {
      const row = one.get(id) as Raw | undefined;
      if (row !== undefined) take(row);
      failures = 0;
    } catch {
      failures++;
    }
  }
  return false;
}

function exact(source: DatabaseSync, sql: string): StatementSync {
  const statement = source.prepare(sql);
  statement.setReadBigInts(true);
  return statement;
}

function walkRows(
  source: DatabaseSync,
  { table, names, key, order }: Walk & { readonly order: "ASC" | "DESC" },
  take: (row: Raw) => void,
): { readonly ended: boolean; readonly last: unknown } {
  let last: unknown = null;
  try {
    const sql = `SELECT ${names} FROM "${table}" ORDER BY "${key.name}" ${order}`;
    for (const row of exact(source, sql).iterate()) {
      take(row as Raw);
      last = (row as Raw)[key.name];
    }
    return { ended: true, last };
  } catch {
    return { ended: false, last };
  }
}

/** An action is worth more than its run: a lost run is made again from it. */
function giveRuns(target: DatabaseSync): void {
  target.exec(
    "INSERT OR IGNORE INTO run (id, job, fires_at, cause, state) " +
      "SELECT run_id, job, expire_at + run_id % 1000, 'adopted', 'open' FROM action " +
      "WHERE run_id NOT IN (SELECT id FROM run) AND state IN ('planned', 'posted', 'collected')",
  );
}

/** Runs of which nothing is left that could be worked on: they would keep the next ones waiting. */
function endStranded(target: DatabaseSync): void {
  target.exec(
    "UPDATE run SET state = 'failed', note = 'its actions were lost with the damaged journal', " +
      "ended_at = max(fires_at, 0) WHERE state = 'open' AND source IS NULL AND NOT EXISTS (" +
      "SELECT 1 FROM action WHERE run_id = run.id AND action.state IN " +
      "('planned', 'posted', 'collected'))",
  );
}

/** Rows that could not be read and cannot be mended. */
function dropUnreadable(target: DatabaseSync, table: Table): number {
  const { changes } = target
    .prepare(`DELETE FROM "${table.name}" WHERE ${unreadable(table)}`)
    .run();
  return Number(changes);
}

function dropOrphans(target: DatabaseSync, table: string): number {
  const sql = `PRAGMA foreign_key_check("${table}")`;
  const orphans = target.prepare(sql).all() as unknown as { readonly rowid: number }[];
  // Tables without rowids refer to nothing.
  if (orphans.length === 0) return 0;
  const remove = target.prepare(`DELETE FROM "${table}" WHERE rowid = ?`);
  for (const { rowid } of orphans) remove.run(rowid);
  return orphans.length;
}
