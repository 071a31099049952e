import { describe, expect, test } from "bun:test";
import { readGcfg } from "../../src/config/gcfg.ts";
import { CLIENT_SCHEMA, RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import type { Schema, SettingsFile } from "../../src/config/settings.ts";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";
import { parseGcfg } from "../support/settings-file.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function parse(text: string, schema: Schema = RUNNER_SCHEMA): SettingsFile {
  return parseGcfg(bytes(text), { path: "x.cfg", schema });
}

/** All mistakes, as an operator sees them. */
function mistakes(text: string, schema: Schema = RUNNER_SCHEMA): readonly string[] {
  const found = readGcfg(bytes(text), { path: "x.cfg", schema }).mistakes.map(describeError);
  // Sections come; that known ones are named is what counts here.
  return found.map((line) => line.replace(/(Known sections: runner, client), [^)]*/, "$1, …"));
}

const LINE_HINT = "(Write a line as key = value, the value in double quotes)";

describe("readGcfg()", () => {
  test("keeps a value with the place where it stands", () => {
    const file = parse('[runner]\n  directory = "/var/lib/mig"\n');
    expect(file.sections.get("runner")?.get("directory")).toEqual({
      value: "/var/lib/mig",
      line: 2,
      column: 15,
    });
  });

  test("throws all mistakes in one RunnerErrors", () => {
    expect(() => parse("[runner]\nx = 1\ny = 2\n")).toThrow(RunnerErrors);
  });

  test("goes on behind every broken line", () => {
    const text = [
      "[runner]",
      'directory = "open',
      "checkdirectory = soon",
      "check_directory = 5",
      "[logging]",
      "levels = info",
      "mode stdout",
      "[nosuch]",
      "anything = 1",
      "[client",
      "passphrase = p",
      '[api "x"]',
    ].join("\n");
    expect(mistakes(text)).toEqual([
      "x.cfg:2:13: string not terminated (End the value with a double quote in the same line)",
      'x.cfg:3:18: failed to parse "soon" as int: expected integer (Write a whole number)',
      `x.cfg:4:6: illegal character U+005F '_' ${LINE_HINT}`,
      `x.cfg:6:1: can't store data at section "logging", variable "levels" (Did you mean level?)`,
      `x.cfg:7:6: expected '=' ${LINE_HINT}`,
      'x.cfg:8:2: can\'t store data at section "nosuch" (Known sections: runner, client, …)',
      "x.cfg:10:8: expected subsection name or right bracket (Write a section as [name])",
      'x.cfg:12:2: can\'t store data at section "api" (Known sections: runner, client, …)',
    ]);
  });

  test("does not give the keys of a broken header to the section before it", () => {
    expect(mistakes("[runner]\n\ufeff[client]\npassphrase = p\n")).toEqual([
      "x.cfg:2:1: illegal character U+FEFF (Save the file without a byte order mark)",
    ]);
    expect(mistakes("[runner]\n[\u0000client]\npassphrase = p\n")).toEqual([
      "x.cfg:2:2: illegal character NUL (Save the file as text without NUL characters)",
    ]);
  });

  test("goes on in the very next line when only a comment is broken", () => {
    const text = Buffer.from("[runner] ; caf\xe9\n[client]\nfoo = 1\n", "latin1");
    const { mistakes: found } = readGcfg(text, { path: "x.cfg", schema: RUNNER_SCHEMA });
    expect(found.map(({ message }) => message)).toEqual([
      "illegal UTF-8 encoding",
      `can't store data at section "client", variable "foo"`,
    ]);
  });

  test("says once that there is no section yet", () => {
    expect(mistakes("a = 1\nb = 2\n[runner]\ndirectory = x\n")).toEqual([
      "x.cfg:1:1: expected section header (Begin with a section, such as [runner])",
    ]);
  });

  test("keeps the section of a header with something behind it", () => {
    expect(mistakes("[runner] x\nfoo = 1\n").length).toBe(2);
  });

  test("names the known keys when none is near", () => {
    expect(mistakes("[api]\nzzzzzzzz = 1\n", CLIENT_SCHEMA)).toEqual([
      `x.cfg:2:1: can't store data at section "api", variable "zzzzzzzz" (Known keys: url, ` +
        `skipverifycert)`,
    ]);
  });

  test("never suggests what has no effect", () => {
    const [first] = mistakes("[runner]\nrundirectry = x\n");
    expect(first).not.toContain("rundirectory");
  });

  test("warns of a key without an effect", () => {
    expect(parse("[runner]\nrundirectory = /x\n").warnings).toEqual([
      "x.cfg:2:1: rundirectory has no effect",
    ]);
  });

  test("takes a comment for a comment inside a schedule, and warns", () => {
    const file = parse("[configuration]\nschedule = 0 0 * * 5#3\n", ENTITY_SCHEMA);
    expect(file.sections.get("configuration")?.get("schedule")?.value).toBe("0 0 * * 5");
    expect(file.warnings).toEqual([
      "x.cfg:2:12: the value of schedule ends where a comment begins inside it: " +
        "put it in quotes to keep it whole",
    ]);
  });

  test("does not warn of a comment behind a blank or a closing quote", () => {
    for (const value of ["0 0 * * 5 #3", '"0 0 * * 5"#3', "@daily ; daily"]) {
      expect(parse(`[configuration]\nschedule = ${value}\n`, ENTITY_SCHEMA).warnings).toEqual([]);
    }
  });

  test("keeps a value out of its warning, because it may be a secret", () => {
    const { warnings } = parse("[client]\npassphrase = s3cr#et\n");
    expect(warnings.length).toBe(1);
    expect(warnings[0]).not.toContain("s3cr");
  });

  test("takes any keys in the section of a plugin, as they are written", () => {
    const file = parse(
      '[plugin "mozdef"]\napiUrl = https://x/\nverbose\nfield = a\nfield = b\nfield = ' +
        'c\n[plugin "b"]\n',
    );
    const plugins = file.subsections.get("plugin");
    const values = [...(plugins?.get("mozdef") ?? [])].map(([key, { value }]) => [key, value]);
    expect(values).toEqual([
      ["apiUrl", "https://x/"],
      ["verbose", true],
      ["field", ["a", "b", "c"]],
    ]);
    expect([...(plugins?.keys() ?? [])]).toEqual(["mozdef", "b"]);
  });

  test("wants a name for the section of a plugin", () => {
    expect(mistakes("[plugin]\nx = 1\n")).toEqual([
      `x.cfg:1:2: can't store data at section "plugin" (Name it: [plugin "NAME"])`,
    ]);
  });

  test("does not take the members of every object for sections or keys", () => {
    expect(mistakes("[constructor]\n[runner]\nconstructor = 1\n").length).toBe(2);
  });

  test("reads fifty thousand lines in well under a second", () => {
    const text = `[runner]\n${"checkdirectory = 5\n".repeat(50_000)}`;
    const { sections, warnings } = parse(text);
    expect(sections.get("runner")?.get("checkdirectory")?.line).toBe(50_001);
    expect(warnings).toEqual([
      "x.cfg:3:1: [runner] checkdirectory is set twice, the last one counts",
    ]);
  });
});
