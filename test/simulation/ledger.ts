// Ledger: the runner's real journal on a database in memory that outlives the processes, with
// faults where SQLite would have them, and the oracle's own look at its rows.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Journal, JournalTransaction } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { type Life, never, type Side, type Watch } from "./life.ts";
import type { Profile } from "./profile.ts";
import type { Timeline } from "./timeline.ts";

/** What the ledger needs of the world that it is in. */
export interface LedgerWorld {
  readonly profile: Profile;
  readonly timeline: Timeline;
  readonly life: Life;
  readonly watch: Watch;
  readonly diskFull: boolean;
  count(fault: string): void;
  strikes(fault: string, rate: number): boolean;
  latency(mostMs: number): number;
  dies(life: Life, name: string, side: Side): boolean;
  /** The journal says that its process must end. */
  fail(): void;
}

/** What the next statement that begins so does instead. */
interface Instead {
  readonly sql: "BEGIN" | "COMMIT";
  readonly side: Side;
  readonly error: Error;
}

let instead: Instead | null = null;
let lastDatabase: DatabaseSync | null = null;
let patched = false;

const { exec, prepare } = DatabaseSync.prototype;

function orInstead<Value>(sql: string, run: () => Value): Value {
  if (instead === null || !sql.startsWith(instead.sql)) return run();
  const { error, side } = instead;
  instead = null;
  if (side === "after") run();
  throw error;
}

/** Puts a fault between the journal and SQLite. The journal itself is as it is. */
function patchSqlite(): void {
  if (patched) return;
  patched = true;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    lastDatabase = this;
    orInstead(sql, () => exec.call(this, sql));
  };
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string): StatementSync {
    const statement = prepare.call(this, sql);
    if (!/^(BEGIN|COMMIT)/.test(sql)) return statement;
    const run = statement.run.bind(statement);
    statement.run = () => orInstead(sql, () => run());
    return statement;
  };
}

/** As SQLite tells of a disk that did not keep what was written. */
const UNSYNCED = "disk I/O error";

function unsynced(): Error {
  return Object.assign(new Error(UNSYNCED), { code: "ERR_SQLITE_ERROR", errcode: 1034 });
}

/** Thrown inside works of a process that died before its commit. */
const DROPPED = new Error("the process that wrote this is dead");

type Row = Record<string, string | number | null>;

export class Ledger {
  #journal: Journal;
  #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #tables: readonly string[];
  #world: LedgerWorld | null = null;
  #pending: (() => void) | null = null;
  /** Changes with every commit: what was read before may be told again until then. */
  #generation = 0;

  constructor() {
    patchSqlite();
    [this.#journal, this.#database] = this.#openJournal();
    const names = this.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid");
    this.#tables = names.map(({ name }) => name as string).reverse();
  }

  #openJournal(): [Journal, DatabaseSync] {
    const journal = openJournal({
      path: ":memory:",
      schedule: (flush) => this.#schedule(flush),
      onFailure: () => this.#world?.fail(),
    });
    if (lastDatabase === null) throw new Error("the journal has not used the database's exec");
    return [journal, lastDatabase];
  }

  /** As a new process opens what the disk has kept: a journal whose disk failed stays closed. */
  #reopen(): void {
    const before = this.#database;
    const rows = this.#tables.map((table) => prepare.call(before, `SELECT * FROM ${table}`).all());
    [this.#journal, this.#database] = this.#openJournal();
    this.#statements.clear();
    this.#database.exec("PRAGMA foreign_keys = OFF");
    for (const [index, table] of this.#tables.entries()) {
      for (const row of rows[index] ?? []) {
        const names = Object.keys(row);
        const places = names.map(() => "?").join(", ");
        const sql = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`;
        prepare.call(this.#database, sql).run(...Object.values(row));
      }
    }
    this.#database.exec("PRAGMA foreign_keys = ON");
    // The one before is left open: what the dead process began may still read it.
  }

  /** Forgets everything and belongs to another world. */
  reset(world: LedgerWorld): void {
    // What the last world's dead process had still queued is dropped, as at any death.
    this.#pending?.();
    this.#pending = null;
    this.#world = world;
    this.#generation++;
    this.#database.exec("BEGIN");
    for (const table of this.#tables) this.#database.exec(`DELETE FROM ${table}`);
    this.#database.exec("COMMIT");
  }

  /** The oracle's own reading, past the journal's code. */
  rows(sql: string, ...values: (string | number | null)[]): Row[] {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement.all(...values) as Row[];
  }

  /** Another process writes: at once, and without the faults of this one. */
  outside(work: (transaction: JournalTransaction) => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    work(this.#journal as unknown as JournalTransaction);
    this.#database.exec("COMMIT");
    this.#generation++;
  }

  /** The journal as one process has it open. */
  open(life: Life): Journal {
    const journal = this.#journal;
    const world = this.#world!;
    const memo = new Memo(journal, this, () => this.#generation);
    const write = <T>(work: (transaction: JournalTransaction) => T): Promise<T> => {
      if (world.dies(life, "journal.write", "before")) return never();
      return new Promise<T>((resolve, reject) => {
        const guarded = (transaction: JournalTransaction): T => {
          if (!life.alive) throw DROPPED;
          return work(world.profile.alarms ? watched(transaction, world.watch) : transaction);
        };
        journal.write(guarded).then(
          (value) => life.alive && resolve(value),
          (error: unknown) => life.alive && reject(error),
        );
      });
    };
    return new Proxy(journal, {
      get(target, name) {
        if (name === "write") return write;
        if (name === "close") return () => Promise.resolve();
        const memorized = memo.find(name);
        if (memorized !== null) return memorized;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #schedule(flush: () => void): void {
    const delayMs = this.#world?.latency(40) ?? 0;
    this.#pending = flush;
    const run = () => this.#flush(flush);
    if (delayMs === 0) queueMicrotask(run);
    else this.#world?.timeline.after(delayMs, run);
  }

  #flush(flush: () => void): void {
    if (this.#pending !== flush) return;
    this.#pending = null;
    const world = this.#world!;
    const { life } = world;
    const { rates } = world.profile;
    if (!world.dies(life, "journal.commit", "before")) instead = this.#fault(world, rates);
    const failing = instead?.error.message === UNSYNCED;
    flush();
    if (instead !== null) throw new Error("the journal commits by a way that no fault reaches");
    if (failing) this.#reopen();
    this.#generation++;
    world.watch.committed();
    world.dies(life, "journal.commit", "after");
  }

  #fault(world: LedgerWorld, rates: Profile["rates"]): Instead | null {
    const full = new Error("database or disk is full");
    if (world.diskFull) {
      world.count("journal ENOSPC (disk full)");
      return { sql: "COMMIT", side: "before", error: full };
    }
    if (world.strikes("journal ENOSPC", rates.journalFull)) {
      return { sql: "COMMIT", side: "before", error: full };
    }
    for (const side of ["before", "after"] as const) {
      if (world.strikes(`journal fsync EIO, ${side} it kept the row`, rates.journalSync)) {
        return { sql: "COMMIT", side, error: unsynced() };
      }
    }
    if (world.strikes("journal busy", rates.busy)) {
      return { sql: "BEGIN", side: "before", error: new Error("database is locked") };
    }
    return null;
  }
}

/** A transaction in which it is seen what people are to be told. */
function watched(transaction: JournalTransaction, watch: Watch): JournalTransaction {
  return new Proxy(transaction, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== "function") return value;
      if (name === "insertNotice") {
        return (...notice: Parameters<JournalTransaction["insertNotice"]>) => {
          watch.noticed(notice[0]);
          target.insertNotice(...notice);
        };
      }
      if (name !== "insertAlarm") return value.bind(target);
      return (...[alarm]: Parameters<JournalTransaction["insertAlarm"]>) => {
        watch.raised(alarm);
        return target.insertAlarm(alarm);
      };
    },
  });
}

/** What is waiting, by the oracle's own reading: the earliest time of each kind of row. */
const WAITING =
  "SELECT (SELECT min(next_at) FROM action WHERE state = 'planned') AS planned, " +
  "(SELECT min(next_at) FROM action WHERE state = 'posted') AS posted, " +
  "(SELECT min(next_at) FROM action WHERE state = 'collected') AS collected, " +
  "(SELECT min(next_at) FROM delivery) AS delivery, " +
  "(SELECT min(next_at) FROM notice) AS notice, " +
  "(SELECT min(next_at) FROM body) AS body, (SELECT min(next_at) FROM step) AS step, " +
  "(SELECT min(deadline_at) FROM run WHERE state = 'open') AS run, " +
  "(SELECT min(not_before) FROM run WHERE state = 'requested') AS later, " +
  "(SELECT min(coalesce(not_before, 0)) FROM run WHERE state = 'requested') AS request";

/**
 * Spares the reads of ticks that find nothing: as long as nothing was written and the earliest
 * time of a table has not come, there is nothing due in it.
 */
class Memo {
  readonly #journal: Journal;
  readonly #ledger: Pick<Ledger, "rows">;
  readonly #generation: () => number;
  readonly #known = new Map<string | symbol, unknown>();
  #readAt = -1;
  #waiting: Row = {};

  constructor(journal: Journal, ledger: Pick<Ledger, "rows">, generation: () => number) {
    this.#journal = journal;
    this.#ledger = ledger;
    this.#generation = generation;
  }

  /** The method of the journal with this name, spared; null when it is not one of those. */
  find(name: string | symbol): unknown {
    if (!this.#known.has(name)) this.#known.set(name, this.#make(name));
    return this.#known.get(name);
  }

  #make(name: string | symbol): unknown {
    const journal = this.#journal;
    switch (name) {
      case "nextAt":
        return (now: number) => {
          const times = this.#times();
          if (times.some((at) => at <= now)) return journal.nextAt(now);
          return times.length === 0 ? null : Math.min(...times);
        };
      case "dueRequests":
        return (now: number, limit: number) =>
          this.#isQuiet("request", now) ? [] : journal.dueRequests(now, limit);
      case "dueActions":
        return (...[state, now, ...rest]: Parameters<Journal["dueActions"]>) =>
          this.#isQuiet(state, now) ? [] : journal.dueActions(state, now, ...rest);
      case "dueDeliveries":
        return (now: number, limit: number) =>
          this.#isQuiet("delivery", now) ? [] : journal.dueDeliveries(now, limit);
      case "dueBodies":
        return (...[now, limit, without]: Parameters<Journal["dueBodies"]>) =>
          this.#isQuiet("body", now) ? [] : journal.dueBodies(now, limit, without);
      case "dueSteps":
        return (now: number, limit: number) =>
          this.#isQuiet("step", now) ? [] : journal.dueSteps(now, limit);
      case "overdueRuns":
        return (now: number, limit: number) =>
          this.#isQuiet("run", now) ? [] : journal.overdueRuns(now, limit);
      default:
        return null;
    }
  }

  #now(): Row {
    if (this.#readAt !== this.#generation()) {
      this.#readAt = this.#generation();
      this.#waiting = this.#ledger.rows(WAITING)[0] ?? {};
    }
    return this.#waiting;
  }

  #times(): number[] {
    const { request: _, ...times } = this.#now();
    return Object.values(times).filter((at) => at !== null) as number[];
  }

  #isQuiet(table: string, now: number): boolean {
    const at = this.#now()[table];
    return at === null || Number(at) > now;
  }
}
