import { describe, expect, test } from "bun:test";
import { encodeDefinition, formFile, type JobForm, obstacles } from "../../src/jobs/convert.ts";
import { KEY_NAMES, type RawDefinition } from "../../src/jobs/keys.ts";
import { loadDefinition, loadEntity } from "../../src/jobs/load.ts";

const PLACE = { job: "nightly", path: "/runners/nightly", defaults: { timezone: null } };

function load(form: JobForm, text: string) {
  const files = new Map([[formFile(form), new TextEncoder().encode(text)]]);
  return loadEntity({ ...PLACE, files });
}

/** The definition that the text of a job.ts passes to job(). */
function evaluate(text: string): RawDefinition {
  const body = text
    .replace('import { job } from "mig-runner";', "")
    .replace("export default", "return");
  return new Function("job", body)((definition: RawDefinition) => definition);
}

/** An entity without what its file's name decides. */
function essence(entity: object): string {
  return JSON.stringify({ ...entity, path: "", warnings: [] });
}

const FULL: RawDefinition = {
  schedule: {
    cron: "0 0 * * 5#3",
    timezone: "Europe/Berlin",
    from: "2026-12-01T00:00:00+01:00",
    until: "2027-01-31T06:00:00Z",
    spread: "90s",
    onMissed: "last",
    overlap: "queue",
  },
  expiry: "1h30m",
  action: "./action.json",
  plugin: ["one", 'with "quotes" and \\'],
  sendOnly: true,
  early: true,
  late: "3h",
  deadline: "2h",
  maxAgents: 40,
  growth: "20%",
  approve: "200",
  canaryWait: "1m",
  canaryFailures: 1,
  signing: "calendar",
  minSigners: 2,
  postAhead: "10m",
  expect: "26h",
  expectAgents: 40,
  retries: 0,
  pluginTimeout: "1m0.5s",
};

/** What cannot stand beside every other key: it needs results, and a key on the host. */
const CANARY = { canary: "1%" } as const;

const DEFINITIONS: Readonly<Record<string, RawDefinition>> = {
  "a schedule alone": { schedule: "@daily" },
  "one plugin": { schedule: "0 3 * * *", plugin: "print" },
  sendonly: { schedule: "0 3 * * *", sendOnly: true },
  "every key": FULL,
  "a canary": { schedule: "0 3 * * *", ...CANARY },
};

describe("encodeDefinition()", () => {
  test("is tried with every key that there is", () => {
    const { schedule, ...rest } = FULL;
    const names = [...Object.keys(rest), ...Object.keys(schedule ?? {}), ...Object.keys(CANARY)];
    expect(names.toSorted()).toEqual([...KEY_NAMES].toSorted());
  });

  test("writes every key that is set, and under its own name in files", () => {
    const { cron, ...schedule } = { cron: "", ...Object(FULL.schedule) } as Record<string, unknown>;
    const { schedule: _, plugin, action: __, ...rest } = FULL;
    const plain = { schedule: cron, ...schedule, ...rest };
    for (const form of ["cfg", "toml"] as const) {
      const { text } = encodeDefinition(FULL, form);
      for (const [key, value] of Object.entries(plain)) {
        const line = text.split("\n").find((each) => each.startsWith(`${key.toLowerCase()} = `));
        expect(line?.replace(/^\w+ = /, "").replaceAll('"', "")).toBe(`${value}`);
      }
    }
    expect(evaluate(encodeDefinition(FULL, "ts").text)).toEqual(FULL);
    expect(load("toml", encodeDefinition(FULL, "toml").text).plugins).toEqual(
      [plugin ?? []].flat(),
    );
  });

  for (const [name, definition] of Object.entries(DEFINITIONS)) {
    for (const form of ["cfg", "toml"] as const) {
      test(`writes ${name} as ${form} that loads to the same entity`, () => {
        const other = form === "cfg" ? "toml" : "cfg";
        const entity = load(form, encodeDefinition(definition, form).text);
        expect(essence(entity)).toBe(
          essence(load(other, encodeDefinition(definition, other).text)),
        );
        expect(entity.schedule?.expression).toBe(
          typeof definition.schedule === "object" ? "0 0 * * 5#3" : (definition.schedule ?? ""),
        );
      });
    }

    test(`writes ${name} as a program that defines the same`, () => {
      const { text } = encodeDefinition(definition, "ts");
      const files = new Map([
        ["entity.cfg", new TextEncoder().encode(encodeDefinition(definition, "cfg").text)],
      ]);
      const again = encodeDefinition(loadDefinition({ ...PLACE, files }), "ts").text;
      expect(again).toBe(text);
      const written = evaluate(text);
      expect(encodeDefinition(written, "toml")).toEqual(encodeDefinition(definition, "toml"));
      expect(written.action).toBe("./action.json");
    });
  }

  test("keeps every value of a full definition", () => {
    const entity = load("cfg", encodeDefinition(FULL, "cfg").text);
    expect(entity).toMatchObject({
      plugins: ["one", 'with "quotes" and \\'],
      expiryMs: 5_400_000,
      sendOnly: true,
      early: true,
      lateMs: 10_800_000,
      spreadMs: 90_000,
      onMissed: "last",
      overlap: "queue",
      deadlineMs: 7_200_000,
      maxAgents: 40,
      growth: "20%",
      approve: "200",
      canaryWaitMs: 60_000,
      canaryFailures: 1,
      signing: "calendar",
      minSigners: 2,
      postAheadMs: 600_000,
      expectMs: 93_600_000,
      expectAgents: 40,
      retries: 0,
      pluginTimeoutMs: 60_500,
    });
    expect(entity.schedule?.timezone).toBe("Europe/Berlin");
  });

  test("writes an action into a program as the same value", () => {
    const action = {
      target: "status='online' -- \"quoted\" \u2028 ${no}",
      operations: [
        {
          module: "file",
          parameters: { searches: { "a-b": { names: ["^x$"], n: [1.5, -2, 1e21] } } },
        },
        { module: "timedrift", parameters: {}, want_compressed: true },
      ],
      threat: null,
      empty: [],
      ["__proto__"]: { polluted: true },
    };
    const { text, template } = encodeDefinition({ schedule: "@daily", action }, "ts");
    expect(template).toBeNull();
    const written = evaluate(text).action as object;
    expect(JSON.stringify(written)).toBe(JSON.stringify(action));
    expect(Object.hasOwn(written, "__proto__")).toBe(true);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  test("hands an inline action out for a table", () => {
    const action = { target: "a", operations: [{ module: "m" }] };
    const { text, template } = encodeDefinition({ schedule: "@daily", action }, "toml");
    expect(JSON.parse(template ?? "")).toEqual(action);
    expect(text).toBe('[configuration]\nschedule = "@daily"\n');
  });
});

describe("obstacles()", () => {
  test("has none for what every form can say", () => {
    const outline = { definition: FULL, workflow: false };
    for (const form of ["cfg", "toml", "ts"] as const) expect(obstacles(outline, form)).toEqual([]);
  });

  test("names a workflow, a missing schedule and an action elsewhere", () => {
    const outline = { definition: { action: "other.json" }, workflow: true };
    expect(obstacles(outline, "cfg").length).toBe(3);
    expect(obstacles(outline, "ts")).toEqual(["a workflow function is not rewritten"]);
  });
});
