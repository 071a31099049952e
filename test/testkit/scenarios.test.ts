import { describe, expect, test } from "bun:test";
import { job, modules } from "../../src/sdk/index.ts";
import type { JobBody } from "../../src/sdk/job.ts";
import type { Run } from "../../src/sdk/run.ts";
import { playScenario, SCENARIOS } from "../../src/testkit/scenarios.ts";

const action = { target: "status='online'", operations: [modules.timedrift({ drift: "1s" })] };

async function play(body: JobBody | undefined, name = "everybody finds something") {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
  const options = { agents: 4, requests: ["left over"], said: {} };
  return await playScenario(() => Promise.resolve(job({ action }, body)), scenario, options);
}

/** What a scenario gives each of four agents: found, nothing, or how it failed. */
async function answersOf(name: string): Promise<string> {
  let text = "";
  await play(async (run) => {
    const { agents } = await run.collect("base");
    const shown = agents.map(({ status, found }) => (status === "success" ? `${found}` : status));
    text = shown.sort().join(" ");
  }, name);
  return text;
}

describe("SCENARIOS", () => {
  test("have each kind of answer", async () => {
    expect(await answersOf("nobody finds anything")).toBe("false false false false");
    expect(await answersOf("everybody finds something")).toBe("true true true true");
    expect(await answersOf("every other one finds")).toBe("false false true true");
    expect(await answersOf("three of four fail")).toBe("expired failed timeout true");
    expect(await answersOf("nobody answers")).toBe("expired expired expired expired");
  });
});

describe("playScenario()", () => {
  test("counts what a job did", async () => {
    const outcome = await play(async (run) => {
      const base = await run.collect("base");
      await run.deliver("slack", base);
      await run.deliver("mozdef", base);
    });
    expect(outcome).toMatchObject({
      scenario: "everybody finds something",
      state: "done",
      isBroken: false,
      problems: [],
      actions: 1,
      steps: 3,
      deliveries: 2,
      requests: [],
    });
    expect(outcome.crashes).toBeGreaterThan(5);
  });

  test("lets a job fail that says so", async () => {
    const outcome = await play(async () => {
      throw new Error("too few hosts answered");
    });
    expect(outcome).toMatchObject({ state: "failed", isBroken: false });
    expect(outcome.problems[0]).toStartWith("too few hosts answered");
  });

  test("calls a job broken that gives a module what it refuses, as an answer that nobody awaits", async () => {
    const broken = async (names: (run: Run) => unknown) => {
      const { isBroken, problems } = await play(async (run) => {
        const searches = { running: { names: (await names(run)) as string[] } };
        modules.memory({ searches });
      });
      expect(isBroken).toBe(true);
      return problems[0] ?? "";
    };
    expect(await broken(() => "ssh")).toContain("a list of texts is wanted");
    const wrapped = (run: Run) => ({ held: run.step("names", () => ["ssh"]) });
    const unawaited = await play(async (run) => {
      const { held } = wrapped(run);
      modules.memory({ searches: { running: { names: held as unknown as string[] } } });
    });
    expect(unawaited.isBroken).toBe(true);
    expect(unawaited.problems[0]).toContain(
      "searches.running.names: it is a promise that is not awaited: write await in front",
    );
  });

  test("calls a job broken that is wrong", async () => {
    const outcome = await play(async (run) => {
      const value = await run.step<unknown>("look", () => null);
      run.log((value as { name: string }).name);
    });
    expect(outcome).toMatchObject({ state: "failed", isBroken: true });
    expect(outcome.problems[0]).toStartWith("TypeError: ");
  });

  test("calls a job broken that does not replay, or would be paused", async () => {
    let count = 0;
    const differing = await play(async (run) => run.sleep(`nap ${count++}`, "1s"));
    expect(differing).toMatchObject({ state: "broken", isBroken: true });
    expect(differing.problems[0]).toBe(
      'it asked for sleep "nap 0", and in a replay for sleep "nap 1"',
    );
    const paused = await play(async (run) => {
      await run.sleep("nap", "1s");
      await run.sleep("nap", "1s");
    });
    expect(paused).toMatchObject({ state: "paused", isBroken: true });
  });

  test("tells of an action that reaches nobody", async () => {
    const outcome = await play(async (run) => {
      await run.collect("nobody", { target: "name='nowhere'" });
    });
    expect(outcome.problems).toEqual([
      '"mig-runner: job/nobody" reaches none of the simulated agents',
    ]);
    expect(outcome.isBroken).toBe(false);
  });
});
