// Rows: those of some shards of a cluster in the tables of this process's file, each in the version
// that it is here in.
import { rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../errors.ts";
import type { Raw } from "../sqlite/columns.ts";
import { isUnfit, journalError } from "../sqlite/problem.ts";
import type { Statements } from "../sqlite/statements.ts";
import { COMMON } from "./schema.ts";
import {
  encodeRow,
  jobOf,
  type RowAt,
  rowName,
  rowOf,
  type Shape,
  shardOf,
  uniqueKeyOf,
  Writer,
} from "./shapes.ts";
import type { Change, Stored } from "./store.ts";

/** Where a row is, and its version. */
interface Place {
  readonly shard: number;
  readonly version: number;
}

/** What is needed to put rows in their places. */
export interface RowsOptions {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** How many shards there are. */
  readonly shards: number;
  /** The file, for messages. */
  readonly path: string;
  /** Told of a row that cannot be put into its table, once. */
  readonly onUnfit?: (row: string) => void;
}

/** What a transaction has changed. */
export interface Changed {
  readonly changes: readonly Change[];
  /** Of tables that are counted by each process for itself. */
  readonly own: readonly Change[];
}

/** The rows that are here. */
export class Rows {
  readonly #options: RowsOptions;
  readonly #writers = new Map<string, Writer>();
  readonly #places = new Map<string, Place>();
  /** Rows that cannot be put into their tables: where they would be, and why not. */
  readonly #unfit = new Map<string, { readonly shard: number; readonly why: string }>();
  readonly #told = new Set<string>();

  constructor(options: RowsOptions) {
    this.#options = options;
    for (const [table, shape] of options.shapes) {
      this.#writers.set(table, new Writer(options.database, shape));
    }
  }

  /** What the transaction has changed. */
  changed(): Changed {
    const changes: Change[] = [];
    const own: Change[] = [];
    const { statements, shapes } = this.#options;
    const noted = statements.prepared("SELECT tbl, key FROM temp.changed").all();
    for (const { tbl, key } of noted as unknown as { tbl: string; key: string }[]) {
      const shape = shapes.get(tbl);
      if (shape === undefined) continue;
      const sql = `SELECT * FROM main."${tbl}" WHERE "${shape.key}" = ?`;
      const raw = statements.prepared(sql).get(key) as Raw | undefined;
      const known = this.#places.get(rowName(tbl, key)) ?? null;
      // It was inserted and removed again by the same works.
      if (raw === undefined && known === null) continue;
      const s = known?.shard ?? (raw === undefined ? COMMON : this.#shardOf(shape, raw));
      const v = known?.version ?? null;
      const change = { s, t: tbl, k: key, v } as const;
      // A text under its hash may be of use to another host: it stays.
      if (tbl === "source" && raw === undefined) continue;
      const whole: Change =
        raw === undefined
          ? { ...change, r: null, m: null }
          : { ...change, r: encodeRow(raw), m: uniqueKeyOf(shape, raw) };
      // Sums over all jobs: each process has its own.
      (tbl === "tally" && s === COMMON ? own : changes).push(whole);
    }
    return { changes, own };
  }

  #shardOf(shape: Shape, raw: Raw): number {
    const { shapes, shards, statements } = this.#options;
    const rowAt: RowAt = ({ table, key: column }, key) => {
      const sql = `SELECT * FROM main."${table}" WHERE "${column}" = ?`;
      return statements.prepared(sql).get(key) as Raw | undefined;
    };
    return shardOf(jobOf(shape, raw, { shapes, rowAt }), shards);
  }

  /** One that was damaged, or changed by hand, is left out: the rest is not held up by it. */
  #putOne(table: string, key: string, row: Place & { readonly data: string }): void {
    const { shard, version, data } = row;
    const name = rowName(table, key);
    // A table of a newer program is of no use to this one.
    const writer = this.#writers.get(table);
    try {
      if (this.#places.has(name)) writer?.put(data, key);
      else insertIn(writer, data, key);
      this.#places.set(name, { shard, version });
      this.#unfit.delete(name);
    } catch (error) {
      if (!isUnfit(error)) throw error;
      // What it was before is not so any more.
      writer?.remove(key);
      this.#places.delete(name);
      const why = `${table} ${key}: ${messageOf(error)}`;
      this.#unfit.set(name, { shard, why });
      if (!this.#told.has(why)) this.#options.onUnfit?.(why);
      this.#told.add(why);
    }
  }

  /** Takes all rows of shards away. */
  drop(shards: ReadonlySet<number>): void {
    const rows: Stored[] = [];
    for (const [name, { shard, version }] of this.#places) {
      if (!shards.has(shard)) continue;
      const [tbl, key] = rowOf(name);
      rows.push({ shard, tbl, key, version, data: null });
    }
    this.put(rows);
    for (const [name, { shard }] of this.#unfit) if (shards.has(shard)) this.#unfit.delete(name);
  }

  /** The rows of these shards that are not here, because they cannot be read. */
  get unfit(): readonly string[] {
    return [...this.#unfit.values()].map(({ why }) => why);
  }

  /** Puts all rows in their places, where there are as good as none yet. */
  async fill(pages: AsyncIterable<readonly Stored[]>): Promise<void> {
    await withoutIndexes(this.#options.database, async () => {
      for await (const rows of pages) this.put(rows);
    });
  }

  /** Puts rows in their places, and removes others; notes none of it as a change. */
  put(rows: readonly Stored[]): void {
    const { database, statements, path } = this.#options;
    database.exec("BEGIN; UPDATE temp.noting SET is_on = 0");
    try {
      for (const row of rows.filter(({ data }) => data === null)) {
        this.#writers.get(row.tbl)?.remove(row.key);
        this.#places.delete(rowName(row.tbl, row.key));
        this.#unfit.delete(rowName(row.tbl, row.key));
      }
      for (const { tbl, key, data, shard, version } of rows) {
        if (data === null) continue;
        // Sums over all jobs that came by a move: each process counts its own, without a version.
        if (tbl === "tally" && shard === COMMON && version > 0) continue;
        this.#putOne(tbl, key, { data, shard, version });
      }
      database.exec("UPDATE temp.noting SET is_on = 1; COMMIT");
    } catch (error) {
      statements.rollBack();
      throw journalError(error, path);
    }
  }
}

/**
 * Does without the indexes of all tables while many rows come that nobody looks for yet: they are
 * made in a fraction of the time when all rows are here.
 */
export async function withoutIndexes(
  database: DatabaseSync,
  work: () => Promise<void>,
): Promise<void> {
  // What is there once stays so.
  const sql =
    "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE INDEX %'";
  const indexes = database.prepare(sql).all() as unknown as { name: string; sql: string }[];
  for (const { name } of indexes) database.exec(`DROP INDEX main."${name}"`);
  try {
    await work();
  } finally {
    for (const index of indexes) database.exec(index.sql);
  }
}

/** Another one may have what is there once: it was removed since, which is still to be seen. */
function insertIn(writer: Writer | undefined, data: string, key: string): void {
  try {
    writer?.insert(data, key);
  } catch (error) {
    if (!isUnfit(error)) throw error;
    writer?.put(data, key);
  }
}

/**
 * Has a file be written as one that no process finds again: each page once, not also to a log
 * beside it. What is lost in it is in PostgreSQL; and rows come one by one, in no order.
 */
export function asThrowaway(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
  database.exec("PRAGMA foreign_keys = OFF");
}

/** Removes the file that rows were in. */
export function removeFile(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${end}`, { force: true });
}
