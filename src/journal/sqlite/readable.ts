// Readable: which rows of a journal can be worked with, as conditions of SQLite.
//
// Rows are read only through a view of their table, `readable_TABLE`. It leaves out rows with
// values that this program never writes, such as numbers that JavaScript cannot hold, impossible
// times, broken JSON and unknown states. Such a row does no harm to others (I8, I10): nothing works
// on it, `verify` names it, `salvage` and `drop` take it out.
//
// Owns:     what is done with what a table says of its columns and states.
// Not here: what each column must hold, and what a row must have to be in its state (the tables);
//           rows that can be read but contradict themselves or others (rules.ts).
import type { Table } from "./table.ts";

interface Rule {
  /** True for a wrong row, as a condition. */
  readonly when: string;
  /** What is wrong, as an expression that gives a text. */
  readonly says: string;
}

function rulesOf({ list, states = [] }: Table): readonly Rule[] {
  const ofColumns = list.map(({ name, kind: { when, wanted } }): Rule => {
    const value = `substr(quote("${name}"), 1, 40)`;
    const says = `'its ${name} is ' || ${value} || ', wanted ${wanted}'`;
    return { when: when.replaceAll("@", `"${name}"`), says };
  });
  const ofStates = states.map(([says, when]): Rule => ({ when, says: quoted(says) }));
  return [...ofColumns, ...ofStates];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Whether a row of a table cannot be read, as a condition that is never unknown. */
export function unreadable(table: Table): string {
  return `((${rulesOf(table)
    .map(({ when }) => when)
    .join(") OR (")})) IS TRUE`;
}

/** `action 7 (nightly): its action_id is 9007199254740992, wanted …`, as an expression. */
export function whyUnreadable(table: Table): string {
  const cases = rulesOf(table).map(({ when, says }) => `WHEN ${when} THEN ${says}`);
  return `coalesce(${table.called}, '${table.name}') || ': ' || CASE ${cases.join(" ")} END`;
}

/**
 * The view that rows of a table are read through, of this connection alone. The table may be a view
 * itself: see `missingColumns` of schema.ts.
 */
export function viewOf(table: Table): string {
  const { name, view = `SELECT * FROM "${name}" WHERE NOT (${unreadable(table)})` } = table;
  return `CREATE TEMP VIEW readable_${name} AS ${view}`;
}

/** Statements that replace unreadable values by their `mended` value, where a column has one. */
export function mendingsOf({ name: table, list }: Table): readonly string[] {
  return list.flatMap(({ name, kind: { when, mended } }) => {
    if (mended === null) return [];
    const wrong = when.replaceAll("@", `"${name}"`);
    return `UPDATE OR IGNORE "${table}" SET "${name}" = ${mended} WHERE ${wrong}`;
  });
}
