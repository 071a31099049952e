import { describe, expect, test } from "bun:test";
import { Alarms, type AlarmsOptions } from "../../src/flow/alarms.ts";
import type { ClusterHosts, Edges, Notify } from "../../src/flow/edges.ts";
import { advance, advanceDelivery } from "../../src/journal/inflight.ts";
import type { LogSubject } from "../../src/lib/ports.ts";
import type { AlarmOrder, DeliveryAnswer } from "../../src/ports.ts";
import { settle } from "../support/clock.ts";
import { entity, fillDisk, NOON, openWorld } from "../support/world.ts";

const DAY = 86_400_000;

/** Alarms over a world in which a job runs by hand of the test. */
function watch(
  changes: Partial<Notify> = {},
  { hosts, ...options }: Partial<AlarmsOptions> & Pick<Edges, "hosts"> = {},
) {
  const world = openWorld();
  const told: AlarmOrder[] = [];
  const answers: DeliveryAnswer[] = [];
  const waits: number[] = [];
  const plugins = {
    ...world.edges.plugins,
    async alarm(order: AlarmOrder): Promise<DeliveryAnswer> {
      told.push(order);
      const [notice] = world.journal.dueNotices(Number.MAX_SAFE_INTEGER, 1);
      waits.push((notice?.nextAt ?? 0) - now);
      await site.meanwhile();
      return answers.shift() ?? { kind: "delivered", message: "told" };
    },
  };
  const notify = { plugins: ["slack"], on: null, repeatMs: null, ...changes };
  let jobs = [entity({ job: "nightly", plugins: [] })];
  const catalog = {
    entities: () => jobs.values(),
    states: () => jobs.map((one) => ({ job: one.job, entity: one, errors: [] })).values(),
    loading: null as Promise<void> | null,
  };
  const signal = new AbortController().signal;
  let now = NOON;
  const rest = () => Promise.resolve();
  const clock = { sleep: rest, until: rest, now: () => now };
  let alarms = begin();
  function begin(): Alarms {
    const edges = { ...world.edges, clock, plugins, notify };
    return new Alarms(hosts === undefined ? edges : { ...edges, hosts }, catalog, {
      downSince: () => null,
      signal,
      once: true,
      changed() {},
      rested: (work) => work(),
      ...options,
    });
  }
  const site = {
    ...world,
    told,
    /** What goes on while a plugin is told. */
    meanwhile: (): Promise<unknown> => Promise.resolve(),
    /** How long each would have been left alone, had the process died while it was told. */
    waits,
    answers,
    nextAt: () => alarms.nextAt,
    events: () => told.map(({ body }) => JSON.parse(body).event as string),
    setClock(at: number) {
      now = at;
    },
    setJobs(next: typeof jobs) {
      jobs = next;
    },
    /** Some jobs take long to load. */
    setLoading(isLoading: boolean) {
      catalog.loading = isLoading ? Promise.resolve() : null;
    },
    restart() {
      alarms = begin();
    },
    /** Looks and tells as at the end of a pass. */
    async turn(afterMs = 0) {
      now += afterMs;
      await alarms.pass();
      while (!alarms.idle) await settle();
    },
    /** The same as the loop of a daemon does it; answers when the next look is. */
    async tick(afterMs = 0) {
      now += afterMs;
      for (let ticks = 0; ticks < 3; ticks++) {
        alarms.tick(now);
        while (!alarms.idle) await settle();
      }
      return (alarms.nextAt ?? 0) - now;
    },
    async ran(state: "done" | "failed", note: string | null = null, job = "nightly") {
      await world.journal.write((tables) => {
        const run = tables.insertRun(
          { job, firesAt: now, cause: "schedule", begunAt: now },
          "open",
          now,
        );
        if (run !== null) tables.saveRun({ ...run, state, note, endedAt: now });
      });
      now += 1_000;
    },
  };
  return site;
}

/** A result of the job that a plugin has not taken, and that was given up. */
async function giveUp({ journal }: ReturnType<typeof watch>): Promise<void> {
  await journal.write((tables) => {
    const at = NOON;
    const run = tables.insertRun({ job: "nightly", firesAt: at, cause: "schedule" }, "open", at);
    const own = { runId: run?.id ?? 0, job: "nightly", step: "", name: "n", body: "{}" };
    const planned = tables.insertAction(
      { ...own, signature: "s", expireAt: at, sendOnly: false, plugins: ["slack"] },
      at,
    );
    const reply = new TextEncoder().encode("{}");
    const times = { expireAt: at, collectAt: at };
    tables.saveAction(advance(planned, { kind: "posted", actionId: 7, reply, ...times }, at));
    const row = tables.insertDelivery(
      { actionRow: planned.id, job: "nightly", plugin: "slack", key: "k" },
      at,
    );
    if (row === null) throw new Error("it is there already");
    const event = { kind: "failed", error: "exit status 1", nextAt: null } as const;
    tables.saveDelivery(advanceDelivery(row, event, at));
  });
}

/** Hosts of a cluster, of which this one speaks or does not. */
function among(beta: { speaks: boolean; isThere: boolean }): ClusterHosts {
  const fault = { event: "cluster", job: "", subject: "beta", runId: null, since: NOON } as const;
  const about = { ...fault, count: 1, message: "beta is not heard of", hint: "start it" };
  return {
    name: "alpha",
    speaks: () => beta.speaks,
    conditions: () => (beta.isThere ? [] : [about]),
  };
}

describe("Alarms", () => {
  test("tells a failure once, however often it is looked at, and once that it is over", async () => {
    const site = watch();
    await site.turn();
    await site.ran("failed", "no target");
    for (let looks = 0; looks < 5; looks++) await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
    await site.ran("failed", "no target again");
    await site.turn(10_000);
    site.restart();
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
    expect(site.journal.openAlarms()).toMatchObject([
      { event: "failed", job: "nightly", count: 2, message: "run 2 failed: no target again" },
    ]);
    await site.ran("done");
    for (let looks = 0; looks < 3; looks++) await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "recovered"]);
    expect(site.journal.openAlarms()).toEqual([]);
    await site.ran("failed", "once more");
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "recovered", "failed"]);
  });

  test("of several hosts one tells what is about no job, each what is about its jobs", async () => {
    const beta = { speaks: false, isThere: false };
    const downSince = () => NOON - 600_000;
    const site = watch({}, { downSince, hosts: among(beta) });
    await site.ran("failed", "no target");
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
    beta.speaks = true;
    await site.turn(10_000);
    expect(site.events().toSorted()).toEqual(["api", "cluster", "failed"]);
    // Another host has the say by now: what it finds is its own to end and to tell.
    beta.speaks = false;
    beta.isThere = true;
    await site.turn(10_000);
    expect(site.journal.openAlarms()).toHaveLength(3);
    beta.speaks = true;
    await site.turn(10_000);
    expect(site.events().filter((event) => event === "recovered")).toHaveLength(1);
  });

  test("names the host that tells it, where there are several, at the begin and at the end", async () => {
    const hostOf = async (hosts?: ClusterHosts) => {
      const site = watch({}, hosts === undefined ? {} : { hosts });
      await site.ran("failed");
      await site.turn();
      await site.ran("done");
      await site.turn(10_000);
      return site.told.map(({ body }) => [JSON.parse(body).event, JSON.parse(body).host]);
    };
    expect(await hostOf()).toEqual([
      ["failed", undefined],
      ["recovered", undefined],
    ]);
    expect(await hostOf(among({ speaks: false, isThere: false }))).toEqual([
      ["failed", "alpha"],
      ["recovered", "alpha"],
    ]);
  });

  test("leaves a notice that is about no job to the host that speaks", async () => {
    const beta = { speaks: true, isThere: false };
    const site = watch({}, { hosts: among(beta) });
    site.answers.push({ kind: "failed", message: "exit status 1" });
    await site.turn();
    expect(site.events()).toEqual(["cluster"]);
    beta.speaks = false;
    await site.turn(DAY);
    expect(site.events()).toEqual(["cluster"]);
    beta.speaks = true;
    await site.turn(10_000);
    expect(site.events()).toEqual(["cluster", "cluster"]);
  });

  test("tells what lasts again only after `repeat`", async () => {
    const site = watch({ repeatMs: DAY });
    await site.ran("failed", "no target");
    await site.turn();
    await site.turn(DAY - 20_000);
    expect(site.events()).toEqual(["failed"]);
    await site.turn(20_000);
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed", "failed"]);
  });

  test("tells only of what it is to tell, and keeps the rest for status", async () => {
    const site = watch({ on: ["late"] });
    await site.ran("failed", "no target");
    await site.turn();
    await site.ran("done");
    await site.turn();
    expect(site.events()).toEqual([]);
    expect(site.journal.alarms(9)).toMatchObject([{ event: "failed" }]);
  });

  test("tries again what was not told, with the same key, and says so at level alert (I6)", async () => {
    const site = watch();
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.ran("failed", "no target");
    await site.turn();
    expect(site.told.length).toBe(1);
    expect(site.lines.filter((line) => line.startsWith("alert"))).toEqual([
      expect.stringContaining("an alarm was not told by slack: no answer; trying again in"),
    ]);
    site.restart();
    await site.turn(5_000);
    await site.turn(60_000);
    expect(site.told.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(site.told[0]?.key).toBe(site.told[1]?.key ?? "");
    expect(site.told[0]?.body).toBe(site.told[1]?.body ?? "");
  });

  test("tells every plugin, however long another one takes for each notice (I8)", async () => {
    const world = watch({ plugins: ["hangs", "slack"] }, { once: false });
    const jobs = Array.from({ length: 5 }, (_, index) => `job${index}`);
    world.setJobs(jobs.map((job) => entity({ job, plugins: [] })));
    for (const job of jobs) await world.ran("failed", "no route", job);
    const hangs = Promise.withResolvers<void>();
    world.meanwhile = () => (world.told.at(-1)?.plugin === "hangs" ? hangs.promise : settle());
    const ticked = world.tick();
    const of = (name: string) => world.told.filter(({ plugin }) => plugin === name).length;
    for (let turns = 0; turns < 1_000 && of("slack") < jobs.length; turns++) await settle();
    expect([of("hangs"), of("slack")]).toEqual([1, jobs.length]);
    hangs.resolve();
    await ticked;
    expect(of("hangs")).toBe(jobs.length);
  });

  test("waits as long as the service asked to, as a delivery does", async () => {
    const site = watch();
    site.answers.push({ kind: "failed", message: "too many", retryAfterMs: 3_600_000 });
    await site.ran("failed", "no target");
    await site.turn();
    await site.turn(3_590_000);
    expect(site.told.length).toBe(1);
    await site.turn(20_000);
    expect(site.told.length).toBe(2);
  });

  test("does not send an alarm about a plugin by that plugin", async () => {
    const site = watch({ plugins: ["slack", "mail"] });
    await giveUp(site);
    await site.turn();
    expect(site.told.map(({ plugin }) => plugin)).toEqual(["mail"]);
    const own = watch();
    await giveUp(own);
    await own.turn();
    expect(own.told).toEqual([]);
    expect(own.lines.filter((line) => line.startsWith("alert"))).toEqual([
      "alert alarm dead of nightly: a result was not taken by plugin slack: exit status 1; " +
        "no other plugin can tell it",
    ]);
    const alone = watch();
    await alone.journal.write(
      (tables) =>
        void tables.insertAlarm({
          event: "dead",
          job: "gone",
          subject: "slack",
          runId: null,
          since: 1,
          raisedAt: 1,
          toldAt: 1,
          count: 1,
          message: "m",
          hint: "h",
        }),
    );
    await alone.turn();
    expect(alone.told).toEqual([]);
  });

  test("tells that it is over to those who were told that it began, and to nobody else", async () => {
    const quiet = watch({ on: ["api", "recovered"] });
    await quiet.ran("failed");
    await quiet.turn(10_000);
    await quiet.ran("done");
    await quiet.turn(10_000);
    expect([quiet.events(), quiet.journal.openAlarms()]).toEqual([[], []]);
    const site = watch({ plugins: ["slack", "page"] });
    await giveUp(site);
    await site.turn(10_000);
    // What has ended is told by the plugin that told of it, not by the one that it was about.
    const [dead] = site.journal.undelivered(1);
    if (dead === undefined) throw new Error("nothing is undelivered");
    await site.journal.write((tables) => tables.saveDelivery({ ...dead, state: "delivered" }));
    await site.turn(10_000);
    expect(site.told.map(({ plugin, body }) => [plugin, JSON.parse(body).event])).toEqual([
      ["page", "dead"],
      ["page", "recovered"],
    ]);
  });

  test("takes a run for refused only when that is what it has failed for", async () => {
    const site = watch();
    const fail = async (note: string) => {
      await site.ran("failed", note);
      await site.journal.write((tables) => {
        const [run] = tables.endedRuns("nightly", NOON + DAY, 1);
        const own = { runId: run?.id ?? 0, job: "nightly", step: "", name: "n", body: "{}" };
        const order = { ...own, signature: "s", expireAt: NOON, sendOnly: false, plugins: [] };
        const refused = { kind: "refused", error: "too many agents", by: "refused" } as const;
        tables.saveAction(advance(tables.insertAction(order, NOON), refused, NOON));
      });
      await site.turn(10_000);
    };
    // A workflow has gone on without it.
    await fail("TypeError: x is not a function");
    expect(site.events()).toEqual(["failed"]);
    await fail('step "base" failed: too many agents');
    expect(site.events().slice(1).sort()).toEqual(["recovered", "refused"]);
  });

  test("tells when the API is down for long, and leaves it while that is not known", async () => {
    let downSince: number | null | undefined = NOON - 600_000;
    const site = watch({}, { downSince: () => downSince });
    await site.turn();
    expect(site.events()).toEqual(["api"]);
    downSince = undefined;
    site.restart();
    await site.turn(10_000);
    expect(site.events()).toEqual(["api"]);
    downSince = null;
    await site.turn(10_000);
    expect(site.events()).toEqual(["api", "recovered"]);
  });

  test("does not take the API for right again because the process is a new one", async () => {
    let downSince: number | null = NOON - 600_000;
    const site = watch({}, { downSince: () => downSince });
    await site.turn();
    site.restart();
    downSince = NOON + 20_000;
    for (let look = 0; look < 3; look++) await site.turn(10_000);
    await site.turn(3_600_000);
    expect(site.events()).toEqual(["api"]);
    const since = new Date(NOON - 600_000).toISOString();
    expect(site.journal.openAlarms()).toMatchObject([{ message: expect.stringContaining(since) }]);
    downSince = null;
    await site.turn(10_000);
    expect(site.events()).toEqual(["api", "recovered"]);
  });

  test("says in fields of its own what a log line is about: event, job, run and plugin", async () => {
    const subjects: (LogSubject | undefined)[] = [];
    const site = watch({ plugins: ["slack", "page"] });
    site.edges.log.emit = (_level, _message, subject) => void subjects.push(subject);
    await giveUp(site);
    site.setClock(NOON + 1_000);
    await site.ran("failed", "no target");
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.turn();
    const raised = [
      { job: "nightly", plugin: "slack", alarm: "dead" },
      { job: "nightly", run: 2, alarm: "failed" },
    ];
    expect(subjects.slice(0, 2)).toEqual(raised);
    // That a plugin was not told: which plugin, and of what.
    expect(subjects.slice(2)).toEqual([{ job: "nightly", plugin: "page", alarm: "dead" }]);
    await site.ran("done");
    await site.turn();
    expect(subjects.slice(3)).toEqual([{ job: "nightly", run: 2, alarm: "failed" }]);
  });

  test("ends the alarms of a job that is gone", async () => {
    const site = watch();
    await site.ran("failed", "no target");
    await site.turn();
    site.setJobs([]);
    await site.turn(10_000);
    expect(site.journal.openAlarms()).toEqual([]);
  });

  test("does not end those of a job that takes long to load after a restart", async () => {
    const site = watch();
    await site.ran("failed", "it broke");
    await site.turn();
    const jobs = [entity({ job: "nightly", plugins: [] })];
    site.setJobs([]);
    site.setLoading(true);
    site.restart();
    await site.turn(10_000);
    site.setJobs(jobs);
    site.setLoading(false);
    await site.turn(10_000);
    expect(site.events()).toEqual(["failed"]);
  });

  test("repeats what lasts although it was told last by a clock that was ahead (I7)", async () => {
    const site = watch({ repeatMs: 3_600_000 });
    site.setClock(NOON + 1_000 * 3_600_000);
    await site.ran("failed", "it broke");
    await site.turn();
    site.setClock(NOON);
    await site.turn();
    expect(site.events()).toEqual(["failed", "failed"]);
  });

  test("leaves ends as they are under a clock that is behind for a moment (I7)", async () => {
    const site = watch({}, { once: false });
    const job = entity({ job: "nightly", plugins: [], expectMs: 3_600_000 });
    site.setJobs([job]);
    await site.ran("done");
    const ended = () => site.journal.lastDone("nightly", NOON + DAY)?.endedAt ?? 0;
    const before = ended();
    site.setClock(before - DAY);
    await site.tick(10_000);
    expect(ended()).toBe(before);
    site.setClock(before);
    await site.tick(10_000);
    // Behind for long: it was ahead before.
    site.setClock(before - DAY);
    await site.tick(10_000);
    await site.tick(599_000);
    expect(ended()).toBe(before);
    await site.tick(10_000);
    expect(ended()).toBeLessThan(before - DAY + 700_000);
  });

  test("raises nothing that has become right since it was looked at", async () => {
    const site = watch();
    const { write } = site.journal;
    await site.ran("failed", "it broke");
    // A run succeeds in the moment in which the alarm is about to be written.
    site.journal.write = (async (work: never) => {
      site.journal.write = write;
      await site.ran("done");
      return await write.call(site.journal, work);
    }) as typeof write;
    await site.turn();
    expect([site.events(), site.journal.openAlarms()]).toEqual([[], []]);
  });

  test("is told although a clock that was ahead has put it off (I7)", async () => {
    const site = watch();
    site.setClock(NOON + 400 * DAY);
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.ran("failed", "no target");
    await site.turn();
    site.setClock(NOON);
    await site.turn();
    expect(site.told.length).toBeGreaterThan(1);
  });

  test("looks at all jobs every ten seconds in bites, and tells as they are found", async () => {
    const site = watch({}, { once: false });
    const jobs = Array.from({ length: 120 }, (_, index) => entity({ job: `job${1_000 + index}` }));
    site.setJobs([...jobs, entity({ job: "nightly" })]);
    await site.ran("failed", "no target");
    expect(await site.tick()).toBe(200);
    expect(site.events()).toEqual([]);
    expect(await site.tick(200)).toBe(10_000);
    expect(site.events()).toEqual(["failed"]);
    await site.ran("done");
    await site.tick(8_999);
    expect(site.events()).toEqual(["failed"]);
    await site.tick(1);
    await site.tick(200);
    expect(site.events()).toEqual(["failed", "recovered"]);
  });

  test("does nothing at the ticks of a pass, which looks at its end", async () => {
    const site = watch();
    await site.ran("failed", "no target");
    await site.tick();
    expect([site.events(), site.nextAt()]).toEqual([[], null]);
    await site.turn();
    expect(site.events()).toEqual(["failed"]);
  });

  test("rests when it cannot remember what it sees or tells, and does it again", async () => {
    const failed: string[] = [];
    const rested: AlarmsOptions["rested"] = async (work) => {
      try {
        return await work();
      } catch (error) {
        failed.push((error as Error).message);
        return null;
      }
    };
    const site = watch({}, { rested });
    const full = "Cannot use the journal: the disk is full";
    await site.ran("failed", "no target");
    let makeRoom = fillDisk(site);
    await site.turn();
    expect([failed, site.events()]).toEqual([[full], []]);
    makeRoom();
    site.answers.push({ kind: "failed", message: "no answer" });
    await site.turn();
    expect(site.events()).toEqual(["failed"]);
    makeRoom = fillDisk(site);
    await site.turn(60_000);
    expect([failed, site.events()]).toEqual([[full, full], ["failed"]]);
    makeRoom();
    await site.turn();
    expect(site.events()).toEqual(["failed", "failed"]);
  });

  test("tells that no run has succeeded in time, however many have failed since", async () => {
    const site = watch();
    site.setJobs([entity({ job: "nightly", plugins: [], expectMs: DAY })]);
    await site.ran("done");
    await site.turn(DAY - 60_000);
    await site.ran("failed", "no target");
    await site.turn(30_000);
    expect(site.events()).toEqual(["failed"]);
    await site.turn(60_000);
    expect(site.events()).toEqual(["failed", "late"]);
    await site.ran("done");
    await site.turn();
    expect(site.events().slice(2)).toEqual(["recovered", "recovered"]);
  });

  test("does not wait again after a restart for a job that has never succeeded", async () => {
    const site = watch();
    site.setJobs([entity({ job: "nightly", plugins: [], expectMs: DAY })]);
    await site.turn(DAY + 1);
    expect(site.events()).toEqual(["late"]);
    site.restart();
    await site.turn(10_000);
    expect(site.events()).toEqual(["late"]);
    await site.ran("done");
    await site.turn();
    expect(site.events()).toEqual(["late", "recovered"]);
  });

  test("counts from the first run that failed, however often the process was a new one", async () => {
    const site = watch({ on: ["late"] });
    site.setJobs([entity({ job: "nightly", plugins: [], expectMs: DAY })]);
    await site.ran("failed", "no target");
    for (let hours = 0; hours < 24; hours += 6) {
      site.restart();
      await site.turn(DAY / 4 - 60_000);
      await site.ran("failed", "no target");
      expect(site.events()).toEqual([]);
    }
    site.restart();
    await site.turn(300_000);
    expect(site.events()).toEqual(["late"]);
  });

  test("says of a job that is late who has paused it, and of no other", async () => {
    const site = watch();
    site.setJobs([entity({ job: "nightly", plugins: [], expectMs: DAY })]);
    const pause = (job: string, actor: string) =>
      site.journal.write((tables) =>
        tables.insertPause({ job, since: NOON, until: null, actor, why: "" }),
      );
    const message = () => site.journal.openAlarms().map((alarm) => alarm.message);
    await pause("other", "bob");
    await site.turn(DAY + 1);
    expect(message()).toEqual(["no run succeeded within 24h: it has never succeeded"]);
    await pause("nightly", "ann");
    await site.turn();
    expect(message()).toEqual([expect.stringMatching(/^no run succeeded within 24h: .*\bann\b/)]);
  });

  test("leaves a notice alone that somebody else has moved on, in the same moment", async () => {
    for (const changed of [{ state: "delivered" }, { attempts: 7 }] as const) {
      const site = watch();
      await site.ran("failed", "no target");
      site.answers.push({ kind: "failed", message: "no answer" });
      site.meanwhile = () =>
        site.journal.write((tables) => {
          const notice = tables.notice(1);
          if (notice !== null) tables.saveNotice({ ...notice, ...changed });
        });
      await site.turn();
      expect(site.journal.notice(1)).toMatchObject({ error: null, ...changed });
    }
  });

  test("tries a notice again after waits that double", async () => {
    const site = watch();
    await site.ran("failed", "no target");
    site.answers.push(...Array(4).fill({ kind: "failed", message: "no answer" }));
    for (let seconds = 0; seconds < 120; seconds++) await site.turn(1_000);
    const waits = site.lines.flatMap((line) => /trying again in (\d+) s/.exec(line)?.[1] ?? []);
    // From 5 s on; a half is fixed, of the other half 0.5 here.
    expect(waits.map(Number)).toEqual([4, 8, 15, 30]);
    expect(site.waits).toEqual([3_750, 7_500, 15_000, 30_000, 60_000]);
    expect(site.told.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
  });

  test("does nothing where nobody is to be told", async () => {
    const world = openWorld();
    const none = { entities: () => [].values(), states: () => [].values(), loading: null };
    const signal = new AbortController().signal;
    const alarms = new Alarms(world.edges, none, {
      downSince: () => null,
      signal,
      once: false,
      changed() {},
      rested: (work) => work(),
    });
    alarms.tick(NOON);
    expect([alarms.nextAt, alarms.idle]).toEqual([null, true]);
  });
});
