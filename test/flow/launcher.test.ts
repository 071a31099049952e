import { describe, expect, test } from "bun:test";
import { endOverdue } from "../../src/flow/deadline.ts";
import { DAEMON_LATENESS } from "../../src/flow/launch.ts";
import { Launcher } from "../../src/flow/launcher.ts";
import { Timetable } from "../../src/flow/timetable.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { settle } from "../support/clock.ts";
import { entity, NOON, openWorld, type World } from "../support/world.ts";

const HOUR = 3_600_000;

/** A launcher over one job, which a test ticks; the ids of the runs that it has planned. */
async function launcherOf(world: World, job: Partial<Entity> = {}) {
  const { edges, spool } = world;
  let mtimeMs = 1;
  spool.scan = () => {
    const files = [{ name: "entity.cfg", mtimeMs, size: 1, inode: 1 }];
    return Promise.resolve([{ job: "nightly", path: "/runner/runners/nightly", files }] as never);
  };
  const catalog = new Catalog(() => Promise.resolve(entity(job)));
  const timetable = new Timetable(edges, catalog, {
    checkDirectoryMs: HOUR,
    isScheduled: true,
    once: false,
    loaded() {},
  });
  await timetable.scan();
  const planned: number[] = [];
  const launcher = new Launcher(edges, catalog, timetable, {
    lateness: DAEMON_LATENESS,
    isMine: () => true,
    planned: (rows) => void planned.push(...rows.map(({ runId }) => runId)),
    changed() {},
    rested: (work) => work(),
  });
  const tick = async (): Promise<void> => {
    launcher.tick(world.clock.now());
    await settle();
    await settle();
  };
  /** Somebody edits the job, and the spool is scanned. */
  const edit = async (): Promise<void> => {
    mtimeMs++;
    await timetable.scan();
  };
  return { launcher, planned, tick, edit };
}

/** The template of a job, as JSON. */
function templateOf(): string {
  const { template } = entity({});
  if (template.kind !== "inline") throw new Error("the template is a file");
  return template.json;
}

describe("Launcher", () => {
  test("plans a job at its fire time, once", async () => {
    const world = openWorld();
    const { planned, tick } = await launcherOf(world);
    await tick();
    expect(planned).toEqual([]);
    await world.clock.moveTo(NOON + HOUR);
    await tick();
    await tick();
    expect(planned).toEqual([1]);
  });

  test("looks again at a job that was edited, and is due, while it is being launched", async () => {
    const world = openWorld();
    const { planned, tick, edit } = await launcherOf(world);
    const { promise: signature, resolve: sign } = Promise.withResolvers<string>();
    world.edges.signer.sign = () => signature;
    await world.clock.moveTo(NOON + HOUR);
    await tick();
    await edit();
    await tick();
    expect(planned).toEqual([]);
    sign("signed at last");
    await world.clock.moveBy(1_000);
    await tick();
    expect(planned).toEqual([1]);
    await world.clock.moveTo(NOON + 2 * HOUR);
    await tick();
    expect(planned).toEqual([1, 2]);
  });

  test("counts a fire time that could not be planned, and no other", async () => {
    const world = openWorld();
    const broken = { template: { kind: "inline", json: "{" } } as const;
    const { launcher, planned, tick } = await launcherOf(world, broken);
    await tick();
    expect(launcher.failures).toBe(0);
    await world.clock.moveTo(NOON + HOUR);
    await tick();
    expect(planned).toEqual([]);
    expect(launcher.failures).toBe(1);
    expect(world.journal.runs("nightly", 1)).toMatchObject([{ state: "failed" }]);
  });

  test("says of a template with a signature that it is dropped", async () => {
    const world = openWorld();
    const signed = { ...JSON.parse(templateOf()), pgpsignatures: ["of another time"] };
    const json = JSON.stringify(signed);
    const { planned, tick } = await launcherOf(world, { template: { kind: "inline", json } });
    await world.clock.moveTo(NOON + HOUR);
    await tick();
    expect(planned).toEqual([1]);
    const text = "nightly: action.json holds a signature that can never hold: dropped";
    expect(world.lines.filter((line) => line.includes("signature"))).toEqual([`warning ${text}`]);
  });

  test("lets a queued run wait for the one before it, and a request of an operator not", async () => {
    const world = openWorld();
    const { planned, tick } = await launcherOf(world, { schedule: null, overlap: "queue" });
    const ids = await world.journal.write((tables) => {
      const add = (cause: "schedule" | "manual", state: "open" | "requested", ms: number) =>
        tables.insertRun({ job: "nightly", firesAt: NOON + ms, cause }, state, NOON)?.id ?? 0;
      return [add("schedule", "open", 1), add("schedule", "requested", 2)];
    });
    await tick();
    expect(planned).toEqual([]);
    const asked = await world.journal.write((tables) => {
      const run = { job: "nightly", firesAt: NOON + 3, cause: "manual" } as const;
      return tables.insertRun(run, "requested", NOON)?.id ?? 0;
    });
    await tick();
    expect(planned).toEqual([asked]);
    await world.journal.write((tables) => {
      for (const id of [ids[0] ?? 0, asked]) {
        const run = tables.run(id);
        if (run !== null) tables.saveRun({ ...run, state: "done", endedAt: NOON });
      }
    });
    await tick();
    expect(planned).toEqual([asked, ids[1] ?? 0]);
  });

  describe("a run that is asked for at a time", () => {
    /** Asked for at noon. */
    const askFor = (world: World, notBefore: number) =>
      world.journal.write((tables) => {
        const run = { job: "nightly", firesAt: notBefore + 1, cause: "manual", notBefore } as const;
        return tables.insertRun(run, "requested", NOON)?.id ?? 0;
      });

    test("starts at that time, not before, also after a restart", async () => {
      const world = openWorld();
      const id = await askFor(world, NOON + 2 * HOUR);
      expect(world.journal.nextAt(NOON)).toBe(NOON + 2 * HOUR);
      const before = await launcherOf(world, { schedule: null });
      await before.tick();
      await world.clock.moveTo(NOON + 2 * HOUR - 1);
      await before.tick();
      const after = await launcherOf(world, { schedule: null });
      await after.tick();
      expect([before.planned, after.planned]).toEqual([[], []]);
      await world.clock.moveTo(NOON + 2 * HOUR);
      await after.tick();
      await after.tick();
      expect(after.planned).toEqual([id]);
      expect(world.journal.run(id)).toMatchObject({ state: "open", begunAt: NOON + 2 * HOUR });
    });

    test("starts once when the clock jumps over it and back, and tells that it is late", async () => {
      const world = openWorld();
      const id = await askFor(world, NOON + HOUR);
      const { planned, tick } = await launcherOf(world, { schedule: null });
      await world.clock.moveTo(NOON + 5 * HOUR);
      await tick();
      await world.clock.moveTo(NOON);
      await tick();
      await world.clock.moveTo(NOON + HOUR);
      await tick();
      expect(planned).toEqual([id]);
      expect(world.lines).toContain(
        `warning nightly: run ${id} starts 4h later than it was asked to`,
      );
    });

    test("holds up neither the schedule nor what is asked for now", async () => {
      const world = openWorld();
      const id = await askFor(world, NOON + 9 * HOUR);
      const { planned, tick } = await launcherOf(world, { overlap: "queue" });
      await world.clock.moveTo(NOON + HOUR);
      await tick();
      const now = await world.journal.write((tables) => {
        const run = { job: "nightly", firesAt: NOON + HOUR + 1, cause: "manual" } as const;
        return tables.insertRun(run, "requested", NOON)?.id ?? 0;
      });
      await tick();
      expect(planned).toEqual([id + 1, now]);
    });

    test("fails when its job is not there for an hour", async () => {
      const world = openWorld();
      const { tick } = await launcherOf(world, { schedule: null });
      const run = { job: "gone", firesAt: NOON + 1, cause: "manual", notBefore: NOON } as const;
      await world.journal.write((tables) => tables.insertRun(run, "requested", NOON));
      await tick();
      await tick();
      const note = "its job is missing or broken";
      expect(world.journal.run(1)).toMatchObject({ state: "requested", note });
      expect(world.lines.filter((line) => line.includes("cannot start"))).toHaveLength(1);
      await world.clock.moveTo(NOON + HOUR);
      await endOverdue(world.edges);
      expect(world.journal.run(1)).toMatchObject({
        state: "failed",
        note: `it did not begin in time: ${note}`,
      });
    });
  });
});
