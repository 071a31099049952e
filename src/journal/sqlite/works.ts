// Works: what callers want written. They are queued, and run in groups, each group in one
// transaction. When one of them throws, the group is run again, each work in a savepoint of its
// own, so that only what failed is undone. Savepoints are not free: SQLite copies each page that a
// work changes, into a file of its own when they are many.
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
  /** The statement that opens a transaction. */
  readonly begin: "BEGIN" | "BEGIN IMMEDIATE";
}

/** Tells the caller of a work what it came to: to be called once that is durable. */
type Settle = () => void;

/**
 * Runs works in one transaction, which is left open. A work may be run more than once.
 *
 * @throws {Error} Of SQLite: nothing of the whole group can be kept.
 */
export function runGroup(place: Workplace, group: readonly Queued[]): Settle[] {
  const { rows, begin } = place;
  rows.prepared(begin).run();
  try {
    return group.map((queued) => runWork(place, queued));
  } catch (error) {
    if (isSqliteError(error)) throw error;
    rows.execute(`ROLLBACK; ${begin}`);
    return group.map((queued) => runApart(place, queued));
  }
}

function runWork({ tables }: Workplace, { work, resolve }: Queued): Settle {
  const value = work(tables);
  return () => resolve(value as never);
}

/** The same in a savepoint: a work that throws undoes only itself. */
function runApart(place: Workplace, queued: Queued): Settle {
  const { rows } = place;
  rows.prepared("SAVEPOINT work").run();
  try {
    const settle = runWork(place, queued);
    rows.prepared("RELEASE work").run();
    return settle;
  } catch (error) {
    if (isSqliteError(error)) throw error;
    rows.execute("ROLLBACK TO work; RELEASE work");
    return () => queued.reject(error);
  }
}

/** Rejects all of a group. */
export function rejectAll(group: readonly Queued[], error: unknown): void {
  for (const { reject } of group) reject(error);
}
