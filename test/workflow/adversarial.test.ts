// What would break if X happened in order Y: jobs that misbehave, journals that do not match, disks
// that are full, operators who step in.
import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import type { JobBody } from "../../src/sdk/job.ts";
import type { Run } from "../../src/sdk/run.ts";
import { dropRun, resumeRun } from "../../src/workflow/operate.ts";
import { Crash, Stage, type StageOptions } from "../support/stage.ts";

const SECOND = 1_000;
const MINUTE = 60_000;

async function play(body: JobBody, options: Omit<StageOptions, "body"> = {}): Promise<Stage> {
  const stage = new Stage({ body, ...options });
  await stage.play();
  return stage;
}

async function resume(stage: Stage, runId = 1): Promise<readonly string[]> {
  const again = await stage.journal.write((tables) => resumeRun(tables, runId, stage.clock.now()));
  stage.poke();
  await stage.rest();
  return again;
}

describe("A body that does not match its journal (E3)", () => {
  /** Crashes while "a" is saved and the run sleeps, then goes on with another body. */
  async function changed(first: JobBody, second: JobBody): Promise<Stage> {
    const stage = new Stage({ body: first });
    await stage.boot();
    await stage.request();
    stage.crash();
    stage.bodies.set("v1", second);
    await stage.boot();
    await stage.finish();
    return stage;
  }

  const first: JobBody = async (run) => {
    await run.step("a", () => 1);
    await run.sleep("night", "1m");
  };

  test("is paused with both sides when a step is of another kind", async () => {
    const stage = await changed(first, async (run) => await run.sleep("a", "1s"));
    const note = 'the journal has the saved step "a" (step), the code asks for a sleep';
    expect(stage.run()).toMatchObject({ state: "paused", note, endedAt: null });
    expect(stage.lines.at(-1)).toBe(
      `err nightly: run 1 is paused: ${note} (mig-runner resume 1 tries again with the source ` +
        "that the run began with; a job that was mended needs a new run: mig-runner drop 1, then " +
        "mig-runner run nightly)",
    );
    await stage.stop();
  });

  test("is paused when a step asks for something else of the same kind", async () => {
    const stage = await changed(first, async (run) => {
      await run.step("a", () => 1);
      await run.sleep("night", "2m");
    });
    expect(stage.run().note).toBe(
      'the journal has the saved step "night" (sleep), ' +
        "the code asks for another sleep of that name",
    );
    await stage.stop();
  });

  test("is paused when it never asks for a saved step, and begins nothing new", async () => {
    const stage = await changed(first, async (run) => void (await run.collect("base")));
    expect(stage.run().note).toBe(
      'the journal has the saved step "a" (step), ' +
        'the code waits for "base" (collect) and never asks for it',
    );
    expect(stage.actions).toEqual([]);
    // An operator who waits for the run is not kept waiting.
    expect(stage.clock.now() - stage.run().firesAt).toBeLessThan(2 * MINUTE);
    await stage.stop();
  });

  test("is paused when it ends without a step that is in the journal", async () => {
    const stage = await changed(first, async (run) => void (await run.step("a", () => 1)));
    expect(stage.run().note).toBe(
      'the journal has the saved step "night" (sleep), the code ends without asking for it',
    );
    await stage.stop();
  });

  test("goes on after resume once it matches again", async () => {
    const stage = await changed(first, async (run) => await run.sleep("a", "1s"));
    expect(await resume(stage)).toEqual([]);
    expect(stage.run().state).toBe("paused");
    stage.bodies.set("v1", first);
    await resume(stage);
    await stage.finish();
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    await stage.stop();
  });

  test("is paused when its source is not in the journal any more", async () => {
    const stage = new Stage({ body: first });
    await stage.boot();
    await stage.request();
    await stage.stop();
    const run = stage.run();
    await stage.journal.write((tables) => tables.saveRun({ ...run, source: "0ff1ce" }));
    await stage.boot();
    await stage.finish();
    expect(stage.run()).toMatchObject({
      state: "paused",
      note: "its source 0ff1ce is not in the journal any more; `mig-runner drop 1` gives it up",
    });
    await stage.stop();
  });

  test("is paused when a result that it needs is gone", async () => {
    const stage = new Stage({
      body: async (run) => {
        await run.collect("base");
        await run.sleep("night", "1m");
      },
    });
    await stage.boot();
    await stage.request();
    await stage.move(5 * MINUTE + SECOND);
    stage.spool.results.clear();
    await stage.finish();
    expect(stage.run().state).toBe("paused");
    expect(stage.run().note).toMatch(/^the result of "base" cannot be read: no such file: /);
    await stage.stop();
  });
});

describe("A body with a mistake", () => {
  const cases: readonly [string, (run: Run) => Promise<unknown>, RegExp][] = [
    [
      "a step without a name",
      (run) => run.step("", () => 1),
      /^TypeError: Cannot begin step "": it has no name/,
    ],
    [
      "a collect without a name",
      (run) => run.collect(undefined as never),
      /it has no name, a collect is known by its name$/,
    ],
    [
      "a name with a line break",
      (run) => run.sleep("a\nb", "1s"),
      /its name has a control character in it$/,
    ],
    [
      "a name that is cut inside of a character",
      (run) => run.state.get("\u{1f600}".slice(0, 1)),
      /^TypeError: Cannot begin get "state.get .*": its name has half a surrogate pair in it$/,
    ],
    [
      "a question that nobody can type the name of",
      (run) => run.waitFor("gnp\u202e", { timeout: "1h" }),
      /its name has a character that people cannot see, and so not type$/,
    ],
    [
      "a name that is too long",
      (run) => run.sleep("n".repeat(129), "1s"),
      /its name has 129 characters, at most 128 fit$/,
    ],
    [
      "a step without a function",
      (run) => run.step("a", {}, undefined as never),
      /Cannot begin step "a": a function is wanted$/,
    ],
    [
      "an option that there is not",
      (run) => run.step("a", { timout: "5m" } as never, () => 1),
      /Cannot begin step "a": it has no option "timout", did you mean "timeout"\?$/,
    ],
    [
      "an option of a retry that there is not",
      (run) => run.step("a", { retry: { times: 5 } } as never, () => 1),
      /it has no option "times", there are max, first, cap$/,
    ],
    [
      "a member of an action that there is not",
      (run) => run.collect("a", { target: "x", expirey: "5m" } as never),
      /Cannot begin collect "a": it has no option "expirey", did you mean "expiry"\?$/,
    ],
    [
      "an option of a map that there is not",
      (run) => run.map("a", [1], async () => 1, { concurency: 2 } as never),
      /Cannot begin map "a": it has no option "concurency", did you mean "concurrency"\?$/,
    ],
    [
      "options that are none",
      (run) => run.step("a", 5 as never, () => 1),
      /Cannot begin step "a": its options are number, no object$/,
    ],
    [
      "a bad duration",
      (run) => run.sleep("a", "1 day" as never),
      /duration is "1 day", wanted a duration such as "10m"$/,
    ],
    [
      "a number as duration",
      (run) => run.sleep("a", 5 as never),
      /duration is number, wanted "10m"$/,
    ],
    ["a negative duration", (run) => run.sleep("a", "-1s"), /it cannot be negative$/],
    [
      "too many tries",
      (run) => run.step("a", { retry: 101 }, () => 1),
      /retry is 101, wanted 0 to 100$/,
    ],
    [
      "a result of nobody",
      (run) => run.deliver("slack", {} as never),
      /"deliver slack": it gives plugins what run.collect gave in this run, .* by run.log$/,
    ],
    [
      "a page of no commands",
      (run) => run.collect("a", { pageSize: 0 }),
      /pageSize is 0, wanted a whole number from 1 to 100000$/,
    ],
    [
      "half an agent",
      (run) => run.collect("a", { maxAgents: 0.5 }),
      /maxAgents is 0.5, wanted a whole number from 1 to \d+$/,
    ],
    [
      "an expiry that RabbitMQ refuses",
      (run) => run.collect("a", { expiry: "1177h" }),
      /expiry is "1177h", wanted above 0 and at most 1176h$/,
    ],
    [
      "a plugin outside of plugins/",
      async (run) => run.deliver("../sh", await run.collect("a")),
      /^TypeError: Cannot begin deliver "deliver ..\/sh a": that is not the name of a plugin$/,
    ],
    [
      "a step inside of a step",
      (run) => run.step("a", () => run.sleep("b", "1s")),
      /Cannot begin sleep "b": it is inside of step "a", call it outside$/,
    ],
    [
      "an id that is no agent's",
      (run) => run.collect("a", { target: [{ id: -1 }] }),
      /^TypeError: Cannot begin collect "a": .*an agent's id is a whole number/,
    ],
    ["a thrown text", () => Promise.reject("just so"), /^a thrown string: just so$/],
  ];
  for (const [what, wrong, note] of cases) {
    test(`fails with a message: ${what}`, async () => {
      const stage = await play(async (run) => void (await wrong(run)));
      expect(stage.run().state).toBe("failed");
      expect(stage.run().note).toMatch(note);
      await stage.stop();
    });
  }

  test("is paused when it uses a name twice", async () => {
    const stage = await play(async (run) => {
      await run.step("a", () => 1);
      await run.sleep("a", "1s");
    });
    expect(stage.run()).toMatchObject({
      state: "paused",
      note: 'the code asks for "a" a second time, names must be unique in a run',
    });
    await stage.stop();
  });

  test("fails when it waits for something that is not a step", async () => {
    const stage = await play(async () => await new Promise(() => undefined));
    expect(stage.run().note).toBe(
      "it waits for something that is not a step: put that into run.step",
    );
    expect(stage.atWork).toBe(0);
    await stage.stop();
  });

  test("fails when it does not wait for a step, or for a function that has one in it", async () => {
    const forgotten: readonly (readonly [JobBody, string])[] = [
      [
        async (run) => void run.sleep("forgotten", "1h"),
        'sleep "forgotten" is not awaited: write await in front of it',
      ],
      [
        async (run) => {
          void run.step("early", () => 1);
          await run.sleep("long", "1h");
        },
        'step "early" is not awaited: write await in front of it',
      ],
      [
        async (run) => {
          void run.parallel({ a: () => run.step("in", () => 1) });
          await run.sleep("long", "1h");
        },
        "parallel of a is not awaited: write await in front of it",
      ],
      [
        async (run) => {
          void (async () => await run.step("inner", () => 1))();
        },
        'step "inner" is not awaited: the workflow ends while it is at work; ' +
          "await it, or the function that it is in",
      ],
      [
        async (run) => {
          run.step("bad", () => Promise.reject(new Error("no"))).catch(() => undefined);
        },
        'step "bad" is not awaited: the workflow ends while it is at work; ' +
          "await it, or the function that it is in",
      ],
    ];
    for (const [body, note] of forgotten) {
      const stage = await play(body);
      expect(stage.run()).toMatchObject({ state: "failed", note });
      await stage.stop();
    }
  });

  test("may leave behind what loses a race, which is told", async () => {
    const stage = await play(async (run) => {
      await Promise.race([run.sleep("long", "1h"), run.sleep("short", "1m")]);
    });
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(stage.lines).toContain(
      'warning nightly: the workflow ended without waiting for sleep "long"',
    );
    await stage.stop();
  });

  test("ends after 10,000 steps", async () => {
    const stage = await play(async (run) => {
      for (let count = 0; ; count++) await run.sleep(`step ${count}`, "0s");
    });
    expect(stage.run().note).toBe("it has more than 10000 steps");
    await stage.stop();
  });

  test("cannot keep the other jobs from their bodies (I8)", async () => {
    const hang: JobBody = async (run) => void (await run.step("hang", () => new Promise(() => {})));
    const stage = new Stage({
      body: hang,
      others: { sound: async (run) => await run.sleep("a", "0s") },
    });
    await stage.boot();
    for (let count = 0; count < 20; count++) await stage.request();
    expect(stage.atWork).toBe(3);
    const id = await stage.request("sound");
    await stage.finish(id, MINUTE);
    expect(stage.run(id).state).toBe("done");
    await stage.stop();
  });
});

describe("An operator", () => {
  test("resumes a failed run: what was saved stays, what failed is tried anew", async () => {
    const calls: string[] = [];
    let isUp = false;
    const stage = await play(async (run) => {
      await run.step("one", () => void calls.push("one"));
      await run.step("two", { retry: 1 }, ({ attempt }) => {
        calls.push(`two ${attempt}`);
        if (!isUp) throw new Error("down");
      });
    });
    expect(stage.run()).toMatchObject({ state: "failed" });
    isUp = true;
    expect(await resume(stage)).toEqual(["two"]);
    await stage.finish();
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(calls).toEqual(["one", "two 1", "two 2", "two 1"]);
    await stage.stop();
  });

  test("resumes a run whose action was refused with a new action", async () => {
    let why: string | null = "no such investigator";
    const stage = await play(async (run) => void (await run.collect("base")), {
      refuse: () => why,
      entity: { retries: 0 },
    });
    expect(stage.run().note).toBe('collect "base" failed: no such investigator');
    why = null;
    expect(await resume(stage)).toEqual(["base"]);
    await stage.finish();
    expect(stage.run().state).toBe("done");
    expect(stage.actions.length).toBe(1);
    expect(stage.journal.actionsOf(1).map(({ part, state }) => [part, state])).toEqual([
      [0, "failed"],
      [1, "settled"],
    ]);
    await stage.stop();
  });

  test("cannot resume a run that is done, open, unknown or has no workflow", async () => {
    const stage = await play(async (run) => void (await run.collect("base")));
    const refusal = async (id: number): Promise<string> =>
      await stage.journal
        .write((tables) => resumeRun(tables, id, stage.clock.now()))
        .then(String, (error: unknown) => (error as Error).message);
    expect(await refusal(1)).toBe('Cannot resume run "1" of nightly: it is done');
    expect(await refusal(2)).toBe('Cannot resume run "2": the journal has none');
    const plain = { job: "plain", firesAt: 1, cause: "schedule" } as const;
    await stage.journal.write((tables) => tables.insertRun(plain, "failed", 1));
    expect(await refusal(2)).toBe('Cannot resume run "2" of plain: it has no workflow');
    await stage.stop();
  });

  test("resumes a run past its deadline without one", async () => {
    const stage = await play(async (run) => await run.sleep("night", "5m"), {
      entity: { deadlineMs: MINUTE },
    });
    expect(stage.run().state).toBe("failed");
    await resume(stage);
    expect(stage.run()).toMatchObject({ state: "open", deadlineAt: null });
    await stage.finish();
    expect(stage.run().state).toBe("done");
    await stage.stop();
  });

  test("drops a run while its body is at work; its action is still collected", async () => {
    const stage = new Stage({
      body: async (run) => {
        await run.parallel({
          scan: () => run.collect("base"),
          hang: () => run.step("hang", () => new Promise(() => {})),
        });
      },
    });
    await stage.boot();
    await stage.request();
    await stage.journal.write((tables) => dropRun(tables, 1, stage.clock.now()));
    stage.poke();
    await stage.move(5 * SECOND);
    expect([stage.run().state, stage.atWork]).toEqual(["failed", 0]);
    await stage.move(6 * MINUTE);
    expect(stage.journal.actionsOf(1)).toMatchObject([{ state: "settled" }]);
    expect(stage.journal.stepNamed(1, "scan/base")?.state).toBe("begun");
    await stage.stop();
  });

  test("drops a paused run, and the reason stays", async () => {
    const stage = await play(async (run) => {
      await run.sleep("a", "0s");
      await run.sleep("a", "0s");
    });
    await stage.journal.write((tables) => dropRun(tables, 1, stage.clock.now()));
    expect(stage.run()).toMatchObject({ state: "failed" });
    expect(stage.run().note).toMatch(/^given up by an operator; before: the code asks for "a"/);
    const again = stage.journal.write((tables) => dropRun(tables, 1, stage.clock.now()));
    await expect(again).rejects.toThrow('Cannot drop run "1" of nightly: it is failed already');
    await stage.stop();
  });
});

describe("A process that ends", () => {
  test("in order lets a try end, and saves it", async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    let calls = 0;
    const stage = new Stage({
      body: async (run) => {
        await run.step("work", () => {
          calls++;
          return promise;
        });
        await run.sleep("night", "1m");
      },
    });
    await stage.boot();
    await stage.request();
    const stopped = stage.end();
    resolve(7);
    await stopped;
    expect(stage.journal.stepNamed(1, "work")).toMatchObject({ state: "saved", value: "7" });
    expect(stage.journal.body(1)).toMatchObject({ nextAt: stage.clock.now(), starts: 0 });
    await stage.boot();
    await stage.finish();
    expect([stage.run().state, calls]).toEqual(["done", 1]);
    await stage.stop();
  });

  test("at its limit ends a try that does not, and makes it again", async () => {
    const attempts: number[] = [];
    const stage = new Stage({
      body: async (run) => {
        await run.step("work", ({ attempt }) => {
          attempts.push(attempt);
          return attempts.length === 1 ? new Promise<number>(() => undefined) : 7;
        });
      },
    });
    await stage.boot();
    await stage.request();
    await stage.stop();
    await stage.boot();
    await stage.finish();
    // It was begun and never reported: the next one has a number of its own.
    expect([stage.run().state, attempts]).toEqual(["done", [1, 2]]);
    await stage.stop();
  });

  test("again and again delays the start of the body at work, then pauses its run", async () => {
    const starts: number[] = [];
    const stage = new Stage({
      body: async (run) => {
        await run.step("bomb", () => {
          starts.push(stage.clock.now());
          stage.crash();
        });
      },
    });
    await stage.boot();
    await stage.request();
    await stage.finish(1, 5 * 3_600_000);
    expect(stage.run()).toMatchObject({
      state: "paused",
      note: "it was started 5 times, and each time the runner ended before a step did",
    });
    expect(starts.length).toBe(5);
    // The second start may be soon, each one after it comes later.
    const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    for (const [index, leastMs] of [0, 10_000, 20_000, 40_000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(leastMs);
    }
    await stage.stop();
  });

  test("does not count ends in order, also in the middle of a step", async () => {
    let begun = 0;
    const stage = new Stage({
      body: async (run) => {
        await run.step("long", async () => {
          begun++;
          if (begun <= 10) await new Promise(() => undefined);
        });
      },
    });
    await stage.boot();
    await stage.request();
    for (let stops = 1; stops <= 10; stops++) {
      await stage.move(1_000);
      expect([begun, stage.run().state]).toEqual([stops, "open"]);
      await stage.stop();
      await stage.boot();
    }
    await stage.finish();
    expect(stage.run().state).toBe("done");
    await stage.stop();
  });

  test("at any post of an action posts it once (I3)", async () => {
    for (let count = 1; count <= 2; count++) {
      for (const when of ["before", "after"] as const) {
        let done = false;
        const stage = new Stage({
          body: async (run) => {
            const base = await run.collect("base");
            await run.collect("deep", { target: base.agents });
          },
          onPost: (moment, at) => {
            if (done || moment !== when || at !== count) return;
            done = true;
            throw new Crash();
          },
        });
        await stage.play();
        expect(stage.names).toEqual(["mig-runner: nightly", "mig-runner: nightly/deep"]);
        expect(stage.run().state).toBe("done");
        await stage.stop();
      }
    }
  });
});

describe("A disk that is full", () => {
  test("delays a workflow at any write, and loses nothing", async () => {
    const calls: string[] = [];
    const body: JobBody = async (run) => {
      const base = await run.collect("base");
      await run.step("one", () => void calls.push("one"));
      await run.sleep("nap", "10s");
      await run.deliver("slack", base);
    };
    const calm = await play(body);
    const { writes } = calm;
    await calm.stop();
    for (let full = 3; full <= writes; full++) {
      calls.length = 0;
      let failures = 0;
      const stage = new Stage({
        body,
        onWrite: (when, count) => {
          if (when !== "before" || count < full || failures >= 3) return;
          failures++;
          throw new RunnerError("JOURNAL", "Cannot use the journal: the disk is full");
        },
      });
      await stage.play();
      await stage.move(MINUTE);
      expect([full, stage.run().state, stage.names, calls]).toEqual([
        full,
        "done",
        ["mig-runner: nightly"],
        ["one"],
      ]);
      // A delivery that could not be recorded is made again, with the same key (I6).
      expect(new Set(stage.deliveries.map(({ key }) => key)).size).toBe(1);
      await stage.stop();
    }
  });

  test("delays the result of a split collect, and says so meanwhile", async () => {
    const agents = Array.from({ length: 200 }, (_, index) => ({
      id: 10 ** 14 + index,
      name: `host${index}`,
    }));
    const stage = new Stage({
      body: async (run) => void (await run.collect("all", { target: agents })),
      fleet: agents,
    });
    await stage.boot();
    await stage.request();
    await stage.move(5 * MINUTE - SECOND);
    const { create } = stage.spool;
    let fulls = 0;
    stage.spool.create = (...order) => {
      // The parts are written; there is no room for both together.
      const isMerge = stage.journal.actionsOf(1).every(({ state }) => state === "settled");
      if (isMerge && fulls++ === 0) return Promise.reject(new Error("no space left on device"));
      return create.apply(stage.spool, order);
    };
    await stage.move(10 * SECOND);
    expect(stage.journal.stepNamed(1, "all")).toMatchObject({
      state: "begun",
      error: "no space left on device",
    });
    await stage.finish();
    expect([stage.run().state, fulls]).toEqual(["done", 2]);
    await stage.stop();
  });
});
