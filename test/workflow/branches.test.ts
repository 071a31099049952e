// Branches: what a body does side by side, with names of its own in each branch.
import { describe, expect, test } from "bun:test";
import type { JobBody } from "../../src/sdk/job.ts";
import { Crash, Stage } from "../support/stage.ts";

async function play(body: JobBody): Promise<Stage> {
  const stage = new Stage({ body });
  await stage.play();
  return stage;
}

function names(stage: Stage): readonly string[] {
  return stage.journal.stepsOf(1).map(({ name }) => name);
}

describe("run.map", () => {
  test("gives the answers in the order of the list, whatever ends first", async () => {
    const answers: unknown[] = [];
    const stage = await play(async (run) => {
      const given = await run.map("waits", ["3m", "1m", "2m"] as const, async (wait, index) => {
        await run.sleep("nap", wait);
        return await run.step("say", () => `${index}: ${wait}`);
      });
      answers.push(given);
    });
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(answers.at(-1)).toEqual(["0: 3m", "1: 1m", "2: 2m"]);
    const ended = stage.journal
      .stepsOf(1)
      .toSorted((left, right) => (left.sequence ?? 0) - (right.sequence ?? 0));
    expect(ended.map(({ name }) => name)).toEqual([
      "waits/1/nap",
      "waits/1/say",
      "waits/2/nap",
      "waits/2/say",
      "waits/0/nap",
      "waits/0/say",
    ]);
    await stage.stop();
  });

  test.each([
    [undefined, 25, 10],
    [3, 25, 3],
    [100, 25, 25],
    [1, 4, 1],
  ])("has %p items of %p at work at the same time", async (concurrency, count, most) => {
    let atWork = 0;
    let seen = 0;
    const stage = await play(async (run) => {
      const items = Array.from({ length: count }, (_, index) => index);
      const options = concurrency === undefined ? {} : { concurrency };
      await run.map(
        "all",
        items,
        async () => {
          atWork++;
          seen = Math.max(seen, atWork);
          await run.step("work", () => null);
          atWork--;
        },
        options,
      );
    });
    expect([stage.run().note, seen, names(stage).length]).toEqual([null, most, count]);
    await stage.stop();
  });

  test("calls items by their keys, and knows branches in branches", async () => {
    const stage = await play(async (run) => {
      const key = (host: string) => host;
      await run.map(
        "hosts",
        ["web1", "db1"],
        async (host) => {
          await run.map("ports", [22], async (port) => run.step("look", () => `${host}:${port}`));
        },
        { key },
      );
    });
    expect(names(stage).toSorted()).toEqual(["hosts/db1/ports/0/look", "hosts/web1/ports/0/look"]);
    await stage.stop();
  });

  test("begins nothing after an error, and throws the first in the order of the list", async () => {
    const begun: number[] = [];
    const stage = await play(async (run) => {
      await run.map(
        "all",
        [0, 1, 2, 3, 4],
        async (item) => {
          begun.push(item);
          await run.sleep("nap", item === 0 ? "2m" : "1m");
          await run.step("work", () => {
            if (item < 2) throw new Error(`no ${item}`);
          });
        },
        { concurrency: 2 },
      );
    });
    expect(new Set(begun)).toEqual(new Set([0, 1]));
    expect(stage.run()).toMatchObject({ state: "failed", note: expect.stringContaining("no 0") });
    await stage.stop();
  });

  test("of nothing is nothing", async () => {
    const answers: unknown[] = [];
    const stage = await play(async (run) => {
      answers.push(await run.map("none", [], async () => 1));
    });
    expect([stage.run().state, answers, names(stage)]).toEqual(["done", [[]], []]);
    await stage.stop();
  });

  test("does each item once, wherever the process dies", async () => {
    const body =
      (calls: string[], ends: unknown[]): JobBody =>
      async (run) => {
        const answers = await run.map(
          "all",
          ["a", "b", "c", "d"],
          async (item, index) => {
            await run.sleep("nap", `${4 - index}m`);
            return await run.step("work", () => calls.push(item));
          },
          { concurrency: 2 },
        );
        ends.push(answers.length);
      };
    const calm = await play(body([], []));
    const { writes } = calm;
    await calm.stop();
    const misses: string[] = [];
    for (let count = 1; count <= writes; count++) {
      let hasDied = false;
      const calls: string[] = [];
      const ends: unknown[] = [];
      const stage = new Stage({
        body: body(calls, ends),
        onWrite: (moment, at) => {
          if (hasDied || moment !== "after" || at !== count) return;
          hasDied = true;
          throw new Crash();
        },
      });
      await stage.boot();
      await stage.request();
      await stage.finish();
      const saved = stage.journal.stepsOf(1).filter(({ state }) => state === "saved").length;
      const told = [stage.run().state, new Set(calls).size, saved, new Set(ends).size];
      if (told.join() !== "done,4,8,1" || calls.length > 5) misses.push(`${count}: ${told}`);
      await stage.stop();
    }
    expect(misses).toEqual([]);
  });
});

const WRONG: readonly (readonly [what: string, body: JobBody, error: string])[] = [
  [
    "more items than a run can have steps",
    async (run) => void (await run.map("m", Array(10_001).fill(0), async () => 0)),
    'Cannot begin map "m": it has 10001 items, at most 10000 fit',
  ],
  [
    "no item at a time",
    async (run) => void (await run.map("m", [1], async () => 0, { concurrency: 0 })),
    "concurrency is 0, wanted a whole number from 1 to 100",
  ],
  [
    "more at a time than there is room for",
    async (run) => void (await run.map("m", [1], async () => 0, { concurrency: 101 })),
    "concurrency is 101",
  ],
  [
    "a key twice",
    async (run) => void (await run.map("m", ["x", "x"], async () => 0, { key: (item) => item })),
    'two of its items have the key "x"',
  ],
  [
    "an empty key",
    async (run) => void (await run.map("m", ["x", ""], async () => 0, { key: (item) => item })),
    "it has no name, a key of item 1 is known by its name",
  ],
  ["no name", async (run) => void (await run.map("", [1], async () => 0)), "it has no name"],
  [
    "what is no list",
    async (run) => void (await run.map("m", new Set([1]) as never, async () => 0)),
    "a list is wanted",
  ],
  [
    "no function",
    async (run) => void (await run.map("m", [1], {} as never)),
    "a function is wanted",
  ],
  [
    "being called in a step",
    async (run) => void (await run.step("s", async () => run.map("m", [1], async () => 0))),
    'it is inside of step "s"',
  ],
];

describe("run.map refuses", () => {
  for (const [what, body, error] of WRONG) {
    test(what, async () => {
      const stage = await play(body);
      expect(stage.run()).toMatchObject({ state: "failed", note: expect.stringContaining(error) });
      await stage.stop();
    });
  }
});

describe("run.parallel", () => {
  test("is refused in a step, where its branches would be no part of it", async () => {
    const stage = await play(async (run) => {
      await run.step("s", async () => {
        await run.parallel({ a: async () => run.step("inner", () => 1) });
      });
    });
    const why = 'Cannot begin parallel of a: it is inside of step "s"';
    expect(stage.run()).toMatchObject({ state: "failed", note: expect.stringContaining(why) });
    expect(names(stage)).toEqual(["s"]);
    await stage.stop();
  });
});
