import { describe, expect, test } from "bun:test";
import { findVerb, splitVerb, VERBS } from "../../src/cli/verbs.ts";

describe("splitVerb()", () => {
  test("takes the verb out of the line, also behind flags", () => {
    expect(splitVerb(["-c", "check", "status", "--json"])).toEqual({
      name: "status",
      rest: ["-c", "check", "--json"],
    });
  });

  test("is the daemon without a verb, and ignores other words as the original does", () => {
    expect(splitVerb(["-V"])).toEqual({ name: "", rest: ["-V"] });
    expect(splitVerb(["something", "else"]).name).toBe("");
  });

  test("refuses a slip, which must not start a daemon", () => {
    expect(() => splitVerb(["chek"])).toThrow('unknown command "chek", did you mean "check"?');
    expect(() => splitVerb(["-c", "x", "statu"])).toThrow('did you mean "status"?');
  });
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
