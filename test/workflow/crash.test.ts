import { describe, expect, test } from "bun:test";
import type { JobBody } from "../../src/sdk/job.ts";
import { Crash, Stage } from "../support/stage.ts";

interface Counts {
  /** How often each step's function was called. */
  readonly calls: Map<string, number>;
  /** What the body saw, each time that it came to its end. */
  readonly ends: string[];
}

/** Everything that a workflow can do, with choices that depend on time, chance and order. */
function everything({ calls, ends }: Counts): JobBody {
  return async (run) => {
    const call = (name: string) => () => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return { name, calls: 1 };
    };
    const begun = run.now();
    const base = await run.collect("base");
    await run.deliver(base);
    const dice = run.random();
    const { slow, quick } = await run.parallel({
      slow: async () => {
        await run.sleep("wait", "90s");
        return await run.step("work", call("slow/work"));
      },
      quick: async () => {
        const bad = base.agents.filter(({ found }) => found);
        const deep = await run.collect("deep", { target: bad, expiry: "1m" });
        await run.step("work", { retry: 2 }, call("quick/work"));
        return deep;
      },
    });
    const first = await Promise.race([
      run.sleep("short", "5s").then(() => "short"),
      run.sleep("long", "2m").then(() => "long"),
    ]);
    const sent = await run.dispatch("goodbye", { target: "status='idle'" });
    await run.deliver("slack", quick);
    if (run.now() < begun) throw new Error("time went back");
    ends.push(JSON.stringify([dice, slow, quick.agents, first, sent.actionIds.length]));
  };
}

async function playOnce(onWrite?: (when: "before" | "after", count: number) => void) {
  const counts: Counts = { calls: new Map(), ends: [] };
  const stage = new Stage({
    body: everything(counts),
    entity: { plugins: ["mozdef"] },
    ...(onWrite === undefined ? {} : { onWrite }),
  });
  await stage.boot();
  await stage.request();
  await stage.finish();
  if (!stage.isAlive) await stage.boot();
  await stage.move(60_000);
  return { stage, counts };
}

describe("A crash at any write of the journal", () => {
  test("posts no action twice and runs no saved step again (I3)", async () => {
    const calm = await playOnce();
    expect(calm.stage.run()).toMatchObject({ state: "done" });
    expect(calm.counts.ends.length).toBe(1);
    const names = calm.stage.names.toSorted();
    const { writes } = calm.stage;
    await calm.stage.stop();
    expect(writes).toBeGreaterThan(20);
    const misses: string[] = [];
    for (let count = 1; count <= writes; count++) {
      for (const when of ["before", "after"] as const) {
        let done = false;
        const { stage, counts } = await playOnce((moment, at) => {
          if (done || moment !== when || at !== count) return;
          done = true;
          throw new Crash();
        });
        const where = `crash ${when} write ${count} of ${writes}`;
        const run = stage.run();
        if (run.state !== "done") misses.push(`${where}: ${run.state}: ${run.note}`);
        if (stage.names.toSorted().join() !== names.join()) misses.push(`${where}: ${stage.names}`);
        // The step in flight at the crash may run again: it was not saved.
        for (const [name, calls] of counts.calls) {
          if (calls > 2) misses.push(`${where}: ${name} ran ${calls} times`);
        }
        const others = counts.ends.filter((end) => end !== calm.counts.ends[0]);
        if (others.length > 0) misses.push(`${where}: it came to ${others}`);
        const ran = [...counts.calls.values()].reduce((sum, calls) => sum + calls, 0);
        if (ran > 3) misses.push(`${where}: ${ran} calls`);
        const delivered = new Set(stage.deliveries.map(({ key }) => key)).size;
        if (delivered !== 2) misses.push(`${where}: ${delivered} deliveries`);
        await stage.stop();
      }
    }
    expect(misses).toEqual([]);
  });

  test("puts the results of a split collect together once", async () => {
    const agents = Array.from({ length: 300 }, (_, index) => ({
      id: 10 ** 14 + index,
      name: `host${index}`,
    }));
    const seen: number[] = [];
    const play = async (onWrite?: (when: "before" | "after", count: number) => void) => {
      const stage = new Stage({
        body: async (run) => {
          const all = await run.collect("all", { target: agents });
          await run.sleep("nap", "1m");
          seen.push(all.agents.length);
          await run.deliver("slack", all);
        },
        fleet: agents,
        ...(onWrite === undefined ? {} : { onWrite }),
      });
      await stage.play();
      if (!stage.isAlive) await stage.boot();
      await stage.move(60_000);
      const [first = 0, , last] = stage.actions.map(({ id }) => id);
      const path = `/runner/runners/nightly/results/20261123/${first}-${last}.json`;
      const { commands } = JSON.parse(stage.spool.results.get(path) ?? "{}");
      const ids = new Set(commands.map(({ id }: { id: number }) => id));
      expect([stage.run().state, stage.actions.length]).toEqual(["done", 3]);
      expect([commands.length, ids.size]).toEqual([300, 300]);
      expect(new Set(stage.deliveries.map(({ actionId }) => actionId))).toEqual(new Set([first]));
      await stage.stop();
      return stage.writes;
    };
    const writes = await play();
    for (let count = 1; count <= writes; count++) {
      for (const when of ["before", "after"] as const) {
        let done = false;
        await play((moment, at) => {
          if (done || moment !== when || at !== count) return;
          done = true;
          throw new Crash();
        });
      }
    }
    expect(new Set(seen)).toEqual(new Set([300]));
  });
});
