import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { JobBody } from "../../src/sdk/job.ts";
import { openQuestions, type Reply, replyTo } from "../../src/workflow/answers.ts";
import { Crash, Stage } from "../support/stage.ts";

interface Counts {
  /** How often each step's function was called. */
  readonly calls: Map<string, number>;
  /** What the body saw, each time that it came to its end. */
  readonly ends: string[];
  /** How often each question took an answer. */
  readonly answers: Map<string, number>;
}

/** What people say, by the names of the questions; the schema refuses the first of the numbers. */
const SAYINGS: Readonly<Record<string, readonly Reply[]>> = {
  dig: [{ kind: "approval", approved: true }],
  "sizes/0/size": [
    { kind: "wait", json: '"seven"' },
    { kind: "wait", json: "7" },
  ],
};

/** People who answer what is asked, each time with the next word, and once more than they may. */
async function answer(stage: Stage, { answers }: Counts): Promise<void> {
  for (const { name, error } of openQuestions(stage.journal, 1)) {
    const reply = SAYINGS[name]?.[error === null ? 0 : 1];
    if (reply === undefined) continue;
    const order = { runId: 1, name, said: { by: "ann", why: null }, reply };
    const say = () => stage.journal.write((tables) => replyTo(tables, order, stage.clock.now()));
    await say();
    answers.set(name, (answers.get(name) ?? 0) + 1);
    await say().then(
      () => answers.set(`${name} again`, 1),
      () => undefined,
    );
    stage.poke();
    await stage.rest();
  }
}

/** Everything that a workflow can do, with choices that depend on time, chance and order. */
function everything({ calls, ends }: Counts): JobBody {
  return async (run) => {
    const call = (name: string) => () => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return { name, calls: 1 };
    };
    const begun = run.now();
    const known = (await run.state.get<number>("known")) ?? 0;
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
    const { approved, by } = await run.approval("dig", { show: quick.agents, timeout: "9h" });
    const late = await run.approval("late", { timeout: "20s" });
    const sizes = await run.map("sizes", [1, 2], async (item) => {
      if (item === 2) return await run.step("guess", call("2/guess"));
      return await run.waitFor("size", { schema: v.number(), timeout: "9h" });
    });
    await run.state.set("known", known + 1);
    const first = await Promise.race([
      run.sleep("short", "5s").then(() => "short"),
      run.sleep("long", "2m").then(() => "long"),
    ]);
    const sent = await run.dispatch("goodbye", { target: "status='idle'" });
    await run.deliver("slack", quick);
    if (run.now() < begun) throw new Error("time went back");
    const people = [approved, by, late.approved, sizes, known];
    ends.push(JSON.stringify([dice, slow, quick.agents, first, sent.actionIds.length, people]));
  };
}

async function playOnce(onWrite?: (when: "before" | "after", count: number) => void) {
  const counts: Counts = { calls: new Map(), ends: [], answers: new Map() };
  const stage = new Stage({
    body: everything(counts),
    entity: { plugins: ["mozdef"] },
    ...(onWrite === undefined ? {} : { onWrite }),
  });
  await stage.boot();
  await stage.request();
  for (let turn = 0; stage.run().state === "open" || stage.run().state === "requested"; turn++) {
    if (turn > 2_000) throw new Error(`it does not end: ${stage.lines.join("\n")}`);
    if (!stage.isAlive) await stage.boot();
    await answer(stage, counts);
    await stage.move(5_000);
  }
  if (!stage.isAlive) await stage.boot();
  await stage.move(60_000);
  return { stage, counts };
}

/** Before a write and after it in turn: after one is before the next, but for what is between. */
function sides(count: number): readonly ("before" | "after")[] {
  return process.env.CRASHES === "all"
    ? ["before", "after"]
    : [count % 2 === 0 ? "before" : "after"];
}

describe("A crash at any write of the journal", () => {
  test("posts no action twice and runs no saved step again (I3)", async () => {
    const calm = await playOnce();
    expect(calm.stage.run()).toMatchObject({ state: "done" });
    expect(new Set(calm.counts.ends).size).toBe(1);
    const answers = { dig: 1, "sizes/0/size": 2 };
    expect(Object.fromEntries(calm.counts.answers)).toEqual(answers);
    const names = calm.stage.names.toSorted();
    const { writes } = calm.stage;
    await calm.stage.stop();
    expect(writes).toBeGreaterThan(25);
    const misses: string[] = [];
    for (let count = 1; count <= writes; count++) {
      for (const when of sides(count)) {
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
        if (ran > 4) misses.push(`${where}: ${ran} calls`);
        const said = JSON.stringify(Object.fromEntries(counts.answers));
        if (said !== JSON.stringify(answers)) misses.push(`${where}: people said ${said}`);
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
      for (const when of sides(count)) {
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
