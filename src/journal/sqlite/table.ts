// Table: one table of the journal, described once: its schema, how its rows are read and written,
// and what is done about those that cannot be read. Each table's home has one of these, and beside
// it the journal's methods that read and write it.
import type { Bindable, Kind, Raw } from "./columns.ts";

/** What the home of a table says of it. */
export interface Description<Row> {
  readonly name: string;
  /** The version of the schema that has brought it. @default 1 */
  readonly since?: number;
  /** The column of its primary key. @default "id" */
  readonly key?: string;
  /** Its rows come with their ids. @default false: each gets the next one */
  readonly hasOwnIds?: boolean;
  /** A column a member. The newest stand last. */
  readonly columns: { readonly [Member in keyof Row]-?: Kind<Row[Member]> };
  /** What is unique, besides its key: `insertOnce` inserts no second row of it. */
  readonly unique?: string;
  /** Columns whose values are there once in all shards of a cluster. @default none: see shapes.ts */
  readonly once?: readonly string[];
  /** The column by which a row is over: then there may be another. @default rows never are */
  readonly over?: string;
  /** Its indexes by the version that has brought them. */
  readonly indexes?: Readonly<Record<number, readonly string[]>>;
  /** Members that `save` writes. @default none */
  readonly saved?: readonly (keyof Row & string)[];

  /** How a row is called, as an expression. */
  readonly called: string;
  /** What a row lacks for its state: what is wrong, and when. */
  readonly states?: readonly (readonly [says: string, when: string])[];
  /** What its rows are read from. @default those that can be read: see readable.ts */
  readonly view?: string;
  /** Rows that something waits for, by an index. @default none */
  readonly waiting?: string;
  /** Rows of a job, of a run or with an API's id, by the word `?1` that means them. */
  readonly meant?: string;
  /** Tables whose rows go with a row that is taken out, and their column that refers to it. */
  readonly parts?: readonly (readonly [table: string, column: string])[];
}

/** One column of a table. */
export interface Column {
  /** Its name in the flow's rows. */
  readonly member: string;
  readonly name: string;
  readonly kind: Kind<unknown>;
}

/** A table, whatever its rows are. */
export interface Table extends Omit<Description<never>, "columns" | "saved"> {
  readonly since: number;
  readonly key: string;
  readonly list: readonly Column[];
}

/** A table with rows of one type. */
export interface TableOf<Row> extends Table {
  readonly rowOf: (raw: Raw) => Row;
  readonly insert: Writing<Omit<Row, "id">>;
  /** Answers no row when there is one that is the same in what is unique. */
  readonly insertOnce: Writing<Omit<Row, "id">>;
  readonly save: Writing<Row>;
}

/** A statement that writes a row; one that inserts answers with it. */
export interface Writing<Row> {
  readonly sql: string;
  valuesOf(row: Row): readonly Bindable[];
}

/** A table by what its home says of it. */
export function tableOf<Row>(description: Description<Row>): TableOf<Row> {
  const { name, columns, saved = [], since = 1, key = "id", hasOwnIds = false } = description;
  const list = Object.entries<Kind<unknown>>(columns).map(
    ([member, kind]): Column => ({ member, name: kind.column ?? columnOf(member), kind }),
  );
  const given = list.filter((column) => column.name !== "id" || hasOwnIds);
  const names = list.map((column) => column.name).join(", ");
  const values = list.map((column) => (given.includes(column) ? "?" : `next_id('${name}')`));
  const changed = list.filter(({ member }) => (saved as readonly string[]).includes(member));
  const identity = list.filter((column) => column.name === key);
  const insert = `INSERT INTO ${name} (${names}) VALUES (${values.join(", ")})`;
  const nothing = `ON CONFLICT (${description.unique}) DO NOTHING`;
  const valuesOf = (row: Omit<Row, "id">) => encoded(given, row);
  return {
    ...description,
    since,
    key,
    list,
    rowOf: (raw) => decoded(list, raw) as Row,
    insert: { sql: `${insert} RETURNING *`, valuesOf },
    insertOnce: { sql: `${insert} ${nothing} RETURNING *`, valuesOf },
    save: {
      sql:
        `UPDATE ${name} SET ${changed.map((column) => `${column.name} = ?`).join(", ")} ` +
        `WHERE ${key} = ?`,
      valuesOf: (row) => encoded([...changed, ...identity], row as object),
    },
  };
}

/** `fires_at` of `firesAt`. */
function columnOf(member: string): string {
  return member.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function decoded(list: readonly Column[], raw: Raw): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const { member, name, kind } of list) {
    row[member] = kind.decode === undefined ? raw[name] : kind.decode(raw[name]);
  }
  return row;
}

function encoded(list: readonly Column[], row: object): readonly Bindable[] {
  const values = row as Readonly<Record<string, unknown>>;
  return list.map(({ member, kind }) => {
    const value = values[member];
    return kind.encode === undefined ? (value as Bindable) : kind.encode(value);
  });
}

/** Statements that make a table, as of the newest version, with its indexes. */
export function creationOf(table: Table): string[] {
  const { name, key, list, unique, indexes = {} } = table;
  const isOne = list.some((column) => column.name === unique);
  const bounds = unique === undefined || isOne ? [] : [`UNIQUE (${unique})`];
  const parts = [...list.map((column) => declarationOf(table, column)), ...bounds];
  const isNumbered = list.some((column) => column.name === key && column.kind.type === "INTEGER");
  const options = isNumbered ? "STRICT" : "STRICT, WITHOUT ROWID";
  const create = `CREATE TABLE ${name} (\n    ${parts.join(",\n    ")}\n  ) ${options}`;
  return [create, ...Object.values(indexes).flat()];
}

/** How a column is declared. */
export function declarationOf({ key, unique }: Table, { name, kind }: Column): string {
  const { type, isOptional, also, since, unset } = kind;
  const words = [name, type];
  if (name === key) words.push("PRIMARY KEY");
  else if (!isOptional) words.push("NOT NULL");
  if (since !== undefined && !isOptional) words.push(`DEFAULT ${unset}`);
  if (name === unique) words.push("UNIQUE");
  if (also !== undefined) words.push(also);
  return words.join(" ");
}
