// Move rows: the rows of the journal of one host as they are to stand in that of a cluster: where
// each is, by which ids, and what becomes of those that the cluster has its own of.
//
// Ids of the journal's own are raised by one offset, the same in all tables, so that all that names
// another row still does. All of it is read off the schema, so that no table can be forgotten.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Instant } from "../../time.ts";
import { type AuditEntry, type AuditRow, auditRowAfter } from "../audit.ts";
import type { Raw } from "../sqlite/columns.ts";
import { cannotMove } from "./move-lock.ts";
import { COMMON } from "./schema.ts";
import { type Shape, shardOf, uniqueKeyOf } from "./shapes.ts";

/** What a cluster has, of which there can only be one. */
export interface Known {
  /** Whether it has no rows at all. */
  readonly isEmpty: boolean;
  readonly auditHead: Pick<AuditRow, "id" | "hash"> | null;
  /** Hashes of texts. */
  readonly sources: ReadonlySet<string>;
  /** What belongs to no job, by `commonName`: its rows. */
  readonly common: ReadonlyMap<string, Raw>;
}

/** How rows are to stand in the cluster. */
export interface Plan {
  readonly shards: number;
  readonly offset: number;
  readonly known: Known;
  readonly now: Instant;
  /** Where the rows come from, for people. */
  readonly origin: string;
  /** What is noted of the move itself. */
  readonly entry: AuditEntry;
}

/** A row as it is to stand in the cluster. */
export interface ClusterRow {
  readonly shape: Shape;
  readonly key: string;
  readonly shard: number;
  readonly row: Raw;
  /** What is there once in all shards. */
  readonly uniqueKey: string | null;
}

/** Columns that name a row of another table by its id. */
const REFERENCES: ReadonlySet<string> = new Set([
  "run_id",
  "action_row",
  "alarm_id",
  "calendar_id",
]);

/** Columns that are called alike, with ids of somebody else: the API's. */
const FOREIGN: ReadonlySet<string> = new Set(["action_id"]);

/** Rows that are read at once. */
const PAGE = 500;

/** Ids of rows are at most this, where none was written by hand. */
const ID_GIVEN_MAX = 2 ** 52;

/** The columns with ids of the journal's own. @throws {Error} For one that may be such, or not. */
export function idColumns({ table, columns, key }: Shape): readonly string[] {
  return columns.filter((name) => {
    // The rows of the audit log have numbers without a gap, which are a part of their hashes.
    if (name === "id") return key === "id" && table !== "audit";
    if (REFERENCES.has(name)) return true;
    if (/_(id|row)$/.test(name) && !FOREIGN.has(name)) {
      throw new Error(`${table}.${name}: is it an id of this journal? Say so in move-rows.ts`);
    }
    return false;
  });
}

/** How a row that belongs to no job is known: in one cluster there is one of it. */
export function commonName(table: string, row: Raw): string | null {
  switch (table) {
    case "tally":
      return JSON.stringify([table, row.what, row.label]);
    case "state":
      return JSON.stringify([table, row.key]);
    case "alarm":
      return row.ended_at === null ? JSON.stringify([table, row.event, row.subject]) : null;
    default:
      return null;
  }
}

/** The jobs that have rows, and what belongs to all of them or none. */
export function jobsIn(database: DatabaseSync, shapes: Iterable<Shape>): ReadonlySet<string> {
  const jobs = new Set<string>();
  for (const { table, columns } of shapes) {
    if (!columns.includes("job")) continue;
    for (const row of database.prepare(`SELECT DISTINCT job FROM main."${table}"`).all()) {
      jobs.add(String(row.job));
    }
  }
  return jobs;
}

/** The highest id of the journal's own. @throws {RunnerError} JOURNAL: one was written by hand. */
export function highestId(database: DatabaseSync, shapes: Iterable<Shape>): number {
  let highest = 0;
  for (const shape of shapes) {
    if (!idColumns(shape).includes("id")) continue;
    const row = database.prepare(`SELECT max(id) AS id FROM main."${shape.table}"`).get();
    const id = Number(row?.id ?? 0);
    if (id > ID_GIVEN_MAX) {
      const text = `${shape.table} ${id} has a number that no mig-runner gives`;
      throw cannotMove(text, "mig-runner drop takes a row out");
    }
    highest = Math.max(highest, id);
  }
  return highest;
}

/** All rows of a journal as they are to stand in the cluster, each time the same. */
export function* rowsForCluster(
  database: DatabaseSync,
  shapes: ReadonlyMap<string, Shape>,
  plan: Plan,
): Generator<ClusterRow> {
  const audit = new AuditChain(plan);
  const jobs = new Jobs(database, shapes);
  for (const shape of shapes.values()) {
    const ids = idColumns(shape);
    for (const stored of rowsOf(database, shape)) {
      const job = jobs.of(shape, stored);
      const raised = raise(stored, ids, plan.offset);
      const row = shape.table === "audit" ? audit.next(raised) : settle(shape, raised, plan);
      if (row === null) continue;
      const shard = job === null ? COMMON : shardOf(job, plan.shards);
      const uniqueKey = uniqueKeyOf(shape, row);
      yield { shape, key: String(row[shape.key]), shard, row, uniqueKey };
    }
  }
  const shape = shapes.get("audit");
  if (shape === undefined) return;
  const row = audit.last();
  yield { shape, key: String(row.id), shard: COMMON, row, uniqueKey: null };
}

/** All rows of a table, by its key. */
export function* rowsOf(database: DatabaseSync, { table, key }: Shape): Generator<Raw> {
  const select = `SELECT * FROM main."${table}"`;
  const rest = `ORDER BY "${key}" LIMIT ${PAGE}`;
  let page = database.prepare(`${select} ${rest}`).all() as Raw[];
  const next = database.prepare(`${select} WHERE "${key}" > ? ${rest}`);
  while (page.length > 0) {
    yield* page;
    const last = page.at(-1)?.[key] as string | number;
    page = page.length < PAGE ? [] : (next.all(last) as Raw[]);
  }
}

function raise(stored: Raw, ids: readonly string[], offset: number): Raw {
  const row = { ...stored };
  for (const name of ids) if (typeof row[name] === "number") row[name] += offset;
  return row;
}

/** What becomes of a row that the cluster may have one of already; null: it has. */
function settle({ table }: Shape, row: Raw, { known, offset, now }: Plan): Raw | null {
  if (table === "source") return known.sources.has(String(row.hash)) ? null : row;
  if (table === "notice") return { ...row, body: raisedBody(String(row.body), offset) };
  const name = row.job === "" ? commonName(table, row) : null;
  const there = name === null ? undefined : known.common.get(name);
  if (there === undefined) return row;
  switch (table) {
    case "tally": {
      const count = Math.min(Number(there.count) + Number(row.count), Number.MAX_SAFE_INTEGER);
      return { ...row, id: there.id, count };
    }
    case "alarm":
      return { ...row, ended_at: now };
    default:
      return null;
  }
}

/** A notice names the run that its alarm is about. */
function raisedBody(body: string, offset: number): string {
  if (offset === 0) return body;
  const value = JSON.parse(body) as unknown;
  if (typeof value !== "object" || value === null) return body;
  const { run } = value as { readonly run?: unknown };
  return typeof run === "number" ? JSON.stringify({ ...value, run: run + offset }) : body;
}

/** Which job a row is of. */
class Jobs {
  readonly #database: DatabaseSync;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #reading = new Map<Shape, StatementSync>();

  constructor(database: DatabaseSync, shapes: ReadonlyMap<string, Shape>) {
    this.#database = database;
    this.#shapes = shapes;
  }

  /** Null: of none. @throws {RunnerError} JOURNAL: what it is a part of is gone. */
  of({ table, columns, key, parent }: Shape, row: Raw): string | null {
    if (columns.includes("job")) return String(row.job);
    if (parent === null) return null;
    const above = this.#shapes.get(parent.table);
    if (above === undefined) throw new Error(`the journal has no table ${parent.table}`);
    const id = row[parent.column] as string | number;
    const found = this.#read(above).get(id) as Raw | undefined;
    if (found !== undefined) return this.of(above, found);
    const text = `${table} ${row[key]} is a part of ${above.table} ${id}, which is gone`;
    throw cannotMove(text, "mig-runner journal verify lists such rows");
  }

  #read(shape: Shape): StatementSync {
    const { table, key } = shape;
    const sql = `SELECT * FROM main."${table}" WHERE "${key}" = ?`;
    const statement = this.#reading.get(shape) ?? this.#database.prepare(sql);
    this.#reading.set(shape, statement);
    return statement;
  }
}

/** Audit rows, as they are, or behind those that the cluster has. */
class AuditChain {
  readonly #plan: Plan;
  #head: Pick<AuditRow, "id" | "hash"> | null;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#head = plan.known.auditHead;
  }

  next(stored: Raw): Raw {
    const row = stored as unknown as AuditRow;
    const { known, origin } = this.#plan;
    if (known.auditHead === null) {
      this.#head = row;
      return stored;
    }
    // What was written down elsewhere is its old hash.
    const detail = `${row.detail} (row ${row.id} of ${origin}, hash ${row.hash})`;
    return this.#append({ ...row, detail: detail.trim() }, row.at);
  }

  /** The row of the move itself. */
  last(): Raw {
    return this.#append(this.#plan.entry, this.#plan.now);
  }

  #append(entry: AuditEntry, at: Instant): Raw {
    const row = auditRowAfter(this.#head, entry, at);
    this.#head = row;
    return { ...row };
  }
}
