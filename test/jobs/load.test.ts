import { describe, expect, test } from "bun:test";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { JOB_KEYS } from "../../src/jobs/keys.ts";
import { definitionFile, loadEntity } from "../../src/jobs/load.ts";
import { ENTITY_DEFAULTS } from "../support/entity.ts";

function load(files: Record<string, string>, timezone: string | null = null) {
  const encoder = new TextEncoder();
  const entries = Object.entries(files).map(
    ([name, text]) => [name, encoder.encode(text)] as const,
  );
  return loadEntity({
    job: "daily",
    path: "/r/runners/daily",
    files: new Map(entries),
    defaults: { timezone },
  });
}

function mistakes(files: Record<string, string>): readonly string[] {
  try {
    load(files);
  } catch (error) {
    if (error instanceof RunnerErrors) return error.errors.map(describeError);
    throw error;
  }
  return [];
}

const table = (lines: string): Record<string, string> => ({
  "entity.cfg": `[configuration]\n${lines}`,
});

describe("loadEntity()", () => {
  test("makes the original's entity.cfg an entity with the defaults", () => {
    const { schedule, ...entity } = load(table('schedule = "0 3 * * *"\nplugin = mozdef\n'));
    expect(schedule?.expression).toBe("0 3 * * *");
    expect(entity).toEqual({
      ...ENTITY_DEFAULTS,
      job: "daily",
      path: "/r/runners/daily/entity.cfg",
      plugins: ["mozdef"],
      template: { kind: "file", name: "action.json" },
      workflow: false,
      params: null,
      warnings: [],
    });
  });

  test("reads every key of ours, alike in both languages", () => {
    const wanted = {
      plugins: ["a", "b", "c"],
      expiryMs: 600_000,
      spreadMs: 90_000,
      onMissed: "last",
      overlap: "queue",
      deadlineMs: 7_200_000,
      maxAgents: 500,
      retries: 0,
      pluginTimeoutMs: 30_000,
    } as const;
    const gcfg = table(
      "schedule = @daily\nplugin = a\nplugins = b\nplugins = c\nexpiry = 10m\ntimezone = " +
        "Asia/Tokyo\n" +
        "spread = 90s\nonmissed = last\noverlap = queue\ndeadline = 2h\nmaxagents = 500\n" +
        "retries = 0\nplugintimeout = 30s\n",
    );
    const toml = {
      "entity.toml":
        'schedule = "@daily"\nplugin = "a"\nplugins = ["b", "c"]\nexpiry = "10m"\n' +
        'timezone = "Asia/Tokyo"\nspread = "90s"\nonmissed = "last"\noverlap = "queue"\n' +
        'deadline = "2h"\nmaxagents = 500\nretries = 0\nplugintimeout = "30s"\n',
    };
    for (const files of [gcfg, toml]) {
      const entity = load(files);
      expect(entity).toMatchObject(wanted);
      expect(entity.schedule?.timezone).toBe("Asia/Tokyo");
    }
  });

  test("takes the last of several plugin lines, as the original does", () => {
    expect(load(table("schedule = @daily\nplugin = a\nplugin = b\n")).plugins).toEqual(["b"]);
    expect(load(table("schedule = @daily\nplugin = a\nplugin =\n")).plugins).toEqual([]);
  });

  test("takes the zone of the configuration for a schedule that names none", () => {
    const files = table("schedule = @daily\n");
    expect(load(files, "Asia/Tokyo").schedule?.timezone).toBe("Asia/Tokyo");
    expect(load(files).schedule?.timezone).toBe(null);
  });

  test("keeps the original's reasons, with place and hint", () => {
    const missing = mistakes(table("plugin = x\n"));
    expect(missing).toEqual([
      '/r/runners/daily/entity.cfg: missing schedule (Set schedule, for example to "0 */4 * * *")',
    ]);
    const [bad] = mistakes(table("schedule = 61 * * * *\n"));
    expect(bad).toStartWith(
      "/r/runners/daily/entity.cfg:2:12: bad cron expression: syntax error in minute field: '61' (",
    );
  });

  test("tells all mistakes of a file at once", () => {
    const found = mistakes(
      table(
        "schdule = @daily\nexpiry = 5\nplugin = ../x\nplugins = ..\nonmissed = maybe\n" +
          "timezone = Berlin\nmaxagents = many\n",
      ),
    );
    expect(found).toEqual([
      `/r/runners/daily/entity.cfg:2:1: can't store data at section "configuration", ` +
        `variable "schdule" (Did you mean schedule?)`,
      '/r/runners/daily/entity.cfg:3:10: bad expiry: time: missing unit in duration "5" ' +
        "(Write a duration such as 90s, 10m or 1h30m (there is no unit of days))",
      '/r/runners/daily/entity.cfg:4:10: Cannot use plugin "../x": the name has a slash in it ' +
        "(Name a file of the plugins directory)",
      '/r/runners/daily/entity.cfg:4:10: Cannot use plugin "..": the name is a directory ' +
        "(Name a file of the plugins directory)",
      '/r/runners/daily/entity.cfg:6:12: Cannot set onmissed to "maybe": skip, last or all ' +
        "is wanted",
      '/r/runners/daily/entity.cfg:8:13: failed to parse "many" as int: expected integer ' +
        "(Write a whole number)",
    ]);
    const meaning = mistakes(
      table("schedule = @daily\nexpiry = 5\nplugin = ../x\nspread = 2000h\n"),
    );
    expect(meaning).toEqual([
      '/r/runners/daily/entity.cfg:3:10: bad expiry: time: missing unit in duration "5" ' +
        "(Write a duration such as 90s, 10m or 1h30m (there is no unit of days))",
      '/r/runners/daily/entity.cfg:4:10: Cannot use plugin "../x": the name has a slash in it ' +
        "(Name a file of the plugins directory)",
      '/r/runners/daily/entity.cfg:5:10: Cannot set spread to "2000h": it is too long, ' +
        "at most 168h (7 days) is possible",
    ]);
  });

  test("refuses an expiry that ends before it begins, or overflows RabbitMQ's clock", () => {
    expect(mistakes(table("schedule = @daily\nexpiry = 0\n"))[0]).toContain("it must be above 0");
    expect(mistakes(table("schedule = @daily\nexpiry = -5m\n"))[0]).toContain("it must be above 0");
    expect(mistakes(table("schedule = @daily\nexpiry = 1176h1s\n"))[0]).toContain("it is too long");
    expect(load(table("schedule = @daily\nexpiry = 1176h\n")).expiryMs).toBe(49 * 86_400_000);
    expect(load(table("schedule = @daily\nexpiry = 1ns\n")).expiryMs).toBe(1);
    expect(load(table("schedule = @daily\nexpiry =\n")).expiryMs).toBe(300_000);
  });

  test("names the bound that a duration is outside of, whichever key it is of", () => {
    const bounds = Object.values(JOB_KEYS).filter((key) => key.kind === "duration");
    expect(bounds.length).toBeGreaterThan(5);
    for (const { file, min, max } of bounds) {
      if (file === null) continue;
      const says = (ms: number) =>
        mistakes(table(`schedule = @daily\n${file} = ${ms}ms\n`)).find((line) =>
          line.includes(`Cannot set ${file} to`),
        );
      expect(says(min)).toBeUndefined();
      expect(says(max)).toBeUndefined();
      expect(says(max + 1)).toContain("it is too long, at most ");
      const least = min === 0 ? "positive or 0" : min === 1 ? "above 0" : /at least [1-9]/;
      expect(says(min - 1)).toMatch(least);
    }
    expect(mistakes(table("schedule = @daily\nexpect = 45s\n"))[0]).toEndWith(
      'Cannot set expect to "45s": it must be at least 1m',
    );
  });

  test("warns of what is read otherwise than it looks", () => {
    const { warnings } = load(table("schedule = 0 0 * * 5#3\nsendonly\nplugin = x\n"));
    expect(warnings).toEqual([
      "/r/runners/daily/entity.cfg:2:12: the value of schedule ends where a comment begins " +
        "inside it: " +
        "put it in quotes to keep it whole",
      "/r/runners/daily/entity.cfg:4:10: no plugin gets a result, because sendonly is set",
    ]);
    const odd = load(table("schedule = 0 0 1 06 *\n")).warnings;
    expect(odd[0]).toStartWith("/r/runners/daily/entity.cfg:2:12: ");
  });

  test("refuses a job with two definitions, or with none", () => {
    const both = { ...table("schedule = @daily\n"), "entity.toml": 'schedule = "@daily"\n' };
    expect(mistakes(both)).toEqual([
      '/r/runners/daily: Cannot load job "daily": entity.cfg and entity.toml define it, ' +
        "exactly one of them may (Remove entity.toml, or entity.cfg)",
    ]);
    expect(mistakes({ ...table("schedule = @daily\n"), "job.ts": "" }).length).toBe(1);
    expect(mistakes({ "action.json": "{}" })[0]).toContain(
      "stat /r/runners/daily/entity.cfg: no such file or directory",
    );
  });

  test("does not take a job.ts for a table", () => {
    expect(mistakes({ "job.ts": "" })[0]).toContain("it is defined by job.ts");
  });

  test("places a bad name of the list of plugins there", () => {
    expect(mistakes(table("schedule = @daily\nplugins = ..\n"))[0]).toStartWith(
      "/r/runners/daily/entity.cfg:3:11: Cannot use plugin",
    );
  });

  test("names the job in every mistake", () => {
    try {
      load(table("x = 1\n"));
      expect.unreachable();
    } catch (error) {
      for (const { detail, code } of (error as RunnerErrors).errors) {
        expect(detail.job).toBe("daily");
        expect(code).toBe("ENTITY");
      }
    }
  });
});

describe("definitionFile()", () => {
  test("finds the one file among the others", () => {
    const at = { job: "j", path: "/p" };
    expect(definitionFile(at, ["action.json", "job.ts"])).toBe("job.ts");
    expect(definitionFile(at, ["entity.toml", "README"])).toBe("entity.toml");
    expect(() => definitionFile(at, ["job.ts", "entity.cfg"])).toThrow(RunnerErrors);
  });
});

describe("the bounds of a schedule", () => {
  const bounds = { from: Date.UTC(2026, 11, 1), until: Date.UTC(2026, 11, 24, 6) };

  test.each([
    ["entity.cfg", 'from = "2026-12-01T01:00:00+01:00"\nuntil = 2026-12-24T06:00:00Z\n'],
    ["entity.toml", 'from = "2026-12-01T01:00:00+01:00"\nuntil = 2026-12-24T06:00:00Z\n'],
  ])("are read from %s", (name, text) => {
    const head = name === "entity.cfg" ? "[configuration]\n" : "";
    const bytes = new TextEncoder().encode(`${head}schedule = "@daily"\n${text}`);
    const files = new Map([[name, bytes]]);
    const place = { job: "daily", path: "/r/runners/daily", defaults: { timezone: "UTC" } };
    expect(loadEntity({ ...place, files }).schedule).toMatchObject(bounds);
  });

  test.each([
    [
      "from = tomorrow",
      'entity.cfg:3:8: Cannot set from to "tomorrow": it is no time (Write it such',
    ],
    ["until = 2026-12-24", 'entity.cfg:3:9: Cannot set until to "2026-12-24": it is no time'],
    [
      "from = 2026-12-24T00:00:00Z\nuntil = 2026-12-24T00:00:00Z",
      "entity.cfg:4:9: Cannot schedule the job: its schedule ends before it begins (Set until",
    ],
    ["form = 2026-12-24T00:00:00Z", "entity.cfg:3:1"],
  ])("are refused by their names: %s", (text, why) => {
    const bytes = new TextEncoder().encode(`[configuration]\nschedule = @daily\n${text}\n`);
    const place = { job: "daily", path: "/r/runners/daily", defaults: { timezone: "UTC" } };
    const refusal = () => loadEntity({ ...place, files: new Map([["entity.cfg", bytes]]) });
    expect(messageOf(refusal)).toContain(why);
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RunnerErrors) return error.errors.map(describeError).join("\n");
  }
  return "";
}
