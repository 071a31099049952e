// Moved: a file that is not the journal, although it looks like one: its rows are elsewhere since
// (`to`), or are elsewhere still, because a move to this file has not ended (`from`).
//
// The mark is a table `moved`, triggers that refuse each change, also of who opened the file before
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
  /** A name that no other move has. */
  readonly move: string;
  readonly now: Instant;
  /** Both ends, for people. */
  readonly origin: string;
  readonly place: string;
  readonly entry: AuditEntry;
  /** All is done and compared, and then undone. */
  readonly isDry: boolean;
}

/** What is known of a move. */
export interface Mark {
  readonly kind: "to" | "from";
  /** Which move. */
  readonly move: string;
  /** The other place, for people. */
  readonly place: string;
  readonly at: Instant;
  /** The schema version that the rows are of. */
  readonly version: number;
}

/** The mark of a file; null for a journal, for no file, and for one that cannot be read. */
export function readMark(path: string): Mark | null {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return markOf(database);
    } finally {
      database.close();
    }
  } catch {
    // What is wrong with it is told by who opens it as a journal.
    return null;
  }
}

/** The mark of an open file. */
export function markOf(database: DatabaseSync): Mark | null {
  const { user_version } = database.prepare("PRAGMA user_version").get() as Numbers;
  if (user_version !== MOVED_VERSION) return null;
  const row = database.prepare("SELECT kind, move, place, at, version FROM moved").get();
  return row === undefined ? null : ({ ...row } as unknown as Mark);
}

type Numbers = Record<string, number>;

/** Makes the file no journal. The transaction is the caller's. */
export function mark(
  database: DatabaseSync,
  { kind, move, place, at }: Omit<Mark, "version">,
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

/** Makes it a journal again. The transaction is the caller's. */
export function unmark(database: DatabaseSync, { version }: Mark): void {
  for (const name of triggersOn(database)) database.exec(`DROP TRIGGER "${name}"`);
  database.exec("DROP TABLE moved");
  database.exec(`PRAGMA user_version = ${version}`);
}

function triggersOn(database: DatabaseSync): readonly string[] {
  const events = ["INSERT", "UPDATE", "DELETE"];
  return tablesOf(database).flatMap((table) => events.map((event) => `moved/${table}/${event}`));
}

/** Why the file is not opened, and the way out. */
export function movedError(path: string, { kind, place, at }: Mark): RunnerError {
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
