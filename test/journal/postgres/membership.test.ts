// Membership: what a host does about its leases, beside a model of PostgreSQL.
import { describe, expect, test } from "bun:test";
import { openClusterJournal } from "../../../src/journal/postgres/journal.ts";
import { Membership } from "../../../src/journal/postgres/membership.ts";
import type { ClusterStore, Seen } from "../../../src/journal/postgres/store.ts";
import { PostgresModel, storeOf } from "../../simulation/cluster/model.ts";
import { VirtualClock } from "../../support/clock.ts";

const NOW = Date.UTC(2026, 0, 2);
const LEASE_MS = 10_000;
const SHARDS = 2;

/** A host that has all shards, and whose loops stand still; only its clocks can be moved. */
async function joined({ answers = () => true }: { readonly answers?: () => boolean } = {}) {
  const ahead = { wall: 0, elapsed: 0 };
  const clock = new VirtualClock(NOW);
  const model = new PostgresModel(SHARDS, () => NOW);
  const store = storeOf(model);
  const said: string[] = [];
  const member = new Membership(
    {
      server: {
        ...store,
        beat: (...order) =>
          answers() ? store.beat(...order) : Promise.withResolvers<Seen>().promise,
      },
      host: "a",
      me: "a/1",
      leaseMs: LEASE_MS,
      path: ":memory:",
      clock: {
        now: () => clock.now() + ahead.wall,
        sleep: (...order) => clock.sleep(...order),
        until: (...order) => clock.until(...order),
      },
      log: { emit: (_level, message) => void said.push(message) },
      elapsed: () => clock.now() - NOW + ahead.elapsed,
    },
    SHARDS,
  );
  await member.start();
  return { ahead, clock, member, said };
}

/** A host whose looks are answered so. */
function beside(answer: (look: ClusterStore["look"]) => ReturnType<ClusterStore["look"]>) {
  const clock = new VirtualClock(NOW);
  const model = new PostgresModel(SHARDS, () => clock.now());
  const store = storeOf(model);
  const said: string[] = [];
  const member = new Membership(
    {
      server: { ...store, look: () => answer(() => store.look()) },
      host: "a",
      me: "a/1",
      leaseMs: LEASE_MS,
      path: ":memory:",
      clock,
      log: { emit: (_level, message) => void said.push(message) },
      elapsed: () => clock.now(),
    },
    SHARDS,
  );
  return { clock, member, model, said };
}

describe("Membership", () => {
  test.each(["wall", "elapsed"] as const)(
    "has no rows to begin work by once a job was asked for behind the end of its lease (%s, I7)",
    async (name) => {
      const { ahead, member, said } = await joined();
      expect(member.has("nightly")).toBe(true);
      ahead[name] = LEASE_MS;
      // The process was stopped, and its loops have not got their turn yet.
      expect(member.unbroken("nightly")()).toBe(false);
      expect(member.has("nightly")).toBe(false);
      expect(said.at(-1)).toBe(`cluster: the lease of ${SHARDS} shards has ended`);
      await member.close();
    },
  );

  test("leaves nothing behind that waits when it ends", async () => {
    const { clock, member, model } = beside((look) => look());
    await member.start();
    await member.close();
    expect(clock.waiting).toBe(0);
    expect(model.look().hosts).toEqual([]);
  });

  test("ends nothing while its lease lasts", async () => {
    const { ahead, member } = await joined();
    ahead.elapsed = LEASE_MS * 0.8;
    expect(member.unbroken("nightly")()).toBe(true);
    expect(member.has("nightly")).toBe(true);
    await member.close();
  });

  test("is not shared with while its looks are not answered, and keeps what it has", async () => {
    const never = new Promise<never>(() => {});
    let isLost = false;
    const { clock, member, model } = beside((look) => (isLost ? never : look()));
    await member.start();
    isLost = true;
    await clock.moveBy(3 * LEASE_MS);
    const { hosts, shards } = model.look();
    expect(hosts[0]?.silent).toBeGreaterThan(2 * LEASE_MS);
    expect(shards.slice(1).map(({ free, owner }) => ({ free, owner }))).toEqual(
      Array.from({ length: SHARDS }, () => ({ free: false, owner: "a/1" })),
    );
    expect(member.has("nightly")).toBe(true);
  });

  test("knows within some seconds that PostgreSQL does not answer one of its two loops", async () => {
    const never = new Promise<never>(() => {});
    let isLost = false;
    const { clock, member } = beside((look) => (isLost ? never : look()));
    await member.start();
    await clock.moveBy(LEASE_MS);
    expect(member.isAnswered).toBe(true);
    isLost = true;
    await clock.moveBy(7_000);
    expect(member.isAnswered).toBe(false);
  });

  test.each([
    [99, "use a newer one"],
    [0, "run `mig-runner cluster migrate`"],
  ])("ends where the schema is %d since", async (schema, hint) => {
    const { clock, member, model } = beside((look) => look());
    await member.start();
    let refusal: unknown = null;
    void member.refused.then(({ message, detail }) => {
      refusal = [message, detail.hint];
    });
    await clock.moveBy(LEASE_MS);
    expect(refusal).toBe(null);
    model.schema = schema;
    await clock.moveBy(1_100);
    const text = `it has schema ${schema}, this mig-runner works with 1`;
    expect(refusal).toEqual([`Cannot use the cluster's database: ${text}`, hint]);
    // What was given meanwhile it does not take.
    model.give("a/1", [1]);
    await clock.moveBy(3_000);
    expect(model.shard(1).owner).toBe(null);
    await member.close();
    expect(model.shard(2).owner).toBe(null);
  });

  test("keeps what it has when it is the first to hear of itself again", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let isLong = false;
    const { clock, member, model } = beside(async (look) => {
      if (isLong) await promise;
      return await look();
    });
    await member.start();
    member.serve({ rescan() {}, isAtWork: () => false });
    isLong = true;
    await clock.moveBy(3 * LEASE_MS);
    resolve();
    // Before the next beat.
    await clock.moveBy(10);
    expect(member.has("nightly")).toBe(true);
    await clock.moveBy(LEASE_MS);
    expect(model.look().hosts[0]?.silent).toBeLessThan(LEASE_MS);
    expect(member.has("nightly")).toBe(true);
  });

  test("leaves out rows that cannot be read, says so once, and has the rest", async () => {
    const { clock, member, model, said } = beside((look) => look());
    const server = storeOf(model);
    const first = openClusterJournal({ server, path: ":memory:", shards: SHARDS, me: "ann" });
    await first.load([0, 1, 2]);
    for (const firesAt of [1, 2, 3, 4, 5]) {
      await first.write((to) =>
        to.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "open", NOW),
      );
    }
    const rows = model.page([1, 2], null, 9);
    const broken: Readonly<Record<number, (text: string) => string>> = {
      0: (text) => text.replace(/"id":\d+/, '"id":"abc"'),
      1: (text) => text.replace('"nightly"', "null"),
      2: (text) => text.slice(0, -1),
      3: (text) => text.replace(/"job":"nightly"/, '"job":{}'),
    };
    for (const [index, { shard: s, tbl: t, key: k, version: v, data }] of rows.entries()) {
      const r = broken[index]?.(data ?? "");
      if (r !== undefined) model.write("b", [], [{ s, t, k, v, r, m: null }]);
    }
    await first.close();
    await member.start();
    expect(member.has("nightly")).toBe(true);
    expect(member.journal.runs("nightly", 9).map(({ firesAt }) => firesAt)).toEqual([5]);
    const isTold = (line: string) => line.includes("a row that cannot be read: run ");
    expect(said.filter(isTold)).toHaveLength(4);
    expect(member.journal.unfit()).toHaveLength(4);
    // What is mended comes back.
    const row = rows[0];
    const now = model.page([1, 2], null, 1)[0];
    const { shard: s, tbl: t, key: k } = row!;
    model.write("b", [], [{ s, t, k, v: now!.version, r: row!.data, m: null }]);
    await clock.moveBy(LEASE_MS);
    expect(member.journal.runs("nightly", 9).map(({ firesAt }) => firesAt)).toEqual([5, 1]);
    expect(member.journal.unfit()).toHaveLength(3);
    expect(said.filter(isTold)).toHaveLength(4);
  });

  describe("when PostgreSQL goes back to an earlier state", () => {
    /** A host with runs of before and after a backup, which was put back. */
    async function restored() {
      const { clock, member, model, said } = beside((look) => look());
      await member.start();
      const insert = (firesAt: number) =>
        member.journal.write((to) =>
          to.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "open", NOW),
        );
      await insert(1);
      const putBack = model.backUp();
      return { clock, insert, member, model, putBack, said };
    }

    const fireTimes = (member: Membership) =>
      member.journal.runs("nightly", 9).map(({ firesAt }) => firesAt);

    const isToldOf = (said: readonly string[]) =>
      said.filter((line) => line.includes("PostgreSQL has gone back"));

    test("it loads what is there by now, in a new epoch, says so once, and goes on", async () => {
      const { clock, insert, member, model, putBack, said } = await restored();
      await insert(2);
      const mayAct = member.unbroken("nightly");
      putBack();
      await clock.moveBy(LEASE_MS);
      expect(mayAct()).toBe(false);
      expect(member.has("nightly")).toBe(true);
      expect(fireTimes(member)).toEqual([1]);
      await insert(3);
      expect(fireTimes(member)).toEqual([3, 1]);
      expect(model.table("run").map(({ row }) => row.fires_at)).toEqual([1, 3]);
      expect(isToldOf(said)).toHaveLength(1);
    });

    test("it sees so from a write of its own too, before it has looked", async () => {
      const { clock, insert, member, putBack, said } = await restored();
      await insert(2);
      await insert(3);
      putBack();
      await insert(4);
      expect(member.has("nightly")).toBe(false);
      expect(isToldOf(said)).toHaveLength(1);
      await clock.moveBy(LEASE_MS);
      expect(fireTimes(member)).toEqual([4, 1]);
    });

    test("it sees so from an epoch that it has claimed since", async () => {
      const { clock, member, model, putBack, said } = await restored();
      const ids = [1, 2];
      model.give("a/1", ids);
      await clock.moveBy(LEASE_MS);
      expect(member.has("nightly")).toBe(true);
      putBack();
      await clock.moveBy(LEASE_MS);
      expect(member.has("nightly")).toBe(true);
      expect(fireTimes(member)).toEqual([1]);
      expect(isToldOf(said)).toHaveLength(1);
    });

    test("it sees so from works that never succeed, where no version tells", async () => {
      const { clock, insert, member, model, putBack, said } = await restored();
      const run = await insert(2);
      putBack();
      // As many writes as there were, by somebody else, and none of what is here.
      const [s, v] = [
        model.page([0, 1, 2], null, 99).find(({ tbl }) => tbl === "run")?.shard,
        null,
      ];
      model.write("b", [], [{ s: s ?? 0, t: "of a newer program", k: "1", v, r: "{}", m: null }]);
      const save = () =>
        member.journal.write((to) => to.saveRun({ ...run!, state: "failed", endedAt: NOW }));
      for (const _ of [1, 2, 3])
        await expect(save()).rejects.toThrow("Cannot write to the journal");
      const told = said.filter((line) =>
        line.includes("the rows here are others than PostgreSQL's"),
      );
      expect(told).toHaveLength(1);
      await clock.moveBy(LEASE_MS);
      expect(fireTimes(member)).toEqual([1]);
      await insert(3);
      expect(fireTimes(member)).toEqual([3, 1]);
    });

    test("it takes an answer that was long on its way for no such thing", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let isLong = false;
      const { clock, member, said } = beside(async (look) => {
        const seen = await look();
        if (isLong) await promise;
        return seen;
      });
      await member.start();
      isLong = true;
      await clock.moveBy(1_000);
      await member.journal.write((to) =>
        to.insertRun({ job: "nightly", firesAt: 1, cause: "schedule" }, "open", NOW),
      );
      isLong = false;
      resolve();
      await clock.moveBy(1_000);
      expect(fireTimes(member)).toEqual([1]);
      expect(isToldOf(said)).toEqual([]);
    });
  });

  test("makes a renewal that nobody answers again while its lease lasts", async () => {
    let lost = 0;
    const { ahead, clock, member, said } = await joined({ answers: () => lost-- <= 0 });
    lost = 2;
    await clock.moveBy(LEASE_MS * 0.7);
    expect(member.isAnswered).toBe(false);
    await clock.moveBy(LEASE_MS * 0.15);
    expect(member.isAnswered).toBe(true);
    expect(said.slice(1)).toEqual([
      "cluster: Cannot use the journal in PostgreSQL: a lease was not renewed in 2.5 s; trying again",
      "cluster: PostgreSQL answers again",
    ]);
    ahead.elapsed = LEASE_MS * 0.4;
    expect(member.unbroken("nightly")()).toBe(true);
    await member.close();
  });
});
