// Staged: rows on their way into the journal of a cluster, in a table that only their transaction
// has. So they are sent and compared while nobody waits, and one statement puts them in their
// places under the lock. (Rows that go to mig_row at once hold the shards that they refer to.)

import type { Raw } from "../sqlite/columns.ts";
import { Digest } from "./digest.ts";
import { cannotMove } from "./move-lock.ts";
import type { ClusterRow, Share } from "./move-rows.ts";
import { COMMON } from "./schema.ts";
import type { Ask } from "./server.ts";
import { encodeRow, type Shape } from "./shapes.ts";

/** Rows and characters that go at once. */
const BATCH_ROWS = 1_000;
const BATCH_SIZE = 4_000_000;

/** Makes the table, which goes with the transaction. */
export async function makeStage(ask: Ask): Promise<void> {
  await ask(
    "CREATE TEMP TABLE mig_staged (shard integer NOT NULL, tbl text NOT NULL, key text NOT NULL, " +
      "data text NOT NULL, mark text, PRIMARY KEY (tbl, key)) ON COMMIT DROP",
  );
}

const STAGE =
  "INSERT INTO mig_staged (shard, tbl, key, data, mark) SELECT c.s, c.t, c.k, c.r, c.m " +
  "FROM jsonb_to_recordset($1::jsonb) c(s integer, t text, k text, r text, m text)";

/** Sends rows, some at a time. @returns What was sent. */
export async function stage(
  ask: Ask,
  rows: Iterable<ClusterRow>,
  onProgress: (count: number) => void,
): Promise<Digest> {
  const sent = new Digest();
  let batch: object[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    await ask(STAGE, [JSON.stringify(batch)]);
    onProgress(batch.length);
    batch = [];
    size = 0;
  };
  for (const { shape, key, shard, row, uniqueKey } of rows) {
    const text = encodeRow(row);
    sent.add({ shape, key, row, place: placeIn(shard, uniqueKey) });
    batch.push({ s: shard, t: shape.table, k: key, r: text, m: uniqueKey });
    size += text.length;
    if (batch.length >= BATCH_ROWS || size >= BATCH_SIZE) await flush();
  }
  if (batch.length > 0) await flush();
  return sent;
}

/** Reads a share of what was sent back. @throws {RunnerError} JOURNAL: it is not the same. */
export async function assertStaged(
  ask: Ask,
  sent: Digest,
  { shapes, share }: { readonly shapes: ReadonlyMap<string, Shape>; readonly share: Share },
): Promise<void> {
  const found = new Digest();
  const which = share === "common" ? "=" : "<>";
  const sql =
    `SELECT * FROM mig_staged WHERE shard ${which} ${COMMON} AND (tbl, key) > ($1, $2) ` +
    "ORDER BY tbl, key LIMIT $3";
  for (let [table, last] = ["", ""]; ; ) {
    const rows = await ask(sql, [table, last, BATCH_ROWS]);
    for (const { tbl, key, data, shard, mark } of rows) {
      [table, last] = [String(tbl), String(key)];
      const shape = shapes.get(table);
      if (shape === undefined) throw new Error(`there is no table ${table}`);
      const place = placeIn(Number(shard), mark as string | null);
      found.add({ shape, key: last, row: JSON.parse(String(data)) as Raw, place });
    }
    if (rows.length < BATCH_ROWS) break;
  }
  if (sent.isSame(found)) return;
  const state = `PostgreSQL has ${found.rows} rows of ${sent.rows}, or others than were sent`;
  throw cannotMove(state, "nothing was changed: tell the makers of mig-runner");
}

function placeIn(shard: number, uniqueKey: string | null): string {
  return `${shard}/${uniqueKey ?? ""}`;
}

const PLACE =
  "INSERT INTO mig_row AS r (shard, tbl, key, version, data, mark) " +
  "SELECT c.shard, c.tbl, c.key, s.version + 1, c.data, c.mark " +
  "FROM mig_staged c JOIN mig_shard s ON s.id = c.shard " +
  "ON CONFLICT ON CONSTRAINT mig_row_pkey DO UPDATE SET shard = excluded.shard, " +
  "version = excluded.version, data = excluded.data, mark = excluded.mark, removed = NULL " +
  // Sums of all jobs are added up.
  `WHERE r.data IS NULL OR (r.tbl = 'tally' AND r.shard = ${COMMON}) RETURNING shard`;

/** Puts all that was sent in its place, so that all see it. The shards are locked. */
export async function placeStaged(ask: Ask, count: number): Promise<void> {
  const sql = `WITH placed AS (${PLACE}) SELECT count(*) AS count FROM placed`;
  const [placed] = await ask(sql);
  if (Number(placed?.count) !== count) {
    const hint = "move it to a cluster of its own";
    throw cannotMove("the cluster has rows of the same ids", hint);
  }
  await ask(
    "UPDATE mig_shard SET version = version + 1 WHERE id IN (SELECT shard FROM mig_staged)",
  );
}
