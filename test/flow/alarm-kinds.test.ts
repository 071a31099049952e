// Alarm kinds: each of them seen to come once and to be withdrawn once, over restarts, by the rows
// that the runner leaves when it happens; and each has its row in the runbook.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Condition } from "../../src/flow/alarm-rules.ts";
import { Alarms } from "../../src/flow/alarms.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { ALARM_EVENTS, type AlarmEvent } from "../../src/journal/alarms.ts";
import type { ActionHold } from "../../src/journal/guards.ts";
import type { Completeness, RunState } from "../../src/journal/inflight.ts";
import { settle } from "../support/clock.ts";
import { entity, NOON, never, openWorld } from "../support/world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A host with one job, and who is told of it. */
function openHost(changes: Partial<Entity>) {
  const world = openWorld();
  const { clock, journal } = world;
  const told: string[] = [];
  const job = entity({ job: "nightly", ...changes });
  let downSince: number | null = null;
  let among: readonly Condition[] = [];
  const plugins = {
    ...world.edges.plugins,
    alarm: async ({ body }: { readonly body: string }) => {
      const { event, of } = JSON.parse(body);
      told.push(event === of ? event : `${event} ${of}`);
      return { kind: "delivered", message: "told" } as const;
    },
  };
  const catalog = {
    entities: () => [job].values(),
    states: () => [{ job: job.job }].values(),
    loading: null,
  };
  const notify = { plugins: ["page"], on: null, repeatMs: null };
  return {
    told,
    journal,
    now: () => clock.now(),
    goOn: (ms: number) => clock.jumpTo(clock.now() + ms),
    setDown(since: number | null) {
      downSince = since;
    },
    setAmong(conditions: readonly Condition[]) {
      among = conditions;
    },
    /** As a process that was just started. */
    async look() {
      const hosts = { name: "alpha", speaks: () => true, conditions: () => among };
      const alarms = new Alarms({ ...world.edges, plugins, notify, hosts }, catalog, {
        downSince: () => downSince,
        signal: never(),
        once: true,
        changed() {},
        rested: (work) => work(),
      });
      await alarms.pass();
      while (!alarms.idle) await settle();
    },
    /** A run that ends so, with what it has collected. */
    async ran(
      state: RunState,
      note: string | null,
      {
        held = null,
        ...counts
      }: Partial<Completeness> & { readonly held?: ActionHold | null } = {},
    ) {
      clock.jumpTo(clock.now() + HOUR);
      const now = clock.now();
      const completeness = {
        fetched: 3,
        sent: 3,
        counters: null,
        statuses: { success: 3 },
        strays: 0,
        ...counts,
      };
      await journal.write((tables) => {
        const order = { job: "nightly", firesAt: now, cause: "schedule", begunAt: now } as const;
        const run = tables.insertRun(order, "open", now);
        if (run === null) throw new Error("there is one");
        const action = tables.insertAction(
          {
            runId: run.id,
            job: "nightly",
            step: "",
            name: "n",
            body: "{}",
            signature: "s",
            expireAt: now,
            sendOnly: false,
            plugins: ["page"],
          },
          now,
        );
        const settled = { ...action, state: "settled", nextAt: null, completeness } as const;
        tables.saveAction(
          held === null ? settled : { ...action, state: "failed", nextAt: null, held, error: note },
        );
        tables.saveRun({ ...run, state, note, endedAt: now });
      });
    },
  };
}

type Host = ReturnType<typeof openHost>;

interface Kind {
  readonly job?: Partial<Entity>;
  happen(host: Host): unknown;
  mend(host: Host): unknown;
}

const succeed = (host: Host) => host.ran("done", null);

const KINDS: Readonly<Record<AlarmEvent, Kind>> = {
  failed: { happen: (host) => host.ran("failed", "HTTP 500"), mend: succeed },
  refused: {
    happen: (host) => host.ran("failed", "ann said no", { held: "denied" }),
    mend: succeed,
  },
  missed: {
    happen: (host) =>
      host.journal.write((tables) => {
        const at = host.now();
        const missed = { job: "nightly", firstAt: at, lastAt: at, count: 1, recordedAt: at };
        tables.insertMissed({ ...missed, reason: "it was not run in time" });
      }),
    mend: succeed,
  },
  late: { job: { expectMs: 26 * HOUR }, happen: (host) => host.goOn(27 * HOUR), mend: succeed },
  coverage: {
    happen: (host) => host.ran("done", null, { fetched: 0, sent: 0, statuses: {} }),
    mend: succeed,
  },
  dead: {
    happen: (host) =>
      host.journal.write((tables) => {
        const order = { actionRow: 1, job: "nightly", plugin: "slack", key: "k" };
        const row = tables.insertDelivery(order, host.now());
        if (row !== null) tables.saveDelivery({ ...row, state: "dead", nextAt: null, error: "no" });
      }),
    mend: (host) =>
      host.journal.write((tables) => {
        const row = tables.delivery(1);
        if (row !== null) tables.saveDelivery({ ...row, state: "delivered", error: null });
      }),
  },
  calendar: {
    job: { signing: "calendar" },
    happen: () => {},
    mend: (host) =>
      host.journal.write((tables) => {
        const windows = Array.from({ length: 60 * 24 }, (_, index) => {
          const firesAt = NOON + (index + 1) * HOUR;
          return { firesAt, validFrom: firesAt, expireAfter: firesAt + 1, signatures: ["s"] };
        });
        const calendar = { job: "nightly", sequence: 1, hash: "h", template: "t", minSigners: 1 };
        const more = { action: "{}", signers: ["ann"], requestedAt: host.now(), windows };
        tables.insertCalendar({ ...calendar, ...more }, host.now());
      }),
  },
  api: { happen: (host) => host.setDown(host.now() - DAY), mend: (host) => host.setDown(null) },
  cluster: {
    happen: (host) =>
      host.setAmong([
        {
          event: "cluster",
          job: "",
          subject: "beta",
          runId: null,
          since: host.now(),
          count: 1,
          message: "host beta is not heard of any more",
          hint: "start it again",
        },
      ]),
    mend: (host) => host.setAmong([]),
  },
};

describe("each kind of alarm", () => {
  test.each(ALARM_EVENTS)(
    "%s is told once when it comes, and once when it is over",
    async (event) => {
      const { job = {}, happen, mend } = KINDS[event];
      const host = openHost(job);
      await host.ran("done", null);
      if (event !== "calendar") await host.look();
      expect(host.told).toEqual([]);
      await happen(host);
      for (let look = 0; look < 3; look++) await host.look();
      expect(host.told).toEqual([event]);
      await mend(host);
      for (let look = 0; look < 3; look++) await host.look();
      expect(host.told).toEqual([event, `recovered ${event}`]);
      expect(host.journal.openAlarms()).toEqual([]);
    },
  );

  test("has its row in the runbook, with what to do", () => {
    const text = readFileSync(resolve(import.meta.dirname, "../../docs/operations.md"), "utf8");
    const rows = text.split("\n").flatMap((line) => {
      const [, event = "", means = "", todo = ""] =
        /^\| `(\w+)` \| (.+) \| (.+) \|$/.exec(line) ?? [];
      return means === "" || todo === "" ? [] : [event];
    });
    expect(rows).toEqual(expect.arrayContaining([...ALARM_EVENTS]));
  });
});
