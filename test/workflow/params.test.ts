import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { paramsText, readParams } from "../../src/workflow/params.ts";

const HUNT = v.object({
  sha256: v.pipe(
    v.string(),
    v.regex(/^[0-9a-f]{4}$/, "four hexadecimal digits"),
    v.description("of the file"),
  ),
  days: v.optional(v.pipe(v.number(), v.integer()), 7),
  hosts: v.optional(v.array(v.string())),
  most: v.optional(v.pipe(v.number(), v.integer("a whole one"), v.description("hosts at most"))),
});

function texts(given: Readonly<Record<string, string>>) {
  return readParams(HUNT, given, true);
}

describe("readParams()", () => {
  test("keeps what the schema makes of texts, its defaults included", () => {
    expect(texts({ sha256: "ab12" })).toEqual({
      kind: "sound",
      json: '{"sha256":"ab12","days":7}',
    });
  });

  test("takes a text as JSON where the schema wants no text", () => {
    const read = texts({ sha256: "1234", days: "3", hosts: '["a","b"]' });
    const json = '{"sha256":"1234","days":3,"hosts":["a","b"]}';
    expect(read).toEqual({ kind: "sound", json });
    expect(readParams(HUNT, { sha256: "1234", days: "3" }, false)).toMatchObject({
      kind: "broken",
    });
  });

  test.each([
    [{}, 'Parameter sha256 ("of the file") is not set, wanted string'],
    [
      { sha256: "zz" },
      'Cannot set parameter sha256 ("of the file") to "zz": four hexadecimal digits (wanted string)',
    ],
    [
      { sha256: "ab12", days: "soon" },
      'Cannot set parameter days to "soon": Invalid type: Expected number but received "soon" (wanted number)',
    ],
    [
      { sha256: "ab12", most: "5.5" },
      'Cannot set parameter most ("hosts at most") to "5.5": a whole one (wanted number)',
    ],
    [
      { sha265: "ab12" },
      "Cannot set parameter sha265: there is none of that name (did you mean sha256?)",
    ],
    [
      { sha256: "ab12", days: "1e999" },
      "Cannot set parameter days to 1e999: a number in it is too large",
    ],
    [
      { sha256: "ab12", constructor: "x" },
      "Cannot set parameter constructor: there is none of that name (it takes sha256, days, hosts, most)",
    ],
  ])("names what is wrong with %j, and what is wanted", (given, problem) => {
    expect(texts(given as Record<string, string>)).toEqual({ kind: "broken", problems: [problem] });
  });

  test("refuses what cannot be kept as JSON", () => {
    const schema = v.object({
      at: v.pipe(
        v.string(),
        v.transform((text) => new Date(text)),
      ),
    });
    expect(readParams(schema, { at: "2026-01-02" }, true)).toEqual({
      kind: "broken",
      problems: ["Cannot keep parameter at: what the schema makes of it is no JSON, it is a Date"],
    });
    expect(readParams(v.object({ n: v.array(v.number()) }), { n: [1, Infinity] }, false)).toEqual({
      kind: "broken",
      problems: [
        "Cannot keep parameter n: what the schema makes of it is no JSON, at [1] is Infinity",
      ],
    });
    expect(readParams(v.string() as never, {}, true)).toMatchObject({ kind: "broken" });
    const later = v.objectAsync({
      a: v.pipeAsync(
        v.string(),
        v.checkAsync(async () => true),
      ),
    });
    expect(readParams(later as never, { a: "b" }, true)).toEqual({
      kind: "broken",
      problems: [
        "Cannot check the parameters: its schema answers later: take one that is not asynchronous",
      ],
    });
  });

  test("refuses a name that a schema of any names would leave out without a word", () => {
    for (const schema of [v.looseObject({}), v.record(v.string(), v.string())]) {
      expect(readParams(schema, { a: "b" }, true)).toEqual({ kind: "sound", json: '{"a":"b"}' });
      for (const name of ["__proto__", "constructor", "prototype"]) {
        expect(readParams(schema, Object.fromEntries([[name, "b"]]), true)).toEqual({
          kind: "broken",
          problems: [`Cannot set parameter ${name}: no parameter can have this name`],
        });
      }
    }
  });

  test("bounds them", () => {
    const read = readParams(v.object({ a: v.string() }), { a: "b".repeat(70_000) }, true);
    expect(read).toMatchObject({ kind: "broken" });
  });

  test("takes none without a schema", () => {
    expect(readParams(null, {}, true)).toEqual({ kind: "sound", json: "{}" });
    expect(readParams(null, { a: "b" }, true)).toMatchObject({
      problems: ["Cannot set a: the job takes no parameters: add params to its definition"],
    });
  });
});

test("paramsText() is one line that a shell can take back", () => {
  expect(paramsText('{"sha256":"ab12","days":3,"why":"two words"}')).toBe(
    'sha256=ab12 days=3 why="two words"',
  );
  expect([paramsText(null), paramsText("{}")]).toEqual(["", ""]);
});
