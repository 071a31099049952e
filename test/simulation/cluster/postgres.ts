// Postgres: the way of one process to PostgreSQL and back, and what goes wrong on it: calls that are
// lost, whose answers are lost, that arrive late, that a partition or a restart of the server cuts.
import { RunnerError } from "../../../src/errors.ts";
import type {
  Change,
  ClusterStore,
  Fence,
  RowOrder,
  Seen,
  Stored,
  Written,
} from "../../../src/journal/postgres/store.ts";
import { type Life, never } from "../life.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { PostgresModel } from "./model.ts";

/** As the client: how long one call may take. */
const QUERY_MS = 10_000;

/** A connection that nobody answers is given up after this. */
const CONNECT_MS = 5_000;

/** As `statement_timeout` in the manual: no call has its effect later than this. */
const LATE_MAX_MS = 20_000;

/** Rows that come at once: few, so that much happens between. */
const ROWS_MAX = 7;

/** A call that has not been answered yet. */
interface Call {
  readonly name: string;
  readonly host: Host;
  /** Has its effect, if it can still have one. */
  arrive(): void;
  fail(why: string): void;
  /** It has arrived, or never will. */
  isOver: boolean;
  /** Nobody gets its answer. */
  isSilent: boolean;
}

/** The server, as far as connections are concerned. */
export class PostgresServer {
  readonly #cluster: Cluster;
  readonly #open = new Set<Call>();
  /** It does not run. */
  isDown = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  opened(call: Call): void {
    this.#open.add(call);
  }

  closed(call: Call): void {
    this.#open.delete(call);
  }

  /** All connections are cut; what is being committed is, or is not. */
  restart(): void {
    for (const call of [...this.#open]) {
      call.isSilent = true;
      if (!call.isOver && this.#cluster.dice.chance(0.5)) call.arrive();
      call.isOver = true;
      this.#open.delete(call);
      call.fail("terminating connection due to administrator command");
    }
  }

  /** A partition has ended: what waited in the kernels arrives, of processes that are gone too. */
  healed(host: Host): void {
    const { dice, timeline } = this.#cluster;
    for (const call of [...this.#open].filter((one) => one.host === host && !one.isOver)) {
      timeline.after(dice.int(1, 3_000), () => call.arrive());
    }
  }

  /** Everything that is on its way arrives now. */
  flush(): void {
    for (const call of [...this.#open]) call.arrive();
  }
}

/** PostgreSQL as one process of a host has it. */
export class RemoteStore implements ClusterStore {
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #life: Life;

  constructor(cluster: Cluster, host: Host, life: Life) {
    [this.#cluster, this.#host, this.#life] = [cluster, host, life];
  }

  async write(me: string, fences: readonly Fence[], changes: readonly Change[]): Promise<Written> {
    const { model: now } = this.#cluster;
    const sent = changes.map(({ s }) => ({ id: s, epoch: now.shard(s).epoch }));
    try {
      return await this.#call("write", (model) => {
        const late = sent.find(({ id, epoch }) => id !== 0 && model.shard(id).epoch !== epoch);
        const written = model.write(me, fences, changes);
        // A person writes beside the owner, whoever that is.
        if (written.kind === "written" && late !== undefined && !me.startsWith("person")) {
          const text = `I12: ${me} wrote to shard ${late.id} in an epoch that was over`;
          this.#cluster.violate(text);
        }
        return written;
      });
    } catch (error) {
      if (error instanceof RunnerError) return { kind: "doubt", error };
      throw error;
    }
  }

  beat(host: string | null, me: string, leaseMs: number): Promise<Seen> {
    return this.#call("beat", (model) => model.beat(host, me, leaseMs));
  }

  look(): Promise<Seen> {
    return this.#call("look", (model) => model.look());
  }

  claim(me: string, leaseMs: number, ids: readonly number[]): Promise<ReadonlyMap<number, number>> {
    return this.#call("claim", (model) => model.claim(me, leaseMs, ids));
  }

  give(me: string, ids: readonly number[]): Promise<void> {
    this.#cluster.inHand.giving(this.#host, ids);
    return this.#call("give", (model) => model.give(me, ids));
  }

  leave(me: string): Promise<void> {
    return this.#call("leave", (model) => model.leave(me));
  }

  purge(keepMs: number): Promise<void> {
    return this.#call("purge", (model) => model.purge(keepMs));
  }

  ids(count: number): Promise<number> {
    return this.#call("ids", (model) => model.ids(count));
  }

  rows(shards: readonly number[], order: RowOrder): AsyncGenerator<readonly Stored[]> {
    return this.#pages("rows", (model, after) => model.page(shards, after, ROWS_MAX, order));
  }

  newer(shard: number, version: number): AsyncGenerator<readonly Stored[]> {
    return this.#pages("newer", (model, after) => model.newer(shard, version, after, ROWS_MAX));
  }

  async *#pages(
    name: string,
    pageOf: (model: PostgresModel, after: Stored | null) => readonly Stored[],
  ): AsyncGenerator<readonly Stored[]> {
    let last: Stored | null = null;
    for (;;) {
      const after: Stored | null = last;
      const rows: readonly Stored[] = await this.#call(name, (model) => pageOf(model, after));
      if (rows.length > 0) yield rows;
      if (rows.length < ROWS_MAX) return;
      last = rows.at(-1) ?? null;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #call<Value>(name: string, effect: (model: PostgresModel) => Value): Promise<Value> {
    const [cluster, host, life] = [this.#cluster, this.#host, this.#life];
    if (host.dies(life, `postgres ${name}`, "before")) return never();
    return new Promise<Value>((resolve, reject) => {
      let isSettled = false;
      const settle = (how: () => void): void => {
        if (isSettled || !life.alive) return;
        isSettled = true;
        host.timeline.cancel(limit);
        how();
      };
      const refuse = (why: string): void => settle(() => reject(failure(why)));
      const limit = host.timeline.after(QUERY_MS, () => refuse("Query read timeout"));
      const answer = (value: Value): void => {
        cluster.postgres.closed(call);
        if (call.isSilent || host.isCut) return;
        if (host.strikes("PostgreSQL: answer lost", cluster.profile.store.lostAfter)) {
          if (cluster.dice.chance(0.7)) call.fail("Connection terminated unexpectedly");
          return;
        }
        host.soon(this.#wayMs(), () => settle(() => resolve(value)));
      };
      const call: Call = {
        name,
        host,
        isOver: false,
        isSilent: false,
        fail: (why) => host.soon(cluster.dice.int(0, 20), () => refuse(why)),
        arrive() {
          if (call.isOver || host.isCut) return;
          call.isOver = true;
          answer(effect(cluster.model));
        },
      };
      this.#send(call);
    });
  }

  #send(call: Call): void {
    const [cluster, host] = [this.#cluster, this.#host];
    const { dice, postgres, profile, timeline } = cluster;
    if (postgres.isDown) {
      call.fail("connect ECONNREFUSED");
      return;
    }
    if (host.isCut && dice.chance(0.5)) {
      host.soon(CONNECT_MS, () => call.fail("timeout exceeded when trying to connect"));
      return;
    }
    if (host.strikes("PostgreSQL: call lost", profile.store.lostBefore)) {
      call.fail("read ECONNRESET");
      return;
    }
    postgres.opened(call);
    const isLate = host.strikes("PostgreSQL: call late", profile.store.late);
    timeline.after(isLate ? dice.int(QUERY_MS, LATE_MAX_MS) : this.#wayMs(), () => call.arrive());
  }

  /** One way, at least the smallest time that there is: an answer never comes in the same turn. */
  #wayMs(): number {
    const { calm, dice, profile } = this.#cluster;
    return !calm && dice.chance(profile.store.slow) ? dice.int(1, 400) : 1;
  }
}

function failure(why: string): RunnerError {
  const message = `Cannot use the journal in PostgreSQL: ${why}`;
  return new RunnerError("JOURNAL", message, { passing: true });
}
