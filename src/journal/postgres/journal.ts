// Journal: that of a cluster. Its rows are in PostgreSQL; here are those of some shards, in a
// SQLite file of this process that can be thrown away at any time.
//
// Each group of writes runs in a transaction on the file, only to see what it changes, and is
// rolled back. What it has changed goes to PostgreSQL as one statement, and into the file once
// PostgreSQL has answered: so nobody here reads what is not durable (I1), and a write that was
// refused has changed nothing.
//
//   J1. A write that another one was faster than is made again, on the rows as they are by then.
//   J2. After a write of which it is unknown whether it was made, nothing here holds any more:
//       `onDoubt` is called, and who owns the shards drops, claims and loads them.
//   J3. Rows that are not of these shards are never changed.
//   J4. Versions only grow. One that fell tells that PostgreSQL has gone back, to a standby that
//       lagged or to a backup: then what is here was never, and goes as in J2.
import type { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../errors.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../../time.ts";
import type { Journal, JournalTransaction } from "../journal.ts";
import { openDatabase } from "../sqlite/journal.ts";
import { journalError, namedIn } from "../sqlite/problem.ts";
import { Statements } from "../sqlite/statements.ts";
import { tablesOn } from "../sqlite/tables.ts";
import { GROUP_MAX, type Queued, rejectAll, runGroup } from "../sqlite/works.ts";
import { APART_TEXT, BACK_TEXT, CLOSED_TEXT, LOST_TEXT, STALE_TEXT } from "./refused.ts";
import { asThrowaway, type Changed, Rows, removeFile } from "./rows.ts";
import { COMMON } from "./schema.ts";
import { Ids, noteChanges, shapesOf } from "./shapes.ts";
import { type IsWanted, Shards, Turns } from "./shards.ts";
import type { Change, ClusterStore, Fence, Seen } from "./store.ts";

export interface ClusterOptions {
  readonly server: ClusterStore;
  /** The file of the rows that are here. One that is there is removed. */
  readonly path: string;
  /** How many shards there are. */
  readonly shards: number;
  /** This process, for the fence. */
  readonly me: string;
  /**
   * The epoch of a shard that this process owns, null for another one. Missing: it owns none, and
   * may change the rows of all, as a person does beside the owner.
   */
  readonly epochOf?: (shard: number) => number | null;
  /** Told, once, of a row that cannot be read: it is left out. */
  readonly onUnfit?: (row: string) => void;
  /** Nothing that is here is to be trusted any more. */
  readonly onDoubt?: (error: RunnerError) => void;
}

/** What a group of works came to, before it was kept. */
interface Rehearsed extends Changed {
  readonly settle: readonly (() => void)[];
}

/** Times that works are made again, because others were faster. */
const ATTEMPTS_MAX = 8;

/** Works that are given up within this time before what is here is taken for wrong. */
const GIVEN_UP_MAX = 3;
const GIVEN_UP_MS: Milliseconds = 10 * MINUTE_MS;

/** The journal of a cluster as one process has it, and what comes to it and goes by shards. */
export interface ClusterJournal extends Journal {
  /**
   * Fetches all rows of shards. Ids are taken anew then: they are above all that there are. Where
   * there are shards already, what is written to them is not held up by more than one of these.
   *
   * @param isWanted Asked in the turn in which the last row of a shard has come. @default it is
   */
  load(shards: readonly number[], isWanted?: IsWanted): Promise<void>;
  /** Forgets shards: at once, also while a write waits for its answer, which then is refused. */
  drop(shards: readonly number[]): void;
  /** Fetches what others have written to the shards that are here. */
  refresh(seen: Pick<Seen, "now" | "shards">): Promise<void>;
  /** Forgets all that is here: PostgreSQL is known to have gone back (J4). */
  goneBack(): void;
  /** Rows that are left out, because they cannot be read. */
  unfit(): readonly string[];
}

/** Opens an empty one: `load` fills it. @throws {RunnerError} JOURNAL. */
export function openClusterJournal(options: ClusterOptions): ClusterJournal {
  removeFile(options.path);
  const database = openDatabase({ path: options.path });
  try {
    const writes = new Writes(database, options);
    const { shards, rows, tables } = writes;
    return {
      ...tables,
      // Changes when something came that was not written here.
      version: () => shards.changes,
      write: (work) => writes.write(work),
      load: (ids, isWanted) => shards.load(ids, isWanted),
      drop: (ids) => shards.drop(ids),
      refresh: (seen) => shards.refresh(seen),
      goneBack: () => void shards.forget(BACK_TEXT),
      unfit: () => rows.unfit,
      close: () => writes.close(),
    };
  } catch (error) {
    database.close();
    throw journalError(error, options.path);
  }
}

/** The works that are to be written. */
class Writes {
  readonly tables: JournalTransaction;
  readonly shards: Shards;
  readonly rows: Rows;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #options: ClusterOptions;
  readonly #ids: Ids;
  /** Works that others were always faster than: how many, and since when they are counted. */
  #givenUp = { since: 0 as Instant, count: 0 };
  #queue: Queued[] = [];
  #isClosed = false;
  readonly #turns = new Turns();

  constructor(database: DatabaseSync, options: ClusterOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = new Statements(database, {
      named: (error) => namedIn(options.path, error),
      nextId: Ids.nextOf,
    });
    this.tables = tablesOn(this.#statements);
    const shapes = shapesOf(database);
    asThrowaway(database);
    this.#ids = new Ids(database, shapes);
    noteChanges(database, shapes.values());
    this.rows = new Rows({ ...options, database, statements: this.#statements, shapes });
    this.shards = new Shards({ ...options, rows: this.rows, ids: this.#ids, turns: this.#turns });
  }

  write<T>(work: (transaction: JournalTransaction) => T): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new RunnerError("JOURNAL", CLOSED_TEXT));
    }
    return new Promise<T>((resolve, reject) => {
      this.#add({ work, resolve: resolve as (value: never) => void, reject });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turns.end();
    this.#database.close();
    removeFile(this.#options.path);
  }

  #add(...works: readonly Queued[]): void {
    const isIdle = this.#queue.length === 0;
    this.#queue.push(...works);
    if (isIdle) void this.#turns.next(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const group = this.#queue.splice(0, GROUP_MAX);
    if (this.#queue.length > 0) void this.#turns.next(() => this.#flush());
    await this.#recordOrReject(group);
  }

  async #recordOrReject(group: readonly Queued[]): Promise<void> {
    try {
      await this.#record(group);
    } catch (error) {
      const named = error instanceof RunnerError ? error : journalError(error, this.#options.path);
      rejectAll(group, named);
    }
  }

  /** Does works and records what they change. Settles each, or throws: then nothing was recorded. */
  async #record(group: readonly Queued[]): Promise<void> {
    const { server, me, onDoubt } = this.#options;
    await this.#ids.takeFirst(server);
    for (let attempt = 1; ; attempt++) {
      const rehearsed = this.#rehearse(group);
      const { settle, changes } = rehearsed;
      const fences = this.#fencesOf(changes);
      this.#ids.use(changes);
      const written =
        changes.length === 0
          ? ({ kind: "written", versions: new Map<number, number>() } as const)
          : await server.write(me, fences, changes);
      switch (written.kind) {
        case "written": {
          const isBack = this.shards.accept(rehearsed, written.versions);
          for (const each of settle) each();
          if (isBack) this.shards.forget(BACK_TEXT);
          return;
        }
        case "doubt":
          onDoubt?.(written.error);
          throw written.error;
        case "lost": {
          const error = new RunnerError("JOURNAL", LOST_TEXT, { passing: true });
          onDoubt?.(error);
          throw error;
        }
        case "stale":
          await this.#afterStale(attempt);
      }
    }
  }

  /** Sees what others have written. @throws {RunnerError} JOURNAL: that has not helped, or cannot. */
  async #afterStale(attempt: number): Promise<void> {
    const { server } = this.#options;
    const before = this.shards.versions();
    const { now, shards } = await server.look();
    if (this.shards.isBelow(shards, before)) throw this.shards.forget(BACK_TEXT);
    if (attempt >= ATTEMPTS_MAX) {
      const { since, count } = this.#givenUp;
      const isNew = now - since > GIVEN_UP_MS;
      this.#givenUp = isNew ? { since: now, count: 1 } : { since, count: count + 1 };
      // Others may be faster once. Again and again it is what is here that is wrong.
      if (this.#givenUp.count < GIVEN_UP_MAX) {
        throw new RunnerError("JOURNAL", STALE_TEXT, { passing: true });
      }
      this.#givenUp = { since: now, count: 0 };
      throw this.shards.forget(APART_TEXT);
    }
    await this.shards.catchUp(shards);
    // Rows of a journal that was moved in may have ids of this process's range.
    if (attempt > ATTEMPTS_MAX / 2) await this.#ids.take(server);
  }

  /** Does works to see what they change, and undoes it. */
  #rehearse(group: readonly Queued[]): Rehearsed {
    try {
      const place = { rows: this.#statements, tables: this.tables, begin: "BEGIN" } as const;
      return { settle: runGroup(place, group), ...this.rows.changed() };
    } finally {
      this.#statements.rollBack();
    }
  }

  /** @throws {RunnerError} JOURNAL: a change of what is not here (J3). */
  #fencesOf(changes: readonly Change[]): readonly Fence[] {
    const { epochOf } = this.#options;
    const shards = new Set(changes.map(({ s }) => s));
    const fences: Fence[] = [];
    for (const shard of shards) {
      if (epochOf === undefined || shard === COMMON) continue;
      const epoch = epochOf(shard);
      if (epoch === null || !this.shards.has(shard)) {
        throw new RunnerError("JOURNAL", LOST_TEXT, { passing: true });
      }
      fences.push({ s: shard, e: epoch });
    }
    return fences;
  }
}
