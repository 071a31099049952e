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

  protected prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(steady(sql));
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  protected one<Row>(
    sql: string,
    decode: (raw: Raw) => Row,
    ...values: readonly Bindable[]
  ): Row | null {
    return this.#read(() => {
      const raw = this.prepared(sql).get(...values) as Raw | undefined;
      return raw === undefined ? null : decode(raw);
    });
  }

  protected all<Row>(
    sql: string,
    decode: (raw: Raw) => Row,
    ...values: readonly Bindable[]
  ): Row[] {
    return this.#read(() => (this.prepared(sql).all(...values) as Raw[]).map(decode));
  }

  /** The column `value` of the one row. */
  protected number(sql: string, ...values: readonly Bindable[]): number {
    return this.#read(() => (this.prepared(sql).get(...values) as { value: number }).value);
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
