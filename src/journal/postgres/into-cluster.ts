// Into cluster: a move of the journal of one host into that of a cluster.
//
//   PostgreSQL   look ─▶ BEGIN ─▶ rows staged, compared ─▶ lock, in place ─▶ name ────────▶ COMMIT
//   journal.db           BEGIN ─────────────────────────────────────────▶ note, COMMIT
//
// The note decides: until then journal.db is the journal, and nothing of it is in PostgreSQL; from
// then on it is not, and when PostgreSQL does not know the move's name, the move is made again. All
// shards are locked when the note is made and until the end, and when a later call looks for the
// name: so that sees whether it will ever be there.
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
import { cannotMove, lockAll } from "./move-lock.ts";
import { commonName, highestId, jobsIn, type Known, rowsForCluster } from "./move-rows.ts";
import { COMMON } from "./schema.ts";
import { type Ask, hasMove, type Server } from "./server.ts";
import { NO_JOBS, type Shape, shapesOf } from "./shapes.ts";
import { assertStaged, makeStage, placeStaged, stage } from "./staged.ts";

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
    const begun = await server.transaction((ask) => begin(ask, source, move));
    if (begun === null) return BEFORE;
    return await server.transaction(async (ask) => {
      const moved = await send(ask, { source, begun, move });
      if (move.isDry) throw new Undone(moved);
      source.noteMoved(move);
      return moved;
    });
  } catch (error) {
    if (error instanceof Undone) return error.moved;
    throw journalError(error, move.path);
  } finally {
    source.close();
  }
}

const BEFORE: MovedIn = { kind: "before", rows: {}, offset: 0, head: null };

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

/** The cluster as it was when the move began. */
interface Begun {
  readonly shards: number;
  /** Whether no row counts: there is none, or all that is here was moved to a file. */
  readonly isEmpty: boolean;
  readonly movedTo: string | null;
  /** By how much ids are to be higher: those of the journal are nobody else's then. */
  readonly offset: number;
  /** How far each shard was written. */
  readonly versions: readonly number[];
}

/** Looks at the cluster, and takes ids. Null: an earlier call has moved the journal. */
async function begin(ask: Ask, source: Source, move: MoveIn): Promise<Begun | null> {
  const { database, before } = source;
  const { shards, nextId, movedTo, versions } = await lockAll(ask);
  if (before !== null && (await hasMove(ask, before.move))) return null;
  if (before !== null && before.place !== move.place) {
    const hint = `name that one, or take it back: mig-runner journal move --to ${move.path}`;
    throw cannotMove(`moving it to ${before.place} has not ended`, hint);
  }
  const highest = highestId(database, shapesOf(database).values());
  const isEmpty = movedTo !== null || (await hasNoRows(ask));
  if (!isEmpty && !move.isDry) await ask("SELECT mig_ids($1)", [highest]);
  return { shards, isEmpty, movedTo, offset: isEmpty ? 0 : nextId - 1, versions };
}

interface Sending {
  readonly source: Source;
  readonly begun: Begun;
  readonly move: MoveIn;
}

/** Writes all rows, in a transaction that has not ended. */
async function send(ask: Ask, { source, begun, move }: Sending): Promise<MovedIn> {
  // What others have written meanwhile is seen.
  await ask("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
  const { database } = source;
  const { now, origin, entry } = move;
  const { shards, offset, movedTo, isEmpty } = begun;
  const shapes = shapesOf(database);
  if (!isEmpty) await assertApart(ask, { database, shapes, now }, null);
  if (offset > 0) assertFixed(database);
  const plan = { shards, offset, now, origin, entry };
  const all = countOf(database, shapes);
  let done = 0;
  const onProgress = (count: number): void => {
    done += count;
    move.onProgress(Math.min(done, all), all);
  };
  await makeStage(ask);
  const own = rowsForCluster(database, shapes, { ...plan, known: NONE, share: "jobs" });
  const sent = await stage(ask, own, onProgress);
  await assertStaged(ask, sent, { shapes, share: "jobs" });

  // From here on the hosts wait.
  const locked = await lockAll(ask);
  // All that is here was moved to a file, and is history of before.
  if (movedTo !== null && locked.movedTo === movedTo) await clear(ask);
  else if (locked.movedTo !== null || isEmpty !== (await hasNoRows(ask)))
    throw cannotMove(...OTHERS);
  if (!isEmpty) await assertApart(ask, { database, shapes, now }, begun.versions);
  const known = await knownIn(ask);
  const rest = [...rowsForCluster(database, shapes, { ...plan, known, share: "common" })];
  const shared = await stage(ask, rest, onProgress);
  await assertStaged(ask, shared, { shapes, share: "common" });
  await placeStaged(ask, sent.rows + shared.rows);
  const highest = offset + highestId(database, shapes.values());
  await ask("UPDATE mig_cluster SET next_id = greatest(next_id, $1)", [highest + 1]);
  await ask("INSERT INTO mig_move (id, came) VALUES ($1, $2)", [move.id, origin]);
  // The last one is that of the move.
  const head = (rest.at(-1)?.row ?? null) as unknown as AuditRow | null;
  const rows: Record<string, number> = {};
  for (const table of shapes.keys()) {
    const count = (sent.counts.get(table) ?? 0) + (shared.counts.get(table) ?? 0);
    if (count > 0) rows[table] = count;
  }
  return { kind: "moved", rows, offset, head };
}

const OTHERS = ["the cluster has changed meanwhile", "call it again"] as const;

/** Of rows of jobs nothing has to be known. */
const NONE: Known = { auditHead: null, sources: new Set(), common: new Map() };

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

async function hasNoRows(ask: Ask): Promise<boolean> {
  return (await ask("SELECT 1 FROM mig_row WHERE data IS NOT NULL LIMIT 1")).length === 0;
}

async function knownIn(ask: Ask): Promise<Known> {
  const there = "FROM mig_row WHERE data IS NOT NULL";
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
    common,
    auditHead: head === undefined ? null : (JSON.parse(String(head.data)) as AuditRow),
    sources: new Set(sources.map(({ key }) => String(key))),
  };
}

interface Checking {
  readonly database: DatabaseSync;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly now: Instant;
}

/**
 * @param behind Only what each shard got behind these versions is looked at. Null: all.
 * @throws {RunnerError} JOURNAL: the journal and the cluster have a history of the same.
 */
async function assertApart(
  ask: Ask,
  { database, shapes, now }: Checking,
  behind: readonly number[] | null,
): Promise<void> {
  const jobs = jobsIn(database, shapes.values());
  const tables = [...shapes.values()].filter(({ columns }) => columns.includes("job"));
  const since =
    behind === null
      ? ""
      : "JOIN unnest($3::bigint[]) WITH ORDINALITY b(version, place) " +
        "ON r.shard = b.place - 1 AND r.version > b.version ";
  const rows = await ask(
    `SELECT DISTINCT data::json->>'job' AS job FROM mig_row r ${since}WHERE data IS NOT NULL ` +
      "AND tbl = ANY ($1::text[]) AND data::json->>'job' = ANY ($2::text[]) ORDER BY 1",
    [
      tables.map(({ table }) => table),
      [...jobs].filter((job) => !NO_JOBS.includes(job)),
      ...(behind === null ? [] : [behind]),
    ],
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
