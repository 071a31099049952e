import { describe, expect, test } from "bun:test";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { keyPositions, moduleEntity } from "../../src/jobs/module.ts";
import { ENTITY_DEFAULTS } from "../support/entity.ts";

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
      expiry: "10m",
      plugin: "mozdef",
      retries: 0,
      maxAgents: 500,
      action,
    };
    const { schedule, ...entity } = entityOf(definition, { workflow: true });
    expect(schedule).toMatchObject({ expression: "0 3 * * *", timezone: "Asia/Tokyo" });
    expect(entity).toEqual({
      ...ENTITY_DEFAULTS,
      job: "daily",
      path: "/r/daily/job.ts",
      plugins: ["mozdef"],
      expiryMs: 600_000,
      template: { kind: "inline", json: JSON.stringify(action) },
      spreadMs: 90_000,
      onMissed: "last",
      maxAgents: 500,
      retries: 0,
      workflow: true,
      params: null,
      warnings: [],
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
      "schedule 8",
      "cron 8",
      "onmissed 8",
      "expiry 9",
      "action 10",
      "plugin 11",
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
