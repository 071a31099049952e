// Dig: a cheap look at all, a question to a person, a dear look at the suspicious.
import { describe, expect, test } from "bun:test";
import dig from "../../jobs/dig/job.ts";
import { type SimulateOptions, simulate } from "../../src/testkit/simulate.ts";
import { host } from "../support/jobs.ts";

const AGENTS = ["sound", "odd", "lost"].map(host);

function play(people: SimulateOptions["people"]) {
  return simulate(dig, {
    name: "dig",
    agents: AGENTS,
    people,
    answers: ({ name }) => (name === "lost" ? "failed" : name === "odd" ? "found" : "nothing"),
  });
}

describe("jobs/dig", () => {
  test("scans the memory of the suspicious once a person has said yes", async () => {
    const run = await play({ memory: { approved: true, by: "ann", why: "change 7" } });
    expect(run.state).toBe("done");
    expect(run.actions.map(({ name, agents }) => [name, agents])).toEqual([
      ["mig-runner: dig", 3],
      ["mig-runner: dig/memory scan", 1],
    ]);
    expect(run.steps.find(({ name }) => name === "memory")).toMatchObject({
      kind: "approval",
      show: "scan the memory of 1 hosts: odd",
      value: { approved: true, by: "ann", why: "change 7" },
    });
    expect(run.deliveries.map(({ action }) => action)).toEqual([
      "mig-runner: dig",
      "mig-runner: dig/memory scan",
    ]);
    expect(run.log).toEqual([
      { level: "warning", message: "1 hosts were not looked at" },
      { level: "info", message: "approved by ann: change 7" },
    ]);
  });

  test("asks nobody where nothing is found", async () => {
    const run = await simulate(dig, { agents: AGENTS, answers: () => "nothing", crashes: false });
    expect(run.steps.map(({ kind }) => kind)).toEqual(["collect"]);
  });

  test("scans nothing after a no, and after two days without an answer", async () => {
    const no = await play({ memory: false });
    expect([no.state, no.actions.length]).toEqual(["done", 1]);
    const late = await play(undefined);
    expect([late.state, late.actions.length]).toEqual(["done", 1]);
    expect(late.log.at(-1)?.message).toContain("no one answered within 48h");
    expect(late.elapsedMs).toBeGreaterThan(48 * 3_600_000);
  });
});
