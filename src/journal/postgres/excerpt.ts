// Excerpt: a file with some rows of the journal of a cluster, as they were at one moment, for those
// who only look. Nothing in PostgreSQL is written or locked for it.
import { messageOf } from "../../errors.ts";
import type { Need } from "../need.ts";
import { openDatabase } from "../sqlite/journal.ts";
import { isUnfit, journalError } from "../sqlite/problem.ts";
import { ahead } from "./load.ts";
import { misplacedRows } from "./places.ts";
import { movedAway } from "./problem.ts";
import { asThrowaway, withoutIndexes } from "./rows.ts";
import type { Ask, Server } from "./server.ts";
import { shapesOf, Writer } from "./shapes.ts";
import type { Stored } from "./store.ts";
import { type Query, queryOf } from "./wanted.ts";

/** Rows that are fetched at once. */
const PAGE = 2_000;

/** What is wrong with rows, a line each. */
export interface Faults {
  /** Rows that cannot be put into their tables, and are left out. */
  readonly unfit: readonly string[];
  /** Rows that are elsewhere than they are to be; looked for only where all rows are needed. */
  readonly misplaced: readonly string[];
}

/**
 * Makes the file.
 *
 * @returns What is wrong with rows of it.
 * @throws {RunnerError} JOURNAL: PostgreSQL cannot be asked, or has the journal no more.
 */
export async function takeExcerpt(
  server: Pick<Server, "transaction">,
  path: string,
  need: Need,
): Promise<Faults> {
  const database = openDatabase({ path });
  try {
    asThrowaway(database);
    database.exec("BEGIN");
    const shapes = shapesOf(database);
    const writers = new Map(
      [...shapes].map(([name, shape]) => [name, new Writer(database, shape)]),
    );
    const unfit: string[] = [];
    let misplaced: readonly string[] = [];
    const fetch = async (ask: Ask): Promise<void> => {
      const shards = await begin(ask);
      for await (const rows of ahead(pagesOf(ask, queryOf(need, shards)))) {
        for (const { tbl, key, data } of rows) {
          try {
            // A table of a newer program is of no use to this one.
            writers.get(tbl)?.put(data, key);
          } catch (error) {
            if (!isUnfit(error)) throw error;
            unfit.push(`${tbl} ${key}: ${messageOf(error)}`);
          }
        }
      }
      if (need.kind === "all") misplaced = await misplacedRows(ask, database, shards);
    };
    await withoutIndexes(database, () => server.transaction(fetch));
    database.exec("COMMIT");
    return { unfit, misplaced };
  } catch (error) {
    throw journalError(error, path);
  } finally {
    database.close();
  }
}

type Found = Pick<Stored, "tbl" | "key"> & { readonly data: string };

/** Has all that is asked be of one moment. @returns How many shards there are. */
async function begin(ask: Ask): Promise<number> {
  await ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const [cluster] = await ask("SELECT shards, moved_to FROM mig_cluster");
  const moved = (cluster?.moved_to ?? null) as string | null;
  if (moved !== null) throw movedAway(moved);
  return Number(cluster?.shards);
}

/** What a query finds, some at a time. */
async function* pagesOf(ask: Ask, { sql, values }: Query): AsyncGenerator<readonly Found[]> {
  // All of it is fetched, not only the first rows; and no table is looked through for each row.
  await ask("SET LOCAL cursor_tuple_fraction = 1");
  await ask("SET LOCAL work_mem = '64MB'");
  await ask(`DECLARE wanted NO SCROLL CURSOR FOR ${sql}`, values);
  for (;;) {
    const rows = await ask(`FETCH ${PAGE} FROM wanted`);
    yield rows as unknown as readonly Found[];
    if (rows.length < PAGE) return;
  }
}
