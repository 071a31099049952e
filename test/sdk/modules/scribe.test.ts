import { describe, expect, test } from "bun:test";
import { scribe } from "../../../src/sdk/modules/scribe.ts";
import type {
  ScribeDocument,
  ScribeObject,
  ScribeTest,
} from "../../../src/sdk/modules/scribe-types.ts";
import { mistakesOf } from "../../support/thrown.ts";

const openssl: ScribeObject = { object: "o", package: { name: "openssl" } };
const old: ScribeTest = {
  test: "t",
  name: "openssl old",
  object: "o",
  evr: { operation: "<", value: "1.0.2g" },
  tags: [{ key: "severity", value: "high" }],
};

function call(scribedoc: ScribeDocument): () => unknown {
  return () => scribe({ scribedoc });
}

describe("scribe()", () => {
  test("makes the operation that MIG's documentation shows", () => {
    const parameters = {
      scribedoc: { objects: [openssl], tests: [old] },
      onlytrue: true,
      humanoutput: false,
      jsonoutput: false,
    };
    expect(scribe(parameters)).toEqual({ module: "scribe", parameters });
  });

  test.each<ScribeObject>([
    { object: "o", package: { name: "x", collectmatch: "^linux-image", onlynewest: true } },
    { object: "o", filecontent: { path: "/etc", file: "^a$", expression: "(b)", concat: "," } },
    { object: "o", filename: { path: "${root}", file: "^(a.*)\\.conf$" } },
    { object: "o", hasline: { path: "/etc", file: "x", expression: "y" } },
    { object: "o", raw: { identifiers: [{ identifier: "a", value: "b" }] } },
  ])("knows the source of %j", (object) => {
    expect(call({ objects: [object], tests: [{ test: "t", object: "o" }] })).not.toThrow();
  });

  test("follows chains and dependencies", () => {
    const chained: ScribeObject = {
      object: "chained",
      filecontent: { path: "${chain_root}", file: "a", expression: "(b)" },
    };
    const root: ScribeObject = {
      object: "root",
      filecontent: { path: "/", file: "a", expression: "(b)", "import-chain": ["chained"] },
    };
    const first = { test: "first", object: "root" };
    const second = { test: "second", object: "chained", if: ["first"], regexp: { value: "^b$" } };
    const variables = [{ key: "root", value: "/srv" }];
    const document = { variables, objects: [root, chained], tests: [first, second] };
    expect(call(document)).not.toThrow();
  });

  test.each<[string, ScribeDocument, string]>([
    [
      "an object without an id",
      { objects: [{ ...openssl, object: "" }] },
      'object "": it is empty',
    ],
    ["an object without a source", { objects: [{ object: "o" }] }, "it has no source, one of"],
    [
      "an object of two sources",
      { objects: [{ ...openssl, raw: { identifiers: [{ identifier: "a", value: "b" }] } }] },
      'scribedoc.objects[0] "o": it has package and raw, one of',
    ],
    [
      "two objects of one id",
      { objects: [openssl, openssl] },
      'objects[1].object "o": it has been',
    ],
    [
      "a pattern without a group",
      { objects: [{ object: "o", filename: { path: "/", file: "a" } }] },
      "a group ( ) is wanted, it gives the values",
    ],
    [
      "a bad pattern",
      { objects: [{ object: "o", hasline: { path: "/", file: "(", expression: "a" } }] },
      'hasline.file "(": missing closing )',
    ],
    [
      "a missing text",
      { objects: [{ object: "o", hasline: { path: "/", file: "a", expression: "" } }] },
      'hasline.expression "": it is empty',
    ],
    [
      "an unknown chain",
      {
        objects: [
          {
            object: "o",
            filecontent: { path: "/", file: "a", expression: "(b)", "import-chain": ["x"] },
          },
        ],
      },
      'filecontent.import-chain[0] "x": there is no such id',
    ],
    ["no identifiers", { objects: [{ object: "o", raw: { identifiers: [] } }] }, "at least one"],
    ["a test without an id", { objects: [openssl], tests: [{ ...old, test: "" }] }, "it is empty"],
    ["a test of no object", { tests: [old] }, 'tests[0].object "o": there is no such object'],
    ["two tests of one id", { objects: [openssl], tests: [old, old] }, "it has been used before"],
    [
      "a test that depends on itself",
      { objects: [openssl], tests: [{ ...old, if: ["t"] }] },
      'tests[0].if "t": a test cannot depend on itself',
    ],
    [
      "a test that depends on none",
      { objects: [openssl], tests: [{ ...old, if: ["x"] }] },
      'tests[0].if[0] "x": there is no such id',
    ],
    [
      "a quote in a tag",
      { objects: [openssl], tests: [{ ...old, tags: [{ key: 'a"b', value: "" }] }] },
      "there is a double quote in it",
    ],
    [
      "a bad test pattern",
      { objects: [openssl], tests: [{ test: "t", object: "o", regexp: { value: "[" } }] },
      "missing closing ]",
    ],
    [
      "two criteria",
      { objects: [openssl], tests: [{ ...old, exactmatch: { value: "1" } }] },
      'tests[0] "t": it has evr and exactmatch, at most one is looked at',
    ],
  ])("refuses %s", (_, document, message) => {
    const mistakes = mistakesOf(call(document));
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toStartWith("Cannot use modules.scribe scribedoc.");
    expect(mistakes[0]).toContain(message);
  });

  test("refuses a version operator that agents do not know", () => {
    const tests = [{ ...old, evr: { operation: "<=", value: "1" } }];
    const document = { objects: [openssl], tests } as unknown as ScribeDocument;
    expect(mistakesOf(call(document))[0]).toContain('evr.operation "<=": <, > or = is wanted');
  });
});

describe("scribe.read()", () => {
  test("gives the tests of a result", () => {
    const result = {
      foundanything: true,
      success: true,
      elements: {
        results: [
          {
            testid: "t",
            name: "openssl old",
            description: "",
            tags: [{ key: "severity", value: "high" }],
            iserror: false,
            error: "",
            masterresult: true,
            hastrueresults: true,
            results: [{ result: true, identifier: "openssl" }],
          },
        ],
        humanoutput: false,
        jsonoutput: false,
      },
      statistics: { execruntime: "24.5ms" },
      errors: null,
    };
    expect(scribe.read(result)).toEqual(result);
  });
});
