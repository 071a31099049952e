// Seal: which file a write-ahead log belongs to.
//
//   journal.db        the token of its last checkpoint, in the table `seal`
//   journal.db-wal    what was written since; SQLite plays it into whatever file stands beside it
//   journal.db-seal   the token, or the two of a checkpoint in between, that journal.db may have
//
// Every checkpoint gives journal.db a new token. A file that was put there beside an old log (a
// backup, with `cp`) has another one: then nothing is opened, because SQLite would play the log
// into it, which gives the old state again, or a damaged one.
//
// Owns:     the tokens, the file -seal, whether log and file belong together.
// Not here: when a checkpoint is made (checkpoints.ts), putting a backup back (copies.ts).
import { closeSync, constants, fdatasyncSync, openSync, statSync, writeSync } from "node:fs";
import type { DatabaseSync as Database } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { RunnerError } from "../../errors.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import { readRegular } from "../../lib/os/read.ts";

/** The name of the file that holds the tokens. */
export function sealPath(path: string): string {
  return `${path}-seal`;
}

/** Stands for the token of a journal without one: of an older version, or never used by a daemon. */
const NONE = "none";

/** The file -seal has one line, and is read before anything is known of the directory. */
const SEAL_SIZE_MAX = 4_096;

/** A token that no journal has had. */
export function freshToken(): string {
  return crypto.getRandomValues(new Uint8Array(12)).toHex();
}

/** Gives a journal, or a copy of one, a token. The transaction is the caller's. */
export function stamp(database: Pick<Database, "prepare">, token: string): void {
  database.prepare("INSERT OR REPLACE INTO seal (id, token) VALUES (1, ?)").run(token);
}

/**
 * What journal.db itself says, without its log; null when it cannot be read just now. With the
 * number of its schema: a copy by SQLite's own means has another one.
 */
export function tokenOf(path: string): string | null {
  try {
    const url = pathToFileURL(path);
    url.search = "?immutable=1";
    const database = new DatabaseSync(url, { readOnly: true });
    try {
      const { schema_version } = database.prepare("PRAGMA schema_version").get() as Numbers;
      const has = "SELECT count(*) AS n FROM sqlite_schema WHERE name = 'seal'";
      if ((database.prepare(has).get() as Numbers).n === 0) return NONE;
      const row = database.prepare("SELECT token FROM seal").get();
      return row === undefined ? NONE : `${String(row.token)}.${schema_version}`;
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

type Numbers = Record<string, number>;

/** The tokens that journal.db may have; null without a seal. */
export function readSeal(path: string): readonly string[] | null {
  try {
    const bytes = readRegular(sealPath(path), { sizeMax: SEAL_SIZE_MAX, follow: false });
    const line = new TextDecoder().decode(bytes);
    // The disk was full when it was made: it holds nothing, or half a line.
    return line.endsWith("\n") ? line.trim().split(/\s+/) : null;
  } catch {
    return null;
  }
}

/** Writes the tokens that journal.db may have from now on; on the disk when it returns. */
export function writeSeal(path: string, tokens: readonly string[]): void {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  const descriptor = openSync(sealPath(path), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    // One write of one length: what stands there is the old line or the new one.
    writeSync(descriptor, `${tokens.join(" ").padEnd(LINE_SIZE)}\n`, 0);
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Room for two tokens. */
const LINE_SIZE = 127;

/** Seals a journal that has no seal: another file in its place will be told from it. */
export function sealAsIs(path: string): void {
  if (readSeal(path) === null) writeSeal(path, [tokenOf(path) ?? NONE]);
}

/**
 * Seals a file again whose schema was changed, if it has a seal: with its log in it, so that there
 * is nothing to be told from it meanwhile. While somebody reads, both stay as they are.
 */
export function sealAnew(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as Numbers | undefined;
  const token = tokenOf(path);
  if (row?.busy === 1 || token === null || readSeal(path) === null) return;
  writeSeal(path, [token]);
}

/** Tokens may change between two looks, and not more often than this. */
const LOOKS = 3;

/**
 * Refuses a journal whose file and log do not belong together.
 *
 * @throws {RunnerError} JOURNAL, with the way out.
 */
export function assertSealed(path: string): void {
  if (sizeOf(`${path}-wal`) === 0) return;
  if (sizeOf(path) === 0) throw withoutFile(path);
  for (let look = 0; look < LOOKS; look++) {
    const before = tokenOf(path);
    const tokens = readSeal(path);
    const after = tokenOf(path);
    // A page that is being written cannot be read; SQLite says what is wrong with any other.
    if (tokens === null || before === null || after === null) return;
    if (tokens.includes(before) || tokens.includes(after)) return;
  }
  throw replaced(path);
}

function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch (error) {
    if (errnoCode(error) === "ENOTDIR") return 0;
    throw error;
  }
}

function withoutFile(path: string): RunnerError {
  const state = `it is gone, and what was written last is in "${path}-wal"`;
  const begin = `to begin with none, move "${path}-wal" away`;
  return problem(path, state, `\`mig-runner journal restore FILE\` puts a backup back; ${begin}`);
}

function replaced(path: string): RunnerError {
  const state = `another file was put in its place, beside the log of the old one, "${path}-wal"`;
  const restore = "`mig-runner journal restore FILE` puts the backup FILE back as it is";
  const own = `with "${path}" as FILE, the file that is there now`;
  return problem(path, state, `${restore}; ${own}`);
}

function problem(path: string, state: string, hint: string): RunnerError {
  return new RunnerError("JOURNAL", `Cannot use the journal "${path}": ${state}`, { path, hint });
}
