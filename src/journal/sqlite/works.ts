// Works: what callers want written. They are queued, and run in groups: each in a savepoint of its
// own, so that one that throws undoes only itself, and all in one transaction.
import type { JournalTransaction } from "../journal.ts";
import { isSqliteError } from "./problem.ts";
import type { Statements } from "./statements.ts";

/** One work that waits for its turn. */
export interface Queued {
  readonly work: (transaction: JournalTransaction) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Works in one transaction at the most: bounds how long one group holds the event loop. */
export const GROUP_MAX = 500;

/** Where works are run. */
export interface Workplace {
  readonly rows: Statements;
  readonly tables: JournalTransaction;
}

/**
 * Runs one work in the transaction that is open.
 *
 * @param isAlone It has the transaction for itself, and needs no savepoint. @default false
 * @returns Tells its caller what it came to: to be called once that is durable.
 * @throws {Error} Of SQLite: nothing of the whole group can be kept.
 */
export function runWork(
  { rows, tables }: Workplace,
  { work, resolve, reject }: Queued,
  isAlone = false,
): () => void {
  if (!isAlone) rows.prepared("SAVEPOINT work").run();
  try {
    const value = work(tables);
    if (!isAlone) rows.prepared("RELEASE work").run();
    return () => resolve(value as never);
  } catch (error) {
    if (isSqliteError(error)) throw error;
    rows.execute(isAlone ? "ROLLBACK; BEGIN IMMEDIATE" : "ROLLBACK TO work; RELEASE work");
    return () => reject(error);
  }
}

/** Rejects all of a group. */
export function rejectAll(group: readonly Queued[], error: unknown): void {
  for (const { reject } of group) reject(error);
}
