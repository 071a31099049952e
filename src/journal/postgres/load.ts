// Load: rows of shards on their way from PostgreSQL into the file of this process.
import type { Stored } from "./store.ts";

/** Rows of one shard that are put in their places in one turn of the event loop. */
const PART_MAX = 8_000;

/** Some rows of a shard. */
export interface Part {
  readonly shard: number;
  readonly rows: readonly Stored[];
  /** Whether there are no more of it. */
  readonly isLast: boolean;
}

/** The same pages, each asked for while the one before it is made use of. */
export async function* ahead<Page>(pages: AsyncIterable<Page>): AsyncGenerator<Page> {
  const from = pages[Symbol.asyncIterator]();
  const ask = (): Promise<IteratorResult<Page>> => {
    const asked = from.next();
    // Told where it is awaited.
    asked.catch(() => {});
    return asked;
  };
  for (let asked = ask(); ; ) {
    const { done, value } = await asked;
    if (done === true) return;
    asked = ask();
    yield value;
  }
}

/** Pages that come one shard behind the other, by shards. */
export async function* partsOf(
  pages: AsyncIterable<readonly Stored[]>,
): AsyncGenerator<Part, void> {
  let rows: Stored[] = [];
  for await (const page of pages) {
    for (const row of page) {
      const shard = rows[0]?.shard;
      const isLast = shard !== row.shard;
      if (shard !== undefined && (isLast || rows.length >= PART_MAX)) {
        yield { shard, rows, isLast };
        rows = [];
      }
      rows.push(row);
    }
  }
  const shard = rows[0]?.shard;
  if (shard !== undefined) yield { shard, rows, isLast: true };
}
