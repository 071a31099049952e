// The journal in PostgreSQL, on a real server: one for all of these tests.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../../src/edge/clock.ts";
import { isPassing, RunnerError } from "../../../src/errors.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import { renewalMs } from "../../../src/journal/lease.ts";
import { openClusterJournal } from "../../../src/journal/postgres/journal.ts";
import { Membership } from "../../../src/journal/postgres/membership.ts";
import type {
  LeaseUser,
  MembershipOptions,
} from "../../../src/journal/postgres/membership-options.ts";
import { COMMON } from "../../../src/journal/postgres/schema.ts";
import { Server } from "../../../src/journal/postgres/server.ts";
import { shapesOf, shardOf, uniqueKeyOf } from "../../../src/journal/postgres/shapes.ts";
import { tablesOf } from "../../../src/journal/sqlite/foreign.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { DAY_MS } from "../../../src/time.ts";
import { eventually } from "../../support/binary.ts";
import { dump, NOW, writeAll } from "../../support/full-journal.ts";
import { canMount, fill, mountMemory } from "../../support/mount.ts";
import { startPostgres } from "../../support/postgres.ts";

const SHARDS = 4;
const ALL = [COMMON, 1, 2, 3, 4];

const started = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), "cluster-"));
afterAll(async () => {
  await started?.close();
  rmSync(folder, { recursive: true, force: true });
});

const described = started === null ? describe.skip : describe;

function postgres(): NonNullable<typeof started> {
  if (started === null) throw new Error("there is no PostgreSQL");
  return started;
}

let files = 0;

function newFile(): string {
  return join(folder, `${++files}.db`);
}

/** A new database with its tables, and what tests of one need. */
async function newServer(): Promise<{ readonly url: string; readonly server: Server }> {
  const url = await postgres().database();
  const server = new Server({ connectionString: url });
  await server.migrate(SHARDS);
  return { url, server };
}

/** A process that owns all shards. */
async function ownAll(server: Server, me: string, doubts: string[] = []) {
  const epochs = await server.claim(me, 60_000, ALL);
  const journal = openClusterJournal({
    server,
    path: newFile(),
    shards: SHARDS,
    me,
    epochOf: (shard) => epochs.get(shard) ?? null,
    onDoubt: ({ message }) => doubts.push(message),
  });
  await journal.load(ALL);
  return journal;
}

/** A process of a person, who owns none. */
async function beside(server: Server, me: string) {
  const journal = openClusterJournal({ server, path: newFile(), shards: SHARDS, me });
  await journal.load(ALL);
  return journal;
}

described("the two homes of the journal", () => {
  test("have the same rows after the same writes, also loaded anew", async () => {
    const { server } = await newServer();
    const alone = newFile();
    const journal = openJournal({ path: alone });
    await writeAll(journal);
    await journal.close();
    const rows = dump(alone);
    for (const [table, has] of Object.entries(rows)) {
      // Told by the flow of alarms alone.
      if (["alarm", "notice", "state"].includes(table)) continue;
      expect({ table, has: has.length > 0 }).toEqual({ table, has: true });
    }
    const path = newFile();
    const epochs = await server.claim("a", 60_000, ALL);
    const epochOf = (shard: number) => epochs.get(shard) ?? null;
    const owner = openClusterJournal({ server, path, shards: SHARDS, me: "a", epochOf });
    await owner.load(ALL);
    await writeAll(owner);
    expect(dump(path)).toEqual(rows);
    owner.drop(ALL);
    for (const [table, has] of Object.entries(dump(path))) {
      if (table !== "tally") expect({ table, has }).toEqual({ table, has: [] });
    }
    await owner.load(ALL);
    expect(dump(path)).toEqual(rows);
    await owner.close();
    await server.close();
  });

  test("a work that throws undoes itself alone, in both", async () => {
    const { server } = await newServer();
    for (const journal of [openJournal({ path: newFile() }), await ownAll(server, "a")]) {
      const insert = (firesAt: number) =>
        journal.write((to) => {
          to.insertRun({ job: "nightly", firesAt, cause: "manual" }, "open", NOW);
          if (firesAt === 2) throw new Error("no");
        });
      const ended = await Promise.allSettled([insert(1), insert(2), insert(3)]);
      expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(journal.runs("nightly", 9).map(({ firesAt }) => firesAt)).toEqual([3, 1]);
      await journal.close();
    }
    await server.close();
  });
});

described("ClusterJournal", () => {
  test("runs a fire time once, whoever asks (I2)", async () => {
    const { server } = await newServer();
    const [owner, ann, bob] = [
      await ownAll(server, "owner"),
      await beside(server, "ann"),
      await beside(server, "bob"),
    ];
    const insert = (journal: Journal) =>
      journal.write((to) =>
        to.insertRun({ job: "nightly", firesAt: NOW, cause: "manual" }, "requested", NOW),
      );
    const rows = await Promise.all([owner, ann, bob].map(insert));
    expect(rows.filter((row) => row !== null)).toHaveLength(1);
    await owner.refresh(await server.look());
    expect(owner.runs("nightly", 9)).toHaveLength(1);
    for (const journal of [owner, ann, bob]) await journal.close();
    await server.close();
  });

  test("makes a write again that another one was faster than", async () => {
    const { server } = await newServer();
    const owner = await ownAll(server, "owner");
    const run = await owner.write((to) =>
      to.insertRun({ job: "nightly", firesAt: NOW, cause: "manual" }, "open", NOW),
    );
    const ann = await beside(server, "ann");
    const note = (journal: Journal, word: string) =>
      journal.write((to) => {
        const row = to.run(run?.id ?? 0);
        if (row !== null) to.saveRun({ ...row, note: `${row.note ?? ""}${word}` });
      });
    await note(ann, "a");
    // It has not seen that yet.
    await note(owner, "b");
    expect(owner.run(run?.id ?? 0)?.note).toBe("ab");
    expect(owner.version()).toBeGreaterThan(0);
    for (const journal of [owner, ann]) await journal.close();
    await server.close();
  });

  test("opens one alarm about no job, whoever finds it, and the next once it is over", async () => {
    const { server } = await newServer();
    const [one, two] = [await beside(server, "one"), await beside(server, "two")];
    const about = { event: "api", job: "", subject: "", runId: null, since: NOW } as const;
    const raise = (journal: Journal) =>
      journal.write((to) => {
        if (to.openAlarms().length > 0) return false;
        to.insertAlarm({ ...about, raisedAt: NOW, toldAt: NOW, count: 1, message: "m", hint: "h" });
        return true;
      });
    expect((await Promise.all([raise(one), raise(two)])).toSorted()).toEqual([false, true]);
    for (const journal of [one, two]) await journal.refresh(await server.look());
    const [open] = two.openAlarms();
    await two.write((to) => open && to.saveAlarm({ ...open, endedAt: NOW + 1 }));
    await one.refresh(await server.look());
    expect(await raise(one)).toBe(true);
    expect(one.alarms(9)).toHaveLength(2);
    for (const journal of [one, two]) await journal.close();
    await server.close();
  });

  test("has for each thing of which there is one its mark, or an owner who sees to it", async () => {
    const path = newFile();
    await openJournal({ path }).close();
    const database = new DatabaseSync(path);
    const shapes = shapesOf(database);
    const raw = new Proxy({ ended_at: null } as Record<string, string | null>, {
      get: (row, name) => (name in row ? null : "x"),
    });
    const unmarked = tablesOf(database).filter((table) => {
      const indexes = database.prepare(`PRAGMA index_list("${table}")`).all();
      const shape = shapes.get(table);
      const isOne = indexes.some(({ unique, origin }) => unique === 1 && origin !== "pk");
      return isOne && shape !== undefined && uniqueKeyOf(shape, raw) === null;
    });
    // Rows of a run, of a calendar and of a job: only the owner of the job makes them.
    expect(unmarked).toEqual(["step", "calendar_window", "tally"]);
    database.close();
  });

  test("changes nothing for a former owner (I12)", async () => {
    const { server } = await newServer();
    const doubts: string[] = [];
    const former = await ownAll(server, "former", doubts);
    await server.give("former", ALL);
    const owner = await ownAll(server, "owner");
    const insert = (journal: Journal) =>
      journal.write((to) =>
        to.insertRun({ job: "nightly", firesAt: NOW, cause: "schedule" }, "open", NOW),
      );
    const refused = await insert(former).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RunnerError);
    expect(String(refused)).toContain("another host has this shard by now");
    expect(doubts).toHaveLength(1);
    expect(former.runs("nightly", 9)).toEqual([]);
    expect(await insert(owner)).not.toBeNull();
    for (const journal of [former, owner]) await journal.close();
    await server.close();
  });

  test("tells who has shards, and when the last of their leases ends", async () => {
    const { server } = await newServer();
    await server.claim("a/1", 60_000, [1]);
    await server.claim("a/1", 600_000, [2]);
    await server.claim("b/1", 60_000, [3]);
    await server.claim("c/1", -1_000, [4]);
    const ends = await server.leaseEnds();
    expect(ends.map(({ owner, shards }) => [owner, shards])).toEqual([
      ["a/1", 2],
      ["b/1", 1],
    ]);
    const [first = 0, second = 0] = ends.map(({ leftMs }) => leftMs);
    expect([first > 300_000, first <= 600_000]).toEqual([true, true]);
    expect([second > 30_000, second <= 60_000]).toEqual([true, true]);
    await server.close();
  });

  test("gives no two processes the same ids", async () => {
    const { server } = await newServer();
    const journals = [await beside(server, "ann"), await beside(server, "bob")];
    const ids = await Promise.all(
      journals.map((journal, at) =>
        journal.write(
          (to) => to.insertRun({ job: `j${at}`, firesAt: 1, cause: "manual" }, "requested", 1)?.id,
        ),
      ),
    );
    expect(new Set(ids).size).toBe(2);
    for (const journal of journals) await journal.close();
    await server.close();
  });

  test("gives no id again whose row it has given away", async () => {
    const { server } = await newServer();
    const owner = await ownAll(server, "owner");
    const insert = (job: string) =>
      owner.write(
        (to) => to.insertRun({ job, firesAt: 1, cause: "manual" }, "requested", 1)?.id ?? 0,
      );
    const first = await insert("job0");
    owner.drop([shardOf("job0", SHARDS)]);
    const other = JOBS.find((job) => shardOf(job, SHARDS) !== shardOf("job0", SHARDS)) ?? "";
    expect(await insert(other)).toBe(first + 1);
    await owner.close();
    await server.close();
  });

  test("erases in the end what was removed, and loads again where that was not seen", async () => {
    const { url, server } = await newServer();
    const doubts: string[] = [];
    const owner = await ownAll(server, "owner", doubts);
    const sleeper = await beside(server, "sleeper");
    const ids: number[] = [];
    for (const firesAt of [1, 2]) {
      const run = { job: "nightly", firesAt, cause: "schedule" } as const;
      ids.push((await owner.write((to) => to.insertRun(run, "failed", NOW)))?.id ?? 0);
    }
    await sleeper.refresh(await server.look());
    await owner.write((to) => to.removeRuns(ids.slice(0, 1)));
    const count = async () =>
      Number(
        (await postgres().query(url, "SELECT count(*) FROM mig_row WHERE tbl = 'run'"))[0]?.count,
      );
    await server.purge(DAY_MS);
    expect(await count()).toBe(2);
    await postgres().query(url, "UPDATE mig_row SET removed = removed - interval '2 days'");
    await server.purge(DAY_MS);
    expect(await count()).toBe(1);
    const { now, ...seen } = await server.look();
    await sleeper.refresh({ ...seen, now: now + 3 * DAY_MS });
    expect(sleeper.runs("nightly", 9)).toHaveLength(2);
    // The network is back, but not for long.
    const { rows } = server;
    server.rows = () => {
      server.rows = rows;
      throw new Error("cut");
    };
    const late = { ...seen, now: now + 7 * DAY_MS };
    await expect(sleeper.refresh(late)).rejects.toThrow("cut");
    expect(sleeper.runs("nightly", 9)).toEqual([]);
    await sleeper.refresh({ ...late, now: late.now + 1_000 });
    expect(sleeper.runs("nightly", 9).map(({ firesAt }) => firesAt)).toEqual([2]);
    await owner.refresh({ ...seen, now: now + 7 * DAY_MS });
    expect(doubts).toHaveLength(1);
    for (const journal of [owner, sleeper]) await journal.close();
    await server.close();
  });

  test("catches up with more rows than come at once, also of one transaction", async () => {
    const { server } = await newServer();
    const owner = await ownAll(server, "owner");
    const ann = await beside(server, "ann");
    const count = 4_500;
    await ann.write((to) => {
      for (let firesAt = 1; firesAt <= count; firesAt++) {
        to.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "done", NOW);
      }
    });
    await owner.refresh(await server.look());
    expect(owner.runs("nightly", 9_999)).toHaveLength(count);
    for (const journal of [owner, ann]) await journal.close();
    await server.close();
  });

  test("is in doubt after PostgreSQL was killed, and whole when it is loaded anew", async () => {
    const { server } = await newServer();
    const doubts: string[] = [];
    const before = await ownAll(server, "owner", doubts);
    const insert = (journal: Journal, firesAt: number) =>
      journal.write((to) =>
        to.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "open", NOW),
      );
    await insert(before, 1);
    await postgres().kill();
    await expect(insert(before, 2)).rejects.toThrow("Cannot use the journal in PostgreSQL");
    expect(doubts).toHaveLength(1);
    await postgres().start();
    const after = await ownAll(server, "owner");
    expect(after.runs("nightly", 9).map(({ firesAt }) => firesAt)).toEqual([1]);
    await insert(after, 2);
    // The epoch of before is over, also for the same process.
    await expect(insert(before, 3)).rejects.toThrow("another host has this shard by now");
    for (const journal of [before, after]) await journal.close();
    await server.close();
  });
});

const IDLE: LeaseUser = { rescan() {}, isAtWork: () => false };

/** How long a lease of these tests is: none ends but by a clock that a test sets. */
const LEASE_MS = 600_000;

const JOBS = Array.from({ length: 20 }, (_, index) => `job${index}`);

/** A host, with clocks that can be set ahead. */
async function joinAs(
  url: string,
  host: string,
  ahead = { wall: 0, elapsed: 0 },
  edges: Partial<MembershipOptions> = {},
) {
  const system = systemClock();
  const member = new Membership(
    {
      server: new Server({ connectionString: url }),
      host,
      me: `${host}/1`,
      leaseMs: LEASE_MS,
      path: newFile(),
      log: { emit() {} },
      clock: { ...system, now: () => system.now() + ahead.wall },
      elapsed: () => performance.now() + ahead.elapsed,
      ...edges,
    },
    SHARDS,
  );
  await member.start();
  member.serve(IDLE);
  return member;
}

function holds(member: Membership, job: string): boolean {
  return member.unbroken(job)();
}

function heldBy(member: Membership): number {
  return new Set(JOBS.filter((job) => holds(member, job)).map((job) => shardOf(job, SHARDS))).size;
}

async function until(isTrue: () => boolean): Promise<void> {
  await eventually(() => (isTrue() ? true : null));
}

described("Membership", () => {
  test("shares the jobs with a host that comes, and takes those of one that leaves", async () => {
    const { url, server } = await newServer();
    const first = await joinAs(url, "a");
    expect(heldBy(first)).toBe(SHARDS);
    const second = await joinAs(url, "b");
    await until(() => heldBy(first) === 2 && heldBy(second) === 2);
    expect(JOBS.filter((job) => holds(first, job) && holds(second, job))).toEqual([]);
    await first.close();
    await until(() => heldBy(second) === SHARDS);
    await second.close();
    const { hosts, shards } = await server.look();
    expect(hosts).toEqual([]);
    expect(shards.every(({ owner }) => owner === null)).toBe(true);
    await server.close();
  });

  test("takes the name of another process only once that is silent, and its jobs then", async () => {
    const { url, server } = await newServer();
    const first = await joinAs(url, "a");
    const next = await joinAs(url, "a", undefined, { me: "a/2" });
    expect([next.isNamed, next.isIdle, heldBy(first)]).toEqual([false, true, SHARDS]);
    expect((await server.look()).hosts).toMatchObject([{ name: "a", instance: "a/1" }]);
    // As after a lease in which nothing was heard of it.
    const before = `interval '${LEASE_MS + 1_000} milliseconds'`;
    await postgres().query(url, `UPDATE mig_shard SET lease_until = lease_until - ${before}`);
    await postgres().query(url, `UPDATE mig_host SET seen_at = seen_at - ${before}`);
    await until(() => next.isNamed && heldBy(next) === SHARDS);
    expect((await server.look()).hosts).toMatchObject([{ name: "a", instance: "a/2" }]);
    // Who leaves takes the row of another one with it no more than its shards.
    await first.close();
    expect((await server.look()).hosts).toMatchObject([{ name: "a", instance: "a/2" }]);
    await server.drain("a", true);
    await next.close();
    const again = await joinAs(url, "a", undefined, { me: "a/3" });
    expect(again.isNamed).toBe(true);
    await again.close();
    await server.close();
  });

  test("as a visitor has what nobody has, and shares with nobody", async () => {
    const { url, server } = await newServer();
    const one = await joinAs(url, "a", undefined, { isVisitor: true });
    expect([heldBy(one), one.isIdle]).toEqual([SHARDS, false]);
    const two = await joinAs(url, "b", undefined, { isVisitor: true });
    expect([heldBy(two), two.isIdle]).toEqual([0, true]);
    expect((await server.look()).hosts).toEqual([]);
    const host = await joinAs(url, "c");
    const gained: boolean[] = [];
    host.serve({ rescan: (hasMore = false) => void gained.push(hasMore), isAtWork: () => false });
    expect(heldBy(host)).toBe(0);
    await one.close();
    await until(() => heldBy(host) === SHARDS);
    expect(gained).toContain(true);
    expect(heldBy(two)).toBe(0);
    for (const member of [two, host]) await member.close();
    await server.close();
  });

  test.skipIf(!canMount)("goes on once there is space for its copy again", async () => {
    const { url, server } = await newServer();
    using disk = mountMemory(newFile(), { size: "1m" });
    const told: string[] = [];
    const member = await joinAs(url, "a", undefined, {
      path: join(disk.path, "copy.db"),
      log: { emit: (_, line) => void told.push(line) },
    });
    const free = await fill(disk.path);
    const ann = await beside(server, "ann");
    const params = JSON.stringify({ text: "x".repeat(200_000) });
    const wanted = { job: "job1", firesAt: NOW, cause: "manual", params } as const;
    const run = await ann.write((to) => to.insertRun(wanted, "requested", NOW));
    await until(() => told.some((line) => line.includes("the disk is full")));
    expect(member.journal.runs("job1", 9)).toEqual([]);
    await free();
    await until(() => member.journal.runs("job1", 9).length > 0);
    expect(member.journal.runs("job1", 9)).toEqual(run === null ? [] : [run]);
    expect(heldBy(member)).toBe(SHARDS);
    for (const journal of [ann, member]) await journal.close();
    await server.close();
  });

  test("does not act once its lease has ended by either clock (I12)", async () => {
    const { url, server } = await newServer();
    for (const clock of ["wall", "elapsed"] as const) {
      const ahead = { wall: 0, elapsed: 0 };
      const member = await joinAs(url, clock, ahead);
      expect(heldBy(member)).toBe(SHARDS);
      ahead[clock] = LEASE_MS;
      expect(heldBy(member)).toBe(0);
      ahead[clock] = 0;
      await member.close();
    }
    await server.close();
  });

  test("waits for what is in hand before it gives a shard away", async () => {
    const { url, server } = await newServer();
    const first = await joinAs(url, "a");
    let isAtWork = true;
    first.serve({ rescan() {}, isAtWork: () => isAtWork });
    const second = await joinAs(url, "b");
    await server.drain("a", true);
    await eventually(async () => ((await server.look()).hosts[0]?.draining ? true : null));
    expect(heldBy(first)).toBe(SHARDS);
    isAtWork = false;
    await until(() => heldBy(first) === 0 && heldBy(second) === SHARDS);
    for (const member of [first, second]) await member.close();
    await server.close();
  });

  test("gives a shard away after a minute, also when something of it is always in hand", async () => {
    const { url, server } = await newServer();
    const ahead = { wall: 0, elapsed: 0 };
    const first = await joinAs(url, "a", ahead);
    let asked = 0;
    first.serve({ rescan() {}, isAtWork: () => ++asked > 0 });
    const second = await joinAs(url, "b");
    await until(() => asked > 0);
    expect(heldBy(first)).toBe(SHARDS);
    ahead.elapsed = 60_000;
    await until(() => heldBy(second) > 0);
    for (const member of [first, second]) await member.close();
    await server.close();
  });

  test("tells once that PostgreSQL refuses one thing while it answers another", async () => {
    const { url, server } = await newServer();
    const told: string[] = [];
    const system = systemClock();
    let looks = 0;
    const member = await joinAs(url, "a", undefined, {
      leaseMs: 3_000,
      log: { emit: (level, line) => void (/again$/.test(line) && told.push(`${level} ${line}`)) },
      // Time passes fifty times as fast between two turns, and not while PostgreSQL is asked.
      clock: {
        ...system,
        sleep(ms, signal) {
          if (ms === 1_000) looks++;
          return system.sleep(ms === renewalMs(3_000) ? 60_000 : ms / 50, signal);
        },
      },
    });
    await postgres().query(url, "ALTER FUNCTION mig_beat RENAME TO mig_gone");
    await until(() => told.length > 0);
    const before = looks;
    await until(() => looks > before + 5);
    expect(told).toEqual([expect.stringMatching(/^err cluster: .* mig_beat\(.*; trying again$/)]);
    await postgres().query(url, "ALTER FUNCTION mig_gone RENAME TO mig_beat");
    await until(() => told.length > 1);
    expect(told.slice(1)).toEqual(["notice cluster: PostgreSQL answers again"]);
    await member.close();
    await server.close();
  });

  test("leaves no renewal waiting in PostgreSQL that it has given up", async () => {
    const { server } = await newServer();
    await server.beat("a", "a/1", LEASE_MS);
    await server.claim("a/1", LEASE_MS, [1]);
    await server.transaction(async (ask) => {
      await ask("SELECT 1 FROM mig_shard FOR UPDATE");
      await expect(server.beat("a", "a/1", LEASE_MS, 50)).rejects.toThrow(/Cannot use the journal/);
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
      await eventually(async () => ((await ask(waiting)).length === 0 ? true : null));
    });
    expect((await server.beat("a", "a/1", LEASE_MS)).hosts).toHaveLength(1);
    await server.close();
  });

  test("goes on by itself after PostgreSQL was killed", async () => {
    const { url, server } = await newServer();
    const ahead = { wall: 0, elapsed: 0 };
    const member = await joinAs(url, "a", ahead);
    const run = await member.journal.write((to) =>
      to.insertRun({ job: "job1", firesAt: 1, cause: "schedule" }, "open", NOW),
    );
    const mayAct = member.unbroken("job1");
    expect(mayAct()).toBe(true);
    await postgres().kill();
    ahead.elapsed = LEASE_MS;
    await until(() => !member.has("job1"));
    await postgres().start();
    await until(() => heldBy(member) === SHARDS);
    // Another host may have had it meanwhile.
    expect(mayAct()).toBe(false);
    expect(member.journal.runs("job1", 9)).toEqual(run === null ? [] : [run]);
    await member.close();
    await server.close();
  });
});

described("cluster migrate", () => {
  test("makes the tables once, and a role without that right works with them", async () => {
    const { url, server } = await newServer();
    expect(await server.migrate(99)).toBe(1);
    expect(await server.assertSchema()).toMatchObject({ shards: SHARDS });
    await postgres().query(url, "CREATE ROLE runner LOGIN");
    await postgres().query(
      url,
      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO runner",
    );
    const weak = new Server({ connectionString: url.replace("postgres@", "runner@") });
    const owner = await ownAll(weak, "owner");
    await writeAll(owner);
    await owner.close();
    await weak.close();
    await server.close();
  });

  test("is asked for where there are no tables, or of another version", async () => {
    const url = await postgres().database();
    const server = new Server({ connectionString: url });
    await expect(server.assertSchema()).rejects.toThrow("it has no tables yet");
    await server.migrate(2);
    await postgres().query(url, "UPDATE mig_cluster SET version = 99");
    await expect(server.assertSchema()).rejects.toThrow("it has schema 99");
    await server.close();
  });

  test("shows to a host that works that the schema is another since", async () => {
    const { url, server } = await newServer();
    const member = await joinAs(url, "a");
    await postgres().query(url, "UPDATE mig_cluster SET version = 99");
    expect((await member.refused).message).toContain("it has schema 99");
    await member.close();
    const { hosts, shards } = await server.look();
    expect([hosts, shards.filter(({ owner }) => owner !== null)]).toEqual([[], []]);
    await server.close();
  });
});

described("Server", () => {
  /** What comes of asking with such a URL. */
  async function refusal(url: string): Promise<RunnerError> {
    const server = new Server({ connectionString: url });
    const error = await server.look().then(
      () => null,
      (refused: unknown) => refused,
    );
    await server.close();
    if (!(error instanceof RunnerError)) throw new Error("it was let in");
    return error;
  }

  test("leaves nothing on a connection that comes again", async () => {
    const { server } = await newServer();
    const warnings: Error[] = [];
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on("warning", hear);
    for (let count = 0; count < 20; count++) {
      await server.transaction((ask) => ask("SELECT 1"));
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", hear);
    expect(warnings).toEqual([]);
    await server.close();
  });

  test("says where it was refused, what to do, and that it does not pass by itself", async () => {
    const { url, server } = await newServer();
    const { host, pathname } = new URL(url);
    const at = `(postgres://${host}${pathname})`;
    await postgres().query(url, "CREATE ROLE stranger LOGIN");
    const denied = await refusal(url.replace("postgres@", "stranger@"));
    expect(denied.message).toContain("permission denied for table mig_");
    expect(denied.message).toEndWith(at);
    expect(denied.detail.hint).toContain("GRANT SELECT");
    const absent = await refusal(url.replace(pathname, "/nowhere"));
    expect(absent.message).toContain('database "nowhere" does not exist');
    expect(absent.detail.hint).toContain("[cluster] url");
    const unknown = await refusal(url.replace("postgres@", "nobody@"));
    expect(unknown.detail.hint).toContain("[cluster] url");
    expect([denied, absent, unknown].map(isPassing)).toEqual([false, false, false]);
    expect(isPassing(await refusal("postgres://x@127.0.0.1:1/x"))).toBe(true);
    await server.close();
  });

  /** What a server says of a login. */
  function asks(kind: number, text: string): Buffer {
    const [head, body] = [Buffer.alloc(9), Buffer.from(text)];
    head.write("R");
    head.writeInt32BE(body.length + 8, 1);
    head.writeInt32BE(kind, 5);
    return Buffer.concat([head, body]);
  }

  test("says that a password is wanted, and lets go of the connection", async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    // As a server does that wants one, and waits for it a minute long.
    const listener = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(asks(10, "SCRAM-SHA-256\0\0"));
        socket.once("data", () => socket.write(asks(11, "r=nonce,s=c2FsdA==,i=4096")));
      });
      socket.once("close", () => resolve());
    });
    await new Promise<void>((listening) => listener.listen(0, "127.0.0.1", () => listening()));
    const { port } = listener.address() as AddressInfo;
    const error = await refusal(`postgres://mig@127.0.0.1:${port}/mig`);
    expect(error.message).toContain("it wants a password, and none is set");
    expect(error.detail.hint).toContain("[cluster] url");
    await ended;
    listener.close();
  });
});
