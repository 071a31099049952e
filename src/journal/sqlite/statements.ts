// Statements: prepared statements of one SQLite connection, made when they are needed first, and
// kept. Rows are read through the views of readable.ts, and numbers are checked on their way in.
//
// Owns:     ids of new rows, the planner's blind spots, what an error is called.
// Not here: transactions (the two homes of the journal), which statements there are (the tables).
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Bindable, Raw } from "./columns.ts";
import type { Table, TableOf, Writing } from "./table.ts";

/** What differs between the homes of the journal. */
export interface StatementOptions {
  /** What an error of SQLite, or a value that cannot be decoded, is called. @default itself */
  readonly named?: (error: unknown) => unknown;
  /**
   * The id of the next row of a table, as an expression. @default one more than the highest
   */
  readonly nextId?: (table: string) => string;
}

/** Prepared statements of one connection, each prepared once. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #named: (error: unknown) => unknown;
  readonly #nextId: (table: string) => string;
  readonly #prepared = new Map<string, StatementSync>();
  /** Those that read rows of a table, by what stands behind its name. */
  readonly #reading = new Map<Table, Map<string, StatementSync>>();

  constructor(
    database: DatabaseSync,
    { named = (error) => error, nextId = behindHighest }: StatementOptions = {},
  ) {
    this.#database = database;
    this.#named = named;
    this.#nextId = nextId;
  }

  /** `next_id('TABLE')` in a statement is the id of the next row. */
  prepared(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** Statements that are seldom needed, and not kept. */
  execute(sql: string): void {
    this.#database.exec(sql);
  }

  /** Ends the transaction without what it has changed. */
  rollBack(): void {
    try {
      this.execute("ROLLBACK");
    } catch {
      // SQLite has undone the transaction by itself already: after "disk full", for one.
    }
  }

  /**
   * The first readable row of a table that `rest` selects.
   *
   * @param rest What stands behind the name of the table, by which its columns are known there.
   */
  one<Row>(table: TableOf<Row>, rest: string, ...values: readonly Bindable[]): Row | null {
    return this.#read(() => {
      const raw = this.#select(table, rest).get(...checked(values)) as Raw | undefined;
      return raw === undefined ? null : table.rowOf(raw);
    });
  }

  /** All of them. */
  all<Row>(table: TableOf<Row>, rest: string, ...values: readonly Bindable[]): Row[] {
    return this.#read(() =>
      (this.#select(table, rest).all(...checked(values)) as Raw[]).map(table.rowOf),
    );
  }

  /** Rows of any statement. */
  each<Row>(sql: string, decode: (raw: Raw) => Row, ...values: readonly Bindable[]): Row[] {
    return this.#read(() => (this.prepared(sql).all(...checked(values)) as Raw[]).map(decode));
  }

  /** The column `value` of the first row; null: there is none. */
  value<Value extends Bindable>(sql: string, ...values: readonly Bindable[]): Value | null {
    return this.#read(() => {
      const raw = this.prepared(sql).get(...checked(values)) as Raw | undefined;
      return raw === undefined ? null : (raw.value as Value);
    });
  }

  /** The same of a statement that always gives a number. */
  number(sql: string, ...values: readonly Bindable[]): number {
    return this.value<number>(sql, ...values) ?? 0;
  }

  /** Rows as they are, with whole numbers of any size. */
  exact(sql: string, ...values: readonly Bindable[]): readonly Raw[] {
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    return this.#read(() => statement.all(...checked(values)) as Raw[]);
  }

  /** Changes rows. Answers how many. */
  change(sql: string, ...values: readonly Bindable[]): number {
    return Number(this.prepared(sql).run(...checked(values)).changes);
  }

  /** Inserts a row. */
  insert<Row>(table: TableOf<Row>, row: Omit<Row, "id">): Row {
    const inserted = this.#inserted(table, table.insert, row);
    if (inserted === null) throw new Error("the journal answered no row to an insert");
    return inserted;
  }

  /** Inserts a row; null when there is one that it must differ from. */
  insertOnce<Row>(table: TableOf<Row>, row: Omit<Row, "id">): Row | null {
    return this.#inserted(table, table.insertOnce, row);
  }

  #inserted<Row, New>(table: TableOf<Row>, { sql, valuesOf }: Writing<New>, row: New): Row | null {
    const values = checked(valuesOf(row));
    return this.#read(() => {
      const raw = this.prepared(sql).get(...values) as Raw | undefined;
      return raw === undefined ? null : table.rowOf(raw);
    });
  }

  /** Writes those members of a row that can change. */
  save<Row>({ save }: TableOf<Row>, row: Row): void {
    this.change(save.sql, ...save.valuesOf(row));
  }

  /** Of statements that read, only this is looked up at each call: the text is never put together. */
  #select(table: Table, rest: string): StatementSync {
    let ofTable = this.#reading.get(table);
    if (ofTable === undefined) {
      ofTable = new Map();
      this.#reading.set(table, ofTable);
    }
    let statement = ofTable.get(rest);
    if (statement === undefined) {
      const { name } = table;
      statement = this.#prepare(`SELECT ${name}.* FROM readable_${name} AS ${name} ${rest}`);
      ofTable.set(rest, statement);
    }
    return statement;
  }

  #prepare(sql: string): StatementSync {
    const whole = sql.replaceAll(NEXT_ID, (_, table: string) => this.#nextId(table));
    return this.#database.prepare(steady(whole));
  }

  #read<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      throw this.#named(error);
    }
  }
}

const NEXT_ID = /next_id\('(\w+)'\)/g;

/** New ids are at most this: a larger one in the table was written by hand, and is not counted. */
const ID_GIVEN_MAX = 2 ** 52;

/**
 * One more than the highest id. SQLite's own choice follows the highest that there is, and is a
 * random one behind the highest possible.
 */
function behindHighest(table: string): string {
  const given = `id BETWEEN 0 AND ${ID_GIVEN_MAX}`;
  return `(SELECT coalesce(max(id), 0) + 1 FROM main."${table}" WHERE ${given})`;
}

/**
 * SQLite looks at the value of a bare parameter while it plans (a limit, or what stands in front of
 * ORDER BY), so it plans again at each call, which takes longer than the query. It does not look
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
