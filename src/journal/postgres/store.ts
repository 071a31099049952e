// Store: what a host asks of the journal of a cluster, wherever that is: the port that server.ts is
// behind, and a model of PostgreSQL in the simulator.
import type { RunnerError } from "../../errors.ts";
import type { Milliseconds } from "../../time.ts";
import type { SeenHost, SeenShard } from "../lease.ts";

/** A row of the journal as it goes to PostgreSQL. */
export interface Change {
  /** The shard. */
  readonly s: number;
  /** The table, and the row's key in it. */
  readonly t: string;
  readonly k: string;
  /** The version that was seen; null: there was none. */
  readonly v: number | null;
  /** The row as JSON; null: it is removed. */
  readonly r: string | null;
  /** What is there once in all shards. */
  readonly m: string | null;
}

/** A shard as its owner has claimed it. */
export interface Fence {
  readonly s: number;
  readonly e: number;
}

/** A row as it comes from PostgreSQL. */
export interface Stored {
  readonly shard: number;
  readonly tbl: string;
  readonly key: string;
  readonly version: number;
  /** Null: it was removed. */
  readonly data: string | null;
}

/**
 * What became of a write. `doubt`: it may be there or not, or may still come to be: whoever needs
 * to know claims the shard again, which ends it, and loads it.
 */
export type Written =
  | { readonly kind: "written"; readonly versions: ReadonlyMap<number, number> }
  | { readonly kind: "stale" | "lost" }
  | { readonly kind: "doubt"; readonly error: RunnerError };

/** A shard as it is known to all. */
export interface Shard extends SeenShard {
  readonly epoch: number;
  readonly version: number;
}

/** A host as it is known to all. */
export interface Host extends SeenHost {
  readonly name: string;
}

/** The whole, at one moment. */
export interface Seen {
  /** PostgreSQL's clock. */
  readonly now: number;
  /** The version of its schema: somebody may bring it up to date at any time. */
  readonly schema: number;
  readonly shards: readonly Shard[];
  readonly hosts: readonly Host[];
}

/** The same, of a journal that may be elsewhere. */
export interface Looked extends Seen {
  /** Where it is since it was moved away; null: here. */
  readonly moved: string | null;
}

/**
 * The order of rows that are read: `shard`, one shard behind the other; `key`, nearly as they were
 * made, for which those of the other shards are read over.
 */
export type RowOrder = "shard" | "key";

/** What a host asks of the journal of a cluster, wherever that is. */
export interface ClusterStore {
  /** Never rejects. */
  write(me: string, fences: readonly Fence[], changes: readonly Change[]): Promise<Written>;
  /**
   * Renews the leases, and looks at the whole.
   *
   * @param host Null: of none that others share with.
   * @param limitMs How long it may take. @default as long as any call
   */
  beat(
    host: string | null,
    me: string,
    leaseMs: Milliseconds,
    limitMs?: Milliseconds,
  ): Promise<Seen>;
  look(): Promise<Seen>;
  /** Claims shards that are free, or this process's own: each in a new epoch. */
  claim(
    me: string,
    leaseMs: Milliseconds,
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, number>>;
  /** Gives shards back, that others may have them at once. */
  give(me: string, ids: readonly number[]): Promise<void>;
  /** Gives all back. */
  leave(me: string): Promise<void>;
  /** Erases what is left of rows that were removed long ago, some at a time. */
  purge(keepMs: Milliseconds): Promise<void>;
  /** The first of so many numbers that nobody else gets. */
  ids(count: number): Promise<number>;
  /** All rows of shards that were not removed, some at a time. */
  rows(shards: readonly number[], order: RowOrder): AsyncIterable<readonly Stored[]>;
  /** What of a shard was written behind a version, in its order, some at a time. */
  newer(shard: number, version: number): AsyncIterable<readonly Stored[]>;
  close(): Promise<void>;
}
