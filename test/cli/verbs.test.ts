import { describe, expect, test } from "bun:test";
import { findVerb, splitVerb, VERBS } from "../../src/cli/verbs.ts";

describe("splitVerb()", () => {
  test("takes the verb out of the line, also behind flags", () => {
    expect(splitVerb(["-c", "check", "status", "--json"])).toEqual({
      name: "status",
      rest: ["-c", "check", "--json"],
    });
  });

  test("is the daemon without a verb", () => {
    for (const argv of [[], ["-V"], ["-c", "some.cfg", "--once"], ["-c=some.cfg"], ["--"]]) {
      expect(splitVerb(argv)).toEqual({ name: "", rest: argv });
    }
  });

  const refused: readonly (readonly [argv: readonly string[], said: string])[] = [
    [["chek"], 'unknown command "chek", did you mean "check"?'],
    [["-c", "x", "statu"], 'unknown command "statu", did you mean "status"?'],
    [["STATUS"], 'unknown command "STATUS", did you mean "status"?'],
    [["list"], 'unknown command "list": did you mean "status"?'],
    [["start"], 'unknown command "start": without a command, mig-runner runs the jobs'],
    [["--once", "now"], 'unknown command "now": "mig-runner help" lists the commands'],
    [["-c=x", "--", "stop"], 'unknown command "stop": SIGTERM stops it'],
    [["--agents", "5", "test"], 'unknown command "5": write "test" first'],
    [[""], 'unknown command "": "mig-runner help" lists'],
    [["-"], 'unknown command "-"'],
  ];
  for (const [argv, said] of refused) {
    test(`never is the daemon for ${JSON.stringify(argv.join(" "))}`, () => {
      expect(() => splitVerb(argv)).toThrow(said);
    });
  }
});

describe("VERBS", () => {
  for (const { name } of VERBS) {
    test(`has a usage and a help with examples for ${name}`, async () => {
      const { usage, help, flags } = await findVerb(name);
      expect(usage.length + help.length).toBeGreaterThan(50);
      expect(help).toContain("mig-runner");
      for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
      expect(new Set(flags.map((flag) => flag.name)).size).toBe(flags.length);
      expect(help).toMatch(/^Examples?:$/m);
    });
  }
});
