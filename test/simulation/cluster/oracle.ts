// Oracle: whether the invariants hold in a cluster. It shares no code with the runner: it compares
// what the API accepted, what plugins took, what lies on the disks and what PostgreSQL has, and
// knows the true time of all of it.
//
//   at once      I1 · I3 · I5 · I6 · I12: who posts or delivers holds the lease at that moment
//   at the end   I2 · I4 · I6, each shard has a host, each host its share
import { createHash } from "node:crypto";
import type { Journal, JournalTransaction } from "../../../src/journal/journal.ts";
import type { Stored } from "../../../src/journal/postgres/store.ts";
import type { ApiAction } from "../api.ts";
import { never, type Watch } from "../life.ts";
import { resultProblem } from "../results.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { Decoded } from "./model.ts";

/** What has to come to its end by the judgement: what was begun by the end of chaos. */
export interface Marks {
  readonly actions: ReadonlySet<number>;
  readonly runs: ReadonlySet<number>;
  /** An action that was dated after this, by a clock far ahead, is not waited for. */
  readonly expireAt: number;
}

/** A step that was begun before a claim has had its effect by then, stops of its host included. */
const STEP_ON_ITS_WAY_MS = 40_000;

export class ClusterOracle {
  cluster!: Cluster;
  /** Actions that somebody gave up. */
  readonly dropped = new Set<number>();
  readonly #accepted: ApiAction[] = [];
  readonly #acceptedBy = new Map<string, number>();
  readonly #signedAs = new Map<number, string>();
  /** When each row was written last, in the order of all writes. */
  readonly #writtenAs = new Map<string, number>();
  #writes = 0;
  /** The epoch of its shard in which the outcome of a step was written. */
  readonly #savedIn = new Map<string, number>();
  /** How complete the result of each collected action is. */
  readonly #collected = new Map<number, string | number | null>();
  /** When the result that counts was noted, of each action. */
  readonly #notedAt = new Map<number, { readonly sha256: unknown; readonly at: number }>();
  /** Attempts at deliveries that were made. */
  readonly #attempts = new Set<string>();

  /** PostgreSQL has another row than before. */
  written({ shard, tbl, key, data }: Stored): void {
    this.#writtenAs.set(`${tbl}/${key}`, ++this.#writes);
    if (data === null) return;
    if (tbl === "step" && (JSON.parse(data) as Decoded).state !== "begun") {
      this.#savedIn.set(key, this.cluster.model.shard(shard).epoch);
    }
    if (tbl === "action") {
      this.#swept(JSON.parse(data) as Decoded);
      this.#noted(JSON.parse(data) as Decoded);
    }
    if (tbl === "cursor") this.cluster.decided.moved(JSON.parse(data) as Decoded, shard);
  }

  /** A sweep has found more: the result is another one, and attempts at it are counted again. */
  #swept({ action_id, completeness, id, job, state }: Decoded): void {
    const before = this.#collected.get(Number(id));
    if (state !== "collected") this.#collected.delete(Number(id));
    else this.#collected.set(Number(id), completeness ?? null);
    if (before === undefined || state !== "collected" || before === completeness) return;
    for (const attempt of this.#attempts) {
      if (attempt.startsWith(`${job}/${action_id}/`)) this.#attempts.delete(attempt);
    }
  }

  #noted({ id, result_sha256: sha256 }: Decoded): void {
    if (this.#notedAt.get(Number(id))?.sha256 === sha256) return;
    this.#notedAt.set(Number(id), { sha256, at: this.cluster.timeline.now });
  }

  /** I1 and I12: what is about to be sent is in PostgreSQL as planned, and its sender has the lease. */
  left(host: Host, posted: string): void {
    const body = decodeURIComponent(posted.replace(/^action=/, "").replaceAll("+", " "));
    const found = this.#rows("action").filter(({ row }) => row.body === body);
    const planned = found.find(({ row }) => row.state === "planned" && row.maybe_sent === 1);
    if (planned === undefined) {
      // What a person gives up while it is looked for is sent all the same.
      const { pgpsignatures } = JSON.parse(body) as { readonly pgpsignatures: readonly string[] };
      const same = this.#rows("action").filter(({ row }) => row.signature === pgpsignatures[0]);
      if (same.some(({ row }) => this.dropped.has(Number(row.id)))) return;
      const states = found.map(({ row }) => `${row.state}, maybe_sent ${row.maybe_sent}`);
      const known = states.length === 0 ? "" : `, but as ${states.join("; ")}`;
      this.cluster.violate(`I1: a POST that PostgreSQL does not hold as planned${known}`);
      return;
    }
    this.#holds(host, planned, "a POST");
  }

  #holds(host: Host, { row, shard }: Shelved, what: string): void {
    const { model, timeline } = this.cluster;
    if (model.holds(host.me, shard)) return;
    const { leaseUntil, owner } = model.shard(shard);
    const since = owner === host.me ? `ended ${timeline.now - leaseUntil} ms ago` : `is ${owner}'s`;
    this.cluster.violate(`I12: ${what} of ${row.job} by ${host.me}, whose lease ${since}`);
  }

  arrived(): void {}

  /** I3: as many accepted actions of one signature as there are rows, never more. */
  accepted(action: ApiAction): void {
    this.#accepted.push(action);
    const count = (this.#acceptedBy.get(action.signature) ?? 0) + 1;
    this.#acceptedBy.set(action.signature, count);
    const rows = this.#rows("action").filter(({ row }) => row.signature === action.signature);
    if (count > rows.length) {
      this.cluster.violate(`I3: ${action.name} was accepted ${count} times`);
    }
    const [own, ...twins] = rows;
    if (own === undefined || twins.length > 0) return;
    const id = Number(own.row.id);
    const before = this.#signedAs.get(id) ?? action.signature;
    this.#signedAs.set(id, action.signature);
    if (before !== action.signature) {
      this.cluster.violate(`I3: ${action.name} was accepted, then signed anew`);
    }
  }

  /** What is seen of one host. */
  watchOf(host: Host): Watch {
    const since = new Map<string, number>();
    const writtenAt = new Map<string, number>();
    const nothing = (): void => {};
    return {
      arrived: nothing,
      accepted: nothing,
      committed: nothing,
      woken: nothing,
      logged: (message) => this.cluster.decided.logged(host, message),
      exchanged: (isAnswered) => this.cluster.alarms.exchanged(host, isAnswered),
      outageEnds: nothing,
      raised: nothing,
      noticed: nothing,
      told: (key, body) => this.cluster.alarms.told(key, body),
      collecting: (path) => since.set(path, this.cluster.timeline.now),
      published: (path, bytes) => {
        writtenAt.set(path, this.cluster.timeline.now);
        const { api, profile } = this.cluster;
        const file = { path, bytes, since: since.get(path) ?? 0 };
        const problem = resultProblem({ api, profile }, file);
        if (problem !== null) this.cluster.violate(`I5: ${path}: ${problem}`);
      },
      delivering: (order) => {
        this.#delivering(host, order);
        this.#counting(host, order, writtenAt.get(order.resultPath) ?? 0);
      },
      worked: (key) => this.#worked(host, key),
    };
  }

  /** I6 and I12: of a durable result, counted before it is made, by who has the lease. */
  #delivering(host: Host, order: Parameters<Watch["delivering"]>[0]): void {
    const { key, resultPath } = order;
    if (!host.disk.isDurable(resultPath)) this.cluster.violate("I6: a result that is not durable");
    const found = this.#rows("delivery").find(({ row }) => row.key === key);
    if (found === undefined) {
      this.cluster.violate(`I6: a delivery that PostgreSQL does not know: ${key}`);
      return;
    }
    this.#holds(host, found, "a delivery");
    const attempt = `${key} #${order.attempt}`;
    if (this.#attempts.has(attempt)) this.cluster.violate(`I6: attempt ${attempt} was made twice`);
    this.#attempts.add(attempt);
    if (Number(found.row.attempts) < order.attempt) {
      this.cluster.violate(`I1: attempt ${attempt} is not in PostgreSQL`);
    }
  }

  /** I6: of the result that counts, or of one that was written since and is about to. */
  #counting(
    host: Host,
    { key, resultPath }: Parameters<Watch["delivering"]>[0],
    writtenAt: number,
  ): void {
    const delivery = this.#rows("delivery").find(({ row }) => row.key === key);
    const found = this.#rows("action").find(({ row }) => row.id === delivery?.row.action_row);
    const bytes = host.disk.visible.get(resultPath);
    if (found === undefined || bytes === undefined || found.row.result_path !== resultPath) return;
    const { id, result_sha256: wanted } = found.row;
    if (wanted === null || createHash("sha256").update(bytes).digest("hex") === wanted) return;
    if (writtenAt >= (this.#notedAt.get(Number(id))?.at ?? 0)) return;
    this.cluster.violate(`I6: ${key} has another result than the one that counts`);
  }

  /** I3 for steps: one whose outcome is saved is not done again, by whoever has the lease. */
  #worked(host: Host, key: string): void {
    const [, runId, name] = /\/(\d+)\/(.+)$/.exec(key) ?? [];
    const found = this.#rows("step").find(
      ({ row }) => `${row.run_id}` === runId && row.name === name,
    );
    if (found === undefined || found.row.state === "begun") return;
    // What was on its way when the shard was lost arrives: nobody can look first.
    const { model, timeline } = this.cluster;
    const { claimedAt, epoch } = model.shard(found.shard);
    const isOfBefore = timeline.now - claimedAt < STEP_ON_ITS_WAY_MS;
    const isSame = this.#savedIn.get(`${found.row.id}`) === epoch;
    if (isOfBefore || !isSame || !model.holds(host.me, found.shard)) return;
    this.cluster.violate(`I3: step ${key} was done again after it was ${found.row.state}`);
  }

  /** A journal of which it is seen that what it has told is in PostgreSQL (I1). */
  journalOf<Kind extends Journal>(journal: Kind): Kind {
    const write = async <Value>(work: (to: JournalTransaction) => Value): Promise<Value> => {
      // The world has ended: nothing goes on, also what spins.
      if (this.cluster.violations.length > 0) return await never();
      let [touched, before] = [new Set<string>(), this.#writes];
      const value = await journal.write((transaction) => {
        [touched, before] = [new Set(), this.#writes];
        return work(noted(transaction, touched));
      });
      for (const name of touched) {
        if ((this.#writtenAs.get(name) ?? 0) > before) continue;
        this.cluster.violate(`I1: ${name} was told as written, and PostgreSQL does not have it`);
      }
      return value;
    };
    return new Proxy(journal, {
      get(target, name) {
        if (name === "write") return write;
        return Reflect.get(target, name, target) as unknown;
      },
    });
  }

  marks(expireAt: number): Marks {
    const ids = (table: string) => new Set(this.#rows(table).map(({ row }) => Number(row.id)));
    return { actions: ids("action"), runs: ids("run"), expireAt };
  }

  /** What of it has not come to its end; null: nothing. */
  unended({ actions, expireAt, runs }: Marks): string | null {
    const waiting = this.#rows("action").filter(
      ({ row }) => actions.has(Number(row.id)) && Number(row.expire_at) <= expireAt,
    );
    for (const { row } of waiting) {
      if (row.state === "planned" || row.state === "posted") {
        return `I4: action ${row.id} of ${row.job} is still ${row.state}: ${row.error}`;
      }
      const open = this.#deliveriesOf(row).find(({ state }) => state === "pending");
      if (open !== undefined) return `I6: ${open.key} is still pending: ${open.error}`;
    }
    const later = new Set(
      this.#rows("action")
        .filter(({ row }) => row.next_at !== null && Number(row.expire_at) > expireAt)
        .map(({ row }) => row.run_id),
    );
    for (const { row } of this.#rows("run")) {
      if (!runs.has(Number(row.id)) || later.has(row.id ?? null)) continue;
      if (row.state === "open" || row.state === "requested") {
        return `I4: run ${row.id} of ${row.job} is still ${row.state}: ${row.note}`;
      }
    }
    return null;
  }

  /** Shards without a host that is there. */
  unowned(hosts: readonly Host[]): readonly number[] {
    const { model } = this.cluster;
    const ids = model.look().shards.flatMap(({ id }) => (id === 0 ? [] : [id]));
    return ids.filter((id) => !hosts.some((host) => host.life.alive && model.holds(host.me, id)));
  }

  /** Whether each host has as many shards as any other, by one at the most. */
  isBalanced(hosts: readonly Host[]): boolean {
    const { shards } = this.cluster.model.look();
    const counts = hosts.map(({ me }) => shards.filter(({ owner }) => owner === me).length);
    return Math.max(...counts) - Math.min(...counts) <= 1;
  }

  /** All that must hold once faults have stopped and everything had time to end. */
  atRest(marks: Marks): void {
    this.#checkRuns();
    for (const job of this.cluster.profile.jobs) {
      for (const problem of this.cluster.decided.problems(job)) this.cluster.violate(problem);
    }
    this.#checkActions(marks);
    for (const { row } of this.#rows("action")) this.#checkDeliveries(row, marks);
  }

  /** I2: a fire time has one run. */
  #checkRuns(): void {
    const seen = new Set<string>();
    for (const { row } of this.#rows("run")) {
      const name = `${row.job} at ${row.fires_at}`;
      if (seen.has(name)) this.cluster.violate(`I2: two runs of ${name}`);
      seen.add(name);
    }
  }

  /** I4: what the API accepted has ended as collected. */
  #checkActions({ actions, expireAt }: Marks): void {
    const rows = this.#rows("action");
    for (const { id, name, signature } of this.#accepted) {
      const own = rows.find(({ row }) => row.action_id === id)?.row;
      if (own === undefined) {
        const same = rows.filter(({ row }) => row.signature === signature);
        const isLate = ({ row }: (typeof same)[number]) =>
          !actions.has(Number(row.id)) || Number(row.expire_at) > expireAt;
        if (same.some(isLate)) continue;
        if (same.some(({ row }) => this.dropped.has(Number(row.id)))) continue;
        const why = same.map(({ row }) => `${row.state} (${row.error})`).join(", ");
        this.cluster.violate(`I4: accepted action ${id} (${name}) is lost: ${why}`);
        continue;
      }
      const isLate = !actions.has(Number(own.id)) || Number(own.expire_at) > expireAt;
      if (isLate || own.send_only === 1 || this.dropped.has(Number(own.id))) continue;
      if (own.state === "collected" || own.state === "settled") continue;
      this.cluster.violate(`I4: accepted action ${id} ended as ${own.state}: ${own.error}`);
    }
  }

  /** I6: a collected result has gone to each of its plugins. */
  #checkDeliveries(row: Decoded, { actions, expireAt }: Marks): void {
    const isEnded = row.state === "collected" || row.state === "settled";
    const isMarked = actions.has(Number(row.id)) && Number(row.expire_at) <= expireAt;
    if (!isEnded || !isMarked || row.send_only === 1) return;
    const { received } = this.cluster;
    const deliveries = this.#deliveriesOf(row);
    for (const plugin of JSON.parse(String(row.plugins)) as string[]) {
      if (deliveries.some((delivery) => delivery.plugin === plugin)) continue;
      this.cluster.violate(`I6: ${plugin} was never to get action ${row.action_id}`);
    }
    for (const { attempts, error, key, state } of deliveries) {
      if (state === "delivered" && (received.get(String(key)) ?? 0) === 0) {
        this.cluster.violate(`I6: nobody took ${key}`);
      }
      if (state === "dead" && Number(attempts) < 30) {
        this.cluster.violate(`I6: ${key} was given up: ${error}`);
      }
    }
  }

  #deliveriesOf({ id }: Decoded): readonly Decoded[] {
    const rows = this.#rows("delivery").map(({ row }) => row);
    return rows.filter((row) => row.action_row === id);
  }

  #rows(table: string): readonly Shelved[] {
    return this.cluster.model.table(table);
  }
}

interface Shelved {
  readonly shard: number;
  readonly row: Decoded;
}

/** Notes which rows a transaction writes. */
function noted(transaction: JournalTransaction, touched: Set<string>): JournalTransaction {
  const tables: Readonly<Record<string, string>> = {
    insertRun: "run",
    saveRun: "run",
    insertAction: "action",
    saveAction: "action",
    insertDelivery: "delivery",
    saveDelivery: "delivery",
    saveStep: "step",
  };
  return new Proxy(transaction, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      const table = tables[String(name)];
      if (typeof value !== "function" || table === undefined) return value;
      return (...order: readonly unknown[]): unknown => {
        const made = (value as (...all: unknown[]) => unknown).apply(target, [...order]);
        const row = String(name).startsWith("insert") ? made : order[0];
        const id = (row as { readonly id?: number } | null | undefined)?.id;
        if (id !== undefined) touched.add(`${table}/${id}`);
        return made;
      };
    },
  });
}
