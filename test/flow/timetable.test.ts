import { describe, expect, test } from "bun:test";
import type { Edges } from "../../src/flow/edges.ts";
import { Timetable } from "../../src/flow/timetable.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { settle } from "../support/clock.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

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
      ...{ checkDirectoryMs: HOUR, isScheduled: true, once: false },
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

  test("looks at every job at once when the clock was set back, also before a retry", async () => {
    const { clock, edges, spool } = openWorld();
    spool.scan = () => Promise.resolve([directory("nightly")] as never);
    const catalog = new Catalog(() => Promise.resolve(entity()));
    const timetable = new Timetable(edges, catalog, {
      ...{ checkDirectoryMs: HOUR, isScheduled: true, once: false, loaded() {} },
    });
    await timetable.scan();
    const now = clock.now();
    expect(timetable.takeDue(now)).toEqual([]);
    expect(timetable.takeDue(now - 2 * HOUR)).toEqual(["nightly"]);
    timetable.again("nightly", 5_000);
    expect(timetable.takeDue(now)).toEqual([]);
    expect(timetable.takeDue(now - 2 * HOUR)).toEqual(["nightly"]);
    expect(timetable.takeDue(now - 2 * HOUR)).toEqual([]);
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
        ...{ checkDirectoryMs: HOUR, isScheduled: true, once: true, loaded() {} },
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
