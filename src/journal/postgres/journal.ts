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
import {
  APART_TEXT,
  ASLEEP_TEXT,
  BACK_TEXT,
  CLOSED_TEXT,
  LOST_TEXT,
  STALE_TEXT,
} from "./refused.ts";
import { type Changed, Rows, removeFile } from "./rows.ts";
import { COMMON } from "./schema.ts";
import { REMOVED_MS } from "./server.ts";
import { Ids, noteChanges, type Shape, shapesOf, storedAs } from "./shapes.ts";
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

/** Whoever has not looked for so long loads anew: what was removed since may be erased. */
const STALE_MS: Milliseconds = REMOVED_MS / 2;

/** The journal of a cluster as one process has it, and what comes to it and goes by shards. */
export interface ClusterJournal extends Journal {
  /** Fetches all rows of shards, and new ids: they are above all that there are. */
  load(shards: readonly number[]): Promise<void>;
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
    const copy = new Copy(database, options);
    return {
      ...copy.tables,
      // Changes when something came that was not written here.
      version: () => copy.changes,
      write: (work) => copy.write(work),
      load: (shards) => copy.load(shards),
      drop: (shards) => copy.drop(shards),
      refresh: (seen) => copy.refresh(seen),
      goneBack: () => void copy.forget(BACK_TEXT),
      unfit: () => copy.held.unfit,
      close: () => copy.close(),
    };
  } catch (error) {
    database.close();
    throw journalError(error, options.path);
  }
}

/** The rows of some shards in a file, and the works that are to be written. */
class Copy {
  readonly tables: JournalTransaction;
  /** Counts what came that was not written here. */
  changes = 0;
  readonly #database: DatabaseSync;
  readonly #rows: Statements;
  readonly #options: ClusterOptions;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #ids: Ids;
  readonly held: Rows;
  /** How far each shard that is here has been seen. */
  readonly #seen = new Map<number, number>();
  /** When the whole was looked at, by PostgreSQL's clock. */
  #lookedAt: Instant = 0;
  /** Works that others were always faster than: how many, and since when they are counted. */
  #givenUp = { since: 0 as Instant, count: 0 };
  /** Shards that are to be loaded again. */
  #forgotten: readonly number[] = [];
  #queue: Queued[] = [];
  #isClosed = false;
  /** Writes and readings one behind the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(database: DatabaseSync, options: ClusterOptions) {
    this.#database = database;
    this.#options = options;
    this.#rows = new Statements(database, {
      named: (error) => namedIn(options.path, error),
      nextId: Ids.nextOf,
    });
    this.tables = tablesOn(this.#rows);
    this.#shapes = shapesOf(database);
    // What is lost here is in PostgreSQL; and rows come one by one, in no order. No process finds
    // the file again: each page is written once, not also to a log beside it.
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
    database.exec("PRAGMA foreign_keys = OFF");
    this.#ids = new Ids(database, this.#shapes);
    noteChanges(database, this.#shapes.values());
    this.held = new Rows({ ...options, database, statements: this.#rows, shapes: this.#shapes });
  }

  write<T>(work: (transaction: JournalTransaction) => T): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new RunnerError("JOURNAL", CLOSED_TEXT));
    }
    return new Promise<T>((resolve, reject) => {
      this.#add({ work, resolve: resolve as (value: never) => void, reject });
    });
  }

  load(shards: readonly number[]): Promise<void> {
    return this.#next(() => this.#fetch(shards));
  }

  async #fetch(shards: readonly number[]): Promise<void> {
    const { server } = this.#options;
    const { now, shards: all } = await server.look();
    this.#lookedAt ||= now;
    await this.#ids.take(server);
    for await (const rows of server.rows(shards)) this.held.put(rows);
    // What has come meanwhile is behind the versions of before.
    for (const { id, version } of all) if (shards.includes(id)) this.#seen.set(id, version);
    this.changes++;
  }

  drop(shards: readonly number[]): void {
    const gone = new Set(shards);
    for (const shard of gone) this.#seen.delete(shard);
    this.held.drop(gone);
    this.changes++;
  }

  async refresh({ now, shards }: Pick<Seen, "now" | "shards">): Promise<void> {
    const isBack = await this.#next(() => this.#isBack(shards));
    // With the rest, what a load that failed has left.
    if (this.#forgotten.length > 0) this.drop(this.#forgotten);
    else if (isBack) this.forget(BACK_TEXT);
    else if (now - this.#lookedAt > STALE_MS) this.forget(ASLEEP_TEXT);
    const forgotten = this.#forgotten;
    if (forgotten.length > 0) {
      await this.load(forgotten);
      if (this.#forgotten === forgotten) this.#forgotten = [];
    }
    for (const { id, version } of shards) {
      for (const turn of this.#catchUp(id, version)) if (await this.#next(turn)) break;
    }
    await this.#next(() => this.#ids.takeWhenFew(this.#options.server));
    this.#lookedAt = now;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    this.#database.close();
    removeFile(this.#options.path);
  }

  /** What is here is not what PostgreSQL has: all of it goes, and comes again. */
  forget(why: string): RunnerError {
    const error = new RunnerError("JOURNAL", why, { passing: true });
    this.#options.onDoubt?.(error);
    this.#forgotten = [...new Set([...this.#forgotten, ...this.#seen.keys()])];
    this.drop(this.#forgotten);
    return error;
  }

  /**
   * Whether PostgreSQL has gone back (J4). What it has told may be from before the last write of
   * this process: then it is asked again.
   */
  async #isBack(shards: Seen["shards"]): Promise<boolean> {
    const before = new Map(this.#seen);
    if (!this.#isBelow(shards, before)) return false;
    return this.#isBelow((await this.#options.server.look()).shards, before);
  }

  /** @param before What had been seen when these were asked for. */
  #isBelow(shards: Seen["shards"], before: ReadonlyMap<number, number>): boolean {
    return shards.some(
      ({ id, version }) => this.#seen.has(id) && version < (before.get(id) ?? version),
    );
  }

  /** One behind the other, and none is stopped by the one before it. */
  #next<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Fetches what is new in a shard that is here, some at a time: `true` when that is all. */
  *#catchUp(id: number, version: number): Generator<() => Promise<boolean>> {
    const before = this.#seen.get(id);
    if (before === undefined || before >= version) return;
    const pages = this.#options.server.newer(id, before)[Symbol.asyncIterator]();
    let last = before;
    for (;;) {
      yield async () => {
        const page = await pages.next();
        if (!this.#seen.has(id)) return true;
        if (page.done === true) {
          this.#seen.set(id, Math.max(last, this.#seen.get(id) ?? last));
          return true;
        }
        this.held.put(page.value);
        last = page.value.at(-1)?.version ?? last;
        this.changes++;
        return false;
      };
    }
  }

  #add(...works: readonly Queued[]): void {
    const isIdle = this.#queue.length === 0;
    this.#queue.push(...works);
    if (isIdle) void this.#next(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const group = this.#queue.splice(0, GROUP_MAX);
    if (this.#queue.length > 0) void this.#next(() => this.#flush());
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
    for (let attempt = 1; ; attempt++) {
      const { settle, changes, own } = this.#rehearse(group);
      const fences = this.#fencesOf(changes);
      this.#ids.use(changes);
      const written =
        changes.length === 0
          ? ({ kind: "written", versions: new Map<number, number>() } as const)
          : await server.write(me, fences, changes);
      switch (written.kind) {
        case "written": {
          const isBack = [...written.versions].some(([s, v]) => v <= (this.#seen.get(s) ?? v - 1));
          this.#accept(changes, own, written.versions);
          for (const each of settle) each();
          if (isBack) this.forget(BACK_TEXT);
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
    const before = new Map(this.#seen);
    const { now, shards } = await server.look();
    if (this.#isBelow(shards, before)) throw this.forget(BACK_TEXT);
    if (attempt >= ATTEMPTS_MAX) {
      const { since, count } = this.#givenUp;
      const isNew = now - since > GIVEN_UP_MS;
      this.#givenUp = isNew ? { since: now, count: 1 } : { since, count: count + 1 };
      // Others may be faster once. Again and again it is what is here that is wrong.
      if (this.#givenUp.count < GIVEN_UP_MAX) {
        throw new RunnerError("JOURNAL", STALE_TEXT, { passing: true });
      }
      this.#givenUp = { since: now, count: 0 };
      throw this.forget(APART_TEXT);
    }
    for (const { id, version } of shards) {
      for (const turn of this.#catchUp(id, version)) if (await turn()) break;
    }
    // Rows of a journal that was moved in may have ids of this process's range.
    if (attempt > ATTEMPTS_MAX / 2) await this.#ids.take(server);
  }

  /** Does works to see what they change, and undoes it. */
  #rehearse(group: readonly Queued[]): Rehearsed {
    try {
      const place = { rows: this.#rows, tables: this.tables, begin: "BEGIN" } as const;
      return { settle: runGroup(place, group), ...this.held.changed() };
    } finally {
      this.#rows.rollBack();
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
      if (epoch === null || !this.#seen.has(shard)) {
        throw new RunnerError("JOURNAL", LOST_TEXT, { passing: true });
      }
      fences.push({ s: shard, e: epoch });
    }
    return fences;
  }

  /** Takes over what PostgreSQL has. */
  #accept(
    changes: readonly Change[],
    own: readonly Change[],
    versions: ReadonlyMap<number, number>,
  ): void {
    const here = changes.filter(({ s }) => this.#seen.has(s));
    const rows = here.map((change) => storedAs(change, versions.get(change.s) ?? 0));
    this.held.put([...rows, ...own.map((change) => storedAs(change, 0))]);
    for (const [shard, version] of versions) {
      // With another one between, there is something to be fetched.
      if (this.#seen.get(shard) === version - 1) this.#seen.set(shard, version);
    }
  }
}
