// Out of cluster: a move of the journal of a cluster into a file of one host.
//
//   PostgreSQL   BEGIN ─▶ all is read ──────────────────▶ "moved to FILE", COMMIT
//   FILE         rows, compared ─▶ noted, put in place ────────────────────────▶ note gone
//
// The COMMIT decides: until then the file is refused by its note, and from then on PostgreSQL takes
// no more writes. A move that was cut off before is made again; one that was cut off after it is
// ended by taking the note away.
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Milliseconds } from "../../time.ts";
import { type AuditRow, appendAudit } from "../audit.ts";
import type { Raw } from "../sqlite/columns.ts";
import { placeJournal, removeDatabase } from "../sqlite/copies.ts";
import { openJournal } from "../sqlite/journal.ts";
import { verifyJournal } from "../sqlite/maintenance.ts";
import {
  type Move,
  type MoveNote,
  moveNoteOf,
  putMoveNote,
  readMoveNote,
  removeMoveNote,
} from "../sqlite/moved.ts";
import { journalError } from "../sqlite/problem.ts";
import { sealAnew } from "../sqlite/seal.ts";
import { Digest } from "./digest.ts";
import { cannotMove, lockAll } from "./move-lock.ts";
import { rowsOf } from "./move-rows.ts";
import { type Ask, hasMove, type Server } from "./server.ts";
import { type Shape, shapesOf, Writer } from "./shapes.ts";

/** Where the journal goes. */
export interface MoveOut extends Move {
  /** How long a host that is silent keeps its jobs. */
  readonly leaseMs: Milliseconds;
  /** Rows that came. */
  onProgress(done: number): void;
}

/** What became of it. */
export interface MovedOut {
  /** `ended`: that of an earlier call; `given up`: an earlier move of the file into the cluster. */
  readonly kind: "moved" | "ended" | "given up";
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Where the file is that was in its place; null: there was none. */
  readonly aside: string | null;
  /** The row of the move in the audit log; null: nothing was moved now. */
  readonly head: AuditRow | null;
}

/** Moves it. @throws {RunnerError} JOURNAL: call it again, or the journal is where it was. */
export async function moveOutOfCluster(
  server: Pick<Server, "transaction">,
  move: MoveOut,
): Promise<MovedOut> {
  const { path, isDry } = move;
  const temporary = `${path}.moving`;
  await removeDatabase(temporary);
  try {
    const moved = await server.transaction(async (ask): Promise<MovedOut> => {
      const before = readMoveNote(path);
      if (before === null && existsSync(path)) throw taken(path);
      const { movedTo, movedBy } = await lockAll(ask);
      if (movedTo !== null) {
        if (before?.kind === "from" && before.move === movedBy) return NOTHING;
        const hint = `there \`mig-runner journal move --to ${path}\` ends it, if it has not ended`;
        throw cannotMove(`it was moved to ${movedTo}`, hint);
      }
      if (before?.kind === "to" && !(await hasMove(ask, before.move))) return giveUp(move, before);
      await assertQuiet(ask, move.leaseMs);
      const { rows, head } = await fetchAll(ask, temporary, move);
      if (isDry) return { kind: "moved", rows, aside: null, head: null };
      const aside = await placeJournal(path, temporary, "before-move");
      await ask("UPDATE mig_cluster SET moved_to = $1, moved_by = $2", [move.place, move.id]);
      return { kind: "moved", rows, aside, head };
    });
    if (!isDry) end(path);
    return moved;
  } catch (error) {
    throw journalError(error, path);
  } finally {
    await removeDatabase(temporary);
  }
}

const NOTHING: MovedOut = { kind: "ended", rows: {}, aside: null, head: null };

/** The file is the journal from now on, or is it again. */
function end(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    const before = moveNoteOf(database);
    if (before !== null) removeMoveNote(database, before);
    database.exec("COMMIT");
    sealAnew(database, path);
  } finally {
    database.close();
  }
}

/** A move of this file into a cluster that has not ended never will: it is the journal again. */
function giveUp({ origin }: MoveOut, { place }: MoveNote): MovedOut {
  if (place !== origin) {
    throw cannotMove(
      `the file was moved to ${place}, which is not this cluster`,
      "name another file",
    );
  }
  return { ...NOTHING, kind: "given up" };
}

function taken(path: string) {
  return cannotMove(`"${path}" is there already`, "move it away, or name another file");
}

/** @throws {RunnerError} JOURNAL: a host is at work. */
async function assertQuiet(ask: Ask, leaseMs: Milliseconds): Promise<void> {
  const silent = "clock_timestamp() - $1 * interval '1 millisecond'";
  const rows = await ask(
    `SELECT name FROM mig_host WHERE seen_at > ${silent} UNION ` +
      "SELECT split_part(owner, '/', 1) FROM mig_shard WHERE lease_until > clock_timestamp() ORDER BY 1",
    [leaseMs],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => String(name)).join(", ");
  const hint = `stop the daemons; of one that was killed it is known after ${leaseMs / 1_000} s`;
  throw cannotMove(`there are hosts at work: ${names}`, hint);
}

/** Rows that are fetched at once. */
const PAGE = 2_000;

/** Makes a journal of all rows that the cluster has, which is refused until its note is gone. */
async function fetchAll(
  ask: Ask,
  path: string,
  move: MoveOut,
): Promise<Pick<MovedOut, "rows" | "head">> {
  await openJournal({ path }).close();
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA foreign_keys = OFF; BEGIN");
    const shapes = shapesOf(database);
    const sent = await receive(ask, { database, shapes }, move);
    database.exec("COMMIT");
    const found = new Digest();
    for (const shape of shapes.values()) {
      for (const row of rowsOf(database, shape))
        found.add({ shape, key: String(row[shape.key]), row });
    }
    if (!sent.isSame(found)) {
      const state = `the file has ${found.rows} rows of ${sent.rows}, or others than came`;
      throw cannotMove(state, "nothing was changed: a newer mig-runner may have written some");
    }
    const head = await auditMove(path, move);
    const { id, origin, now } = move;
    database.exec("BEGIN IMMEDIATE");
    putMoveNote(database, { kind: "from", move: id, place: origin, at: now });
    database.exec("COMMIT");
    return { rows: Object.fromEntries(found.counts), head };
  } finally {
    database.close();
  }
}

interface Target {
  readonly database: DatabaseSync;
  readonly shapes: ReadonlyMap<string, Shape>;
}

async function receive(
  ask: Ask,
  { database, shapes }: Target,
  { onProgress }: Pick<MoveOut, "onProgress">,
): Promise<Digest> {
  const digest = new Digest();
  const writers = new Map<string, Writer>();
  const sql =
    "SELECT tbl, key, data FROM mig_row WHERE data IS NOT NULL AND (tbl, key) > ($1, $2) " +
    "ORDER BY tbl, key LIMIT $3";
  let table = "";
  let last = "";
  for (;;) {
    const rows = await ask(sql, [table, last, PAGE]);
    for (const { tbl, key, data } of rows) {
      table = String(tbl);
      last = String(key);
      const shape = shapes.get(table);
      if (shape === undefined) throw newer(`rows of "${table}"`);
      const writer = writers.get(table) ?? new Writer(database, shape);
      writers.set(table, writer);
      const row = JSON.parse(String(data)) as Raw;
      const extra = Object.keys(row).find((name) => !shape.columns.includes(name));
      if (extra !== undefined) throw newer(`"${extra}" of ${table}`);
      writer.insert(String(data), last);
      digest.add({ shape, key: last, row });
    }
    onProgress(digest.rows);
    if (rows.length < PAGE) return digest;
  }
}

function newer(what: string) {
  return cannotMove(
    `the cluster has ${what}, which this mig-runner does not know`,
    "use a newer one",
  );
}

/** Notes the move in the audit log, and looks at the whole. */
async function auditMove(path: string, { entry, now }: MoveOut): Promise<AuditRow> {
  const journal = openJournal({ path });
  try {
    const head = await journal.write((tables) => appendAudit(tables, entry, now));
    const { damage, unreadable } = await verifyJournal(path);
    const [first] = [...damage, ...unreadable];
    if (first === undefined) return head;
    throw cannotMove(`what came cannot be right: ${first}`, "mig-runner drop takes such rows out");
  } finally {
    await journal.close();
  }
}
