// Journal: journal.db. SQLite in WAL mode with synchronous FULL: a resolved write is on disk.
//
// Writes are grouped. Each `write` is queued; at the end of the turn of the event loop, or a few
// milliseconds later (pace.ts), all queued works run in one transaction (works.ts), and share one
// fsync.
//
//   I1. A write resolves after COMMIT returned, and rejects when it did not.
//   I10. A file that is no journal, too new, or damaged is a named error that says what to do.
//
// After a failed fsync it is unknown what is on the disk: nothing is written any more, `onFailure`
// is called, and a new process reads what is there. When the file was removed or replaced,
// `onReplaced` is called, and a person has to look.
import { chmodSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { RunnerError } from "../../errors.ts";
import { assertRegularAt } from "../../lib/os/read.ts";
import type { Journal, JournalTransaction } from "../journal.ts";
import { BUSY_TIMEOUT_MS, Checkpoints } from "./checkpoints.ts";
import { hasOurTables, strangerIn } from "./foreign.ts";
import { movedError, moveNoteOf } from "./moved.ts";
import { Pace } from "./pace.ts";
import { Place } from "./place.ts";
import { damageError, isUnsynced, journalError, namedIn } from "./problem.ts";
import {
  APPLICATION_ID,
  migrationFrom,
  missingColumns,
  READABLE_VIEWS,
  SCHEMA_VERSION,
} from "./schema.ts";
import { assertSealed } from "./seal.ts";
import { Statements } from "./statements.ts";
import { tablesOn } from "./tables.ts";
import { GROUP_MAX, type Queued, rejectAll, runGroup } from "./works.ts";

export interface JournalOptions {
  /** A file path, or ":memory:" for a journal that dies with the process (tests, simulation). */
  readonly path: string;
  /** Decides when queued works are run. @default pace.ts */
  readonly schedule?: (flush: () => void) => void;
  /** For `status` and friends: never creates or changes the file. @default false */
  readonly readOnly?: boolean;
  /**
   * Whether this process has the directory now. Then it makes checkpoints, and seals the file, so
   * that a replaced file is noticed. @default never
   */
  readonly isOwned?: () => boolean;
  /** Called once, when an fsync failed: the process must end. */
  readonly onFailure?: (error: RunnerError) => void;
  /** Called once, when the file was removed or replaced: the process must end. */
  readonly onReplaced?: (error: RunnerError) => void;
}

/**
 * Opens the journal, making or migrating it.
 *
 * @throws {RunnerError} JOURNAL: not a journal, damaged, newer than this program, or no access.
 */
export function openJournal(options: JournalOptions): Journal {
  const database = openDatabase(options);
  try {
    const file = new JournalFile(database, options);
    const { tables } = file;
    return {
      ...tables,
      version: () => (options.path === ":memory:" ? null : tables.version()),
      write: (work) => file.write(work),
      close: () => file.close(),
    };
  } catch (error) {
    database.close();
    throw journalError(error, options.path);
  }
}

/**
 * A connection to the journal, whose rows are read as those of this version.
 *
 * @throws {RunnerError} JOURNAL, as `openJournal`.
 */
export function openDatabase({
  path,
  readOnly = false,
}: Pick<JournalOptions, "path" | "readOnly">): DatabaseSync {
  if (readOnly && path !== ":memory:" && !existsSync(path)) throw noneYet(path);
  try {
    if (path !== ":memory:") {
      assertRegularAt(path);
      assertSealed(path);
      if (!readOnly) makeForOwner(path);
    }
    const database = new DatabaseSync(path, { readOnly });
    try {
      prepare(database, { path, readOnly });
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw journalError(error, path);
  }
}

/** Makes the file for this user alone; SQLite gives its mode to the files beside it. */
function makeForOwner(path: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  try {
    closeSync(openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600));
  } catch {
    // It exists already, or SQLite will report what is wrong.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && (found.mode & 0o777) !== 0o600) chmodSync(path, 0o600);
  }
}

function prepare(database: DatabaseSync, where: { path: string; readOnly: boolean }): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const version = numberOf(database, "PRAGMA user_version");
  const application = numberOf(database, "PRAGMA application_id");
  const tables = numberOf(database, "SELECT count(*) FROM sqlite_schema");
  const isOurs = hasOurTables(database);
  const moved = isOurs && application === APPLICATION_ID ? moveNoteOf(database) : null;
  if (moved !== null) throw movedError(where.path, moved);
  if (isOurs && (application !== APPLICATION_ID || version > VERSION_MAX)) {
    throw damageError(where.path, "its header is not what a mig-runner writes");
  }
  const stranger = application === APPLICATION_ID ? strangerIn(database) : null;
  if (stranger !== null) throw damageError(where.path, stranger);
  if (application !== APPLICATION_ID && tables > 0) {
    throw new RunnerError("JOURNAL", `Cannot use "${where.path}": it is not a mig-runner journal`, {
      path: where.path,
      hint: "move the file away, or set another directory",
    });
  }
  if (version > SCHEMA_VERSION) {
    throw new RunnerError(
      "JOURNAL",
      `Cannot use the journal "${where.path}": it has schema ${version}, ` +
        `this mig-runner knows up to ${SCHEMA_VERSION}`,
      { path: where.path, hint: "run the mig-runner that wrote it, or a newer one" },
    );
  }
  // An empty file: the process that made it was killed before it wrote the tables.
  if (where.readOnly && version === 0 && tables === 0) throw noneYet(where.path);
  if (!where.readOnly) {
    const finding = isLarge(where.path) ? null : findDamage(database);
    if (finding !== null) throw damageError(where.path, finding);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    migrate(database);
  }
  readByRows(database);
}

/** Makes a connection read rows as those of this version, and only those that can be read. */
export function readByRows(database: DatabaseSync): void {
  database.exec(missingColumns(numberOf(database, "PRAGMA user_version")));
  database.exec(READABLE_VIEWS);
}

function noneYet(path: string): RunnerError {
  return new RunnerError("JOURNAL", `Cannot open the journal "${path}": there is none yet`, {
    path,
    hint: "start mig-runner once, it makes the journal",
  });
}

/** How long a checkpoint waits for what goes on from the last commit. */
const CHECKPOINT_WAIT_MS = 30;

/** No journal will ever have so high a schema version. */
const VERSION_MAX = 1_000;

/** Bytes of a journal that is checked when it is opened: some 4 ms for each million. */
const CHECKED_SIZE_MAX = 8_000_000;

/** Whether a journal is too large to be checked when it is opened: see edge/journal-check.ts. */
export function isLarge(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > CHECKED_SIZE_MAX;
}

/** The first thing that SQLite finds wrong with the file; null when it is sound. */
export function findDamage(database: DatabaseSync): string | null {
  return damageOf(database, "quick_check")[0] ?? null;
}

/**
 * What SQLite finds wrong with the file. A value of the wrong type is a row that cannot be read,
 * which is no damage of the file (readable.ts).
 */
export function damageOf(
  database: DatabaseSync,
  check: "quick_check" | "integrity_check",
): readonly string[] {
  const findings = database
    .prepare(`PRAGMA ${check}(${FINDINGS_MAX})`)
    .all()
    .flatMap(Object.values);
  return findings.map(String).filter((text) => text !== "ok" && !WRONG_TYPE.test(text));
}

/** Findings that SQLite lists; wrong types, which are none of ours, may stand before the others. */
const FINDINGS_MAX = 1_000;

const WRONG_TYPE = /^(non-[A-Z]+|NULL) value in /;

/** In one transaction: a crash leaves the version before, or this one. */
function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = numberOf(database, "PRAGMA user_version");
    if (version < SCHEMA_VERSION) {
      database.exec(migrationFrom(version));
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function numberOf(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get() as Record<string, number>;
  return Object.values(row)[0] ?? 0;
}

/** The open file: the works that are to be written to it, and what keeps it as it should be. */
class JournalFile {
  readonly #database: DatabaseSync;
  readonly #rows: Statements;
  readonly tables: JournalTransaction;
  readonly #path: string;
  readonly #pace = new Pace();
  readonly #schedule: (flush: () => void) => void;
  readonly #onFailure: (error: RunnerError) => void;
  readonly #onReplaced: (error: RunnerError) => void;
  readonly #commit: StatementSync;
  /** Null for a journal in memory, or one that is only read. */
  readonly #place: Place | null;
  readonly #isOwned: () => boolean;
  /** While this process has the directory. */
  #checkpoints: Checkpoints | null = null;
  /** The next checkpoint, while it waits. */
  #checkpoint: ReturnType<typeof setTimeout> | null = null;
  /** Set once nothing may be written any more. */
  #failure: RunnerError | null = null;
  #queue: Queued[] = [];
  #scheduled = false;
  #closed = false;

  constructor(database: DatabaseSync, options: JournalOptions) {
    this.#database = database;
    this.#path = options.path;
    this.#rows = new Statements(database, { named: (error) => namedIn(options.path, error) });
    this.tables = tablesOn(this.#rows);
    this.#schedule = options.schedule ?? this.#pace.schedule;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#onReplaced = options.onReplaced ?? (() => {});
    // Of a prepared statement every runtime tells the error's code.
    this.#commit = database.prepare("COMMIT");
    const { path, readOnly = false, isOwned = () => false } = options;
    const isWritten = !readOnly && path !== ":memory:";
    this.#isOwned = () => isWritten && isOwned();
    this.#keepShort(() => {});
    const own = { checkpoints: () => this.#own(), look: () => this.#look() };
    this.#place = isWritten ? new Place(path, own) : null;
  }

  write<T>(work: (transaction: JournalTransaction) => T): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed) {
      return Promise.reject(
        new RunnerError("JOURNAL", `Cannot write to the journal "${this.#path}": it is closed`),
      );
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (value: never) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#schedule(() => this.#flush());
    });
  }

  async close(): Promise<void> {
    while (this.#queue.length > 0) this.#flush();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#checkpoint !== null) clearTimeout(this.#checkpoint);
    this.#place?.close();
    this.#look();
    if (this.#place?.isReplaced !== true) this.#database.close();
  }

  /** From time to time: has the file been replaced, and is the log too long? */
  #look(): void {
    if (this.#failure !== null) return;
    try {
      this.#place?.assertSame();
      this.#own()?.look();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Notes a failure. One that cannot be repaired ends all writing. */
  #fail(error: unknown): RunnerError {
    const named = journalError(error, this.#path);
    const isReplaced = this.#place?.isReplaced === true;
    if (this.#failure === null && (isReplaced || isUnsynced(error))) {
      this.#failure = named;
      if (isReplaced) {
        this.#letGo();
        this.#onReplaced(named);
      } else this.#onFailure(named);
    }
    return named;
  }

  /** Opens a transaction, so that the ending runtime does not make a checkpoint of the log. */
  #letGo(): void {
    try {
      this.#database.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    } catch {
      // The file that was put there cannot be read.
    }
  }

  #flush(): void {
    this.#scheduled = false;
    const group = this.#queue.splice(0, GROUP_MAX);
    if (this.#queue.length > 0) {
      this.#scheduled = true;
      this.#schedule(() => this.#flush());
    }
    if (group.length === 0 || this.#closed) return;
    if (this.#failure !== null) {
      rejectAll(group, this.#failure);
      return;
    }
    let outcomes: readonly (() => void)[];
    const beganAt = performance.now();
    try {
      this.#place?.assertSame();
      const place = { rows: this.#rows, tables: this.tables, begin: "BEGIN IMMEDIATE" } as const;
      outcomes = runGroup(place, group);
      this.#commit.run();
    } catch (error) {
      this.#rows.rollBack();
      rejectAll(group, this.#fail(error));
      return;
    }
    this.#pace.wrote(group.length, beganAt);
    for (const settle of outcomes) settle();
    this.#keepShort((checkpoints) => this.#wrote(checkpoints));
  }

  /**
   * What was just written is waited for, such as by a POST: a checkpoint, which takes longer than a
   * commit, lets it go first.
   */
  #wrote(checkpoints: Checkpoints): void {
    const written = checkpoints.wrote();
    if (written === "far more") checkpoints.make();
    if (written !== "enough" || this.#checkpoint !== null) return;
    this.#checkpoint = setTimeout(() => {
      this.#checkpoint = null;
      if (!this.#closed && this.#failure === null) this.#keepShort((soon) => soon.make());
    }, CHECKPOINT_WAIT_MS);
    this.#checkpoint.unref();
  }

  /** Works on the log; a failure is ignored, because it is tried again later. */
  #keepShort(work: (checkpoints: Checkpoints) => void): void {
    try {
      const checkpoints = this.#own();
      if (checkpoints !== null) work(checkpoints);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * The checkpoints of this process; null while another one has the directory, or nobody. A run
   * gives the directory to a daemon that starts, and may have it again later.
   */
  #own(): Checkpoints | null {
    if (!this.#isOwned()) {
      this.#checkpoints = null;
    } else if (this.#checkpoints === null) {
      this.#checkpoints = new Checkpoints(this.#database, this.#path);
      this.#checkpoints.begin();
    }
    return this.#checkpoints;
  }
}
