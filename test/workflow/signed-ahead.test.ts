import { describe, expect, test } from "bun:test";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { newCalendar } from "../../src/journal/windows.ts";
import type { JobBody } from "../../src/sdk/job.ts";
import { requested, signedBy } from "../support/calendars.ts";
import { Crash, Stage } from "../support/stage.ts";
import { NOON } from "../support/world.ts";

const HOUR = 3_600_000;
const schedule = parseSchedule("30 * * * *", { timezone: "UTC" });
const request = { job: "nightly", schedule, expiryMs: 300_000, now: NOON, until: NOON + 2 * HOUR };
const signed = signedBy(requested(request), ["ann", "bob"], NOON);

/** A host without a key, on which the workflow of a job that is signed ahead fires once. */
async function fire(body: JobBody): Promise<Stage> {
  const stage = new Stage({ body, entity: { schedule, signing: "calendar", minSigners: 2 } });
  stage.sign = () => Promise.reject(new Error("there is no key here"));
  const row = newCalendar(await signed);
  await stage.journal.write((tables) => tables.insertCalendar(row, NOON));
  await stage.boot();
  await stage.move(HOUR / 2 + 60_000);
  await stage.finish();
  return stage;
}

describe("a workflow that is signed ahead", () => {
  test("posts its own action from its window, and goes on with what agents answer", async () => {
    const found: string[] = [];
    const stage = await fire(async (run) => {
      const base = await run.collect("base");
      found.push(...base.agents.flatMap(({ name, found }) => (found ? [name] : [])));
      await run.step("after", () => 1);
    });
    const [window] = (await signed).windows;
    expect([stage.run().state, stage.run().note]).toEqual(["done", null]);
    expect(stage.actions.map(({ signature }) => signature)).toEqual([window?.signatures[0] ?? ""]);
    expect(stage.names).toEqual(["mig-runner: nightly"]);
    expect(found).toEqual(["web2.example.net"]);
    await stage.stop();
  });

  test("fails at a step that needs a live key, and says what to do", async () => {
    const operations = [{ module: "memory", parameters: {} }];
    for (const change of [{ target: "name='a'" }, { operations }, { expiry: "1m" } as const]) {
      const stage = await fire(async (run) => void (await run.collect("deep", change)));
      expect(stage.run().state).toBe("failed");
      expect(stage.run().note).toMatch(
        /^Cannot dispatch "deep": it needs a live key, and the job is signed ahead.*make the step a job of its own/,
      );
      expect(stage.actions).toEqual([]);
      await stage.stop();
    }
  });

  test("posts the action of its window once", async () => {
    const stage = await fire(async (run) => {
      await run.dispatch("one");
      await run.dispatch("two");
    });
    expect(stage.run().note).toMatch(
      /^Cannot dispatch "two": the run has posted the action of its window already/,
    );
    expect(stage.actions.length).toBe(1);
    await stage.stop();
  });

  test("misses a fire time without a window, and begins no run", async () => {
    const stage = await fire(async (run) => void (await run.collect("base")));
    await stage.move(3 * HOUR);
    const missed = stage.journal
      .missed("nightly", 9)
      .map(({ firstAt, reason }) => [firstAt, reason]);
    expect(missed).toEqual([
      [NOON + 3.5 * HOUR, "the calendar has no window"],
      [NOON + 2.5 * HOUR, "the calendar has no window"],
    ]);
    expect(stage.journal.runs("nightly", 9).length).toBe(2);
    await stage.stop();
  });
});

/** A plain job that fires twice, with the process gone at one write of the journal. */
async function fireTwice(
  crashAt: ((when: string, count: number) => boolean) | null,
  options: { postAheadMs?: number; refuse?: (stage: Stage) => string | null } = {},
) {
  const { postAheadMs = 0, refuse } = options;
  const own = { workflow: false, schedule, plugins: ["mail"], retries: 100, postAheadMs };
  const stage: Stage = new Stage({
    body: async () => {},
    entity: { ...own, signing: "calendar", minSigners: 2 },
    refuse: () => refuse?.(stage) ?? null,
    onWrite: (when, count) => {
      if (crashAt?.(when, count) === true) throw new Crash("gone");
    },
  });
  stage.sign = () => Promise.reject(new Error("there is no key here"));
  const row = newCalendar(await signed);
  await stage.journal.write((tables) => tables.insertCalendar(row, NOON));
  await stage.boot();
  for (let minute = 0; minute < 110; minute += 2) {
    if (!stage.isAlive) await stage.boot();
    await stage.move(120_000);
  }
  return stage;
}

describe("A crash at any write of a job that is signed ahead", () => {
  test("posts each window once, with its own bytes (I1, I2, I3)", async () => {
    const wanted = (await signed).windows.map(({ signatures }) => signatures[0] ?? "");
    const calm = await fireTwice(null);
    expect(calm.actions.map(({ signature }) => signature)).toEqual(wanted);
    const { writes } = calm;
    await calm.stop();
    expect(writes).toBeGreaterThan(10);
    for (let count = 1; count <= writes; count++) {
      for (const when of ["before", "after"]) {
        // Every other one posts ahead, whose cursor is in the future when it is started again.
        const postAheadMs = count % 2 === 0 ? 10 * 60_000 : 0;
        const isThen = (at: string, number: number): boolean => at === when && number === count;
        const stage = await fireTwice(isThen, { postAheadMs });
        const posted = stage.actions.map(({ signature }) => signature);
        expect([when, count, posted]).toEqual([when, count, wanted]);
        expect(stage.deliveries.length).toBeGreaterThanOrEqual(2);
        expect(stage.journal.missed("nightly", 9)).toEqual([]);
        await stage.stop();
      }
    }
  });
});

describe("An API that is down over a window", () => {
  /** Down from 20 past to 40 past twelve: the first window is from 12:28 to 12:35. */
  const down = ({ clock }: Stage): string | null => {
    const minutes = (clock.now() - NOON) / 60_000;
    return minutes >= 25 && minutes < 40 ? "the API is down" : null;
  };

  test("costs that window, which is a failure that says so, and no other", async () => {
    const [, second] = (await signed).windows;
    const stage = await fireTwice(null, { refuse: down });
    expect(stage.actions.map(({ signature }) => signature)).toEqual([second?.signatures[0] ?? ""]);
    const [, first] = stage.journal.runs("nightly", 9);
    expect(first?.state).toBe("failed");
    expect(first?.note).toMatch(/the API is down; the action has expired unposted$/);
    await stage.stop();
  });

  test("costs nothing when the action was posted ahead", async () => {
    const wanted = (await signed).windows.map(({ signatures }) => signatures[0] ?? "");
    const stage = await fireTwice(null, { refuse: down, postAheadMs: 10 * 60_000 });
    expect(stage.actions.map(({ signature }) => signature)).toEqual(wanted);
    await stage.stop();
  });
});

test("a calendar that is replaced or withdrawn while the daemon runs is used from then on", async () => {
  const own = { workflow: false, schedule, signing: "calendar", minSigners: 2 } as const;
  const stage = new Stage({ body: async () => {}, entity: own });
  const first = newCalendar(await signed);
  await stage.journal.write((tables) => tables.insertCalendar(first, NOON));
  await stage.boot();
  await stage.move(HOUR);
  const before = { sequence: 1, hash: first.hash };
  const later = { ...request, now: NOON + HOUR, until: NOON + 5 * HOUR, before };
  const second = newCalendar(await signedBy(requested(later), ["bob", "ann"], NOON + HOUR));
  const row = await stage.journal.write((tables) => tables.insertCalendar(second, NOON + HOUR));
  await stage.move(HOUR);
  await stage.journal.write((tables) => tables.withdrawCalendar(row?.id ?? 0, stage.clock.now()));
  await stage.move(HOUR);
  expect(stage.actions.map(({ signature }) => signature)).toEqual([
    first.windows[0]?.signatures[0] ?? "",
    second.windows[0]?.signatures[0] ?? "",
  ]);
  expect(stage.journal.missed("nightly", 9)).toMatchObject([
    { firstAt: NOON + 2.5 * HOUR, reason: "the calendar has no window: none is installed" },
  ]);
  await stage.stop();
});
