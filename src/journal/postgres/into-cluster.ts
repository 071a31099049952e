// Into cluster: a move of the journal of one host into that of a cluster.
//
//   PostgreSQL   BEGIN ─▶ rows, compared ─▶ the move's name ──────────────▶ COMMIT
//   journal.db   BEGIN ────────────────────────────────────▶ note, COMMIT
//
// The note decides: until then journal.db is the journal, and nothing of it is in PostgreSQL; from
// then on it is not, and when PostgreSQL does not know the move's name, the move is made again. All
// shards are locked meanwhile, so whoever looks for the name sees whether it will ever be there.
import { DatabaseSync } from "node:sqlite";
import { assertRegularAt } from "../../lib/os/read.ts";
import type { Instant } from "../../time.ts";
import type { AuditRow } from "../audit.ts";
import { BUSY_TIMEOUT_MS } from "../sqlite/checkpoints.ts";
import type { Raw } from "../sqlite/columns.ts";
import {
  type Move,
  type MoveNote,
  movedError,
  moveNoteOf,
  putMoveNote,
  removeMoveNote,
} from "../sqlite/moved.ts";
import { journalError } from "../sqlite/problem.ts";
import { migrationFrom, SCHEMA_VERSION } from "../sqlite/schema.ts";
import { assertSealed, sealAnew } from "../sqlite/seal.ts";
import { Digest } from "./digest.ts";
import { cannotMove, lockAll } from "./move-lock.ts";
import {
  type ClusterRow,
  commonName,
  highestId,
  jobsIn,
  type Known,
  type Plan,
  rowsForCluster,
} from "./move-rows.ts";
import { COMMON } from "./schema.ts";
import { type Ask, hasMove, type Server } from "./server.ts";
import { encodeRow, type Shape, shapesOf } from "./shapes.ts";

/** What is to be moved. */
export interface MoveIn extends Move {
  /** Rows that were sent, of how many. */
  onProgress(done: number, all: number): void;
}

/** What became of it. */
export interface MovedIn {
  /** `before`: an earlier call has moved it. */
  readonly kind: "moved" | "before";
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** By how much the ids are higher than they were. */
  readonly offset: number;
  /** The row of the move in the audit log; null: nothing was moved now. */
  readonly head: AuditRow | null;
}

/** Moves it. @throws {RunnerError} JOURNAL: call it again, or the journal is where it was. */
export async function moveIntoCluster(
  server: Pick<Server, "transaction">,
  move: MoveIn,
): Promise<MovedIn> {
  const source = new Source(move.path);
  try {
    return await server.transaction(async (ask) => {
      const moved = await send(ask, source, move);
      if (move.isDry) throw new Undone(moved);
      if (moved.kind === "moved") source.noteMoved(move);
      return moved;
    });
  } catch (error) {
    if (error instanceof Undone) return error.moved;
    throw journalError(error, move.path);
  } finally {
    source.close();
  }
}

/** Undoes what was tried. */
class Undone extends Error {
  readonly moved: MovedIn;

  constructor(moved: MovedIn) {
    super("undone");
    this.moved = moved;
  }
}

/** The file, in a transaction from the beginning to the end: others wait, or are refused. */
class Source {
  readonly database: DatabaseSync;
  /** What it says of an earlier call. */
  readonly before: MoveNote | null;
  readonly #path: string;

  constructor(path: string) {
    assertRegularAt(path);
    assertSealed(path);
    this.#path = path;
    const database = new DatabaseSync(path);
    this.database = database;
    try {
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA foreign_keys = OFF`);
      database.exec("PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
      this.before = moveNoteOf(database);
      if (this.before?.kind === "from") throw movedError(path, this.before);
      // Seen here alone, unless it is moved again.
      if (this.before !== null) removeMoveNote(database, this.before);
      const { user_version: version = 0 } = database.prepare("PRAGMA user_version").get() as {
        user_version?: number;
      };
      if (version < SCHEMA_VERSION) {
        database.exec(`${migrationFrom(version)}; PRAGMA user_version = ${SCHEMA_VERSION}`);
      }
    } catch (error) {
      database.close();
      throw journalError(error, path);
    }
  }

  /** From here on the file is not the journal any more. */
  noteMoved({ id, place, now }: MoveIn): void {
    putMoveNote(this.database, { kind: "to", move: id, place, at: now });
    this.database.exec("COMMIT");
    sealAnew(this.database, this.#path);
  }

  close(): void {
    // Undoes what was not committed.
    this.database.close();
  }
}

/** Writes all rows, in a transaction that has not ended. */
async function send(ask: Ask, source: Source, move: MoveIn): Promise<MovedIn> {
  const { database, before } = source;
  const { shards, nextId, movedTo } = await lockAll(ask);
  if (before !== null && (await hasMove(ask, before.move))) {
    return { kind: "before", rows: {}, offset: 0, head: null };
  }
  if (before !== null && before.place !== move.place) {
    const hint = `name that one, or take it back: mig-runner journal move --to ${move.path}`;
    throw cannotMove(`moving it to ${before.place} has not ended`, hint);
  }
  const shapes = shapesOf(database);
  // All that is here was moved to a file, and is history of before.
  if (movedTo !== null) await clear(ask);
  const known = await knownIn(ask);
  const { now, origin, entry } = move;
  if (!known.isEmpty) await assertApart(ask, { database, shapes, now });
  const offset = known.isEmpty ? 0 : nextId - 1;
  if (offset > 0) assertFixed(database);
  const highest = offset + highestId(database, shapes.values());
  const plan: Plan = { shards, offset, known, now, origin, entry };
  const touched = await insertAll(ask, rowsForCluster(database, shapes, plan), {
    all: countOf(database, shapes),
    onProgress: move.onProgress,
  });
  await ask("UPDATE mig_cluster SET next_id = greatest(next_id, $1)", [highest + 1]);
  const sent = new Digest();
  let head: AuditRow | null = null;
  for (const each of rowsForCluster(database, shapes, plan)) {
    sent.add(placed(each));
    // The last one.
    if (each.shape.table === "audit") head = each.row as unknown as AuditRow;
  }
  const found = await foundIn(ask, shapes, touched);
  if (!sent.isSame(found)) {
    const state = `PostgreSQL has ${found.rows} rows of ${sent.rows}, or others than were sent`;
    throw cannotMove(state, "nothing was changed: tell the makers of mig-runner");
  }
  await ask("INSERT INTO mig_move (id, came) VALUES ($1, $2)", [move.id, origin]);
  return { kind: "moved", rows: Object.fromEntries(sent.counts), offset, head };
}

/** Removes all rows, so that all see it, and takes the shards from whoever had them. */
async function clear(ask: Ask): Promise<void> {
  await ask(
    "UPDATE mig_row r SET version = s.version + 1, data = NULL, mark = NULL, removed = now() " +
      "FROM mig_shard s WHERE s.id = r.shard AND r.data IS NOT NULL",
  );
  await ask(
    "UPDATE mig_shard SET version = version + 1, owner = NULL, epoch = epoch + 1, lease_until = NULL",
  );
  await ask("UPDATE mig_cluster SET moved_to = NULL, moved_by = NULL");
}

async function knownIn(ask: Ask): Promise<Known> {
  const there = "FROM mig_row WHERE data IS NOT NULL";
  const isEmpty = (await ask(`SELECT 1 ${there} LIMIT 1`)).length === 0;
  const [head] = await ask(
    `SELECT data ${there} AND tbl = 'audit' ORDER BY key::bigint DESC LIMIT 1`,
  );
  const sources = await ask(`SELECT key ${there} AND tbl = 'source'`);
  const rows = await ask(
    `SELECT tbl, data ${there} AND shard = ${COMMON} AND tbl IN ('tally', 'state', 'alarm')`,
  );
  const common = new Map<string, Raw>();
  for (const { tbl, data } of rows) {
    const row = JSON.parse(String(data)) as Raw;
    const name = commonName(String(tbl), row);
    if (name !== null) common.set(name, row);
  }
  return {
    isEmpty,
    common,
    auditHead: head === undefined ? null : (JSON.parse(String(head.data)) as AuditRow),
    sources: new Set(sources.map(({ key }) => String(key))),
  };
}

interface Sending {
  readonly database: DatabaseSync;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly now: Instant;
}

/** @throws {RunnerError} JOURNAL: the journal and the cluster have a history of the same. */
async function assertApart(ask: Ask, { database, shapes, now }: Sending): Promise<void> {
  const jobs = jobsIn(database, shapes.values());
  const tables = [...shapes.values()].filter(({ columns }) => columns.includes("job"));
  const rows = await ask(
    "SELECT DISTINCT data::json->>'job' AS job FROM mig_row WHERE data IS NOT NULL " +
      "AND tbl = ANY ($1::text[]) AND data::json->>'job' = ANY ($2::text[]) ORDER BY 1",
    [tables.map(({ table }) => table), [...jobs].filter((job) => job !== "" && job !== "*")],
  );
  const both = rows.map(({ job }) => `"${String(job)}"`);
  if (both.length > 0) {
    const more = both.length > SHOWN_MAX ? ` and ${both.length - SHOWN_MAX} more` : "";
    const names = `${both.slice(0, SHOWN_MAX).join(", ")}${more}`;
    const what = `the cluster has a history of the same jobs: ${names}`;
    const hint = "two histories of a job cannot be one: let this one end alone, and move it away";
    throw cannotMove(what, hint);
  }
  const held =
    "SELECT 1 FROM main.pause WHERE job = '*' AND ended_at IS NULL AND (until IS NULL OR until > ?)";
  if (database.prepare(held).get(now) === undefined) return;
  const hint = "that would pause the jobs of the other hosts: mig-runner unpause '*' first";
  throw cannotMove("all jobs of this host are paused", hint);
}

/** @throws {RunnerError} JOURNAL: a workflow is under way, to which its run's id is known. */
function assertFixed(database: DatabaseSync): void {
  const open =
    "SELECT id, job FROM main.run WHERE source IS NOT NULL " +
    `AND state IN ('requested', 'open', 'paused') ORDER BY id LIMIT ${SHOWN_MAX}`;
  const rows = database.prepare(open).all();
  if (rows.length === 0) return;
  const runs = rows.map(({ id, job }) => `run ${id} of ${job}`).join(", ");
  const why = `the cluster has rows already, so runs get other numbers, and ${runs} has not ended`;
  throw cannotMove(why, "what a workflow sends carries that number: let it end, or drop it");
}

const SHOWN_MAX = 5;

function countOf(database: DatabaseSync, shapes: ReadonlyMap<string, Shape>): number {
  let all = 1;
  for (const table of shapes.keys()) {
    all += Number(database.prepare(`SELECT count(*) AS n FROM main."${table}"`).get()?.n);
  }
  return all;
}

/** Rows and characters that go at once. */
const BATCH_ROWS = 1_000;
const BATCH_SIZE = 4_000_000;

const INSERT =
  "INSERT INTO mig_row AS r (shard, tbl, key, version, data, mark) " +
  "SELECT c.s, c.t, c.k, s.version + 1, c.r, c.m FROM jsonb_to_recordset($1::jsonb) " +
  "c(s integer, t text, k text, r text, m text) JOIN mig_shard s ON s.id = c.s " +
  "ON CONFLICT ON CONSTRAINT mig_row_pkey DO UPDATE SET shard = excluded.shard, " +
  "version = excluded.version, data = excluded.data, mark = excluded.mark, removed = NULL " +
  // Sums of all jobs are added up.
  `WHERE r.data IS NULL OR (r.tbl = 'tally' AND r.shard = ${COMMON}) RETURNING 1`;

async function insertAll(
  ask: Ask,
  rows: Iterable<ClusterRow>,
  { all, onProgress }: Pick<MoveIn, "onProgress"> & { readonly all: number },
): Promise<readonly number[]> {
  const touched = new Set<number>();
  let batch: object[] = [];
  let size = 0;
  let done = 0;
  const flush = async (): Promise<void> => {
    const written = await ask(INSERT, [JSON.stringify(batch)]);
    if (written.length !== batch.length) throw cannotMove(TAKEN, "move it to a cluster of its own");
    done += batch.length;
    batch = [];
    size = 0;
    onProgress(Math.min(done, all), all);
  };
  for (const { shape, key, shard, row, uniqueKey } of rows) {
    const text = encodeRow(row);
    touched.add(shard);
    batch.push({ s: shard, t: shape.table, k: key, r: text, m: uniqueKey });
    size += text.length;
    if (batch.length >= BATCH_ROWS || size >= BATCH_SIZE) await flush();
  }
  if (batch.length > 0) await flush();
  const sql = "UPDATE mig_shard SET version = version + 1 WHERE id = ANY ($1::integer[])";
  await ask(sql, [[...touched]]);
  return [...touched];
}

const TAKEN = "the cluster has rows of the same ids";

function placed({ shape, key, shard, row, uniqueKey }: ClusterRow) {
  return { shape, key, row, place: `${shard}/${uniqueKey ?? ""}` };
}

/** The rows that this transaction has written, as they are there. */
async function foundIn(
  ask: Ask,
  shapes: ReadonlyMap<string, Shape>,
  shards: readonly number[],
): Promise<Digest> {
  const digest = new Digest();
  const sql =
    "SELECT r.* FROM mig_row r JOIN mig_shard s ON s.id = r.shard AND s.version = r.version " +
    "WHERE r.data IS NOT NULL AND r.shard = ANY ($4::integer[]) " +
    "AND (r.tbl, r.key) > ($1, $2) ORDER BY r.tbl, r.key LIMIT $3";
  let table = "";
  let last = "";
  for (;;) {
    const rows = await ask(sql, [table, last, BATCH_ROWS, shards]);
    for (const { tbl, key, data, shard, mark } of rows) {
      table = String(tbl);
      last = String(key);
      const shape = shapes.get(table);
      if (shape === undefined) throw new Error(`there is no table ${table}`);
      const row = JSON.parse(String(data)) as Raw;
      digest.add({ shape, key: last, row, place: `${Number(shard)}/${mark ?? ""}` });
    }
    if (rows.length < BATCH_ROWS) return digest;
  }
}
