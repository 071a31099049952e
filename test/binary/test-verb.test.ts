// Test verb: jobs tested by the program itself, with threads, the bundler and its own modules.
import { describe, expect, test } from "bun:test";
import { Host } from "../support/site.ts";

const HUNT = `
import { job, modules } from "mig-runner";
import * as v from "valibot";
import { suspects } from "./suspects.ts";

const Answer = v.object({ id: v.optional(v.string(), "none") });

export default job({
  schedule: "0 3 * * *",
  action: {
    target: "status='online' AND mode='daemon'",
    operations: [
      modules.file({ searches: { kit: { paths: ["/lib"], names: ["^libkeyutils"] } } }),
    ],
  },
}, async (run) => {
  const base = await run.collect("base");
  const target = suspects(base.agents);
  if (target.length === 0) return;
  const deep = await run.collect("deep", {
    target,
    operations: [modules.memory({ searches: { c2: { bytes: ["afd37df8"] } } })],
  });
  await run.step("ticket", { retry: 5 }, async ({ key }) => {
    const response = await fetch("https://tickets.example.net/", { method: "POST", body: key });
    return v.parse(Answer, await response.json()).id;
  });
  await run.deliver("slack", deep);
});
`;

const SUSPECTS = `
import type { AgentSummary } from "mig-runner";
export const suspects = (agents: readonly AgentSummary[]) => agents.filter(({ found }) => found);
`;

describe("mig-runner test", () => {
  test("kills and replays a workflow that has helpers, valibot and requests", async () => {
    await using host = await Host.create();
    await host.scenario.job("hunt", { "job.ts": HUNT, "suspects.ts": SUSPECTS });
    const { exit, stdout, stderr } = await host.run("test", "--agents", "4");
    expect([exit, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[2]).toMatch(
      /^ {2}everybody finds something {2}done {2}2 actions, 4 steps, 1 delivery, 1 request not sent/,
    );
    expect(lines.at(-1)).toMatch(/^1 job, 5 runs, \d\d+ crashes: all replayed$/);
  });

  test("names the step and both values of a workflow that does not replay", async () => {
    await using host = await Host.create();
    const text = HUNT.replace(
      "return;\n",
      "return;\n  let now = Date.now() * 0;\n  await run.step('s', () => void now++);\n",
    );
    const differing = text.replace(
      "[modules.memory(",
      "[modules.raw(`m${now}`, {}), modules.memory(",
    );
    await host.scenario.job("hunt", { "job.ts": differing, "suspects.ts": SUSPECTS });
    const { exit, stdout } = await host.run("test", "hunt", "--json", "--agents", "2");
    expect(exit).toBe(1);
    const { jobs } = JSON.parse(stdout);
    expect(jobs).toHaveLength(1);
    const found = jobs[0].scenarios[1];
    expect(found.state).toBe("broken");
    expect(found.problems[0]).toMatch(
      /^collect "deep": changes was .*m1.*, in a replay it is .*m0/,
    );
    expect(jobs[0].scenarios[4].used[0]).toBeUndefined();
    // Without a find the name is never used.
    expect(jobs[0].scenarios[0].state).toBe("done");
  });
});
