import { describe, expect, test } from "bun:test";
import { makeEntity } from "../../src/jobs/definition.ts";
import type { Duration } from "../../src/sdk/definition.ts";
import { isJobModule, job } from "../../src/sdk/job.ts";
import { modules } from "../../src/sdk/modules.ts";
import { isPluginModule } from "../../src/sdk/plugin.ts";

const action = {
  target: "status='online'",
  operations: [modules.timedrift({ drift: "5s" })],
};

describe("job()", () => {
  test("holds a definition and no workflow", () => {
    const made = job({ schedule: "@daily", action });
    const definition = { schedule: "@daily", action };
    expect(made).toEqual({ kind: "job", definition, body: null, params: null });
  });

  test("holds a workflow", () => {
    const body = async () => {};
    expect(job({}, body).body).toBe(body);
  });

  test("is frozen, and not changed through the object that it was made of", () => {
    const definition: { expiry: Duration } = { expiry: "5m" };
    const made = job(definition);
    definition.expiry = "1h";
    expect(made.definition.expiry).toBe("5m");
    expect(Object.isFrozen(made)).toBe(true);
    expect(Object.isFrozen(made.definition)).toBe(true);
  });

  test("makes what the rule for all forms of a job takes", () => {
    const schedule = { cron: "0 3 * * *", timezone: "Europe/Berlin", spread: "10m" } as const;
    const { definition } = job({
      schedule: { ...schedule, onMissed: "last", overlap: "queue" },
      expiry: "10m",
      action,
      plugin: ["mozdef", "slack"],
      deadline: "6h",
      maxAgents: 5_000,
      retries: 3,
      pluginTimeout: "2m",
    });
    const source = { job: "drift", path: "job.ts", defaults: { timezone: null } };
    expect(makeEntity(definition, source)).toMatchObject({
      expiryMs: 600_000,
      plugins: ["mozdef", "slack"],
      template: { kind: "inline", json: JSON.stringify(action) },
      onMissed: "last",
      overlap: "queue",
      maxAgents: 5_000,
    });
  });

  test.each([undefined, null, "0 3 * * *", 7])("refuses the definition %p", (definition) => {
    expect(() => job(definition as never)).toThrow("Cannot make a job: its definition is");
  });

  test("refuses a workflow that is no function", () => {
    expect(() => job({}, {} as never)).toThrow("its workflow is object, a function is wanted");
  });
});

describe("isJobModule()", () => {
  test("knows what job() made", () => {
    expect(isJobModule(job({}))).toBe(true);
    expect(isPluginModule(job({}))).toBe(false);
  });

  test("knows what another copy of the SDK made", async () => {
    const path = "../../src/sdk/job.ts?copy";
    const copy: typeof import("../../src/sdk/job.ts") = await import(path);
    expect(copy.job).not.toBe(job);
    expect(isJobModule(copy.job({}))).toBe(true);
  });

  test.each<[string, unknown]>([
    ["null", null],
    ["a text", "job"],
    ["an object like it", { kind: "job", definition: {}, body: null }],
    ["a function", () => job({})],
  ])("does not take %s for a job", (_, value) => expect(isJobModule(value)).toBe(false));
});
