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
import { rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../errors.ts";
import type { Instant, Milliseconds } from "../../time.ts";
import type { Journal, JournalTransaction } from "../journal.ts";
import type { Raw } from "../sqlite/columns.ts";
import { openDatabase } from "../sqlite/journal.ts";
import { journalError, namedIn } from "../sqlite/problem.ts";
import { Statements } from "../sqlite/statements.ts";
import { tablesOn } from "../sqlite/tables.ts";
import { GROUP_MAX, type Queued, rejectAll, runGroup } from "../sqlite/works.ts";
import { COMMON } from "./schema.ts";
import {
  type Change,
  type ClusterStore,
  type Fence,
  REMOVED_MS,
  type Seen,
  type Stored,
} from "./server.ts";
import {
  encodeRow,
  Ids,
  markOf,
  noteChanges,
  rowName,
  rowOf,
  type Shape,
  shapesOf,
  shardOf,
  storedAs,
  Writer,
} from "./shapes.ts";

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
  /** Nothing that is here is to be trusted any more. */
  readonly onDoubt?: (error: RunnerError) => void;
}

/** What a group of works came to, before it was kept. */
interface Rehearsed {
  readonly settle: readonly (() => void)[];
  readonly changes: readonly Change[];
  /** Of tables that are counted by each process for itself. */
  readonly own: readonly Change[];
}

/** Times that works are made again, because others were faster. */
const ATTEMPTS_MAX = 8;

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
  readonly #writers = new Map<string, Writer>();
  /** Where each row is, and the version that it is here in. */
  readonly #known = new Map<string, { readonly shard: number; readonly version: number }>();
  /** How far each shard that is here has been seen. */
  readonly #seen = new Map<number, number>();
  /** When the whole was looked at, by PostgreSQL's clock. */
  #lookedAt: Instant = 0;
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
    // What is lost here is in PostgreSQL; and rows come one by one, in no order.
    database.exec("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF");
    this.#ids = new Ids(database, this.#shapes);
    noteChanges(database, this.#shapes.values());
    for (const [table, shape] of this.#shapes) {
      this.#writers.set(table, new Writer(database, shape));
    }
  }

  write<T>(work: (transaction: JournalTransaction) => T): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(
        new RunnerError("JOURNAL", "Cannot write to the journal: it is closed"),
      );
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (value: never) => void, reject });
      if (this.#queue.length === 1) void this.#next(() => this.#flush());
    });
  }

  async load(shards: readonly number[]): Promise<void> {
    await this.#next(async () => {
      const { server } = this.#options;
      const { now, shards: all } = await server.look();
      this.#lookedAt ||= now;
      await this.#ids.take(server);
      for await (const rows of server.rows(shards)) this.#put(rows);
      // What has come meanwhile is behind the versions of before.
      for (const { id, version } of all) if (shards.includes(id)) this.#seen.set(id, version);
      this.changes++;
    });
  }

  drop(shards: readonly number[]): void {
    const gone = new Set(shards);
    for (const shard of gone) this.#seen.delete(shard);
    const rows: Stored[] = [];
    for (const [name, { shard, version }] of this.#known) {
      if (!gone.has(shard)) continue;
      const [tbl, key] = rowOf(name);
      rows.push({ shard, tbl, key, version, data: null });
    }
    this.#put(rows);
    this.changes++;
  }

  async refresh({ now, shards }: Pick<Seen, "now" | "shards">): Promise<void> {
    // With the rest, what a load that failed has left.
    if (this.#forgotten.length > 0) this.drop(this.#forgotten);
    else if (now - this.#lookedAt > STALE_MS) this.#forget();
    if (this.#forgotten.length > 0) {
      await this.load(this.#forgotten);
      this.#forgotten = [];
    }
    await this.#next(async () => {
      await this.#catchUp(shards);
      await this.#ids.takeWhenFew(this.#options.server);
    });
    this.#lookedAt = now;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    this.#database.close();
    removeFile(this.#options.path);
  }

  /** What is here may have been removed, and its key erased, since it was looked at. */
  #forget(): void {
    this.#options.onDoubt?.(new RunnerError("JOURNAL", ASLEEP_TEXT, { passing: true }));
    this.#forgotten = [...this.#seen.keys()];
    this.drop(this.#forgotten);
  }

  /** One behind the other, and none is stopped by the one before it. */
  #next<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Fetches what is new in those shards that are here. */
  async #catchUp(shards: Seen["shards"]): Promise<void> {
    for (const { id, version } of shards) {
      const seen = this.#seen.get(id);
      if (seen === undefined || seen >= version) continue;
      const rows = await this.#options.server.newer(id, seen);
      if (!this.#seen.has(id)) continue;
      this.#put(rows);
      this.#seen.set(id, rows.at(-1)?.version ?? seen);
      if (rows.length > 0) this.changes++;
    }
  }

  async #flush(): Promise<void> {
    const group = this.#queue.splice(0, GROUP_MAX);
    if (this.#queue.length > 0) void this.#next(() => this.#flush());
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
        case "written":
          this.#accept(changes, own, written.versions);
          for (const each of settle) each();
          return;
        case "doubt":
          onDoubt?.(written.error);
          throw written.error;
        case "lost": {
          const error = new RunnerError("JOURNAL", LOST_TEXT, { passing: true });
          onDoubt?.(error);
          throw error;
        }
        case "stale":
          if (attempt >= ATTEMPTS_MAX)
            throw new RunnerError("JOURNAL", STALE_TEXT, { passing: true });
          await this.#catchUp((await server.look()).shards);
          // Rows of a journal that was moved in may have ids of this process's range.
          if (attempt > ATTEMPTS_MAX / 2) await this.#ids.take(server);
      }
    }
  }

  /** Does works to see what they change, and undoes it. */
  #rehearse(group: readonly Queued[]): Rehearsed {
    try {
      const place = { rows: this.#rows, tables: this.tables, begin: "BEGIN" } as const;
      return { settle: runGroup(place, group), ...this.#changed() };
    } finally {
      this.#rows.rollBack();
    }
  }

  /** What the transaction has changed. */
  #changed(): Pick<Rehearsed, "changes" | "own"> {
    const changes: Change[] = [];
    const own: Change[] = [];
    const noted = this.#rows.prepared("SELECT tbl, key FROM temp.changed").all();
    for (const { tbl, key } of noted as unknown as { tbl: string; key: string }[]) {
      const shape = this.#shapes.get(tbl);
      if (shape === undefined) continue;
      const sql = `SELECT * FROM main."${tbl}" WHERE "${shape.key}" = ?`;
      const raw = this.#rows.prepared(sql).get(key) as Raw | undefined;
      const known = this.#known.get(rowName(tbl, key)) ?? null;
      // Was there for a moment.
      if (raw === undefined && known === null) continue;
      const s = known?.shard ?? (raw === undefined ? COMMON : this.#shardOf(shape, raw));
      const v = known?.version ?? null;
      const change = { s, t: tbl, k: key, v } as const;
      // A text under its hash may be of use to another host: it stays.
      if (tbl === "source" && raw === undefined) continue;
      const whole: Change =
        raw === undefined
          ? { ...change, r: null, m: null }
          : { ...change, r: encodeRow(raw), m: markOf(shape, raw) };
      // Sums over all jobs: each process has its own.
      (tbl === "tally" && s === COMMON ? own : changes).push(whole);
    }
    return { changes, own };
  }

  #shardOf(shape: Shape, raw: Raw): number {
    const { shards } = this.#options;
    if (shape.columns.includes("job")) return shardOf(String(raw.job), shards);
    if (shape.parent === null) return COMMON;
    const { table, column } = shape.parent;
    const parent = this.#shapes.get(table);
    if (parent === undefined) throw new Error(`the journal has no table ${table}`);
    const sql = `SELECT * FROM main."${table}" WHERE "${parent.key}" = ?`;
    const found = this.#rows.prepared(sql).get(raw[column] as number | string) as Raw | undefined;
    if (found === undefined) throw new Error(`a row of ${shape.table} is a part of none`);
    return this.#shardOf(parent, found);
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
    this.#put([...rows, ...own.map((change) => storedAs(change, 0))]);
    for (const [shard, version] of versions) {
      // With another one between, there is something to be fetched.
      if (this.#seen.get(shard) === version - 1) this.#seen.set(shard, version);
    }
  }

  /** Puts rows in their places, and removes others; notes none of it as a change. */
  #put(rows: readonly Stored[]): void {
    this.#database.exec("BEGIN");
    try {
      for (const row of rows.filter(({ data }) => data === null)) {
        this.#writers.get(row.tbl)?.remove(row.key);
        this.#known.delete(rowName(row.tbl, row.key));
      }
      for (const { tbl, key, data, shard, version } of rows) {
        if (data === null) continue;
        // Sums over all jobs that came by a move: each process counts its own, without a version.
        if (tbl === "tally" && shard === COMMON && version > 0) continue;
        // A table of a newer program is of no use to this one.
        this.#writers.get(tbl)?.put(data);
        this.#known.set(rowName(tbl, key), { shard, version });
      }
      this.#database.exec("DELETE FROM temp.changed; COMMIT");
    } catch (error) {
      this.#rows.rollBack();
      throw journalError(error, this.#options.path);
    }
  }
}

const LOST_TEXT = "Cannot write to the journal: another host has this shard by now";
const ASLEEP_TEXT =
  "Cannot go on with the journal as it is here: it has not been compared with PostgreSQL for days";
const STALE_TEXT = "Cannot write to the journal: others change the same rows all the time";

function removeFile(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${end}`, { force: true });
}
