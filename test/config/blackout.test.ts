import { describe, expect, test } from "bun:test";
import { blackoutsOf } from "../../src/config/blackout.ts";
import { readSettings } from "../../src/config/read.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import { describeError } from "../../src/errors.ts";

function read(text: string, path = "r.cfg") {
  const bytes = new TextEncoder().encode(text);
  const resolver = openResolver(readSettings(bytes, { path, schema: RUNNER_SCHEMA }));
  const blackouts = blackoutsOf(resolver);
  return { blackouts, mistakes: resolver.mistakes.map(describeError) };
}

const NAMED = '[blackout "xmas"]\n';

describe("blackoutsOf()", () => {
  test("reads one span of time, of all jobs unless it names some", () => {
    const text = `${NAMED}from = 2026-12-24T00:00:00+01:00\nuntil = 2026-12-27T00:00:00Z\n`;
    const span = { kind: "once", from: Date.UTC(2026, 11, 23, 23), until: Date.UTC(2026, 11, 27) };
    const base = { name: "xmas", jobs: ["*"], action: "skip", why: "", span };
    expect(read(text)).toEqual({ blackouts: [base], mistakes: [] } as never);
    const more = read(`${text}jobs = db-*\njobs = web?\naction = delay\nwhy = "nobody is here"\n`);
    expect(more.blackouts).toEqual([
      { ...base, jobs: ["db-*", "web?"], action: "delay", why: "nobody is here" },
    ] as never);
  });

  test("reads a span of the week, in the zone of the runner or in its own", () => {
    const week = `[runner]\ntimezone = Europe/Berlin\n${NAMED}weekly = "sat 22:00 - sun 06:00"\n`;
    /** 2026-11-28 is a Saturday; Berlin is an hour ahead. */
    const at = Date.UTC(2026, 10, 28, 21, 30);
    const endIn = (text: string) => {
      const [span] = read(text).blackouts.map((blackout) => blackout.span);
      return span?.kind === "weekly" ? span.week.endAt(at) : "not weekly";
    };
    expect(endIn(week)).toBe(Date.UTC(2026, 10, 29, 5));
    expect(endIn(`${week}timezone = UTC\n`)).toBeNull();
  });

  test("is the same in TOML, with several of them", () => {
    const { blackouts, mistakes } = read(
      '[blackout.a]\nweekly = "daily 01:00-02:00"\njobs = ["x*"]\n' +
        '[blackout."b c"]\nweekly = "mon 01:00-02:00"\n',
      "r.toml",
    );
    expect(mistakes).toEqual([]);
    expect(blackouts.map(({ name, jobs }) => [name, jobs])).toEqual([
      ["a", ["x*"]],
      ["b c", ["*"]],
    ]);
  });

  test.each([
    ["r.cfg", `${NAMED}weakly = "sat 22:00 - sun 06:00"\n`, "Did you mean weekly?"],
    ["r.toml", '[blackout.xmas]\nweakly = "sat 22:00 - sun 06:00"\n', "Did you mean weekly?"],
    ["r.cfg", `${NAMED}form = 2026-12-24T00:00:00Z\nuntil = 2026-12-27T00:00:00Z\n`, "mean from?"],
  ])("tells of a misspelt key once: %s %s", (path, text, hint) => {
    const { mistakes } = read(text, path);
    expect([mistakes.length, mistakes[0]]).toEqual([1, expect.stringContaining(hint)]);
  });

  test("says what is wrong, where, and how to mend it", () => {
    const cases = [
      ["", 'Cannot use [blackout "xmas"]: when it holds is not set (Set from and until,'],
      [
        "from = x\nuntil = y\n",
        'r.cfg:2:8: Cannot use [blackout "xmas"]: "x" is no time (Write it',
      ],
      [
        "from = 2026-12-24T00:00:00Z\nuntil = 2026-12-24T00:00:00Z\n",
        'r.cfg:3:9: Cannot use [blackout "xmas"]: it ends before it begins',
      ],
      [
        "weekly = never\n",
        'r.cfg:2:10: Cannot use [blackout "xmas"]: "never" is no span of the week',
      ],
      ["weekly = daily 01:00-02:00\ntimezone = Mars\n", 'there is no time zone "Mars"'],
      ["weekly = daily 01:00-02:00\naction = dealy\n", "(Did you mean delay?)"],
      ["weekly = daily 01:00-02:00\nfrom = x\n", "it has from or until beside weekly"],
      ["wekly = x\n", "Did you mean weekly?"],
    ] as const;
    for (const [text, part] of cases) {
      expect([text, read(NAMED + text).mistakes.join("\n")]).toEqual([
        text,
        expect.stringContaining(part),
      ]);
    }
    expect(read("[blackout]\nweekly = daily 01:00-02:00\n").mistakes.join()).toContain(
      'Name it: [blackout "NAME"]',
    );
    const toml = read('[blackout.a]\nweekly = 7\n[blackout.b]\nfrm = "x"\n', "r.toml");
    expect(toml.mistakes.join("\n")).toContain("Cannot use [blackout.a] weekly: a whole number is");
    expect(toml.mistakes.join("\n")).toContain("Did you mean from?");
  });
});
