// Shards: those that are here, and how far each has been seen: how their rows come from PostgreSQL,
// and go.
import { RunnerError } from "../../errors.ts";
import type { Instant, Milliseconds } from "../../time.ts";
import { ahead, partsOf } from "./load.ts";
import { ASLEEP_TEXT, BACK_TEXT } from "./refused.ts";
import type { Changed, Rows } from "./rows.ts";
import { COMMON } from "./schema.ts";
import { REMOVED_MS } from "./server.ts";
import { type Ids, storedAs } from "./shapes.ts";
import type { ClusterStore, Seen } from "./store.ts";

/** Whoever has not looked for so long loads anew: what was removed since may be erased. */
const STALE_MS: Milliseconds = REMOVED_MS / 2;

/** Whether a shard that is here by now is to stay. */
export type IsWanted = (shard: number) => boolean;

export interface ShardsOptions {
  readonly server: ClusterStore;
  /** How many there are. */
  readonly shards: number;
  readonly rows: Rows;
  readonly ids: Ids;
  /** Readings and writes one behind the other. */
  readonly turns: Turns;
  /** Nothing that is here is to be trusted any more. */
  readonly onDoubt?: (error: RunnerError) => void;
}

/** Works that begin one behind the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** None is stopped by the one before it. */
  next<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Resolves when all that have been given by now have ended. */
  async end(): Promise<void> {
    await this.#last;
  }
}

/** The shards that are here. */
export class Shards {
  /** Counts what came that was not written here. */
  changes = 0;
  readonly #options: ShardsOptions;
  /** How far each has been seen. */
  readonly #seen = new Map<number, number>();
  /** When the whole was looked at, by PostgreSQL's clock. */
  #lookedAt: Instant = 0;
  /** Those that are to be loaded again. */
  #forgotten: readonly number[] = [];

  constructor(options: ShardsOptions) {
    this.#options = options;
  }

  has(shard: number): boolean {
    return this.#seen.has(shard);
  }

  /** How far each has been seen by now. */
  versions(): ReadonlyMap<number, number> {
    return new Map(this.#seen);
  }

  /** As `ClusterJournal.load`. */
  async load(shards: readonly number[], isWanted: IsWanted = () => true): Promise<void> {
    const isFirst = [...this.#seen.keys()].every((shard) => shard === COMMON);
    if (isFirst) await this.#options.turns.next(() => this.#fill(shards, isWanted));
    else await this.#add(shards, isWanted);
  }

  drop(shards: readonly number[]): void {
    const gone = new Set(shards);
    for (const shard of gone) this.#seen.delete(shard);
    this.#options.rows.drop(gone);
    this.changes++;
  }

  async refresh({ now, shards }: Pick<Seen, "now" | "shards">): Promise<void> {
    const { turns, ids, server } = this.#options;
    const isBack = await turns.next(() => this.#isBack(shards));
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
      for (const turn of this.#catchUp(id, version)) if (await turns.next(turn)) break;
    }
    await turns.next(() => ids.takeWhenFew(server));
    this.#lookedAt = now;
  }

  /** What is here is not what PostgreSQL has: all of it goes, and comes again. */
  forget(why: string): RunnerError {
    const error = new RunnerError("JOURNAL", why, { passing: true });
    this.#options.onDoubt?.(error);
    this.#forgotten = [...new Set([...this.#forgotten, ...this.#seen.keys()])];
    this.drop(this.#forgotten);
    return error;
  }

  /** @param before What had been seen when these were asked for. */
  isBelow(shards: Seen["shards"], before: ReadonlyMap<number, number>): boolean {
    return shards.some(
      ({ id, version }) => this.#seen.has(id) && version < (before.get(id) ?? version),
    );
  }

  /** Fetches what others have written by now, in the turn of who asks. */
  async catchUp(shards: Seen["shards"]): Promise<void> {
    for (const { id, version } of shards) {
      for (const turn of this.#catchUp(id, version)) if (await turn()) break;
    }
  }

  /** Takes over what PostgreSQL has written. @returns Whether it has gone back (J4). */
  accept({ changes, own }: Changed, versions: ReadonlyMap<number, number>): boolean {
    const isBack = [...versions].some(([id, version]) => {
      return version <= (this.#seen.get(id) ?? version - 1);
    });
    const here = changes.filter(({ s }) => this.#seen.has(s));
    const rows = here.map((change) => storedAs(change, versions.get(change.s) ?? 0));
    this.#options.rows.put([...rows, ...own.map((change) => storedAs(change, 0))]);
    for (const [shard, version] of versions) {
      // With another one between, there is something to be fetched.
      if (this.#seen.get(shard) === version - 1) this.#seen.set(shard, version);
    }
    return isBack;
  }

  /** Fetches the first shards: nothing else is looked for or written meanwhile. */
  async #fill(shards: readonly number[], isWanted: IsWanted): Promise<void> {
    const { server, shards: all, rows } = this.#options;
    const versions = await this.#begin();
    // To read over rows of others costs less than to put these out of their order.
    const order = shards.length > all / 2 ? "key" : "shard";
    await rows.fill(ahead(server.rows(shards, order)));
    for (const shard of shards) this.#arrive(shard, versions, isWanted);
  }

  /** Fetches more: what is written to the others goes in between. */
  async #add(shards: readonly number[], isWanted: IsWanted): Promise<void> {
    const { server, rows, turns } = this.#options;
    const versions = await turns.next(() => this.#begin());
    const empty = new Set(shards);
    const parts = partsOf(ahead(server.rows(shards, "shard")));
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      let part = next.value;
      empty.delete(part.shard);
      // In one turn: nobody works by a part of a shard.
      await turns.next(async () => {
        for (; ; part = (await parts.next()).value ?? part) {
          rows.put(part.rows);
          if (part.isLast) break;
        }
        this.#arrive(part.shard, versions, isWanted);
      });
    }
    await turns.next(async () => {
      for (const shard of empty) this.#arrive(shard, versions, isWanted);
    });
  }

  /** The versions of before: what comes meanwhile is behind them. */
  async #begin(): Promise<ReadonlyMap<number, number>> {
    const { server } = this.#options;
    const { now, shards } = await server.look();
    this.#lookedAt ||= now;
    this.#options.ids.forget();
    return new Map(shards.map(({ id, version }) => [id, version]));
  }

  /** All rows of a shard are here. */
  #arrive(shard: number, versions: ReadonlyMap<number, number>, isWanted: IsWanted): void {
    if (isWanted(shard)) this.#seen.set(shard, versions.get(shard) ?? 0);
    else this.#options.rows.drop(new Set([shard]));
    this.changes++;
  }

  /**
   * Whether PostgreSQL has gone back (J4). What it has told may be from before the last write of
   * this process: then it is asked again.
   */
  async #isBack(shards: Seen["shards"]): Promise<boolean> {
    const before = new Map(this.#seen);
    if (!this.isBelow(shards, before)) return false;
    return this.isBelow((await this.#options.server.look()).shards, before);
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
        this.#options.rows.put(page.value);
        last = page.value.at(-1)?.version ?? last;
        this.changes++;
        return false;
      };
    }
  }
}
