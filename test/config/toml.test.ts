import { describe, expect, test } from "bun:test";
import { CLIENT_SCHEMA, RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import type { Schema } from "../../src/config/settings.ts";
import { readToml } from "../../src/config/toml.ts";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";
import { parseToml } from "../support/settings-file.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string, schema: Schema = RUNNER_SCHEMA) =>
  parseToml(bytes(text), { path: "x.toml", schema });
const mistakes = (text: string, schema: Schema = RUNNER_SCHEMA): readonly string[] =>
  readToml(bytes(text), { path: "x.toml", schema })
    .mistakes.map(describeError)
    .map((line) => line.replace(/(Known sections: runner, client), [^)]*/, "$1, …"));

describe("readToml()", () => {
  test("reads each key by its own type, with its place", () => {
    const file = parse('[runner]\ndirectory = "/x"\ncheckdirectory = 30 # s\n');
    expect([...(file.sections.get("runner") ?? [])]).toEqual([
      ["directory", { value: "/x", line: 2, column: 1 }],
      ["checkdirectory", { value: 30n, line: 3, column: 1 }],
    ]);
    const client = parse(
      '[api]\nskipverifycert = true\n[targets]\nmacro = ["a:b"]\n',
      CLIENT_SCHEMA,
    );
    expect(client.sections.get("api")?.get("skipverifycert")?.value).toBe(true);
    expect(client.sections.get("targets")?.get("macro")?.value).toEqual(["a:b"]);
  });

  test("takes the keys of a plugin as they are", () => {
    const file = parse('[plugin.mozdef]\nurl = "u"\nretries = 3\non = true\ntags = ["a", "b"]\n');
    const keys = [...(file.subsections.get("plugin")?.get("mozdef") ?? [])];
    expect(keys.map(([key, { value }]) => [key, value])).toEqual([
      ["url", "u"],
      ["retries", "3"],
      ["on", true],
      ["tags", ["a", "b"]],
    ]);
  });

  test("gives keys before the first header to the top section", () => {
    const options = { path: "x", schema: ENTITY_SCHEMA, topSection: "configuration" };
    const file = parseToml(bytes('schedule = "@daily"\n[configuration]\nretries = 1\n'), options);
    const keys = file.sections.get("configuration")?.keys();
    expect([...(keys ?? [])].sort()).toEqual(["retries", "schedule"]);
  });

  test("reports every wrong type and name at its line and column", () => {
    const text = '[runner]\ncheckdirectory = "30"\n  timezon = "UTC"\n[bogus]\n[plugin]\nx = 1\n';
    expect(mistakes(text)).toEqual([
      "x.toml:2:1: Cannot use [runner] checkdirectory: a string is set, a whole number is wanted",
      `x.toml:3:3: can't store data at section "runner", variable "timezon" (Did you mean ` +
        `timezone?)`,
      `x.toml:4:1: can't store data at section "bogus" ` + "(Known sections: runner, client, …)",
      `x.toml:6:1: can't store data at section "plugin" (Put x into a table [plugin.NAME])`,
    ]);
  });

  test("refuses dates, tables and mixed arrays", () => {
    expect(mistakes("[runner]\ndirectory = 2026-01-01\n").length).toBe(1);
    expect(mistakes("[runner.directory]\nx = 1\n").length).toBe(1);
    expect(mistakes("[targets]\nmacro = [1]\n", CLIENT_SCHEMA).length).toBe(1);
    expect(mistakes("[plugin.a]\nx = { y = 1 }\n").length).toBe(1);
    expect(mistakes("runner = 5\n").length).toBe(1);
  });

  test("reports a fault of the language with its place and without the file's text", () => {
    const [first] = mistakes('[client]\npassphrase = "s3cret\n');
    expect(first).toMatch(/^x\.toml:2:\d+: /);
    expect(first).not.toContain("s3cret");
    expect(() => parse("x = ")).toThrow(RunnerErrors);
  });

  test("names the line of bytes that are no UTF-8", () => {
    const source = Buffer.from("[runner]\n# caf\xe9\n", "latin1");
    const { mistakes: found } = readToml(source, { path: "x.toml", schema: RUNNER_SCHEMA });
    expect(found.map(describeError)).toEqual([
      "x.toml:2:6: illegal UTF-8 encoding (Save the file as UTF-8)",
    ]);
  });

  test("finds dotted, quoted and inline keys near enough", () => {
    expect(mistakes('runner.checkdirectory = "x"\n')[0]).toStartWith("x.toml:1:1: ");
    expect(mistakes('\n["runner"]\n"checkdirectory" = "x"\n')[0]).toStartWith("x.toml:3:1: ");
    expect(mistakes('\nrunner = { checkdirectory = "x" }\n')[0]).toStartWith("x.toml:2:1: ");
  });
});
