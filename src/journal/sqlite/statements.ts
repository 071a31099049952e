// Statements: prepared statements of one SQLite connection, made once each.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Bindable, Raw } from "./rows.ts";

/** Prepared statements of one connection, each prepared once. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** What an error of SQLite, or a value that cannot be decoded, is called. */
  protected named(error: unknown): unknown {
    return error;
  }

  /**
   * The id of the next row, as an expression. SQLite's own choice follows the highest id that there
   * is, and is a random one behind the highest possible.
   */
  protected nextId(table: string): string {
    const given = `id BETWEEN 0 AND ${ID_GIVEN_MAX}`;
    return `(SELECT coalesce(max(id), 0) + 1 FROM main."${table}" WHERE ${given})`;
  }

  protected prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(steady(sql));
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Ends the transaction without what it has changed. */
  protected rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has undone the transaction by itself already: after "disk full", for one.
    }
  }

  /** Changes rows. Answers how many. */
  protected change(sql: string, ...values: readonly Bindable[]): number {
    return Number(this.prepared(sql).run(...checked(values)).changes);
  }

  protected one<Row>(
    sql: string,
    decode: (raw: Raw) => Row,
    ...values: readonly Bindable[]
  ): Row | null {
    return this.#read(() => {
      const raw = this.prepared(sql).get(...checked(values)) as Raw | undefined;
      return raw === undefined ? null : decode(raw);
    });
  }

  protected all<Row>(
    sql: string,
    decode: (raw: Raw) => Row,
    ...values: readonly Bindable[]
  ): Row[] {
    return this.#read(() => (this.prepared(sql).all(...checked(values)) as Raw[]).map(decode));
  }

  /** Rows as they are, with whole numbers of any size. */
  protected exact(sql: string, ...values: readonly Bindable[]): readonly Raw[] {
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    return this.#read(() => statement.all(...checked(values)) as Raw[]);
  }

  /** The column `value` of the one row. */
  protected number(sql: string, ...values: readonly Bindable[]): number {
    return this.#read(
      () => (this.prepared(sql).get(...checked(values)) as { value: number }).value,
    );
  }

  #read<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      throw this.named(error);
    }
  }
}

/**
 * SQLite looks at the value of a bare parameter while it plans (a limit, or what stands in front of
 * ORDER BY), so it plans anew at each call, which takes longer than the query. It does not look
 * behind a sign, and a sign changes no value.
 */
function steady(sql: string): string {
  return sql.startsWith("SELECT") ? sql.replaceAll("?", "+?") : sql;
}

/**
 * The last check before values reach SQLite, which would store a number that JavaScript cannot read
 * back, and NaN as NULL.
 *
 * @throws {RangeError} For a number that is no safe integer.
 */
function checked(values: readonly Bindable[]): readonly Bindable[] {
  for (const value of values) {
    if (typeof value !== "number" || Number.isSafeInteger(value)) continue;
    throw new RangeError(`Cannot journal the number ${value}: it is not a whole number below 2^53`);
  }
  return values;
}

/** New ids are at most this: a larger one in the table was written by hand, and is not counted. */
const ID_GIVEN_MAX = 2 ** 52;
