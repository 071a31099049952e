// Places: whether each row of a cluster is where it is to be: in the shard of its job, where the
// host looks that has it, and under the unique key that keeps a second one away.
import type { DatabaseSync } from "node:sqlite";
import type { Raw } from "../sqlite/columns.ts";
import type { Ask } from "./server.ts";
import { jobOf, Orphan, rowsBy, type Shape, shapesOf, shardOf, uniqueKeyOf } from "./shapes.ts";

/** Rows that are fetched at once, and those that are told of. */
const PAGE = 2_000;
const TOLD_MAX = 20;

/** Where a row is. */
interface Place {
  readonly tbl: string;
  readonly key: string;
  readonly shard: number;
  readonly mark: string | null;
}

/**
 * Rows that are elsewhere than they are to be, each with what is wrong.
 *
 * @param database A copy of all rows, of the moment that the transaction sees.
 * @param shards How many there are.
 */
export async function misplacedRows(
  ask: Ask,
  database: DatabaseSync,
  shards: number,
): Promise<readonly string[]> {
  const known = { shapes: shapesOf(database), rowAt: rowsBy(database) };
  const wrong: string[] = [];
  const select = "SELECT tbl, key, shard, mark FROM mig_row WHERE data IS NOT NULL";
  await ask(`DECLARE places NO SCROLL CURSOR FOR ${select}`);
  for (;;) {
    const rows = (await ask(`FETCH ${PAGE} FROM places`)) as unknown as readonly Place[];
    for (const place of rows) {
      const shape = known.shapes.get(place.tbl);
      const raw = shape === undefined ? undefined : known.rowAt(shape, place.key);
      // One that cannot be read is told of as such.
      if (shape === undefined || raw === undefined) continue;
      const job = jobIn(shape, raw, known);
      if (job !== null) wrong.push(...faultsOf(place, { shape, raw, shard: shardOf(job, shards) }));
      if (wrong.length >= TOLD_MAX) return wrong.slice(0, TOLD_MAX);
    }
    if (rows.length < PAGE) return wrong;
  }
}

/** Null: what it is a part of is gone, which is told of as such. */
function jobIn(shape: Shape, raw: Raw, known: Parameters<typeof jobOf>[2]): string | null {
  try {
    return jobOf(shape, raw, known);
  } catch (error) {
    if (error instanceof Orphan) return null;
    throw error;
  }
}

function faultsOf(
  { tbl, key, shard, mark }: Place,
  wanted: { readonly shape: Shape; readonly raw: Raw; readonly shard: number },
): readonly string[] {
  const unique = uniqueKeyOf(wanted.shape, wanted.raw);
  const name = `${tbl} ${key}`;
  return [
    ...(shard === wanted.shard
      ? []
      : [
          `${name}: it is in shard ${shard}, where no host looks for it: ${wanted.shard} is wanted`,
        ]),
    ...(mark === unique
      ? []
      : [`${name}: its column mark is ${mark}, ${unique} is wanted: there may be a second one`]),
  ];
}
