// Server: what is asked of PostgreSQL, each call with a time limit. Writes are functions of it.
//
// LISTEN, advisory locks and named statements are not used: they do not pass a pool of connections
// (pgbouncer) that gives each transaction another one.
import { Socket } from "node:net";
import { DatabaseError, Pool, type PoolClient, type PoolConfig } from "pg";
import { RunnerError } from "../../errors.ts";
import { DAY_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from "../../time.ts";
import { movedAway, otherSchema, placeOf, serverError, UNIQUE, writeError } from "./problem.ts";
import { CLUSTER_MIGRATIONS, CLUSTER_SCHEMA, COMMON, LOST, MOVED, STALE } from "./schema.ts";
import type {
  Change,
  ClusterStore,
  Fence,
  Looked,
  RowOrder,
  Seen,
  Stored,
  Written,
} from "./store.ts";

/** How long one call may take, but for a renewal. */
const QUERY_MS: Milliseconds = 10 * SECOND_MS;

const CONNECT_MS: Milliseconds = 5 * SECOND_MS;

/** Rows that are fetched at once. */
const ROWS_MAX = 2_000;

const BY_SHARD = ["shard", "tbl", "key"] as const;
const BY_KEY = ["tbl", "key"] as const;
const BY_VERSION = ["version", "tbl", "key"] as const;

/** How long the key of a removed row is kept, that all who have the row see that it is gone. */
export const REMOVED_MS: Milliseconds = 7 * DAY_MS;

/** Rows that are erased at once. */
const PURGED_MAX = 5_000;

/**
 * Each that may be in use at a time has one: the leases, so that nothing holds them up, a renewal
 * that was given up and still connects, the look at the whole, writes and readings of rows, and the
 * purge.
 */
const CONNECTIONS_MAX = 5;

/** Asks something within one transaction. @throws {RunnerError} JOURNAL. */
export type Ask = (
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly Record<string, unknown>[]>;

/** Whether a move into this cluster has ended. */
export async function hasMove(ask: Ask, move: string): Promise<boolean> {
  return (await ask("SELECT 1 FROM mig_move WHERE id = $1", [move])).length > 0;
}

/** How long one statement of many rows may take. */
const LONG_MS: Milliseconds = 10 * MINUTE_MS;

/** What a process has of the shards. */
export interface LeaseEnd {
  readonly owner: string;
  readonly shards: number;
  /** Until the last of its leases ends. */
  readonly leftMs: Milliseconds;
}

/** The journal of a cluster, as PostgreSQL has it. */
export class Server implements ClusterStore {
  readonly #pool: Pool;
  /** Where it is, for people. */
  readonly place: string;
  /** Those that are open. A client that was not let in leaves its own to the server. */
  readonly #sockets = new Set<Socket>();

  constructor(config: PoolConfig) {
    this.place = placeOf(config);
    this.#pool = new Pool({
      ...config,
      stream: () => this.#socket(),
      max: CONNECTIONS_MAX,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: QUERY_MS,
      allowExitOnIdle: true,
    });
    // Of a connection that nobody uses; the next call opens another one.
    this.#pool.on("error", () => {});
  }

  /** @throws {RunnerError} JOURNAL: PostgreSQL cannot be reached, or is of another schema. */
  async assertSchema(): Promise<{ readonly shards: number; readonly schema: number }> {
    const found = await this.#version();
    if (found === null) {
      throw new RunnerError("JOURNAL", "Cannot use the cluster's database: it has no tables yet", {
        hint: "run `mig-runner cluster migrate` once, as a role that may create tables",
      });
    }
    if (found.version !== CLUSTER_SCHEMA) throw otherSchema(found.version);
    return { shards: found.shards, schema: CLUSTER_SCHEMA };
  }

  /** Makes what is not there yet. Answers the version that there was. */
  async migrate(shards: number): Promise<number> {
    const from = (await this.#version())?.version ?? 0;
    if (from > CLUSTER_SCHEMA) await this.assertSchema();
    const statements = CLUSTER_MIGRATIONS.slice(from);
    if (statements.length === 0) return from;
    if (from === 0) {
      statements.push(
        `INSERT INTO mig_cluster (id, version, shards, next_id) VALUES (1, 0, ${shards}, 1)`,
        `INSERT INTO mig_shard (id) SELECT generate_series(${COMMON}, ${shards})`,
      );
    }
    statements.push(`UPDATE mig_cluster SET version = ${CLUSTER_SCHEMA}`);
    // Several statements in one text are one transaction.
    await this.#ask(statements.join(";\n"), null);
    return from;
  }

  async #version(): Promise<{ readonly version: number; readonly shards: number } | null> {
    const there = await this.#ask("SELECT to_regclass('mig_cluster') IS NOT NULL AS is", []);
    if (there[0]?.is !== true) return null;
    const [row] = await this.#ask("SELECT version, shards FROM mig_cluster", []);
    return row === undefined ? null : { version: Number(row.version), shards: Number(row.shards) };
  }

  async write(me: string, fences: readonly Fence[], changes: readonly Change[]): Promise<Written> {
    const values = [me, JSON.stringify(fences), JSON.stringify(changes)];
    try {
      const sql = "SELECT shard, version FROM mig_write($1, $2::jsonb, $3::jsonb)";
      const rows = (await this.#pool.query(sql, values)).rows as Record<string, unknown>[];
      const versions = rows.map((row) => [Number(row.shard), Number(row.version)] as const);
      return { kind: "written", versions: new Map(versions) };
    } catch (error) {
      const code = error instanceof DatabaseError ? error.code : undefined;
      if (code === STALE || code === UNIQUE) return { kind: "stale" };
      if (code === LOST) return { kind: "lost" };
      if (code === MOVED) return { kind: "doubt", error: movedAway() };
      return { kind: "doubt", error: writeError(error, this.place) };
    }
  }

  async beat(
    host: string | null,
    me: string,
    leaseMs: Milliseconds,
    limitMs: Milliseconds = QUERY_MS,
  ): Promise<Seen> {
    // PostgreSQL gives up with this process: else each renewal would wait there for the same locks.
    const limited = "(SELECT set_config('lock_timeout', $4, true)) AS limited";
    const sql = `SELECT mig_beat($1, $2, $3) AS seen FROM ${limited}`;
    const [row] = await this.#ask(sql, [host, me, leaseMs, `${Math.ceil(limitMs)}`], limitMs);
    return row?.seen as Seen;
  }

  /** @throws {RunnerError} JOURNAL, also when the journal is not here any more. */
  async look(): Promise<Seen> {
    const { moved, ...seen } = await this.lookAnyway();
    if (moved !== null) throw movedAway(moved);
    return seen;
  }

  /** The same of a journal that was moved away. */
  async lookAnyway(): Promise<Looked> {
    const [row] = await this.#ask("SELECT mig_look() AS seen", []);
    return row?.seen as Looked;
  }

  /** Who has shards, and when the last of their leases ends. */
  async leaseEnds(): Promise<readonly LeaseEnd[]> {
    const left = "extract(epoch FROM max(lease_until) - clock_timestamp()) * 1000";
    const columns = `owner, count(*)::integer AS shards, (${left})::float8 AS left`;
    const sql = `SELECT ${columns} FROM mig_shard WHERE lease_until >= clock_timestamp()`;
    const rows = await this.#ask(`${sql} AND owner IS NOT NULL GROUP BY owner ORDER BY owner`, []);
    return rows.map(({ owner, shards, left: leftMs }) => {
      return { owner: `${owner}`, shards: Number(shards), leftMs: Number(leftMs) };
    });
  }

  /** Whether a move of a journal into this one has ended. */
  async hasMove(move: string): Promise<boolean> {
    return await hasMove((sql, values = []) => this.#ask(sql, values), move);
  }

  /**
   * Several statements that are one transaction: made when `work` resolves, and undone when it
   * does not, or when this process ends. After an error it is unknown whether it was made.
   */
  async transaction<Value>(work: (ask: Ask) => Promise<Value>): Promise<Value> {
    const client: PoolClient = await this.#pool.connect().catch((error: unknown) => {
      throw serverError(error, this.place);
    });
    // Told by the statement that fails of it.
    const unheard = (): void => {};
    client.on("error", unheard);
    const ask: Ask = async (sql, values = []) => {
      try {
        const query = { text: sql, values: [...values], query_timeout: LONG_MS };
        return ((await client.query(query)).rows ?? []) as Record<string, unknown>[];
      } catch (error) {
        throw serverError(error, this.place);
      }
    };
    try {
      await ask("BEGIN");
      // As long: at its end a move checks and syncs the whole journal, some gigabytes of it.
      await ask(`SET LOCAL idle_in_transaction_session_timeout = ${LONG_MS}`);
      await ask(`SET LOCAL statement_timeout = ${LONG_MS}`);
      await ask(`SET LOCAL lock_timeout = ${QUERY_MS}`);
      const value = await work(ask);
      await ask("COMMIT");
      client.off("error", unheard);
      client.release();
      return value;
    } catch (error) {
      // Ends the connection, and with it the transaction.
      client.release(true);
      throw error;
    }
  }

  async claim(
    me: string,
    leaseMs: Milliseconds,
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, number>> {
    const sql = "SELECT shard, epoch FROM mig_claim($1, $2, $3::integer[])";
    const rows = await this.#ask(sql, [me, leaseMs, ids]);
    return new Map(rows.map((row) => [Number(row.shard), Number(row.epoch)]));
  }

  async give(me: string, ids: readonly number[]): Promise<void> {
    await this.#ask("SELECT mig_give($1, $2::integer[])", [me, ids]);
  }

  async leave(me: string): Promise<void> {
    await this.#ask("SELECT mig_leave($1)", [me]);
  }

  /** Whether a host is to give its shards to the others, and have none. Answers whether it is. */
  async drain(host: string, isOn: boolean): Promise<boolean> {
    const sql = "UPDATE mig_host SET draining = $2 WHERE name = $1 RETURNING name";
    return (await this.#ask(sql, [host, isOn])).length > 0;
  }

  /** Forgets a host that has no shard. Answers whether there was one. */
  async forget(host: string): Promise<boolean> {
    const owns =
      "SELECT 1 FROM mig_shard WHERE owner = instance AND lease_until > clock_timestamp()";
    const sql = `DELETE FROM mig_host WHERE name = $1 AND NOT EXISTS (${owns}) RETURNING name`;
    return (await this.#ask(sql, [host])).length > 0;
  }

  async purge(keepMs: Milliseconds): Promise<void> {
    const old = "removed < now() - $1 * interval '1 millisecond'";
    const some = `SELECT ctid FROM mig_row WHERE ${old} LIMIT ${PURGED_MAX}`;
    // Looked at again: a row that came back meanwhile is not erased.
    const sql = `DELETE FROM mig_row WHERE ctid = ANY (ARRAY (${some})) AND ${old}`;
    await this.#ask(sql, [keepMs]);
  }

  async ids(count: number): Promise<number> {
    const [row] = await this.#ask("SELECT mig_ids($1) AS first", [count]);
    return Number(row?.first);
  }

  rows(shards: readonly number[], order: RowOrder): AsyncGenerator<readonly Stored[]> {
    const where = "shard = ANY ($1::integer[]) AND data IS NOT NULL";
    return this.#pages(where, [shards], order === "shard" ? BY_SHARD : BY_KEY);
  }

  newer(shard: number, version: number): AsyncGenerator<readonly Stored[]> {
    const where = "shard = $1 AND version > $2";
    return this.#pages(where, [shard, version], BY_VERSION);
  }

  async *#pages(
    where: string,
    values: readonly unknown[],
    order: readonly (keyof Stored)[],
  ): AsyncGenerator<readonly Stored[]> {
    const columns = "SELECT shard, tbl, key, version::float8 AS version, data FROM mig_row r";
    const by = order.map((column) => `r.${column}`).join(", ");
    const after = order.map((_, index) => `$${values.length + 1 + index}`).join(", ");
    const end = `ORDER BY ${by} LIMIT ${ROWS_MAX}`;
    for (let last: Stored | undefined; ; ) {
      const from = last;
      const behind = from === undefined ? "" : `AND (${by}) > (${after})`;
      const place = from === undefined ? [] : order.map((column) => from[column]);
      const sql = `${columns} WHERE ${where} ${behind} ${end}`;
      const rows = (await this.#ask(sql, [...values, ...place])) as unknown as readonly Stored[];
      if (rows.length > 0) yield rows;
      last = rows.at(-1);
      if (rows.length < ROWS_MAX) return;
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
    for (const socket of this.#sockets) socket.destroy();
  }

  #socket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once("close", () => this.#sockets.delete(socket));
  }

  /** @param values Null: several statements. @throws {RunnerError} JOURNAL. */
  async #ask(
    sql: string,
    values: readonly unknown[] | null,
    limitMs = QUERY_MS,
  ): Promise<readonly Record<string, unknown>[]> {
    const given = values === null ? {} : { values: [...values] };
    const query = { text: sql, query_timeout: limitMs, ...given };
    try {
      return (await this.#pool.query(query)).rows ?? [];
    } catch (error) {
      throw serverError(error, this.place);
    }
  }
}
