import { describe, expect, test } from "bun:test";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { makeEntity } from "../../src/jobs/definition.ts";
import type { RawDefinition } from "../../src/jobs/keys.ts";

const source = { job: "hunt", path: "/r/hunt/job.ts", defaults: { timezone: null } };
const make = (definition: unknown) => makeEntity(definition as RawDefinition, source);

function mistakes(definition: unknown): readonly string[] {
  try {
    make(definition);
  } catch (error) {
    if (error instanceof RunnerErrors) return error.errors.map(describeError);
    throw error;
  }
  return [];
}

describe("makeEntity()", () => {
  test("makes an empty definition a job that fires by hand", () => {
    expect(make({})).toMatchObject({
      schedule: null,
      plugins: [],
      expiryMs: 300_000,
      template: { kind: "file", name: "action.json" },
      workflow: false,
    });
  });

  test("reads the short and the long form of a schedule", () => {
    expect(make({ schedule: "@daily" }).schedule?.expression).toBe("@daily");
    const long = {
      cron: "0 3 * * *",
      timezone: "UTC",
      spread: "5m",
      onMissed: "all",
      overlap: "skip",
    };
    const entity = make({ schedule: long });
    expect(entity.schedule?.timezone).toBe("UTC");
    expect(entity).toMatchObject({ spreadMs: 300_000, onMissed: "all", overlap: "skip" });
  });

  test("takes one plugin or several, each once", () => {
    expect(make({ plugin: "a" }).plugins).toEqual(["a"]);
    expect(make({ plugin: ["b", "a", "b"] }).plugins).toEqual(["b", "a"]);
  });

  test("takes an action as a file of the job or as an object", () => {
    expect(make({ action: "./hunt.json" }).template).toEqual({ kind: "file", name: "hunt.json" });
    expect(make({ action: { target: "x", operations: [] } }).template).toEqual({
      kind: "inline",
      json: '{"target":"x","operations":[]}',
    });
  });

  test("keeps an action's file in the job's directory", () => {
    for (const action of ["../x.json", "/etc/passwd", "a/b.json", "..", "", "./"]) {
      expect(mistakes({ action })[0]).toContain("it is not in the job's directory");
    }
  });

  test("keeps plugins in their directory", () => {
    for (const plugin of ["", "a/b", "/bin/sh", ".", "..", "../x", "a\0b"]) {
      expect(mistakes({ plugin }).length).toBe(1);
    }
    expect(make({ plugin: "a..b" }).plugins).toEqual(["a..b"]);
  });

  test("reports every wrong name and type at once, with the nearest name", () => {
    expect(
      mistakes({
        shedule: "@daily",
        schedule: { cron: "@daily", onMissed: "maybe", timezon: "UTC" },
        expiry: 600,
        plugin: ["x", 3],
        maxAgents: 0,
        retries: 1.5,
        action: ["x"],
        sendOnly: "yes",
      }),
    ).toEqual([
      '/r/hunt/job.ts: Cannot set schedule.onMissed to "maybe": skip, last or all is wanted',
      "/r/hunt/job.ts: Cannot read schedule.timezon: there is no such key (Did you mean timezone?)",
      '/r/hunt/job.ts: Cannot set expiry to 600: a duration such as "10m" is wanted',
      "/r/hunt/job.ts: Cannot set action to Array: a file name or an object is wanted",
      "/r/hunt/job.ts: Cannot set plugin to 3: a name or a list of names is wanted",
      '/r/hunt/job.ts: Cannot set sendOnly to "yes": true or false is wanted',
      "/r/hunt/job.ts: Cannot set maxAgents to 0: a whole number above 0 is wanted",
      "/r/hunt/job.ts: Cannot set retries to 1.5: a whole number from 0 to 100 is wanted",
      "/r/hunt/job.ts: Cannot read shedule: there is no such key (Did you mean schedule?)",
    ]);
  });

  test("refuses what is no definition at all", () => {
    for (const definition of [null, undefined, 5, "x"]) {
      expect(mistakes(definition)[0]).toContain("Cannot set the definition to");
    }
    expect(mistakes({ schedule: {} })).toEqual([
      "/r/hunt/job.ts: Cannot set schedule.cron to nothing: a cron expression is wanted",
    ]);
  });

  test("refuses an action that is no JSON", () => {
    expect(mistakes({ action: { target: 1n } })[0]).toContain("it is not JSON");
  });

  test("refuses an empty cron expression, and a zone that does not exist", () => {
    expect(mistakes({ schedule: "" })[0]).toContain("missing schedule");
    expect(mistakes({ schedule: { cron: "@daily", timezone: "Berlin" } })).toEqual([
      "/r/hunt/job.ts: bad timezone: unknown time zone Berlin (Use Europe/Berlin)",
    ]);
  });

  test("keeps the cause of a refused schedule", () => {
    const error = (() => {
      try {
        make({ schedule: "x" });
      } catch (thrown) {
        return (thrown as RunnerErrors).errors[0];
      }
      return undefined;
    })();
    expect(error?.code).toBe("SCHEDULE");
    expect(error?.cause).toBeInstanceOf(Error);
  });
});

test("posting ahead needs actions that are signed ahead", () => {
  const source = { job: "hunt", path: "/r/hunt/job.ts", defaults: { timezone: null } };
  const definition = { schedule: "@daily", postAhead: "10m" };
  expect(() => makeEntity(definition, source)).toThrow(/Cannot use postAhead: the job signs live/);
  expect(makeEntity({ ...definition, signing: "calendar" }, source).postAheadMs).toBe(600_000);
});
