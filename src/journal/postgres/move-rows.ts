// Move rows: the rows of the journal of one host as they are to stand in that of a cluster: where
// each is, by which ids, and what becomes of those that the cluster has its own of.
//
// Ids of the journal's own are raised by one offset, the same in all tables, so that all that names
// another row still does. All of it is read off the schema, so that no table can be forgotten.
import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "../../time.ts";
import { type AuditEntry, type AuditRow, auditRowAfter } from "../audit.ts";
import type { Raw } from "../sqlite/columns.ts";
import { cannotMove } from "./move-lock.ts";
import { COMMON } from "./schema.ts";
import { jobOf, NO_JOBS, Orphan, rowsBy, type Shape, shardOf, uniqueKeyOf } from "./shapes.ts";

/** What a cluster has, of which there can only be one. */
export interface Known {
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

/** Which rows: those of jobs, or those of no job or all, of which a cluster has one for all hosts. */
export type Share = "jobs" | "common";

/** The rows of a journal as they are to stand in the cluster, each time the same. */
export function* rowsForCluster(
  database: DatabaseSync,
  shapes: ReadonlyMap<string, Shape>,
  { share, ...plan }: Plan & { readonly share: Share },
): Generator<ClusterRow> {
  const audit = new AuditChain(plan);
  const known = { shapes, rowAt: rowsBy(database) };
  for (const shape of shapes.values()) {
    const ids = idColumns(shape);
    for (const stored of rowsOf(database, shape, whereOf(shape, shapes, share))) {
      const job = jobIn(shape, stored, known);
      const raised = raise(stored, ids, plan.offset);
      const row = shape.table === "audit" ? audit.next(raised) : settle(shape, raised, plan);
      if (row === null) continue;
      const uniqueKey = uniqueKeyOf(shape, row);
      yield {
        shape,
        key: String(row[shape.key]),
        shard: shardOf(job, plan.shards),
        row,
        uniqueKey,
      };
    }
  }
  const shape = shapes.get("audit");
  if (shape === undefined || share === "jobs") return;
  const row = audit.last();
  yield { shape, key: String(row.id), shard: COMMON, row, uniqueKey: null };
}

/** The condition of the rows of a share, as SQL. */
function whereOf(shape: Shape, shapes: ReadonlyMap<string, Shape>, share: Share): string {
  const common = commonWhere(shape, shapes);
  return share === "common" ? common : `NOT (${common})`;
}

function commonWhere({ columns, parent }: Shape, shapes: ReadonlyMap<string, Shape>): string {
  if (columns.includes("job")) return `job IN (${NO_JOBS.map((job) => `'${job}'`).join(", ")})`;
  const above = parent === null ? undefined : shapes.get(parent.table);
  if (parent === null || above === undefined) return "true";
  const keys = `SELECT "${above.key}" FROM main."${above.table}"`;
  return `"${parent.column}" IN (${keys} WHERE ${commonWhere(above, shapes)})`;
}

/** Rows of a table, by its key. @param where Which, as SQL. @default all */
export function* rowsOf(
  database: DatabaseSync,
  { table, key }: Shape,
  where = "true",
): Generator<Raw> {
  const select = `SELECT * FROM main."${table}" WHERE (${where})`;
  const rest = `ORDER BY "${key}" LIMIT ${PAGE}`;
  let page = database.prepare(`${select} ${rest}`).all() as Raw[];
  const next = database.prepare(`${select} AND "${key}" > ? ${rest}`);
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

/** The job that a row is of. @throws {RunnerError} JOURNAL: what it is a part of is gone. */
function jobIn(shape: Shape, row: Raw, known: Parameters<typeof jobOf>[2]): string {
  try {
    return jobOf(shape, row, known);
  } catch (error) {
    if (!(error instanceof Orphan)) throw error;
    throw cannotMove(error.message, "mig-runner journal verify lists such rows");
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
