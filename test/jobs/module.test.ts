import { describe, expect, test } from "bun:test";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import {
  examineModule,
  type JobOutline,
  keyPositions,
  moduleEntity,
} from "../../src/jobs/module.ts";
import { job, plugin } from "../../src/sdk/index.ts";

function outlineOf(exported: unknown): JobOutline {
  const examined = examineModule({ default: exported });
  if (examined.kind !== "job") throw new Error(examined.problem.message);
  return examined.outline;
}

function problemOf(namespace: object): string {
  const examined = examineModule(namespace);
  if (examined.kind === "job") throw new Error("it is a job");
  const { message, hint } = examined.problem;
  return hint === null ? message : `${message} (${hint})`;
}

const anything = (definition: unknown) => job(definition as Parameters<typeof job>[0]);

describe("examineModule()", () => {
  test("gives the definition as data, and whether there is a workflow", () => {
    const definition = { schedule: "@daily", plugin: ["a", "b"], retries: 3 };
    expect(outlineOf(job(definition))).toEqual({ definition, workflow: false });
    expect(outlineOf(job(definition, async () => {}))).toEqual({ definition, workflow: true });
  });

  test("gives data that can be sent to another thread", () => {
    const action = { target: "a='b'", operations: [], description: { revision: 1.5 } };
    const { definition } = outlineOf(job({ action, sendOnly: true, deadline: undefined }));
    expect(structuredClone(definition)).toEqual({ action, sendOnly: true, deadline: undefined });
  });

  test("takes what says its own JSON by that", () => {
    const at = new Date(Date.UTC(2026, 0, 2));
    expect(outlineOf(anything({ action: { at } })).definition).toEqual({
      action: { at: "2026-01-02T00:00:00.000Z" },
    });
  });

  test.each([
    [{}, "no default export"],
    [{ default: undefined }, "no default export"],
    [{ default: null }, "the default export is null, not made by job()"],
    [{ default: { schedule: "@daily" } }, "the default export is an object, not made by job()"],
    [{ default: [] }, "the default export is a list, not made by job()"],
    [{ default: () => 1 }, "the default export is a function, not made by job()"],
    [{ default: "x" }, "the default export is a string, not made by job()"],
  ])("refuses %p", (namespace, state) => {
    expect(problemOf(namespace)).toBe(
      `Cannot load job: ${state} (Write: export default job({ … }))`,
    );
  });

  test("tells a plugin from a job", () => {
    expect(problemOf({ default: plugin({ deliver() {} }) })).toStartWith(
      "Cannot load job: the default export is a plugin, not made by job()",
    );
  });

  test.each([
    [{ action: { operations: [() => 1] } }, "action.operations.0", "a function"],
    [{ retries: 3n }, "retries", "a bigint"],
    [{ retries: Number.NaN }, "retries", "NaN"],
    [{ plugin: Symbol("a") }, "plugin", "a symbol"],
  ])("refuses %p, which JSON would drop", (definition, path, what) => {
    expect(problemOf({ default: anything(definition) })).toBe(
      `Cannot set ${path} to ${what}: it is not JSON`,
    );
  });

  test("refuses an object that contains itself", () => {
    const action: { self?: unknown } = {};
    action.self = { action };
    expect(problemOf({ default: anything({ action }) })).toBe(
      "Cannot set action.self.action to an object that it is part of: it is not JSON",
    );
  });

  test("takes one object at two places", () => {
    const shared = { a: 1 };
    const outline = outlineOf(anything({ action: { x: shared, y: shared } }));
    expect(outline.definition).toEqual({ action: { x: { a: 1 }, y: { a: 1 } } });
  });
});

const TEXT = `import { job } from "mig-runner";

/** It has job({ in a comment. */
const other = { expiry: "1h" };

export default job({
  // schedule: "@yearly",
  schedule: { cron: "@daily", onMissed: "sometimes" },
  "expiry": "1 day",
  action: { target: "x", plugin: "not this one", operations: [] },
  plugin:
    "a/b",
}, async (run) => {
  await run.collect("base", { deadline: "5m" });
});
`;

function entityOf(definition: unknown, { text = TEXT, workflow = false } = {}) {
  const source = { job: "daily", path: "/r/daily/job.ts", text, defaults: { timezone: null } };
  return moduleEntity({ definition, workflow }, source);
}

function mistakesOf(definition: unknown): readonly string[] {
  try {
    entityOf(definition);
  } catch (error) {
    if (error instanceof RunnerErrors) return error.errors.map(describeError);
    throw error;
  }
  return [];
}

describe("moduleEntity()", () => {
  test("makes the entity that the same table would make", () => {
    const action = { target: "a='b'", operations: [{ module: "pkg", parameters: {} }] };
    const definition = {
      schedule: { cron: "0 3 * * *", timezone: "Asia/Tokyo", spread: "90s", onMissed: "last" },
      ...{ expiry: "10m", plugin: "mozdef", retries: 0, maxAgents: 500, action },
    };
    const { schedule, ...entity } = entityOf(definition, { workflow: true });
    expect(schedule).toMatchObject({ expression: "0 3 * * *", timezone: "Asia/Tokyo" });
    expect(entity).toEqual({
      job: "daily",
      path: "/r/daily/job.ts",
      plugins: ["mozdef"],
      expiryMs: 600_000,
      sendOnly: false,
      early: false,
      lateMs: 0,
      template: { kind: "inline", json: JSON.stringify(action) },
      spreadMs: 90_000,
      onMissed: "last",
      overlap: "allow",
      deadlineMs: null,
      maxAgents: 500,
      signing: "live",
      minSigners: 1,
      retries: 0,
      workflow: true,
      warnings: [],
      pluginTimeoutMs: null,
    });
  });

  test("needs no schedule: such a job is fired by hand", () => {
    expect(entityOf({}).schedule).toBeNull();
  });

  test("tells all mistakes, each by its path and with its line", () => {
    const definition = {
      schedule: { cron: "@daily", onMissed: "sometimes" },
      expiry: "1 day",
      plugin: "a/b",
      retrys: 3,
    };
    expect(mistakesOf(definition)).toEqual([
      "/r/daily/job.ts: Cannot read retrys: there is no such key (Did you mean retries?)",
      '/r/daily/job.ts:8:31: Cannot set schedule.onMissed to "sometimes": ' +
        "skip, last or all is wanted",
      '/r/daily/job.ts:9:3: bad expiry: time: unknown unit " day" in duration "1 day" ' +
        "(Write a duration such as 90s, 10m or 1h30m (there is no unit of days))",
      '/r/daily/job.ts:11:3: Cannot use plugin "a/b": the name has a slash in it ' +
        "(Name a file of the plugins directory)",
    ]);
  });

  test("refuses an action that is no action, where it is written", () => {
    const [mistake = ""] = mistakesOf({ action: { target: 7 } });
    expect(mistake).toStartWith("/r/daily/job.ts:10:3: Cannot read the action template: ");
    expect(mistake).toEndWith("\n   |   ^");
  });
});

describe("keyPositions()", () => {
  test("finds the keys of the definition and of its schedule", () => {
    const places = [...keyPositions(TEXT)].map(([key, { line }]) => `${key} ${line}`);
    expect(places).toEqual([
      ...["schedule 8", "cron 8", "onmissed 8", "expiry 9", "action 10", "plugin 11"],
    ]);
  });

  test("counts columns in the line", () => {
    expect(keyPositions("export default job({ retries: 3 });").get("retries")).toEqual({
      line: 1,
      column: 22,
    });
  });

  test("finds none where the definition is made elsewhere", () => {
    expect(keyPositions("export default job(definition);").size).toBe(0);
    expect(keyPositions("").size).toBe(0);
  });
});
