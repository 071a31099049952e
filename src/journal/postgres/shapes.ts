// Shapes: the tables of journal.db as PostgreSQL has them: what a row's key is, which shard it is
// in, and the row as JSON. All of it is read off the schema, so that no table can be forgotten.
import { createHash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Raw } from "../sqlite/columns.ts";
import { tablesOf } from "../sqlite/foreign.ts";
import { TABLES } from "../sqlite/schema.ts";
import type { Table } from "../sqlite/table.ts";
import { COMMON } from "./schema.ts";
import type { Change, ClusterStore, Stored } from "./store.ts";

/** Rows that belong to all jobs alike. */
const COMMON_TABLES: ReadonlySet<string> = new Set(["audit", "source"]);

/** What the home of each table says of it. */
const DESCRIBED: ReadonlyMap<string, Table> = new Map(TABLES.map((table) => [table.name, table]));

/** One table. */
export interface Shape {
  readonly table: string;
  readonly columns: readonly string[];
  /** What a column says in a row from before there was one. */
  readonly unset: ReadonlyMap<string, string | number | null>;
  /** The column of its primary key. */
  readonly key: string;
  /** The table of the row that it is a part of, and the column that names that one. */
  readonly parent: { readonly table: string; readonly column: string } | null;
}

/** What stands for a job in rows that are of none, and of all. */
export const NO_JOBS: readonly string[] = ["", "*"];

/** The shard of a job: the same on every host. */
export function shardOf(job: string, shards: number): number {
  if (NO_JOBS.includes(job)) return COMMON;
  return (createHash("sha256").update(job).digest().readUInt32BE(0) % shards) + 1;
}

/** Reads the row of a table that has a key. */
export type RowAt = (shape: Shape, key: string | number) => Raw | undefined;

/** Reads rows of a file by their keys. */
export function rowsBy(database: DatabaseSync): RowAt {
  const reading = new Map<Shape, StatementSync>();
  return (shape, key) => {
    const { table, key: column } = shape;
    const sql = `SELECT * FROM main."${table}" WHERE "${column}" = ?`;
    const statement = reading.get(shape) ?? database.prepare(sql);
    reading.set(shape, statement);
    return statement.get(key) as Raw | undefined;
  };
}

/** The journal has no row that another one is a part of. */
export class Orphan extends Error {
  constructor({ table, key }: Shape, row: Raw, above: string) {
    super(`${table} ${row[key]} is a part of ${above}, which is gone`);
  }
}

/** The job that a row is of, or what it is a part of. "": of none. @throws {Orphan} */
export function jobOf(
  shape: Shape,
  row: Raw,
  known: { readonly shapes: ReadonlyMap<string, Shape>; readonly rowAt: RowAt },
): string {
  const { columns, parent } = shape;
  if (columns.includes("job")) return String(row.job);
  if (parent === null) return "";
  const above = known.shapes.get(parent.table);
  if (above === undefined) throw new Error(`the journal has no table ${parent.table}`);
  const key = row[parent.column] as string | number;
  const found = known.rowAt(above, key);
  if (found === undefined) throw new Orphan(shape, row, `${above.table} ${key}`);
  return jobOf(above, found, known);
}

/** All tables of a journal. @throws {Error} For one whose rows cannot be told to a shard. */
export function shapesOf(database: DatabaseSync): ReadonlyMap<string, Shape> {
  const shapes = tablesOf(database).map((table) => [table, shapeOf(database, table)] as const);
  return new Map(shapes);
}

function shapeOf(database: DatabaseSync, table: string): Shape {
  const found = database.prepare(`PRAGMA table_info("${table}")`).all() as unknown as Column[];
  const columns = found.map(({ name }) => name);
  const keys = found.filter(({ pk }) => pk > 0).map(({ name }) => name);
  const [key] = keys;
  const foreign = database.prepare(`PRAGMA foreign_key_list("${table}")`).all();
  const [refers] = foreign as unknown as { readonly table: string; readonly from: string }[];
  const hasJob = columns.includes("job");
  if (key === undefined || keys.length > 1) throw new Error(`${table} has no key of one column`);
  if (!hasJob && refers === undefined && !COMMON_TABLES.has(table)) {
    throw new Error(`${table} names no job, and no row that does`);
  }
  const parent =
    hasJob || refers === undefined ? null : { table: refers.table, column: refers.from };
  const unset = new Map(
    found.map(({ name, dflt_value: text }) => {
      const row = database.prepare(`SELECT ${text ?? "NULL"} AS value`).get();
      return [name, row?.value as string | number | null] as const;
    }),
  );
  return { table, columns, unset, key, parent };
}

interface Column {
  readonly name: string;
  readonly dflt_value: string | null;
  readonly pk: number;
}

/**
 * Has each change of a row noted in `changed (tbl, key)`, as long as the transaction holds. None is
 * where `noting (is_on)` says so.
 */
export function noteChanges(database: DatabaseSync, shapes: Iterable<Shape>): void {
  database.exec(
    "CREATE TEMP TABLE changed (tbl TEXT, key TEXT, PRIMARY KEY (tbl, key)) WITHOUT ROWID",
  );
  database.exec("CREATE TEMP TABLE noting (is_on INTEGER); INSERT INTO noting VALUES (1)");
  for (const { table, key } of shapes) {
    const note = (event: string, row: string): string =>
      `CREATE TEMP TRIGGER "${table}_${event}" AFTER ${event} ON main."${table}" ` +
      "WHEN (SELECT is_on FROM noting) BEGIN " +
      // Not OR IGNORE: the clause of the statement that fires it would hold instead.
      `INSERT INTO changed SELECT '${table}', ${row}."${key}" WHERE NOT EXISTS (SELECT 1 ` +
      `FROM changed WHERE tbl = '${table}' AND key = CAST(${row}."${key}" AS TEXT)); END`;
    database.exec(note("INSERT", "NEW"));
    database.exec(note("UPDATE", "NEW"));
    database.exec(note("DELETE", "OLD"));
  }
}

/** A row as text. Bytes are written in hexadecimal. */
export function encodeRow(raw: Raw): string {
  return plainText(raw);
}

/** Any values in the same way. */
export function plainText(values: unknown): string {
  return JSON.stringify(values, (_name, value: unknown) =>
    value instanceof Uint8Array ? { hex: Buffer.from(value).toString("hex") } : value,
  );
}

/** What is there once in all shards; null: nothing of this row. */
export function uniqueKeyOf({ table }: Shape, raw: Raw): string | null {
  const { once, over } = DESCRIBED.get(table) ?? {};
  if (once === undefined || (over !== undefined && raw[over] !== null)) return null;
  const values = once.map((column) => raw[column]);
  return values.includes(null) ? null : [table, ...values].join("/");
}

/** A row's name among the rows of all tables. */
export function rowName(table: string, key: string): string {
  return `${table}\u0000${key}`;
}

/** The table and the key of a name. */
export function rowOf(name: string): readonly [table: string, key: string] {
  const [table = "", key = ""] = name.split("\u0000");
  return [table, key];
}

/** What PostgreSQL has after a change. */
export function storedAs({ s, t, k, r }: Change, version: number): Stored {
  return { shard: s, tbl: t, key: k, data: r, version };
}

/** Puts rows of one table in their places. */
export class Writer {
  readonly #shape: Shape;
  readonly #insert: StatementSync;
  readonly #replace: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, shape: Shape) {
    const { table, columns, key } = shape;
    this.#shape = shape;
    const names = columns.map((name) => `"${name}"`).join(", ");
    const values = columns.map(() => "?").join(", ");
    const into = `INTO "${table}" (${names}) VALUES (${values})`;
    this.#insert = database.prepare(`INSERT ${into}`);
    this.#replace = database.prepare(`INSERT OR REPLACE ${into}`);
    this.#remove = database.prepare(`DELETE FROM "${table}" WHERE "${key}" = ?`);
  }

  /**
   * Puts a row that is not there. A column that the text does not have is as in a row from before
   * there was one.
   *
   * @param under The key that the text is under: a row of another one is none of these.
   */
  insert(text: string, under: string): void {
    this.#insert.run(...this.#valuesOf(text, under));
  }

  /** The same of a row that may be there, or another one with what is there once. */
  put(text: string, under: string): void {
    this.#replace.run(...this.#valuesOf(text, under));
  }

  #valuesOf(text: string, under: string): readonly Value[] {
    const row = JSON.parse(text) as Record<string, unknown>;
    const { columns, key, unset } = this.#shape;
    if (`${row[key]}` !== under) throw new TypeError(`its ${key} is not that`);
    return columns.map((name) => bindable((name in row ? row[name] : unset.get(name)) ?? null));
  }

  remove(key: string): void {
    // The column's own type decides how they are compared.
    this.#remove.run(key);
  }
}

type Value = string | number | null | Uint8Array;

function bindable(value: unknown): Value {
  if (typeof value !== "object" || value === null) return value as Value;
  return Buffer.from((value as { readonly hex: string }).hex, "hex");
}

/** Ids that are taken at once; a process that ends leaves the rest unused. */
const IDS_MAX = 100_000;

/** The range of ids that a process has taken for the rows that it makes. */
export class Ids {
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #use: StatementSync;
  readonly #give: StatementSync;
  readonly #left: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync, shapes: ReadonlyMap<string, Shape>) {
    this.#shapes = shapes;
    database.exec("CREATE TEMP TABLE given (tbl TEXT PRIMARY KEY, low INTEGER, high INTEGER)");
    this.#use = database.prepare("UPDATE temp.given SET low = ?1 + 1 WHERE tbl = ?2 AND low <= ?1");
    this.#forget = database.prepare("DELETE FROM temp.given");
    this.#give = database.prepare("INSERT OR REPLACE INTO temp.given VALUES (?, ?, ?)");
    this.#left = database.prepare("SELECT min(high - low) AS left FROM temp.given");
  }

  /** The next id of a table, as SQL. */
  static nextOf(table: string): string {
    const highest = `SELECT max(id) FROM main."${table}" WHERE id BETWEEN low AND high`;
    const next = `coalesce((${highest}), low - 1) + 1`;
    return `(SELECT ${next} FROM temp.given WHERE tbl = '${table}')`;
  }

  /** Ids that were sent are never given again, whatever becomes of their rows here. */
  use(changes: readonly Pick<Change, "t" | "k" | "v">[]): void {
    for (const { t, k, v } of changes) {
      if (v === null && this.#shapes.get(t)?.key === "id") this.#use.run(Number(k), t);
    }
  }

  async take(server: Pick<ClusterStore, "ids">): Promise<void> {
    const low = await server.ids(IDS_MAX);
    for (const table of this.#shapes.keys()) this.#give.run(table, low, low + IDS_MAX - 1);
  }

  /** What was taken before is used no more. */
  forget(): void {
    this.#forget.run();
  }

  /** A process that writes nothing takes none. */
  async takeFirst(server: Pick<ClusterStore, "ids">): Promise<void> {
    if (this.#count === null) await this.take(server);
  }

  async takeWhenFew(server: Pick<ClusterStore, "ids">): Promise<void> {
    if (this.#count !== null && this.#count < IDS_MAX / 2) await this.take(server);
  }

  /** How many are left, of the table that has the fewest; null: none were taken. */
  get #count(): number | null {
    return (this.#left.get()?.left ?? null) as number | null;
  }
}
