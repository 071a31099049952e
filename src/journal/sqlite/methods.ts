// Methods: how the journal is made of its tables. The home of a table has some of the journal's
// methods, each a function that is given the statements of a connection before its own arguments.
import type { JournalTransaction } from "../journal.ts";
import type { Statements } from "./statements.ts";

/** All methods of the journal's rows, as the homes of the tables have them. */
export type Methods = {
  readonly [Name in keyof JournalTransaction]: JournalTransaction[Name] extends (
    ...given: infer Given
  ) => infer Answer
    ? (rows: Statements, ...given: Given) => Answer
    : never;
};

/** The methods for one connection. */
export function methodsOn(rows: Statements, methods: Methods): JournalTransaction {
  const bound = Object.entries<(rows: Statements, ...given: never[]) => unknown>(methods).map(
    ([name, method]) => [name, method.bind(null, rows)],
  );
  return Object.fromEntries(bound) as JournalTransaction;
}
