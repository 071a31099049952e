// Hunt: a cheap scan of all, a dear one of the suspicious, a ticket about all kinds of host.
import { describe, expect, test } from "bun:test";
import hunt from "../../jobs/hunt/job.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host } from "../support/jobs.ts";

describe("jobs/hunt", () => {
  const agents = ["sound", "odd", "owned", "lost"].map(host);

  test("looks into the memory of the suspicious, and tells of all four kinds of host", async () => {
    const tickets: unknown[] = [];
    const run = await simulate(hunt, {
      name: "hunt",
      agents,
      answers({ name }, { module }) {
        if (name === "lost") return "silent";
        if (module === "memory") return name === "owned" ? "found" : "nothing";
        return name === "sound" ? "nothing" : "found";
      },
      steps: { ticket: () => void tickets.push("posted") },
      crashes: false,
    });
    expect(run.state).toBe("done");
    const [probe, memory, ...more] = run.actions;
    expect(more).toEqual([]);
    expect(probe).toMatchObject({ name: "mig-runner: hunt", agents: 4 });
    expect(memory).toMatchObject({ name: "mig-runner: hunt/memory", agents: 2 });
    expect(memory?.operations.map(({ module }) => module)).toEqual(["memory"]);
    expect(tickets).toEqual(["posted"]);
    const [delivery] = run.deliveries;
    expect(delivery).toMatchObject({ plugin: "slack", action: "mig-runner: hunt/memory" });
    expect(delivery?.commands.map(({ agent }) => agent.name).sort()).toEqual(["odd", "owned"]);
    expect(run.log).toEqual([{ level: "warning", message: "1 hosts were not looked at" }]);
  });

  test("writes into the ticket who is infected, suspicious and unknown", async () => {
    const bodies: unknown[] = [];
    const run = await simulate(hunt, {
      name: "hunt",
      agents,
      crashes: false,
      answers: ({ name }) => (name === "sound" || name === "owned" ? "found" : "failed"),
      async fetch(request) {
        bodies.push(await request.json());
        return new Response(request.headers.get("idempotency-key"));
      },
    });
    expect(run.steps.find(({ name }) => name === "ticket")).toMatchObject({
      value: "hunt/1/ticket",
    });
    expect(bodies).toEqual([
      {
        title: "2 infected of 2 suspicious hosts",
        infected: ["owned", "sound"],
        suspects: ["owned", "sound"],
        unknown: ["lost", "odd"],
      },
    ]);
  });

  test("is over after the cheap scan when it finds nothing", async () => {
    const run = await simulate(hunt, { agents, answers: () => "nothing" });
    expect([run.actions.length, run.deliveries.length, run.log]).toEqual([1, 0, []]);
  });
});
