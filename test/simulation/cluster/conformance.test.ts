// The model of PostgreSQL beside a real server: the same calls, the same answers.
import { afterAll, describe, expect, test } from "bun:test";
import { Server } from "../../../src/journal/postgres/server.ts";
import type { Change, Stored } from "../../../src/journal/postgres/store.ts";
import { startPostgres } from "../../support/postgres.ts";
import { Dice } from "../random.ts";
import { PostgresModel } from "./model.ts";

const SHARDS = 3;
const ALL = [0, 1, 2, 3];
const CALLS = 400;
const NOW = 1_000_000;
const HOUR_MS = 3_600_000;

const started = await startPostgres();
afterAll(async () => {
  await started?.close();
});

const described = started === null ? describe.skip : describe;

/** Both, asked alike. Leases and removals are an hour ahead or behind: no clock matters. */
class Pair {
  readonly model = new PostgresModel(SHARDS, () => NOW);
  readonly #server: Server;
  readonly #dice: Dice;
  /** How often each kind of answer came. */
  readonly answers = new Map<string, number>();

  constructor(server: Server, dice: Dice) {
    [this.#server, this.#dice] = [server, dice];
  }

  async ask(): Promise<void> {
    const dice = this.#dice;
    const me = dice.pick(["ann", "ben", "eve"]);
    const ids = dice.shuffled(ALL).slice(0, dice.int(1, 3));
    const leaseMs = dice.pick([HOUR_MS, HOUR_MS, -HOUR_MS]);
    const call = dice.weighted({ write: 14, claim: 4, beat: 2, give: 1, leave: 0.5, rest: 3 });
    if (call === "write") return await this.#write(me);
    if (call === "claim") {
      const both = [await this.#server.claim(me, leaseMs, ids), this.model.claim(me, leaseMs, ids)];
      return this.#same(call, [...both[0]!].sort(), [...both[1]!]);
    }
    if (call === "give") [await this.#server.give(me, ids), this.model.give(me, ids)];
    if (call === "leave") [await this.#server.leave(me), this.model.leave(me)];
    // Some want the name of another one.
    const host = `of ${dice.pick([me, me, "ann", "ben"])}`;
    if (call === "beat") {
      return this.#same(
        call,
        plain(await this.#server.beat(host, me, leaseMs)),
        plain(this.model.beat(host, me, leaseMs)),
      );
    }
    if (call === "rest") await this.#rest(host);
  }

  async #rest(host: string): Promise<void> {
    const dice = this.#dice;
    if (dice.chance(0.1)) [await this.#server.purge(-HOUR_MS), this.model.purge(-HOUR_MS)];
    const count = dice.int(1, 5);
    this.#same("ids", await this.#server.ids(count), this.model.ids(count));
    const isOn = dice.chance(0.5);
    this.#same("drain", await this.#server.drain(host, isOn), this.model.drain(host, isOn));
  }

  /** Rows of few names, so that writers meet; some as they are, some as they never were. */
  async #write(me: string): Promise<void> {
    const dice = this.#dice;
    const { shards } = this.model.look();
    const epochs = new Map(shards.map(({ id, epoch }) => [id, epoch]));
    const all = this.#rows();
    const names = new Set<string>();
    const changes: Change[] = [];
    for (let left = dice.int(1, 3); left > 0; left--) {
      const [t, k] = [dice.pick(["run", "action", "source"]), dice.pick(["1", "2", "3", "4"])];
      if (names.has(`${t} ${k}`)) continue;
      names.add(`${t} ${k}`);
      const known = all.find((row) => row.tbl === t && row.key === k);
      const s = known !== undefined && dice.chance(0.9) ? known.shard : dice.pick(ALL);
      const v = dice.chance(0.85) ? (known?.version ?? null) : dice.pick([null, 1, 2]);
      const isGone = v !== null && dice.chance(0.3);
      const m = dice.chance(0.5) ? `${t}/${dice.int(1, 6)}` : null;
      const r = isGone ? null : `{"a":${dice.int(1, 99)}}`;
      changes.push({ s, t, k, v, r, m: isGone ? null : m });
    }
    const fenced = [...new Set(changes.map(({ s }) => s))].filter(() => dice.chance(0.5));
    const fences = fenced.map((s) => ({ s, e: (epochs.get(s) ?? 0) + (dice.chance(0.1) ? 1 : 0) }));
    const owner = this.model.shard(fences[0]?.s ?? 1).owner;
    const writer = dice.chance(0.8) ? (owner ?? me) : me;
    const there = await this.#server.write(writer, fences, changes);
    const here = this.model.write(writer, fences, changes);
    this.#same(`write ${here.kind}`, answerOf(there), answerOf(here));
  }

  /** All of both, row by row. */
  async compare(): Promise<void> {
    this.#same("look", plain(await this.#server.look()), plain(this.model.look()));
    for (const order of ["shard", "key"] as const) {
      const rows: Stored[] = [];
      for await (const some of this.#server.rows(ALL, order)) rows.push(...some);
      this.#same("rows", rows, this.model.page(ALL, null, 1_000, order));
    }
    for (const shard of ALL) {
      const version = this.#dice.int(0, 20);
      const order = (stored: readonly Stored[]) => stored.map((row) => JSON.stringify(row)).sort();
      const there: Stored[] = [];
      for await (const some of this.#server.newer(shard, version)) there.push(...some);
      this.#same("newer", order(there), order(this.model.newer(shard, version, null, 1_000)));
      expect(there.map((row) => row.version)).toEqual(
        there.map((row) => row.version).sort((left, right) => left - right),
      );
    }
  }

  #rows(): readonly Stored[] {
    return this.model.page(ALL, null, 1_000);
  }

  #same(what: string, there: unknown, here: unknown): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
    expect({ what, answer: here }).toEqual({ what, answer: there });
  }
}

/** Without what the clocks say. */
function plain({ schema, shards, hosts }: ReturnType<PostgresModel["look"]>): unknown {
  return { schema, shards, hosts: hosts.map(({ silent: _, ...host }) => host) };
}

function answerOf(answer: {
  readonly kind: string;
  readonly versions?: ReadonlyMap<number, number>;
}): unknown {
  const { kind, versions } = answer;
  return { kind, versions: [...(versions ?? [])].sort(([left], [right]) => left - right) };
}

described("The model of PostgreSQL", () => {
  test("answers as a real server does", async () => {
    const server = new Server({ connectionString: await started!.database() });
    await server.migrate(SHARDS);
    const pair = new Pair(server, new Dice(17));
    for (let calls = 0; calls < CALLS; calls++) {
      await pair.ask();
      if (calls % 40 === 0) await pair.compare();
    }
    await pair.compare();
    for (const kind of ["written", "stale", "lost"]) {
      expect(pair.answers.get(`write ${kind}`) ?? 0).toBeGreaterThan(10);
    }
    await server.close();
  });
});
