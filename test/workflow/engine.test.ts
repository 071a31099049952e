import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { Fatal, Retry } from "../../src/sdk/failure.ts";
import type { JobBody } from "../../src/sdk/job.ts";
import { Stage, type StageOptions } from "../support/stage.ts";
import { NOON } from "../support/world.ts";

const SECOND = 1_000;
const MINUTE = 60_000;

/** Plays one run of a body to its end. */
async function play(body: JobBody, options: Omit<StageOptions, "body"> = {}): Promise<Stage> {
  const stage = new Stage({ body, ...options });
  clockOf = stage.clock;
  await stage.play();
  return stage;
}

function steps(stage: Stage, runId = 1): [string, string][] {
  return stage.journal.stepsOf(runId).map(({ name, state }) => [name, state]);
}

/** The workflow of the design: probe, then dig deeper where something was found. */
function hunt(keys: string[]): JobBody {
  return async (run) => {
    const base = await run.collect("base");
    const bad = base.agents.filter((agent) => agent.found);
    await run.deliver(base);
    if (bad.length === 0) return;
    const operations = [{ module: "memory", parameters: {} }];
    const deep = await run.collect("deep", { target: bad, operations, expiry: "1m" });
    await run.step("ticket", { retry: 5, timeout: "30s" }, ({ key }) => {
      keys.push(key);
      return { number: 7 };
    });
    await run.deliver("slack", deep);
  };
}

describe("Engine", () => {
  test("pauses a run with a step that cannot be read, and does none of its steps again", async () => {
    const keys: string[] = [];
    const stage = new Stage({ body: hunt(keys) });
    const why = "step 3 (ticket of run 1): its attempts is -1";
    stage.journal.unreadableStep = (runId) => (runId === 1 ? why : null);
    await stage.play();
    expect(stage.run()).toMatchObject({ state: "paused", note: expect.stringContaining(why) });
    expect([stage.names, keys]).toEqual([[], []]);
    await stage.stop();
  });

  test("takes a workflow from its first action to its delivery", async () => {
    const keys: string[] = [];
    const stage = await play(hunt(keys), { entity: { plugins: ["mozdef"] } });
    await stage.move(SECOND);
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(stage.names).toEqual(["mig-runner: nightly", "mig-runner: nightly/deep"]);
    const target = "queueloc IN (SELECT queueloc FROM agents WHERE id IN (102))";
    expect(stage.actions[1]).toMatchObject({ target, module: "memory" });
    expect(keys).toEqual(["nightly/1/ticket"]);
    const [base = 0, deep = 0] = stage.actions.map(({ id }) => id);
    expect(stage.deliveries.map(({ plugin, actionId }) => [plugin, actionId])).toEqual([
      ["mozdef", base],
      ["slack", deep],
    ]);
    const rows = stage.journal.stepsOf(1);
    expect(rows.map(({ name, state, sequence }) => [name, state, sequence])).toEqual([
      ["base", "saved", 1],
      ["deliver mozdef base", "saved", 2],
      ["deep", "saved", 3],
      ["ticket", "saved", 4],
      ["deliver slack deep", "saved", 5],
    ]);
    await stage.stop();
  });

  test("delivers nothing by itself, and to all plugins of the job what it says", async () => {
    const body = (given: boolean): JobBody => {
      return async (run) => {
        const base = await run.collect("base");
        if (given) await run.deliver(base);
      };
    };
    for (const [given, plugins] of [
      [false, []],
      [true, ["mozdef", "print"]],
    ] as const) {
      const entity = { plugins: ["mozdef", "print"] };
      const stage = await play(body(given), { entity });
      await stage.move(SECOND);
      expect(stage.run()).toMatchObject({ state: "done", note: null });
      expect(stage.deliveries.map(({ plugin }) => plugin)).toEqual([...plugins]);
      expect(stage.lines.join("\n")).toContain("wrote results for");
      expect(stage.lines.join("\n")).not.toContain("no output plugin");
      await stage.stop();
    }
  });

  test("goes on delivering by itself in a run that was begun to do so", async () => {
    const stage = new Stage({ body: async (run) => void (await run.collect("base")) });
    const { write } = stage.journal;
    stage.journal.write = (work) =>
      write.call(stage.journal, (tables) => {
        const { insertBody } = tables;
        tables.insertBody = (body) => insertBody.call(tables, { ...body, plugins: ["mozdef"] });
        return work(tables);
      }) as never;
    await stage.play();
    await stage.move(SECOND);
    expect(stage.deliveries.map(({ plugin }) => plugin)).toEqual(["mozdef"]);
    await stage.stop();
  });

  test("says that a job names no plugin, and what is no result of the run", async () => {
    const cases: readonly (readonly [JobBody, string])[] = [
      [
        async (run) => run.deliver(await run.collect("base")),
        "the job names no plugin; write run.",
      ],
      [
        async (run) => run.deliver("print", {} as never),
        'deliver "deliver print": it gives plugins what run.collect gave in this run, as it is; send',
      ],
    ];
    for (const [body, why] of cases) {
      const stage = await play(body);
      expect(stage.run()).toMatchObject({ state: "failed", note: expect.stringContaining(why) });
      await stage.stop();
    }
    const entity = { plugins: ["print"] };
    const left = await play(async (run) => void run.deliver(await run.collect("base")), { entity });
    expect(left.run().note).toContain("deliver is not awaited: write await in front of it");
    await left.stop();
  });

  test("journals run and source before anything runs (I1)", async () => {
    const stage = new Stage({ body: async () => {} });
    await stage.request();
    stage.bodies.clear();
    await stage.boot();
    const { source } = stage.run();
    expect(stage.journal.source(source ?? "")).toBe("v1");
    expect(stage.journal.body(1)).toMatchObject({ begunAt: NOON, expiryMs: 300_000 });
    await stage.stop();
  });

  test("goes on with the source that the run began with", async () => {
    const seen: string[] = [];
    const say =
      (version: string): JobBody =>
      async (run) => {
        await run.sleep("night", "2m");
        seen.push(version);
      };
    const stage = new Stage({ body: say("v1") });
    await stage.boot();
    await stage.request();
    await stage.stop();
    stage.source = "v2";
    stage.bodies.set("v2", say("v2"));
    await stage.boot();
    await stage.request();
    await stage.finish(1);
    await stage.finish(2);
    expect(seen).toEqual(["v1", "v2"]);
    await stage.stop();
  });

  test("has no body at work while a run only waits", async () => {
    let starts = 0;
    const stage = new Stage({
      body: async (run) => {
        starts++;
        await run.sleep("night", "8m");
      },
    });
    await stage.boot();
    for (let count = 0; count < 40; count++) await stage.request();
    expect(starts).toBe(40);
    expect(stage.atWork).toBe(0);
    await stage.move(8 * MINUTE - SECOND);
    expect(starts).toBe(40);
    for (let count = 0; count < 8; count++) await stage.move(SECOND);
    expect(starts).toBe(80);
    expect(stage.journal.runsIn("done", 100).length).toBe(40);
    await stage.stop();
  });

  test("tells the same time and chance at each replay", async () => {
    const seen: unknown[][] = [];
    const stage = await play(async (run) => {
      const values: unknown[] = [run.now(), run.random()];
      await run.sleep("one", "1m");
      values.push(run.now(), run.random());
      await run.sleep("two", "1m");
      values.push(run.now(), run.random());
      seen.push(values);
    });
    const [values = []] = seen;
    const [begun, first, one, second, two, third] = values as number[];
    expect([begun, one, two]).toEqual([NOON, NOON + MINUTE, NOON + 2 * MINUTE]);
    expect(new Set([first, second, third]).size).toBe(3);
    // The seed is the engine's 0.5, so another run begins alike.
    await stage.request();
    await stage.finish(2);
    expect(seen[1]?.[1]).toBe(first);
    await stage.stop();
  });

  test("never lets the time of a run go back with the clock", async () => {
    const times: number[] = [];
    const stage = new Stage({
      body: async (run) => {
        await run.step("one", () => 1);
        times.push(run.now());
        stage.clock.jumpTo(NOON - MINUTE);
        await run.step("two", () => 2);
        times.push(run.now());
      },
    });
    await stage.boot();
    await stage.request();
    expect(times).toEqual([NOON, NOON]);
    await stage.stop();
  });

  test("lets the same branch win a race at each replay", async () => {
    const winners: string[] = [];
    const stage = await play(async (run) => {
      const winner = await Promise.race([
        run.collect("scan").then(() => "scan"),
        run.sleep("limit", "4m").then(() => "limit"),
      ]);
      winners.push(winner);
      // By now the scan has been collected as well.
      await run.sleep("later", "2m");
      winners.push(winner);
    });
    expect(new Set(winners)).toEqual(new Set(["limit"]));
    expect(winners.length).toBeGreaterThan(2);
    expect(stage.run().state).toBe("done");
    await stage.stop();
  });

  test("writes a line once, however often the run is replayed", async () => {
    const stage = await play(async (run) => {
      run.log("begins");
      await run.sleep("one", "1m");
      run.log("warning", "goes on");
      await run.sleep("two", "1m");
      run.log("ends");
    });
    const said = stage.lines.filter((line) => /begins|goes on|ends/.test(line));
    expect(said).toEqual([
      "info nightly: begins",
      "warning nightly: goes on",
      "info nightly: ends",
    ]);
    await stage.stop();
  });

  test("ends a run whose deadline has passed, and still collects what it posted", async () => {
    let aborted = "";
    const stage = new Stage({
      body: async (run) => {
        await run.collect("base");
        await run.step("hang", { timeout: "8h" }, ({ signal }) => {
          signal.addEventListener("abort", () => {
            aborted = String(signal.reason);
          });
          return new Promise(() => undefined);
        });
      },
      entity: { deadlineMs: 10 * MINUTE, plugins: ["mozdef"] },
    });
    await stage.boot();
    await stage.request();
    await stage.move(10 * MINUTE - SECOND);
    expect(stage.run().state).toBe("open");
    await stage.move(10 * SECOND);
    expect(stage.run()).toMatchObject({
      state: "failed",
      note: "it was still open at its deadline",
    });
    expect(aborted).toContain("deadline");
    expect(stage.atWork).toBe(0);
    expect(stage.journal.actionsOf(1).map(({ state }) => state)).toEqual(["settled"]);
    await stage.stop();
  });

  test("collects an action that a run left behind at its deadline", async () => {
    const stage = new Stage({
      body: async (run) => void (await run.collect("base")),
      entity: { deadlineMs: 60 * SECOND },
    });
    await stage.boot();
    await stage.request();
    await stage.move(6 * MINUTE);
    expect(stage.run().state).toBe("failed");
    expect(stage.journal.actionsOf(1)).toMatchObject([
      { state: "settled", completeness: { fetched: 3 } },
    ]);
    await stage.stop();
  });

  test("skips, queues or begins a run while the one before is open", async () => {
    const body: JobBody = async (run) => await run.sleep("work", "90s");
    const schedule = parseSchedule("* * * * *", { timezone: "UTC" });
    for (const [overlap, states, told] of [
      ["skip", ["open"], "skipped: the run before is still open"],
      ["queue", ["requested", "open"], "queued behind the open run"],
      ["allow", ["open", "open"], null],
    ] as const) {
      const stage = new Stage({ body, entity: { schedule, overlap } });
      await stage.boot();
      await stage.move(2 * MINUTE + SECOND);
      expect(stage.journal.runs("nightly", 9).map(({ state }) => state)).toEqual([...states]);
      const lines = stage.lines.filter((line) => line.includes("fire time 2026-"));
      const line = `warning nightly: fire time 2026-11-23T12:02:00.000Z ${told}`;
      expect(lines).toEqual(told === null ? [] : [line]);
      await stage.move(MINUTE);
      expect(stage.journal.runs("nightly", 9).at(-1)?.state).toBe("done");
      await stage.stop();
    }
  });
});

describe("Engine steps", () => {
  test("are tried again after growing waits, with the same key", async () => {
    const attempts: [number, number, string][] = [];
    const stage = await play(async (run) => {
      await run.step("call", { retry: { max: 3, first: "10s", cap: "25s" } }, (context) => {
        attempts.push([context.attempt, stageClock() - NOON, context.key]);
        if (context.attempt < 4) throw new Error("no answer");
      });
    });
    // Half of each wait is fixed, half is jitter, which is 0.5 here.
    expect(attempts.map(([attempt]) => attempt)).toEqual([1, 2, 3, 4]);
    const waits = attempts.slice(1).map(([, at], index) => at - (attempts[index]?.[1] ?? 0));
    expect(waits).toEqual([7_500, 15_000, 18_750]);
    expect(new Set(attempts.map(([, , key]) => key))).toEqual(new Set(["nightly/1/call"]));
    expect(stage.run().state).toBe("done");
    await stage.stop();
  });

  test("are tried again at their time, however short the wait is, and not at the next nap", async () => {
    const waitsOf = async (retry: number | { max: number; first: "200ms"; cap: "1s" }) => {
      const at: number[] = [];
      const stage = await play(async (run) => {
        await run.step("call", { retry }, ({ attempt }) => {
          at.push(stageClock());
          if (attempt < 5) throw new Error("no answer");
        });
        await run.sleep("pause", "30ms");
        at.push(stageClock());
      });
      await stage.stop();
      return at.slice(1).map((time, index) => time - (at[index] ?? 0));
    };
    // Three quarters of 200, 400, 800 and 1,000 ms, and of 1, 2, 4 and 8 s: the jitter is 0.5.
    expect(await waitsOf({ max: 5, first: "200ms", cap: "1s" })).toEqual([150, 300, 600, 750, 30]);
    expect(await waitsOf(5)).toEqual([750, 1_500, 3_000, 6_000, 30]);
  });

  test("fail for good after their last try, and say how often", async () => {
    const stage = await play(async (run) => {
      await run.step("call", { retry: 2 }, () => {
        throw new Error("HTTP 500");
      });
    });
    const note = 'step "call" failed after 3 tries: HTTP 500';
    expect(stage.run()).toMatchObject({ state: "failed", note });
    expect(stage.lines.filter((line) => line.includes(", try "))).toEqual(
      [1, 2, 3].map((tried) => `warning nightly: step "call", try ${tried} of 3: HTTP 500`),
    );
    expect(stage.journal.stepNamed(1, "call")).toMatchObject({ state: "failed", failures: 2 });
    await stage.stop();
  });

  test("are not tried again after Fatal, and wait as long as Retry says", async () => {
    let calls = 0;
    const fatal = await play(async (run) => {
      await run.step("call", { retry: 5 }, () => {
        calls++;
        throw new Fatal("the token was refused");
      });
    });
    expect([calls, fatal.run().note]).toEqual([1, 'step "call" failed: the token was refused']);
    await fatal.stop();
    const at: number[] = [];
    const patient = await play(async (run) => {
      await run.step("call", { retry: 5 }, ({ attempt }) => {
        at.push(stageClock());
        if (attempt === 1) throw new Retry("too fast", { after: "2m" });
      });
    });
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(2 * MINUTE);
    await patient.stop();
  });

  test("are aborted at their timeout, which counts as a try", async () => {
    const reasons: unknown[] = [];
    const stage = await play(async (run) => {
      await run.step("call", { retry: 1, timeout: "30s" }, ({ signal }) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        return new Promise(() => undefined);
      });
    });
    const note = 'step "call" failed after 2 tries: it took longer than its timeout of 30s';
    expect(stage.run().note).toBe(note);
    expect(reasons.map(String)).toEqual(
      Array(2).fill("Error: it took longer than its timeout of 30s"),
    );
    await stage.stop();
  });

  test("may be caught when they fail, also at a replay", async () => {
    const caught: string[] = [];
    const stage = await play(async (run) => {
      try {
        await run.step("call", () => {
          throw new TypeError("x is not a function");
        });
      } catch (error) {
        caught.push((error as Error).message);
      }
      await run.sleep("night", "1m");
    });
    expect(stage.run().state).toBe("done");
    expect(caught).toEqual(Array(2).fill('step "call" failed: TypeError: x is not a function'));
    await stage.stop();
  });

  test("give back what JSON holds, and nothing else", async () => {
    const values: unknown[] = [];
    const stage = await play(async (run) => {
      values.push(await run.step("nothing", () => undefined));
      values.push(await run.step("null", () => null));
      values.push(
        await run.step("object", () => ({ list: [1, "two", { three: true }], left: undefined })),
      );
    });
    expect(values).toEqual([undefined, null, { list: [1, "two", { three: true }] }]);
    await stage.stop();
    const refused = await play(async (run) => {
      await run.step("when", { retry: 3 }, () => ({ hosts: [{ seen: new Date(0) as never }] }));
    });
    expect(refused.run().note).toBe(
      'step "when" failed: Cannot save what step "when" gave: ' +
        "at .hosts[0].seen is a Date, wanted JSON",
    );
    await refused.stop();
  });

  test("refuse a value that is too large for the journal", async () => {
    const stage = await play(async (run) => {
      await run.step("all", () => "x".repeat(1024 * 1024));
    });
    expect(stage.run().note).toContain("it has 1048578 characters, wanted at most 1048576");
    await stage.stop();
  });

  test("in branches need names that are unique in their branch only", async () => {
    const stage = await play(async (run) => {
      const { left, right } = await run.parallel({
        left: () => run.step("work", () => "l"),
        right: async () => {
          const both = await run.parallel({ inner: () => run.step("work", () => "r") });
          return both.inner;
        },
      });
      await run.step("together", () => left + right);
    });
    expect(stage.run().state).toBe("done");
    expect(steps(stage).map(([name]) => name)).toEqual([
      "left/work",
      "right/inner/work",
      "together",
    ]);
    expect(stage.journal.stepNamed(1, "together")?.value).toBe('"lr"');
    await stage.stop();
  });

  test("of other branches go on when one fails; the first error in order is thrown", async () => {
    const stage = await play(async (run) => {
      await run.parallel({
        slow: async () => {
          await run.sleep("wait", "1m");
          throw new Error("slow failed");
        },
        quick: () => Promise.reject(new Error("quick failed")),
        good: () => run.step("work", () => 1),
      });
    });
    expect(stage.run().note).toBe("slow failed");
    expect(steps(stage)).toContainEqual(["good/work", "saved"]);
    await stage.stop();
  });
});

describe("Engine actions", () => {
  test("take over from the job's own action what a step leaves out", async () => {
    const stage = await play(
      async (run) => {
        await run.collect("own", { expiry: "1m" });
        await run.collect("there", { target: "linux" });
        await run.dispatch("then", { operations: [{ module: "pkg", parameters: {} }] });
      },
      { macros: new Map([["linux", "environment->>'os'='linux'"]]) },
    );
    expect(stage.actions.map(({ name, target, module }) => [name, target, module])).toEqual([
      ["mig-runner: nightly", "status='online'", "timedrift"],
      ["mig-runner: nightly/there", "environment->>'os'='linux'", "timedrift"],
      ["mig-runner: nightly/then", "status='online'", "pkg"],
    ]);
    expect(stage.journal.stepNamed(1, "then")?.value).toBe(
      `{"actionIds":[${stage.actions[2]?.id}]}`,
    );
    await stage.stop();
  });

  test("are given up when they cannot be signed before their agents would have to answer", async () => {
    const stage = new Stage({ body: async (run) => void (await run.collect("base")) });
    const message = "Cannot sign: gpg refused to sign: no agent";
    stage.sign = () => Promise.reject(new RunnerError("KEYRING", message, { passing: true }));
    await stage.boot();
    await stage.request();
    const body = stage.journal.body(1);
    await stage.move(4 * MINUTE);
    expect(stage.run().state).toBe("open");
    await stage.move((body?.expiryMs ?? 0) - 4 * MINUTE);
    expect(stage.run()).toMatchObject({ state: "failed", note: message });
    await stage.stop();
  });

  test("are split when a list is too long for one target, and collected as one", async () => {
    const agents = Array.from({ length: 300 }, (_, index) => ({
      id: 10 ** 14 + index,
      name: `h${index}`,
    }));
    const seen: unknown[] = [];
    const stage = await play(
      async (run) => {
        const all = await run.collect("all", { target: agents });
        let commands = 0;
        for await (const _ of all.commands) commands++;
        seen.push(all.actionIds.length, all.agents.length, commands, all.completeness.sent);
        await run.deliver("slack", all);
      },
      { fleet: agents },
    );
    await stage.move(SECOND);
    expect(seen).toEqual([3, 300, 300, 300]);
    expect(stage.actions.every(({ target }) => target.length <= 2_048)).toBe(true);
    const [first = 0, second, last] = stage.actions.map(({ id }) => id);
    expect(stage.deliveries.map(({ actionId }) => actionId)).toEqual([first]);
    // The result of all has a name of its own; those of the parts stay what they are.
    const folder = "/runner/runners/nightly/results/20261123";
    const counts = [first, second, last, `${first}-${last}`].map((name) => {
      const text = stage.spool.results.get(`${folder}/${name}.json`) ?? "";
      const { commands } = JSON.parse(text) as { commands: { id: number }[] };
      return new Set(commands.map(({ id }) => id)).size;
    });
    expect(counts).toEqual([124, 124, 52, 300]);
    expect(stage.journal.actionById(first)?.resultPath).toBe(`${folder}/${first}.json`);
    const whole = `${folder}/${first}-${last}.json`;
    expect(stage.deliveries.map(({ resultPath }) => resultPath)).toEqual([whole]);
    const told = `info nightly: put the results of 3 actions together in ${whole}`;
    expect(stage.lines).toContain(told);
    await stage.stop();
  });

  test("are none for an empty list", async () => {
    const seen: unknown[] = [];
    const stage = await play(async (run) => {
      const none = await run.collect("none", { target: [] });
      seen.push(none.agents, none.actionId, none.completeness.fetched);
      for await (const command of none.commands) seen.push(command);
      await run.deliver("slack", none);
      seen.push((await run.dispatch("nobody", { target: [] })).actionIds);
    });
    expect(stage.run().state).toBe("done");
    expect(seen).toEqual([[], null, 0, []]);
    expect([stage.actions.length, stage.deliveries.length]).toEqual([0, 0]);
    expect(JSON.parse(stage.journal.stepNamed(1, "none")?.value ?? "")).toEqual({
      actionIds: [],
      path: null,
      completeness: { fetched: 0, sent: 0, statuses: {}, listed: 0 },
    });
    await stage.stop();
  });

  test("are refused when they match more agents than allowed", async () => {
    const counted = await play(async (run) => void (await run.collect("base")), {
      entity: { maxAgents: 10 },
      fleet: Array.from({ length: 11 }, () => ({})),
    });
    expect(counted.run().note).toBe(
      'collect "base" failed: its target matches 11 agents, maxAgents is 10',
    );
    expect(counted.actions).toEqual([]);
    await counted.stop();
    const listed = await play(async (run) => {
      const target = [{ id: 1 }, { id: 2 }, { id: 3 }];
      await run.collect("base", { target, maxAgents: 2 });
    });
    expect(listed.run().note).toBe('Cannot dispatch "base": it lists 3 agents, maxAgents is 2');
    await listed.stop();
  });

  test("that the API refuses fail their step after the job's retries", async () => {
    const stage = await play(async (run) => void (await run.collect("base")), {
      refuse: () => "signature is not valid",
      entity: { retries: 1 },
    });
    expect(stage.run().note).toBe('collect "base" failed: signature is not valid');
    await stage.stop();
  });

  test("that are parts of one step fail it together: never a part for the whole", async () => {
    let posts = 0;
    const stage = await play(
      async (run) => {
        const target = Array.from({ length: 300 }, (_, index) => ({ id: 10 ** 14 + index }));
        await run.collect("all", { target });
      },
      { refuse: () => (++posts === 2 ? "no" : null), entity: { retries: 0 } },
    );
    expect(stage.run().note).toBe('collect "all" failed (1 of its 3 actions): no');
    await stage.stop();
  });

  test("need a target and operations when the job has no action", async () => {
    const stage = await play(async (run) => void (await run.collect("base", { target: "x=1" })), {
      entity: { template: { kind: "file", name: "action.json" } },
    });
    expect(stage.run().note).toBe('Cannot dispatch "base": the job has no action of its own');
    await stage.stop();
  });
});

let clockOf: { now(): number } = { now: () => NOON };

/** The virtual time, for the functions of steps. */
function stageClock(): number {
  return clockOf.now();
}
