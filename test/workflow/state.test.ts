// State: what a job keeps for its next runs: set once, whole, and seen the same at each replay.
import { describe, expect, test } from "bun:test";
import type { JobBody } from "../../src/sdk/job.ts";
import { Crash, Stage } from "../support/stage.ts";

/** Counts its runs, and says what it saw. */
function counting(seen: unknown[]): JobBody {
  return async (run) => {
    const count = (await run.state.get<number>("count")) ?? 0;
    await run.state.set("count", count + 1);
    await run.sleep("nap", "5m");
    seen.push([count, await run.state.get("count")]);
  };
}

async function play(body: JobBody): Promise<Stage> {
  const stage = new Stage({ body });
  await stage.play();
  return stage;
}

function kept(stage: Stage): Record<string, unknown> {
  const rows = stage.journal.stateOf("nightly");
  return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
}

describe("run.state", () => {
  test("outlives the run that sets it, and is seen as it was when it was asked for", async () => {
    const seen: unknown[] = [];
    const stage = await play(counting(seen));
    await stage.request();
    await stage.finish(2);
    expect(stage.run(2)).toMatchObject({ state: "done", note: null });
    expect(seen).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(kept(stage)).toEqual({ count: 2 });
    expect(stage.journal.stateAt("nightly", "count")).toMatchObject({ runId: 2 });
    expect(stage.journal.stepsOf(2).map(({ name, kind, value }) => [name, kind, value])).toEqual([
      ["state.get count", "get", "1"],
      ["state.set count", "set", "2"],
      ["nap", "sleep", null],
      ["state.get count (2)", "get", "2"],
    ]);
    await stage.stop();
  });

  test("is set once, wherever the process dies", async () => {
    const calm = await play(counting([]));
    const { writes } = calm;
    await calm.stop();
    expect(writes).toBeGreaterThan(5);
    const misses: string[] = [];
    for (let count = 1; count <= writes; count++) {
      for (const when of ["before", "after"] as const) {
        let hasDied = false;
        const seen: unknown[] = [];
        const stage = new Stage({
          body: counting(seen),
          onWrite: (moment, at) => {
            if (hasDied || moment !== when || at !== count) return;
            hasDied = true;
            throw new Crash();
          },
        });
        await stage.boot();
        await stage.request();
        await stage.finish();
        const told = JSON.stringify([stage.run().state, kept(stage), new Set(seen.map(String))]);
        const wanted = JSON.stringify(["done", { count: 1 }, new Set(["0,1"])]);
        if (told !== wanted) misses.push(`${when} write ${count}: ${told}`);
        await stage.stop();
      }
    }
    expect(misses).toEqual([]);
  });

  test("is shared by the runs of a job, and by no other job", async () => {
    const others: unknown[] = [];
    const stage = new Stage({
      body: async (run) => await run.state.set("known", { hosts: ["web1"] }),
      others: { weekly: async (run) => void others.push(await run.state.get("known")) },
    });
    await stage.play();
    await stage.request("weekly");
    await stage.finish(2);
    expect(others).toEqual([null]);
    expect(kept(stage)).toEqual({ known: { hosts: ["web1"] } });
    await stage.stop();
  });

  test("is not set by a run that was given up in the meantime", async () => {
    const stage = new Stage({
      body: async (run) => {
        await run.sleep("nap", "1m");
        await run.state.set("count", 1);
      },
    });
    await stage.boot();
    await stage.request();
    const row = {
      runId: 1,
      name: "state.set count",
      kind: "set",
      digest: "",
      nextAt: null,
    } as const;
    const { recordEnd } = await import("../../src/workflow/record.ts");
    await stage.journal.write((tables) => {
      tables.saveRun({ ...stage.run(), state: "failed", note: "given up", endedAt: 1 });
      const outcome = () => {
        tables.setState({ job: "nightly", key: "count", value: "1", runId: 1, setAt: 1 });
        return { kind: "saved", value: null } as const;
      };
      expect(recordEnd(tables, { step: row, outcome }, 1)).toBeNull();
    });
    expect(kept(stage)).toEqual({});
    await stage.stop();
  });

  test("forgets a key that is set to null", async () => {
    const seen: unknown[] = [];
    const stage = await play(async (run) => {
      await run.state.set("a", 1);
      await run.state.set("b", [2]);
      await run.state.set("a", null);
      seen.push(await run.state.get("a"), await run.state.get("b"));
    });
    expect(stage.run()).toMatchObject({ state: "done" });
    expect([seen, kept(stage)]).toEqual([[null, [2]], { b: [2] }]);
    await stage.stop();
  });

  test("counts the calls of each branch by itself", async () => {
    const stage = await play(async (run) => {
      const branch = async () => {
        await run.state.set("x", 1);
        await run.state.set("x", 2);
      };
      await run.parallel({ left: branch, right: branch });
    });
    const names = stage.journal.stepsOf(1).map(({ name }) => name);
    expect(names.toSorted()).toEqual([
      "left/state.set x",
      "left/state.set x (2)",
      "right/state.set x",
      "right/state.set x (2)",
    ]);
    expect(stage.run()).toMatchObject({ state: "done" });
    await stage.stop();
  });

  test("pauses a run that would set something else when it is replayed", async () => {
    let runs = 0;
    const stage = await play(async (run) => {
      await run.state.set("x", runs++);
      await run.sleep("nap", "5m");
    });
    expect(stage.run()).toMatchObject({
      state: "paused",
      note: expect.stringContaining(
        'the saved step "state.set x" (set), the code asks for another',
      ),
    });
    await stage.stop();
  });
});

const WRONG: readonly (readonly [what: string, body: JobBody, error: string])[] = [
  [
    "a Date",
    async (run) => await run.state.set("x", { at: new Date(0) } as never),
    "at .at is a Date",
  ],
  [
    "nothing",
    async (run) => await run.state.set("x", undefined as never),
    "its value is undefined",
  ],
  [
    "a key of 101 characters",
    async (run) => await run.state.set("k".repeat(101), 1),
    "at most 100",
  ],
  ["no key", async (run) => await run.state.set("", 1), "a key is wanted"],
  ["a megabyte and more", async (run) => await run.state.set("x", "y".repeat(2 ** 20)), "1048576"],
  [
    "key 101",
    async (run) => {
      for (let key = 1; key <= 101; key++) await run.state.set(`key ${key}`, key);
    },
    'set "state.set key 101" failed: job nightly keeps 100 keys already, at most 100 fit',
  ],
  [
    "inside of a step",
    async (run) => await run.step("a", async () => await run.state.set("x", 1)),
    'it is inside of step "a", call it outside',
  ],
];

describe("run.state refuses", () => {
  for (const [what, body, error] of WRONG) {
    test(what, async () => {
      const stage = await play(body);
      expect(stage.run()).toMatchObject({ state: "failed", note: expect.stringContaining(error) });
      expect(kept(stage).x).toBeUndefined();
      await stage.stop();
    });
  }

  test("to read what cannot be read, and says what helps", async () => {
    const stage = new Stage({ body: async (run) => void (await run.state.get("x")) });
    const why = "state x (nightly): its value is '{', wanted JSON";
    stage.journal.unreadableState = () => why;
    const { write } = stage.journal;
    stage.journal.write = (work) =>
      write.call(stage.journal, (tables) => {
        tables.unreadableState = () => why;
        return work(tables);
      }) as never;
    await stage.play();
    const { note } = stage.run();
    expect(note).toContain(`get "state.get x" failed: the journal's ${why}`);
    expect(note).toContain("mig-runner journal salvage");
    await stage.stop();
  });
});
