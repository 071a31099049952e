// Moved: a file that is not the journal, although it looks like one: its rows are elsewhere since
// (`to`), or are elsewhere still, because a move to this file has not ended (`from`).
//
// The note is a table `moved`, triggers that refuse each change, also of who opened the file before
// it, and a schema version that no mig-runner opens. All of it comes and goes in one transaction.
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../errors.ts";
import type { Instant } from "../../time.ts";
import type { AuditEntry } from "../audit.ts";
import { tablesOf } from "./foreign.ts";

/** The schema version of a file that is not the journal. */
const MOVED_VERSION = 900;

/** A journal that is to be moved, from one of its homes into the other. */
export interface Move {
  /** The journal.db, here or to be. Its directory is locked by the caller. */
  readonly path: string;
  /** No other move has the same. */
  readonly id: string;
  readonly now: Instant;
  /** Both ends, for people. */
  readonly origin: string;
  readonly place: string;
  readonly entry: AuditEntry;
  /** All is done and compared, and then undone. */
  readonly isDry: boolean;
}

/** What a file says of a move. */
export interface MoveNote {
  readonly kind: "to" | "from";
  /** The id of the move. */
  readonly move: string;
  /** The other place, for people. */
  readonly place: string;
  readonly at: Instant;
  /** The schema version that the rows are of. */
  readonly version: number;
}

/** The note of a file; null for a journal, for no file, and for one that cannot be read. */
export function readMoveNote(path: string): MoveNote | null {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return moveNoteOf(database);
    } finally {
      database.close();
    }
  } catch {
    // What is wrong with it is told by who opens it as a journal.
    return null;
  }
}

/** The note of an open file. */
export function moveNoteOf(database: DatabaseSync): MoveNote | null {
  const { user_version } = database.prepare("PRAGMA user_version").get() as Numbers;
  if (user_version !== MOVED_VERSION) return null;
  const row = database.prepare("SELECT kind, move, place, at, version FROM moved").get();
  return row === undefined ? null : ({ ...row } as unknown as MoveNote);
}

type Numbers = Record<string, number>;

/** Writes the note: the file is no journal any more. The transaction is the caller's. */
export function putMoveNote(
  database: DatabaseSync,
  { kind, move, place, at }: Omit<MoveNote, "version">,
): void {
  const { user_version } = database.prepare("PRAGMA user_version").get() as Numbers;
  database.exec(
    "CREATE TABLE moved (id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, " +
      "move TEXT NOT NULL, place TEXT NOT NULL, at INTEGER NOT NULL, version INTEGER NOT NULL) STRICT",
  );
  const insert = "INSERT INTO moved VALUES (1, ?, ?, ?, ?, ?)";
  database.prepare(insert).run(kind, move, place, at, user_version ?? 0);
  for (const name of triggersOn(database)) {
    const [, table, event] = name.split("/");
    database.exec(
      `CREATE TRIGGER "${name}" BEFORE ${event} ON "${table}" ` +
        "BEGIN SELECT RAISE(ABORT, 'the journal was moved'); END",
    );
  }
  database.exec(`PRAGMA user_version = ${MOVED_VERSION}`);
}

/** Takes the note away: it is a journal again. The transaction is the caller's. */
export function removeMoveNote(database: DatabaseSync, { version }: MoveNote): void {
  for (const name of triggersOn(database)) database.exec(`DROP TRIGGER "${name}"`);
  database.exec("DROP TABLE moved");
  database.exec(`PRAGMA user_version = ${version}`);
}

function triggersOn(database: DatabaseSync): readonly string[] {
  const events = ["INSERT", "UPDATE", "DELETE"];
  return tablesOf(database).flatMap((table) => events.map((event) => `moved/${table}/${event}`));
}

/** Why the file is not opened, and the way out. */
export function movedError(path: string, { kind, place, at }: MoveNote): RunnerError {
  const when = new Date(at).toISOString();
  const state =
    kind === "to"
      ? `it was moved to ${place} (${when})`
      : `moving it here from ${place} has not ended (${when})`;
  const back = `mig-runner journal move --to "${path}"`;
  const hint =
    kind === "to"
      ? `set [cluster] url and name in runner.cfg; with that, \`${back}\` brings it back`
      : `with [cluster] url in runner.cfg, \`${back}\` goes on`;
  return new RunnerError("JOURNAL", `Cannot use the journal "${path}": ${state}`, { path, hint });
}
