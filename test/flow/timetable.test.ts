import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import type { Edges } from "../../src/flow/edges.ts";
import { Timetable } from "../../src/flow/timetable.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { settle } from "../support/clock.ts";
import { entity, fillDisk, NOON, openWorld } from "../support/world.ts";

const HOUR = 3_600_000;

function directory(job: string) {
  return { job, path: `/runner/runners/${job}`, files: [] };
}

describe("Timetable", () => {
  test("tells of a slow job that is loaded while the others are still being taken", async () => {
    const { clock, spool, edges: base } = openWorld();
    spool.scan = () => Promise.resolve([directory("quick"), directory("slow")] as never);
    const slow = Promise.withResolvers<Entity>();
    const catalog = new Catalog(async ({ job }) =>
      job === "slow" ? await slow.promise : entity({ job, plugins: ["mail"] }),
    );
    const check = async (): Promise<null> => {
      slow.resolve(entity({ job: "slow" }));
      await settle();
      return null;
    };
    const edges: Edges = { ...base, plugins: { ...base.plugins, check } };
    let told = 0;
    const timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded: () => void told++,
    });
    const scanned = timetable.scan();
    await clock.moveBy(2_000);
    await scanned;
    await settle();
    expect(catalog.entity("slow")).toBeNull();
    expect(catalog.loading).toBeNull();
    expect(told).toBe(1);
  });

  test("counts what goes wrong, for the exit status of a pass, and tells it", async () => {
    const world = openWorld();
    const { edges, spool, lines } = world;
    const broken = new RunnerError("ENTITY", "it is broken");
    const load = ({ job }: { readonly job: string }) =>
      job === "broken" ? Promise.reject(broken) : Promise.resolve(entity({ job }));
    const timetable = new Timetable(edges, new Catalog(load), {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    spool.scan = () => Promise.reject(new RunnerError("SPOOL", "Cannot read runners/"));
    await timetable.refresh(NOON);
    expect([timetable.failures, lines]).toEqual([1, ["err Cannot read runners/"]]);
    spool.scan = () => Promise.resolve([directory("broken")] as never);
    await timetable.scan();
    expect([timetable.failures, lines.at(-1)]).toEqual([2, "err broken: it is broken"]);
    // The first cursor of a job cannot be remembered.
    const makeRoom = fillDisk(world);
    spool.scan = () => Promise.resolve(["broken", "nightly"].map(directory) as never);
    await timetable.scan();
    makeRoom();
    expect(timetable.failures).toBe(3);
    expect(lines).toContain("err Cannot use the journal: the disk is full");
  });

  test("says of a schedule that has no day that the job will never run", async () => {
    const { edges, spool, lines } = openWorld();
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const schedule = parseSchedule("0 0 30 2 *", { timezone: "UTC" });
    const timetable = new Timetable(
      edges,
      new Catalog(() => Promise.resolve(entity({ schedule }))),
      {
        checkDirectoryMs: HOUR,
        isScheduled: true,
        once: false,
        loaded() {},
      },
    );
    await timetable.scan();
    expect(lines).toContain(
      'warning nightly: will never run: "0 0 30 2 *" has no future fire time',
    );
  });

  test.each([
    [{ until: NOON }, "warning nightly: its schedule has ended, at 2026-11-23T12:00:00.000Z", null],
    [
      { from: NOON + 5 * HOUR + 1 },
      "info nightly: will run at 2026-11-23 18:00:00 +0000 UTC (in 6h0m0s)",
      NOON + 6 * HOUR,
    ],
  ])("looks at a job with %j when its schedule says", async (bounds, line, at) => {
    const { edges, spool, lines } = openWorld();
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const schedule = parseSchedule("0 * * * *", { timezone: "UTC", ...bounds });
    const catalog = new Catalog(() => Promise.resolve(entity({ schedule })));
    const timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    await timetable.scan();
    expect(lines).toContain(line);
    expect(timetable.fireAt("nightly")).toBe(at);
  });

  describe("of a job that is being written", () => {
    /** A timetable over one job, which a test breaks and removes. */
    async function watched() {
      const world = openWorld();
      const state: { error: Error | null; isThere: boolean; marks: number; scans: number } = {
        error: null,
        isThere: true,
        marks: 1,
        scans: 0,
      };
      world.spool.scan = () => {
        state.scans++;
        const files = [{ name: "entity.cfg", mtimeMs: state.marks, size: 1, inode: 1 }];
        const jobs = state.isThere ? [{ ...directory("nightly"), files }] : [];
        return Promise.resolve(jobs as never);
      };
      const load = () =>
        state.error === null ? Promise.resolve(entity()) : Promise.reject(state.error);
      const catalog = new Catalog(load);
      const timetable = new Timetable(world.edges, catalog, {
        checkDirectoryMs: HOUR,
        isScheduled: true,
        once: false,
        loaded() {},
      });
      await timetable.scan();
      const refresh = async (afterMs: number): Promise<void> => {
        await world.clock.moveBy(afterMs);
        await timetable.refresh(world.clock.now());
      };
      return { state, timetable, refresh, ...world };
    }

    test("looks again soon, and as rarely as ever when that is over", async () => {
      const { state, timetable, refresh, clock } = await watched();
      [state.error, state.marks] = [new RunnerError("ENTITY", "it is broken"), 2];
      timetable.rescan();
      await refresh(0);
      expect(timetable.nextAt()).toBe(clock.now() + 2_000);
      [state.error, state.marks] = [null, 3];
      await refresh(2_000);
      expect(timetable.nextAt()).toBeLessThanOrEqual(clock.now() + HOUR);
      for (let turn = 0; turn < 10; turn++) await refresh(2_000);
      const { scans } = state;
      await refresh(2_000);
      expect(state.scans).toBe(scans);
    });

    test("looks again soon as long as the disk does not give it", async () => {
      const { state, timetable, refresh, clock } = await watched();
      const cause = Object.assign(new Error("too many open files"), { code: "EMFILE" });
      state.error = new RunnerError("SPOOL", "Cannot read file", {}, { cause });
      state.marks = 2;
      timetable.rescan();
      await refresh(0);
      for (let turn = 0; turn < 20; turn++) await refresh(2_000);
      expect(timetable.nextAt()).toBe(clock.now() + 2_000);
      state.error = null;
      await refresh(2_000);
      expect(timetable.nextAt()).toBe(NOON + HOUR);
    });

    test("is not due any more once it is gone, or broken", async () => {
      for (const does of ["remove", "break"] as const) {
        const { state, timetable, refresh, clock } = await watched();
        if (does === "remove") state.isThere = false;
        else [state.error, state.marks] = [new RunnerError("ENTITY", "it is broken"), 2];
        timetable.rescan();
        await refresh(0);
        await clock.moveTo(NOON + HOUR);
        expect(timetable.takeDue(clock.now())).toEqual([]);
      }
    });

    test("loses no fire time while its folder is replaced", async () => {
      const { state, timetable, refresh, clock, journal } = await watched();
      await clock.moveTo(NOON + HOUR - 1_000);
      state.isThere = false;
      timetable.rescan();
      await refresh(0);
      expect(journal.cursor("nightly")).toBeNull();
      state.isThere = true;
      timetable.rescan();
      await refresh(5_000);
      expect(journal.cursor("nightly")?.decidedAt).toBe(NOON);
      expect(timetable.takeDue(clock.now())).toEqual(["nightly"]);
    });
  });

  test("looks at every job at once when the clock was set back, also before a retry", async () => {
    const { clock, edges, spool } = openWorld();
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const catalog = new Catalog(() => Promise.resolve(entity()));
    const timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    await timetable.scan();
    const takeAt = (now: number) => {
      clock.jumpTo(now);
      return timetable.takeDue(now);
    };
    expect(takeAt(NOON)).toEqual([]);
    expect(takeAt(NOON - 2 * HOUR)).toEqual(["nightly"]);
    timetable.again("nightly", 5_000);
    expect(takeAt(NOON)).toEqual(["nightly"]);
    timetable.again("nightly", 5_000);
    expect(takeAt(NOON - 2 * HOUR)).toEqual(["nightly"]);
    expect(takeAt(NOON - 2 * HOUR)).toEqual([]);
  });

  test("also when jobs were loaded by it, and none was looked at yet", async () => {
    const { clock, edges, spool } = openWorld();
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const catalog = new Catalog(() => Promise.resolve(entity()));
    const timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    await timetable.scan();
    clock.jumpTo(NOON - 3 * HOUR);
    expect(timetable.takeDue(clock.now())).toEqual(["nightly"]);
  });

  test("does not take a scan that takes its time for a clock that was set back", async () => {
    const { clock, edges, spool } = openWorld();
    spool.scan = () => {
      clock.jumpTo(NOON + 5_000);
      return Promise.resolve([directory("nightly")] as never);
    };
    const catalog = new Catalog(() => Promise.resolve(entity()));
    const timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    await timetable.refresh(NOON);
    expect(timetable.takeDue(NOON)).toEqual([]);
  });

  describe("for a pass", () => {
    /** What is due of a job that fires each hour, with a cursor that is decided up to then. */
    async function dueAfter(decidedAt: number | null, schedule = "0 * * * * UTC") {
      const { edges, journal, spool } = openWorld();
      spool.scan = () => Promise.resolve([directory("nightly")] as never);
      if (decidedAt !== null) {
        await journal.write((tables) => tables.setCursor("nightly", { decidedAt, schedule }));
      }
      const catalog = new Catalog(() => Promise.resolve(entity()));
      const timetable = new Timetable(edges, catalog, {
        checkDirectoryMs: HOUR,
        isScheduled: true,
        once: true,
        loaded() {},
      });
      await timetable.scan();
      return timetable.takeDue(NOON);
    }

    test("finds a job due that has a fire time to decide, and no other", async () => {
      expect(await dueAfter(NOON - 1)).toEqual(["nightly"]);
      expect(await dueAfter(NOON)).toEqual([]);
    });

    test("leaves to the launch what only it can judge", async () => {
      expect(await dueAfter(null)).toEqual(["nightly"]);
      expect(await dueAfter(NOON, "* * * * * UTC")).toEqual(["nightly"]);
      expect(await dueAfter(NOON + 48 * HOUR)).toEqual(["nightly"]);
    });
  });
});

describe("a job that waits for the end of a hold", () => {
  test("is due then, and at once when what holds it may be another", async () => {
    const world = openWorld();
    world.spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const job = entity();
    const catalog = new Catalog(async () => job);
    const timetable = new Timetable(world.edges, catalog, {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded: () => {},
    });
    await timetable.scan();
    const known = catalog.entity("nightly") ?? job;
    timetable.launched(known, NOON + 1.5 * HOUR);
    expect(timetable.fireAt("nightly")).toBe(NOON + HOUR);
    timetable.launched(known, NOON + HOUR / 2);
    expect(timetable.fireAt("nightly")).toBe(NOON + HOUR / 2);
    timetable.decideWaiting();
    expect(timetable.takeDue(NOON)).toEqual(["nightly"]);
    timetable.launched(known, null);
    timetable.decideWaiting();
    expect(timetable.takeDue(NOON)).toEqual([]);
  });
});

describe("a job of a cluster that is not seen any more", () => {
  /** Scans twice; the second scan sees the job only when it is looked at once more, if at all. */
  async function cursorAfter(seen: { readonly again: boolean; readonly isOurs: boolean }) {
    const { edges: base, journal, lines, spool } = openWorld();
    const lease = { unbroken: () => () => seen.isOurs, heldSince: () => NOON };
    const edges: Edges = { ...base, lease };
    let scans = 0;
    spool.scan = () => {
      scans++;
      const isSeen = scans === 1 || (scans === 3 && seen.again);
      return Promise.resolve((isSeen ? [directory("nightly")] : []) as never);
    };
    edges.spool.elsewhere = () => new Set(scans > 1 && !seen.isOurs ? ["nightly"] : []);
    await journal.write((tables) => {
      tables.setCursor("nightly", { decidedAt: NOON - HOUR, schedule: "0 * * * * UTC" });
    });
    const timetable = new Timetable(edges, new Catalog(() => Promise.resolve(entity())), {
      checkDirectoryMs: HOUR,
      isScheduled: true,
      once: false,
      loaded() {},
    });
    await timetable.scan();
    await timetable.scan();
    expect(timetable.takeDue(NOON + 2 * HOUR)).toEqual([]);
    return { cursor: journal.cursor("nightly"), scans, said: lines };
  }

  test("keeps its cursor where another host had it for a moment (I2)", async () => {
    const { cursor } = await cursorAfter({ again: true, isOurs: true });
    expect(cursor?.decidedAt).toBe(NOON - HOUR);
  });

  test("keeps its cursor where another host has it, and looks no further", async () => {
    const { cursor, scans, said } = await cursorAfter({ again: false, isOurs: false });
    expect(said[0]).toBe("info added entity nightly");
    expect(said.at(-1)).toBe("info cluster: this host has job nightly no longer");
    expect(cursor?.decidedAt).toBe(NOON - HOUR);
    expect(scans).toBe(2);
  });

  test("has no cursor any more where its folder is gone", async () => {
    const { cursor, said } = await cursorAfter({ again: false, isOurs: true });
    expect(cursor).toBeNull();
    expect(said).toContain("info removed entity nightly");
  });
});
