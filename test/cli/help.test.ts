import { describe, expect, test } from "bun:test";
import { findVerb, VERBS } from "../../src/cli/verbs.ts";
import { callVerb } from "../support/verb.ts";

const help = await findVerb("help");

describe("help", () => {
  test("lists every command", async () => {
    const { exit, out, error } = await callVerb(help, []);
    expect({ exit, error }).toEqual({ exit: 0, error: "" });
    for (const { name, summary } of VERBS)
      expect(out).toMatch(new RegExp(`^  ${name} .*${summary}$`, "m"));
  });

  for (const { name } of VERBS) {
    test(`shows usage, flags and examples of ${name}`, async () => {
      const { exit, out } = await callVerb(help, [name]);
      expect(exit).toBe(0);
      expect(out).toStartWith(`Usage of mig-runner ${name}: mig-runner ${name}`);
      for (const flag of (await findVerb(name)).flags) expect(out).toContain(`-${flag.name}`);
      expect(out).toMatch(/^Examples?:$/m);
    });
  }

  test("of what is no command names the nearest", async () => {
    expect((await callVerb(help, ["chek"])).thrown).toBe(
      'unknown command "chek", did you mean "check"?',
    );
    expect((await callVerb(help, ["mooo"])).thrown).toBe('unknown command "mooo"');
    expect((await callVerb(help, ["check", "next"])).thrown).toBe("help takes one COMMAND");
  });
});
