// Model: the journal of a cluster as PostgreSQL has it, in memory, written from what its schema
// promises (C1 to C3 there), not from its SQL. Each call is whole or not at all, one after the
// other. postgres.test.ts holds it against a real server.
import { CLUSTER_SCHEMA } from "../../../src/journal/postgres/schema.ts";
import type {
  Change,
  ClusterStore,
  Fence,
  Host,
  RowOrder,
  Seen,
  Shard,
  Stored,
} from "../../../src/journal/postgres/store.ts";

/** What becomes of a write. */
export type ModelWritten =
  | { readonly kind: "written"; readonly versions: ReadonlyMap<number, number> }
  | { readonly kind: "stale" | "lost" };

/** The shard of what belongs to no job: it has no owner. */
const COMMON = 0;

/** Whose the name of a host is that has left. */
const NOBODY = "";

interface ModelShard {
  owner: string | null;
  epoch: number;
  leaseUntil: number;
  version: number;
  /** When it was claimed, for who looks from outside. */
  claimedAt: number;
}

/** A row as it is now, or what is left of one that was removed. */
interface ModelRow {
  readonly shard: number;
  readonly tbl: string;
  readonly key: string;
  readonly version: number;
  readonly data: string | null;
  readonly mark: string | null;
  readonly removedAt: number | null;
}

/** A row of the journal, decoded. */
export type Decoded = Readonly<Record<string, string | number | null>>;

export class PostgresModel {
  readonly #now: () => number;
  #shards = new Map<number, ModelShard>();
  #hosts = new Map<string, { instance: string; seenAt: number; draining: boolean }>();
  #rows = new Map<string, ModelRow>();
  #marks = new Map<string, string>();
  #nextId = 1;
  /** By table, those that are there, decoded when they are asked for. */
  readonly #tables = new Map<string, Map<string, { row: ModelRow; decoded: Decoded | null }>>();
  /** The version of its schema. */
  schema = CLUSTER_SCHEMA;
  /** Told of each row that a write has left, in its order. */
  onRow: (row: Stored) => void = () => {};

  /** @param now Its clock. */
  constructor(shards: number, now: () => number) {
    this.#now = now;
    for (let id = COMMON; id <= shards; id++) {
      this.#shards.set(id, { owner: null, epoch: 0, leaseUntil: 0, version: 0, claimedAt: 0 });
    }
  }

  /** Takes the state as it is now. The answer puts it back, as a backup does. */
  backUp(): () => void {
    const kept = structuredClone([this.#shards, this.#hosts, this.#rows, this.#marks] as const);
    const nextId = this.#nextId;
    return () => {
      const [shards, hosts, rows, marks] = structuredClone(kept);
      this.#shards = shards;
      this.#hosts = hosts;
      this.#tables.clear();
      this.#rows = new Map();
      this.#keep(rows, new Map());
      this.#marks = marks;
      this.#nextId = nextId;
    };
  }

  /** Who has a shard, and until when. */
  shard(id: number): Readonly<ModelShard> {
    const shard = this.#shards.get(id);
    if (shard === undefined) throw new Error(`there is no shard ${id}`);
    return shard;
  }

  /** Whether a process may act for a shard at this moment. */
  holds(me: string, id: number): boolean {
    const { owner, leaseUntil } = this.shard(id);
    return owner === me && leaseUntil >= this.#now();
  }

  write(me: string, fences: readonly Fence[], changes: readonly Change[]): ModelWritten {
    const isOwner = ({ s, e }: Fence): boolean => {
      const shard = this.#shards.get(s);
      return shard?.owner === me && shard.epoch === e;
    };
    if (!fences.every(isOwner)) return { kind: "lost" };
    const [rows, marks] = [new Map<string, ModelRow>(), new Map<string, string | null>()];
    const rowOf = (name: string) => rows.get(name) ?? this.#rows.get(name);
    const ownerOf = (mark: string) => (marks.has(mark) ? marks.get(mark) : this.#marks.get(mark));
    const versions = new Map<number, number>();
    for (const { s } of changes) versions.set(s, this.shard(s).version + 1);
    // What a removed row held may be in another by now.
    const ordered = [...changes].sort((left, right) => rankOf(left) - rankOf(right));
    for (const change of ordered) {
      const name = nameOf(change.t, change.k);
      const before = rowOf(name);
      if (!isSeen(change, before)) return { kind: "stale" };
      if (before?.mark != null) marks.set(before.mark, null);
      rows.set(name, this.#changed(change, versions.get(change.s) ?? 0));
      if (change.m === null) continue;
      const other = ownerOf(change.m);
      if (other != null && other !== name) return { kind: "stale" };
      marks.set(change.m, name);
    }
    this.#keep(rows, marks);
    for (const [id, version] of versions) this.#shards.get(id)!.version = version;
    return { kind: "written", versions };
  }

  #changed({ s, t, k, r, m }: Change, version: number): ModelRow {
    const removedAt = r === null ? this.#now() : null;
    return { shard: s, tbl: t, key: k, version, data: r, mark: m, removedAt };
  }

  #keep(rows: ReadonlyMap<string, ModelRow>, marks: ReadonlyMap<string, string | null>): void {
    for (const [mark, name] of marks) {
      if (name === null) this.#marks.delete(mark);
      else this.#marks.set(mark, name);
    }
    for (const [name, row] of rows) {
      this.#rows.set(name, row);
      const table = this.#tables.get(row.tbl) ?? new Map();
      this.#tables.set(row.tbl, table);
      if (row.data === null) table.delete(row.key);
      else table.set(row.key, { row, decoded: null });
      this.onRow(row);
    }
  }

  beat(host: string | null, me: string, leaseMs: number): Seen {
    const now = this.#now();
    if (host !== null) {
      const known = this.#hosts.get(host) ?? { instance: NOBODY, seenAt: 0, draining: false };
      const isFree = [me, NOBODY].includes(known.instance) || known.seenAt < now - leaseMs;
      if (isFree) this.#hosts.set(host, { ...known, instance: me, seenAt: now });
    }
    for (const shard of this.#shards.values()) {
      if (shard.owner === me) shard.leaseUntil = now + leaseMs;
    }
    return this.look();
  }

  look(): Seen {
    const now = this.#now();
    const shards = [...this.#shards].map(
      ([id, { owner, epoch, version, leaseUntil }]): Shard => ({
        id,
        owner,
        epoch,
        version,
        free: owner === null || leaseUntil < now,
      }),
    );
    const hosts = [...this.#hosts]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, { instance, seenAt, draining }]): Host => {
        return { name, instance, draining, silent: now - seenAt };
      });
    return { now, schema: this.schema, shards, hosts };
  }

  claim(me: string, leaseMs: number, ids: readonly number[]): ReadonlyMap<number, number> {
    const now = this.#now();
    const claimed = new Map<number, number>();
    for (const id of [...ids].sort((left, right) => left - right)) {
      const shard = this.#shards.get(id);
      if (shard === undefined || id === COMMON) continue;
      const { owner, leaseUntil } = shard;
      if (owner !== null && owner !== me && leaseUntil >= now) continue;
      Object.assign(shard, { owner: me, epoch: shard.epoch + 1, leaseUntil: now + leaseMs });
      shard.claimedAt = now;
      claimed.set(id, shard.epoch);
    }
    return claimed;
  }

  give(me: string, ids: readonly number[]): void {
    for (const id of new Set(ids)) {
      const shard = this.#shards.get(id);
      if (shard?.owner !== me) continue;
      Object.assign(shard, { owner: null, epoch: shard.epoch + 1 });
    }
  }

  leave(me: string): void {
    this.give(me, [...this.#shards.keys()]);
    for (const [name, known] of this.#hosts) {
      if (known.instance !== me) continue;
      if (known.draining) known.instance = NOBODY;
      else this.#hosts.delete(name);
    }
  }

  drain(host: string, isOn: boolean): boolean {
    const known = this.#hosts.get(host);
    if (known !== undefined) known.draining = isOn;
    return known !== undefined;
  }

  purge(keepMs: number): void {
    const before = this.#now() - keepMs;
    for (const [name, { removedAt }] of this.#rows) {
      if (removedAt !== null && removedAt < before) this.#rows.delete(name);
    }
  }

  ids(count: number): number {
    this.#nextId += count;
    return this.#nextId - count;
  }

  /** The next rows of shards behind a row. */
  page(
    shards: readonly number[],
    after: Stored | null,
    most: number,
    order: RowOrder = "shard",
  ): readonly Stored[] {
    const compare = order === "shard" ? compareRows : compareKeys;
    return [...this.#rows.values()]
      .filter(({ data, shard }) => data !== null && shards.includes(shard))
      .sort(compare)
      .filter((row) => after === null || compare(row, after) > 0)
      .slice(0, most)
      .map(storedOf);
  }

  /** The next rows of a shard behind a version, and behind a row, in the order of versions. */
  newer(shard: number, version: number, after: Stored | null, most: number): readonly Stored[] {
    const compare = (left: Stored, right: Stored): number =>
      left.version - right.version || compareRows(left, right);
    return [...this.#rows.values()]
      .filter((row) => row.shard === shard && row.version > version)
      .sort(compare)
      .filter((row) => after === null || compare(row, after) > 0)
      .slice(0, most)
      .map(storedOf);
  }

  /** What is there of a table, for who looks from outside. */
  table(name: string): readonly { readonly shard: number; readonly row: Decoded }[] {
    const found = [...(this.#tables.get(name)?.values() ?? [])];
    return found.map((entry) => {
      entry.decoded ??= JSON.parse(entry.row.data ?? "null") as Decoded;
      return { shard: entry.row.shard, row: entry.decoded };
    });
  }

  /** One row of a table. */
  row(
    table: string,
    key: string | number,
  ): { readonly shard: number; readonly row: Decoded } | null {
    const entry = this.#tables.get(table)?.get(`${key}`);
    if (entry === undefined) return null;
    entry.decoded ??= JSON.parse(entry.row.data ?? "null") as Decoded;
    return { shard: entry.row.shard, row: entry.decoded };
  }
}

/** A model as whoever is beside it asks it: nothing goes wrong on the way. */
export function storeOf(model: PostgresModel): ClusterStore {
  return {
    write: async (...order) => model.write(...order),
    beat: async (host, me, leaseMs) => model.beat(host, me, leaseMs),
    look: async () => model.look(),
    claim: async (...order) => model.claim(...order),
    give: async (...order) => model.give(...order),
    leave: async (...order) => model.leave(...order),
    purge: async (...order) => model.purge(...order),
    ids: async (...order) => model.ids(...order),
    async *rows(shards, order) {
      yield model.page(shards, null, Number.MAX_SAFE_INTEGER, order);
    },
    async *newer(shard, version) {
      yield model.newer(shard, version, null, Number.MAX_SAFE_INTEGER);
    },
    close: async () => {},
  };
}

function nameOf(table: string, key: string): string {
  return `${table}\0${key}`;
}

/** First what is removed, then what changes, then what is new. */
function rankOf({ r, v }: Change): number {
  return r === null ? 0 : v === null ? 2 : 1;
}

/** Whether a row is as its writer has seen it (C2). */
function isSeen({ s, t, r, v }: Change, before: ModelRow | undefined): boolean {
  const isThere = before !== undefined && before.data !== null;
  // Nothing was seen: nothing may be there, but for a text under its hash, which is the same.
  if (v === null) return r !== null && (!isThere || t === "source");
  return isThere && before.shard === s && before.version === v;
}

function compareRows(
  left: Pick<Stored, "shard" | "tbl" | "key">,
  right: Pick<Stored, "shard" | "tbl" | "key">,
): number {
  return left.shard - right.shard || compareKeys(left, right);
}

function compareKeys(
  left: Pick<Stored, "tbl" | "key">,
  right: Pick<Stored, "tbl" | "key">,
): number {
  if (left.tbl !== right.tbl) return left.tbl < right.tbl ? -1 : 1;
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

function storedOf({ shard, tbl, key, version, data }: Stored): Stored {
  return { shard, tbl, key, version, data };
}
