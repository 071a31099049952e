// Canary: one in a hundred first; the others are spared when the canaries take it badly.
import { describe, expect, test } from "bun:test";
import canary from "../../jobs/canary/job.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host } from "../support/jobs.ts";

describe("jobs/canary", () => {
  const once = { name: "canary", crashes: false };
  const agents = Array.from({ length: 120 }, (_, index) => host(`h${1000 + index}`));

  test("scans two of 120 hosts, looks, and then the others", async () => {
    const run = await simulate(canary, { ...once, agents, answers: () => "nothing" });
    expect(run.state).toBe("done");
    const sizes = run.actions.map(({ name, agents: count }) => `${name} ${count}`);
    expect(sizes).toEqual([
      "mig-runner: canary/census 120",
      "mig-runner: canary/canaries 2",
      "mig-runner: canary/still there 2",
      "mig-runner: canary/others 118",
    ]);
    const canaries = run.deliveries[0]?.commands.map(({ agent }) => agent.name);
    expect(canaries?.toSorted()).toEqual(["h1000", "h1100"]);
    expect(run.deliveries.map(({ commands }) => commands.length)).toEqual([2, 118]);
    // Three minutes for each question, thirty for each scan, fifteen to look.
    expect(run.elapsedMs).toBeGreaterThanOrEqual((3 + 30 + 15 + 3 + 30) * 60_000);
  });

  test("goes on where it was, whenever its runner dies", async () => {
    const few = agents.slice(0, 5);
    const run = await simulate(canary, { name: "canary", agents: few, answers: () => "nothing" });
    expect(run.actions.map(({ agents: count }) => count)).toEqual([5, 1, 1, 4]);
    expect(run.crashes).toBeGreaterThan(20);
  });

  test("spares the others when a canary fails", async () => {
    const run = await simulate(canary, {
      ...once,
      agents,
      answers: ({ name }, { module }) =>
        module === "yara" && name === "h1100" ? "timeout" : "nothing",
    });
    expect(run.error).toStartWith("1 of 2 canaries could not be scanned: h1100");
    expect(run.actions.map(({ agents: count }) => count)).toEqual([120, 2, 2]);
    expect(run.deliveries.map(({ plugin }) => plugin)).toEqual(["slack"]);
  });

  test("spares the others when a canary is gone after the scan", async () => {
    let questions = 0;
    const run = await simulate(canary, {
      ...once,
      agents,
      answers: ({ name }, { module }) => {
        if (module !== "timedrift" || name !== "h1000") return "nothing";
        return ++questions === 1 ? "nothing" : "silent";
      },
    });
    expect(run.error).toStartWith("1 of 2 canaries are gone since they were scanned: h1000");
  });

  test("spares the others when a canary is off by the time of its scan", async () => {
    const run = await simulate(canary, {
      ...once,
      agents,
      answers: ({ name }, { module }) =>
        module === "yara" && name === "h1000" ? "silent" : "nothing",
    });
    expect(run.error).toStartWith("1 of 2 canaries could not be scanned: h1000");
  });

  test("does not go where it was not meant to", async () => {
    const { definition } = canary;
    expect(definition.maxAgents).toBe(20_000);
    expect(definition.schedule).toBeUndefined();
  });
});
