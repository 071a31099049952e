// Excerpt: a file with some rows of the journal of a cluster, as they were at one moment, for those
// who only look. Nothing in PostgreSQL is written or locked for it.
import { messageOf } from "../../errors.ts";
import type { Need } from "../need.ts";
import { openDatabase } from "../sqlite/journal.ts";
import { isUnfit, journalError } from "../sqlite/problem.ts";
import { ahead } from "./load.ts";
import { movedAway } from "./problem.ts";
import { withoutIndexes } from "./rows.ts";
import type { Ask, Server } from "./server.ts";
import { shapesOf, Writer } from "./shapes.ts";
import type { Stored } from "./store.ts";
import { queryOf } from "./wanted.ts";

/** Rows that are fetched at once. */
const PAGE = 2_000;

/**
 * Makes the file.
 *
 * @returns The rows that cannot be put into their tables, each with what is wrong.
 * @throws {RunnerError} JOURNAL: PostgreSQL cannot be asked, or has the journal no more.
 */
export async function takeExcerpt(
  server: Pick<Server, "transaction">,
  path: string,
  need: Need,
): Promise<readonly string[]> {
  const database = openDatabase({ path });
  try {
    // No process finds the file again.
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
    database.exec("PRAGMA foreign_keys = OFF; BEGIN");
    const shapes = shapesOf(database);
    const writers = new Map(
      [...shapes].map(([name, shape]) => [name, new Writer(database, shape)]),
    );
    const unfit: string[] = [];
    const fetch = async (ask: Ask): Promise<void> => {
      for await (const rows of ahead(pagesOf(ask, need))) {
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
    };
    await withoutIndexes(database, () => server.transaction(fetch));
    database.exec("COMMIT");
    return unfit;
  } catch (error) {
    throw journalError(error, path);
  } finally {
    database.close();
  }
}

type Found = Pick<Stored, "tbl" | "key"> & { readonly data: string };

/** All of one moment, some at a time. */
async function* pagesOf(ask: Ask, need: Need): AsyncGenerator<readonly Found[]> {
  await ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const [cluster] = await ask("SELECT shards, moved_to FROM mig_cluster");
  const moved = (cluster?.moved_to ?? null) as string | null;
  if (moved !== null) throw movedAway(moved);
  const { sql, values } = queryOf(need, Number(cluster?.shards));
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
