import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { ensureOk, Fatal, job, modules, Retry } from "../../src/sdk/index.ts";
import { ReplayError, simulate, simulateLoaded } from "../../src/testkit/simulate.ts";

const pkg = modules.pkg({ pkgmatch: { matches: ["^telnetd$"] } });
const action = { target: "status='online'", operations: [pkg] };
/** For what is not about crashes: a run in one history. */
const once = { crashes: false } as const;

describe("simulate()", () => {
  test("runs a job without a workflow, from its action to its plugins", async () => {
    const table = job({ schedule: "@daily", expiry: "10m", action, plugin: ["mozdef", "slack"] });
    const run = await simulate(table, { name: "telnet", agents: 3, answers: () => "nothing" });
    expect(run).toMatchObject({ state: "done", error: null, steps: [], log: [] });
    const [posted, ...more] = run.actions;
    expect(more).toEqual([]);
    expect(posted).toEqual({
      name: "mig-runner: telnet",
      target: "status='online'",
      operations: [{ module: "pkg", parameters: { pkgmatch: { matches: ["^telnetd$"] } } }],
      agents: 3,
      postedAt: Date.UTC(2026, 0, 1, 3),
    });
    expect(run.deliveries.map(({ plugin, commands }) => [plugin, commands.length])).toEqual([
      ["mozdef", 3],
      ["slack", 3],
    ]);
    expect(run.elapsedMs).toBeGreaterThanOrEqual(600_000);
    expect(run.crashes).toBeGreaterThan(5);
  });

  test("waits for a job that takes long to load, whatever comes next in virtual time", async () => {
    const brief = job({ deadline: "1h" }, async (run) => {
      await run.step("note", () => 1);
    });
    // Each number of turns ends at another moment of the look whether all is quiet.
    for (let turns = 1; turns <= 20; turns++) {
      const slowly = async (): Promise<typeof brief> => {
        for (let turn = 0; turn < turns; turn++) await new Promise((go) => setImmediate(go));
        return brief;
      };
      const { elapsedMs, error, state } = await simulateLoaded(slowly, { crashes: false });
      expect([turns, state, error, elapsedMs < 60_000]).toEqual([turns, "done", null, true]);
    }
  });

  test("gives a run its parameters, and refuses what its schema refuses", async () => {
    const params = v.object({
      days: v.pipe(v.number(), v.maxValue(30)),
      who: v.optional(v.string(), "x"),
    });
    const counting = job({ params }, async (run) => {
      await run.sleep("wait", `${run.params.days}h`);
      run.log(run.params.who);
    });
    const run = await simulate(counting, { params: { days: 2 } });
    expect([run.state, run.log]).toEqual(["done", [{ level: "info", message: "x" }]]);
    expect(run.elapsedMs).toBe(2 * 3_600_000);
    expect(simulate(counting, { name: "c" })).rejects.toThrow("Parameter days is not set");
    expect(simulate(counting, { params: { days: 31 } })).rejects.toThrow("parameter days to 31");
    expect(simulate(counting, { params: { days: "2" } })).rejects.toThrow("number");
  });

  test("begins with the state that it is given, and gives what was left", async () => {
    const counting = job({}, async (run) => {
      const count = (await run.state.get<number>("count")) ?? 0;
      await run.step("use", () => count);
      await run.state.set("count", count + 1);
      await run.state.set("old", null);
    });
    const first = await simulate(counting);
    expect([first.state, first.stateAfter]).toEqual(["done", { count: 1 }]);
    expect(first.crashes).toBeGreaterThan(3);
    const state = { ...first.stateAfter, old: [1], other: "x", none: null };
    const second = await simulate(counting, { state });
    expect(second.stateAfter).toEqual({ count: 2, other: "x" });
    expect(simulate(counting, { state: { at: new Date(0) } })).rejects.toThrow("it is a Date");
  });

  test("tells of a workflow that sets something else when it is replayed", async () => {
    let times = 0;
    const wavering = job({}, async (run) => await run.state.set("times", times++));
    expect(simulate(wavering)).rejects.toThrow(
      'set "state.set times": value was "0", in a replay it is "1"',
    );
  });

  test("lets a month pass in no time", async () => {
    const patient = job({}, async (run) => {
      const begunAt = run.now();
      await run.sleep("month", "720h");
      run.log(`${(run.now() - begunAt) / 3_600_000} hours later`);
    });
    const run = await simulate(patient, once);
    expect(run.log).toEqual([{ level: "info", message: "720 hours later" }]);
    expect(run.elapsedMs).toBe(720 * 3_600_000);
  });

  test("reaches the host of an agent that was started again, and counts who is gone", async () => {
    const agents = [
      { id: 1, name: "moved", queueloc: "linux.moved", status: "offline" },
      { id: 2, name: "moved", queueloc: "linux.moved" },
      { id: 3, name: "gone", status: "offline" },
      { id: 4, name: "there" },
      { id: 5, name: "other" },
    ] as const;
    const deeper = job({}, async (run) => {
      const listed = [{ id: 1 }, { id: 3 }, { id: 4 }];
      const { agents: seen, completeness } = await run.collect("deep", {
        target: listed,
        operations: [pkg],
        expiry: "5m",
      });
      const { fetched, listed: wanted } = completeness;
      run.log(`${seen.map(({ id, name }) => `${name} ${id}`).join(", ")}: ${fetched} of ${wanted}`);
      const all = await run.collect("all", { ...action, expiry: "5m" });
      run.log(`${all.agents.length}, ${all.completeness.listed}`);
    });
    const run = await simulate(deeper, { ...once, agents, answers: () => "nothing" });
    expect(run.log.map(({ message }) => message)).toEqual([
      "moved 2, there 4: 2 of 3",
      "3, undefined",
    ]);
  });

  test("asks the test what agents answer, with parameters as they were written", async () => {
    const asked: unknown[] = [];
    const compressed = modules.pkg({ pkgmatch: { matches: ["^telnetd$"] } }, { compress: true });
    const hunt = job({}, async (run) => {
      const { agents } = await run.collect("hunt", {
        target: "tags->>'role'='web'",
        operations: [compressed],
      });
      run.log(agents.map(({ name, status, found }) => `${name} ${status} ${found}`).join(", "));
    });
    const web = (name: string) => ({ name, tags: { role: "web" } });
    const answers = { a: "found", b: "nothing", c: "failed", d: "timeout", e: "silent" } as const;
    const run = await simulate(hunt, {
      ...once,
      agents: [...Object.keys(answers).map(web), { name: "f" }],
      answers(agent, operation) {
        asked.push([agent.tags?.role, operation]);
        return answers[agent.name as keyof typeof answers];
      },
    });
    expect(run.log[0]?.message).toBe(
      "a success true, b success false, c failed false, d timeout false, e expired false",
    );
    const parameters = { pkgmatch: { matches: ["^telnetd$"] } };
    expect(asked).toEqual(Array(5).fill(["web", { module: "pkg", parameters }]));
    expect(run.actions[0]?.operations).toEqual([{ module: "pkg", parameters }]);
  });

  test("fails with the error of a test's answers, and for an answer that is none", async () => {
    const table = job({ action });
    const broken = simulate(table, {
      answers() {
        throw new TypeError("not a fleet");
      },
    });
    expect(broken).rejects.toThrow(new TypeError("not a fleet"));
    const odd = simulate(table, { answers: () => "fuond" as "found" });
    expect(odd).rejects.toThrow('Cannot simulate the answer "fuond": one of found, nothing, ');
    await Promise.allSettled([broken, odd]);
  });

  test("gives a result that a test wrote to the job", async () => {
    const drift = job({}, async (run) => {
      const result = await run.collect("drift", {
        target: "status='online'",
        operations: [modules.timedrift({ drift: "5s" })],
      });
      for await (const { results } of result.commands) {
        const { elements, success } = modules.timedrift.read(results[0]);
        run.log(`${success} ${elements?.drifts}`);
      }
    });
    const elements = { hascheckeddrift: true, iswithindrift: false, drifts: ["9s"], localtime: "" };
    const answers = () => ({ foundanything: true, elements });
    const run = await simulate(drift, { ...once, agents: 1, answers });
    expect(run.log).toEqual([{ level: "info", message: "true 9s" }]);
  });

  test("answers for every module as the test wants it", async () => {
    const all = job({}, async (run) => {
      const operations = [
        pkg,
        modules.file({ searches: { a: { paths: ["/etc"], names: ["^b$"] } } }),
        modules.memory({ searches: { a: { names: ["b"] } } }),
        modules.netstat({ listeningport: ["22"] }),
        modules.yara({ yara: "rule a { condition: true }", filesearch: "-path /bin" }),
        modules.raw("unheard", {}),
      ];
      for (const [index, operation] of operations.entries()) {
        const result = await run.collect(`${index}`, { ...action, operations: [operation] });
        run.log(result.agents.map(({ found }) => (found ? "found" : "nothing")).join());
      }
    });
    for (const answer of ["found", "nothing"] as const) {
      const run = await simulate(all, { ...once, agents: 2, answers: () => answer });
      expect(run.log.map(({ message }) => message)).toEqual(Array(6).fill(`${answer},${answer}`));
    }
  });

  test("tries a step as often as it says, and tells how often that was", async () => {
    const keys = new Set<string>();
    const flaky = job({}, async (run) => {
      const value = await run.step("call", { retry: 5 }, ({ attempt, key }) => {
        keys.add(key);
        if (attempt === 1) throw new Retry("busy", { after: "1h" });
        if (attempt < 4) throw new Error("again");
        return { attempt };
      });
      await run.step("give up", { retry: 5 }, () => {
        throw new Fatal(`no use after ${value.attempt}`);
      });
    });
    const run = await simulate(flaky);
    expect(run.state).toBe("failed");
    expect(run.error).toStartWith('step "give up" failed: no use after 4');
    expect(run.steps.map(({ name, state, runs, value }) => [name, state, runs, value])).toEqual([
      ["call", "saved", 4, { attempt: 4 }],
      ["give up", "failed", 1, undefined],
    ]);
    expect(keys.size).toBe(1);
    expect(run.elapsedMs).toBeGreaterThan(3_600_000);
  });

  test("answers what steps ask for, and tries again by itself what can pass", async () => {
    const asked: string[] = [];
    const polite = job({}, async (run) => {
      await run.step("tell", async ({ fetch }) => {
        const init = { method: "POST", body: "a", idempotent: true };
        return await ensureOk(await fetch("https://a.example/b", init)).text();
      });
      await run.step("never", { retry: 0 }, async ({ fetch }) => {
        ensureOk(await fetch("https://a.example/busy"));
      });
    });
    const run = await simulate(polite, {
      ...once,
      fetch(request) {
        asked.push(`${request.method} ${request.url} ${request.headers.get("idempotency-key")}`);
        const status = asked.length < 3 || request.url.endsWith("busy") ? 429 : 200;
        return new Response("taken", { status, headers: { "retry-after": "90" } });
      },
    });
    expect(asked.slice(0, 3)).toEqual(Array(3).fill("POST https://a.example/b job/1/tell"));
    expect(asked).toHaveLength(4);
    expect(run.steps[0]).toMatchObject({ state: "saved", value: "taken", runs: 3 });
    expect(run.steps[1]).toMatchObject({ state: "failed", runs: 1 });
    expect(run.elapsedMs).toBe(180_000);
    const silent = await simulate(polite, once);
    expect(silent.error).toContain("nothing answers https://a.example in a simulation");
  });

  test("calls what a step has in place of its function, unless the test has another", async () => {
    const calls: string[] = [];
    const careful = job({}, async (run) => {
      const simulated = () => "simulated";
      for (const name of ["a", "b"]) {
        await run.step(name, { simulated }, () => {
          calls.push(name);
          return "real";
        });
      }
    });
    const run = await simulate(careful, { steps: { b: "from the test" } });
    expect(run.steps.map(({ value }) => value)).toEqual(["simulated", "from the test"]);
    expect(calls).toEqual([]);
  });

  test("calls each function once, however often the runner dies", async () => {
    const calls: string[] = [];
    const counted = job({ action }, async (run) => {
      const base = await run.collect("base");
      await run.parallel({
        left: () => run.step("call", () => void calls.push("left")),
        right: () => run.step("call", () => void calls.push("right")),
      });
      await run.deliver("slack", base);
    });
    const run = await simulate(counted, { plugins: { slack: () => void calls.push("slack") } });
    expect(run.crashes).toBeGreaterThan(10);
    expect(calls).toEqual(["left", "right", "slack"]);
    const names = run.steps.map(({ name }) => name);
    expect(names).toEqual(["base", "left/call", "right/call", "deliver slack base"]);
  });

  test("takes the test's own value or function for that of a step", async () => {
    const tickets = job({}, async (run) => {
      const first = await run.step("first", (): string => {
        throw new Error("the network is down");
      });
      const { second } = await run.parallel({
        second: () => run.step("call", () => Promise.reject<string>(new Error("down"))),
      });
      run.log(`${first} ${second}`);
    });
    const steps = { first: "T-1", "second/call": ({ key }: { key: string }) => `for ${key}` };
    const run = await simulate(tickets, { name: "tickets", steps });
    expect(run.log[0]?.message).toBe("T-1 for tickets/1/second/call");
  });

  test("gives a failed delivery to the plugin again", async () => {
    const table = job({ action, plugin: "slack" });
    const run = await simulate(table, {
      agents: 1,
      plugins: {
        async slack(result, { attempt, job: name }) {
          let count = 0;
          for await (const command of result.commands) count += command.results.length;
          if (attempt < 3) throw new Error(`${name} ${count}`);
        },
      },
    });
    expect(run.deliveries.map(({ attempt, error }) => [attempt, error])).toEqual([
      [1, "job 1"],
      [2, "job 1"],
      [3, null],
    ]);
  });

  test("shows the fire time, the name and the macros that the test gives", async () => {
    const named = job({ action: { ...action, target: "everybody" } }, async (run) => {
      const { agents } = await run.collect("base");
      run.log(`${run.job} ${new Date(run.firesAt).toISOString()} ${agents.length}`);
    });
    const run = await simulate(named, {
      name: "census",
      now: "2026-02-03T04:05:06Z",
      agents: 4,
      macros: { everybody: "status='online' OR status='idle'" },
    });
    expect(run.log[0]?.message).toBe("census 2026-02-03T04:05:06.000Z 4");
    expect(run.actions[0]?.target).toBe("status='online' OR status='idle'");
  });

  test("ends a step that takes too long, in virtual time", async () => {
    const slow = job({}, async (run) => {
      await run.step("slow", { timeout: "1h" }, () => new Promise(() => undefined));
    });
    const run = await simulate(slow, once);
    expect(run.error).toContain("it took longer than its timeout of 1h");
  });

  test("waits for a step that needs real time", async () => {
    const real = job({}, async (run) => {
      await run.step("real", { timeout: "1s" }, () => {
        return new Promise<void>((resolve) => setTimeout(resolve, 30));
      });
    });
    expect((await simulate(real)).state).toBe("done");
  });

  test("says what keeps a job from being simulated", async () => {
    const refused = (definition: object, options = {}) =>
      simulate(job(definition as never), options).then(
        () => "simulated",
        (error: Error) => error.message,
      );
    expect(await refused({ scheduel: "@daily", action })).toContain(
      "scheduel: there is no such key",
    );
    expect(await refused({ schedule: "@daily" })).toBe(
      'Cannot simulate job "job": its action is in action.json, ' +
        "say where by { directory: import.meta.dirname }",
    );
    expect(await refused({ action }, { now: "yesterday" })).toBe(
      'Cannot simulate "yesterday": a time in RFC 3339 is wanted',
    );
    expect(await refused({ action }, { agents: -1 })).toContain("Cannot simulate -1 agents");
    const odd = { ...action, target: "name SIMILAR TO 'a'" };
    expect(await refused({ action: odd })).toStartWith('Cannot simulate job "job": action ');
  });

  test("reads the action of a job from its directory", async () => {
    const directory = `${import.meta.dirname}/../../jobs/sample/runners/sshd-config`;
    const run = await simulate(job({ schedule: "@daily" }), { ...once, directory, agents: 2 });
    expect(run.actions[0]?.operations[0]?.module).toBe("file");
  });

  test("shows a run that the runner would pause", async () => {
    const twice = job({}, async (run) => {
      await run.sleep("nap", "1s");
      await run.sleep("nap", "1s");
    });
    const run = await simulate(twice, once);
    expect(run.state).toBe("paused");
    expect(run.error).toContain('asks for "nap" a second time');
  });

  test("fails a workflow that waits for what is no step", async () => {
    const stuck = job({}, () => new Promise(() => undefined));
    const run = await simulate(stuck, once);
    expect(run).toMatchObject({ state: "failed" });
    expect(run.error).toContain("it waits for something that is not a step");
  });
});

describe("simulate() with a workflow that does not replay", () => {
  const problemsOf = async (workflow: Parameters<typeof job>[1]): Promise<readonly string[]> => {
    try {
      await simulate(job({ action }, workflow), { agents: 3, answers: () => "found" });
      return [];
    } catch (error) {
      if (error instanceof ReplayError) return error.problems;
      throw error;
    }
  };

  test("names a step and both values when a variable changes in a step", async () => {
    const problems = await problemsOf(async (run) => {
      let seconds = 0;
      await run.step("look", () => {
        seconds = 5;
      });
      await run.sleep("wait", `${seconds}s`);
    });
    expect(problems).toEqual(['sleep "wait": ms was 5000, in a replay it is 0']);
  });

  test("gives the clock and the dice of the run in place of the machine's", async () => {
    const problems = await problemsOf(async (run) => {
      const day = new Date().getUTCDate();
      const hosts = await run.collect("base", { target: `status='online' AND ${day}=${day}` });
      const chosen = hosts.agents.filter(() => Math.random() < 0.5);
      await run.sleep(crypto.randomUUID(), `${chosen.length}s`);
    });
    expect(problems).toEqual([]);
  });

  test("names a global that a replay would begin without", async () => {
    const counted = globalThis as { counted?: number };
    const problems = await problemsOf(async (run) => {
      counted.counted = (counted.counted ?? 0) + 1;
      await run.sleep("one", "1s");
    });
    expect(problems[0]).toStartWith("it changes globalThis.counted, which a replay begins without");
    delete counted.counted;
  });

  test("fails at what no replay can do again, also when that is caught", async () => {
    const careless = job({}, async (run) => {
      await run.sleep("one", "1s");
      try {
        await fetch("http://127.0.0.1:1/");
      } catch {
        await run.sleep("two", "1s");
      }
    });
    const run = await simulate(careless, once);
    expect(run.state).toBe("failed");
    expect(run.error).toMatch(
      /^fetch outside of a step: .*; put it into run\.step \(\S+test\.ts:\d+\)$/,
    );
  });

  test("names a step that only one execution asks for", async () => {
    let executions = 0;
    const problems = await problemsOf(async (run) => {
      executions++;
      await run.sleep(executions === 1 ? "first" : "second", "1s");
    });
    expect(problems).toEqual(['it asked for sleep "first", and in a replay for sleep "second"']);
  });

  test("names a kind of step that has changed", async () => {
    let executions = 0;
    const problems = await problemsOf(async (run) => {
      if (executions++ === 0) await run.sleep("one", "1s");
      else await run.step("one", () => 1);
    });
    expect(problems).toEqual(['"one" was a sleep, in a replay it is a step']);
  });

  test("names another end", async () => {
    let executions = 0;
    const problems = await problemsOf(async (run) => {
      await run.sleep("one", "1s");
      if (executions++ > 0) throw new Error("the second time");
    });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /^it comes to its end, and a replay fails with "the second time \(.*\)"$/,
    );
  });

  test("leaves dates and chance in steps alone, and outside of the workflow", async () => {
    const problems = await problemsOf(async (run) => {
      await run.step("look", () => [Date.now(), Math.random(), new Date().toISOString()]);
      await run.sleep("wait", `${Math.floor(run.random() * 10) + 1}s`);
      await run.collect("base", { target: `id < ${new Date(run.now()).getTime()}0` });
    });
    expect(problems).toEqual([]);
    expect(new Date().toISOString().slice(0, 4)).toBe(`${new Date(Date.now()).getUTCFullYear()}`);
    expect(Date.name).toBe("Date");
  });
});
