// Checkpoints: move the write-ahead log into journal.db, so that the log stays short.
//
//   write both tokens to -seal ─▶ stamp the new one ─▶ checkpoint ─▶ write the new one to -seal
//
// A crash between any two leaves a file whose token the seal knows (seal.ts). Only the process that
// has the directory makes checkpoints; another one may write to the log, and read for as long as it
// likes: then the log grows, and is cut when that reader has gone.
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { freshToken, stamp, tokenOf, writeSeal } from "./seal.ts";

/** Commits after which a checkpoint is made: a log that does not grow is faster to sync. */
export const COMMITS_MAX = 500;

/**
 * Bytes by which the log may grow until then: actions may be large, and a commit hold many. Nothing
 * else happens while they are moved.
 */
const GROWTH_MAX = 1024 * 1024;

/** A log that has grown this many times as far waits no longer. */
const GROWTH_TIMES = 8;

/** Bytes of a log that is cut as soon as nobody reads it any more. */
export const LOG_SIZE_MAX = 32 * 1024 * 1024;

/** The log of one journal, for the process that has its directory. */
export class Checkpoints {
  readonly #database: DatabaseSync;
  readonly #path: string;
  /** Tokens that journal.db may have; the last one is the newest. */
  #tokens: readonly string[] = [];
  /** The token that is to be stamped, until it has been. */
  #unstamped: string | null = null;
  #commits = 0;
  #size = 0;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /**
   * Seals the journal anew: a file that was copied from it before is told from it.
   *
   * @throws The system's error, or SQLite's.
   */
  begin(): void {
    this.#database.exec("PRAGMA wal_autocheckpoint = 0");
    this.make();
  }

  /** Whether journal.db is the file that the last checkpoint left. */
  get isOwn(): boolean {
    const token = tokenOf(this.#path);
    return token === null || this.#tokens.length === 0 || this.#tokens.includes(token);
  }

  /** Notes a commit. Answers whether enough was written since the last checkpoint, or far more. */
  wrote(): "little" | "enough" | "far more" {
    this.#commits += 1;
    const grown = this.#logSize() - this.#size;
    if (grown > GROWTH_TIMES * GROWTH_MAX) return "far more";
    return this.#commits >= COMMITS_MAX || grown > GROWTH_MAX ? "enough" : "little";
  }

  /** Cuts a log that has grown long while somebody read. @throws As `begin`. */
  look(): void {
    if (this.#logSize() > LOG_SIZE_MAX) this.make();
  }

  /** Makes a checkpoint. @throws As `begin`. */
  make(): void {
    // When it fails, it is tried again only after as many commits.
    this.#commits = 0;
    this.#size = this.#logSize();
    // A checkpoint that was not finished is finished first: the seal has room for two tokens only.
    if (this.#tokens.length !== 2) this.#announce();
    if (this.#unstamped !== null) {
      stamp(this.#database, this.#unstamped);
      this.#unstamped = null;
    }
    if (this.#checkpoint() && this.#tokens.length === 2) {
      const tokens = this.#tokens.slice(1);
      writeSeal(this.#path, tokens);
      this.#tokens = tokens;
    }
    this.#size = this.#logSize();
  }

  /** Lets the seal know the next token before anything has it. */
  #announce(): void {
    const before = tokenOf(this.#path);
    if (before === null) return;
    const token = freshToken();
    const { schema_version } = this.#database.prepare("PRAGMA schema_version").get() as Numbers;
    const tokens = [before, `${token}.${schema_version}`];
    writeSeal(this.#path, tokens);
    this.#tokens = tokens;
    this.#unstamped = token;
  }

  /** Whether all of the log is in journal.db now. Waits for nobody. */
  #checkpoint(): boolean {
    const isLong = this.#logSize() > LOG_SIZE_MAX;
    this.#database.exec("PRAGMA busy_timeout = 0");
    try {
      const how = isLong ? "TRUNCATE" : "PASSIVE";
      const done = this.#database.prepare(`PRAGMA wal_checkpoint(${how})`).get() as Numbers;
      return done.busy === 0 && done.log === done.checkpointed;
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  #logSize(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }
}

type Numbers = Record<string, number>;

/** How long a write waits for another process's transaction, in milliseconds. */
export const BUSY_TIMEOUT_MS = 5_000;
