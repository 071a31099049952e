// Lint: what a template says that agents would never hear.
import { describe, expect, test } from "bun:test";
import { positionOf } from "../../../src/mig/action.ts";
import { lintTemplate } from "../../../src/sdk/modules/lint.ts";

/** Each oddity as `line:column message (hint)`, warnings with a question mark in front. */
function told(source: string | Uint8Array): readonly string[] {
  const bytes = typeof source === "string" ? new TextEncoder().encode(source) : source;
  return lintTemplate(bytes).map(({ isMistake, message, hint, offset }) => {
    const { line, column } = positionOf(bytes, offset);
    const mark = isMistake ? "" : "? ";
    return `${mark}${line}:${column} ${message}${hint === null ? "" : ` (${hint})`}`;
  });
}

function operation(module: string, parameters: string): string {
  const call = `{"module": ${JSON.stringify(module)}, "parameters": ${parameters}}`;
  return `{"target": "id=1",\n"operations": [\n${call}]}`;
}

describe("lintTemplate() of a sound template", () => {
  const sound: Readonly<Record<string, string>> = {
    "with every member": `{"name": "a", "target": "id=1",
      "description": {"author": "a", "revision": 1}, "threat": {"ref": "r", "family": "f"},
      "validfrom": "2026-01-01T00:00:00Z", "syntaxversion": 2,
      "operations": [{"module": "timedrift", "parameters": {"drift": "5s"}, "want_compressed": true}]}`,
    "with names in other letters": `{"Target": "id=1", "OPERATIONS": [{"Module": "file",
      "Parameters": {"Searches": {"A": {"PATHS": ["/etc"], "Names": ["^x$"]},
                                  "a": {"paths": ["/etc"], "names": null}}}}]}`,
    "without parameters that nobody needs": operation("timedrift", "null"),
    "with compressed parameters": `{"operations": [{"module": "file", "parameters": "H4sI",
      "is_compressed": true}]}`,
    "with comments": `{"_comment": "x", "//": "y", "$schema": "z", "target": "id=1"}`,
    "that is not JSON, which is told by its reader": '{"target": }',
    "that is no object": "[1, 2]",
  };
  for (const [what, text] of Object.entries(sound)) {
    test(`says nothing: ${what}`, () => expect(told(text)).toEqual([]));
  }
});

describe("lintTemplate() finds", () => {
  test("a misspelt member, at its key", () => {
    expect(told('{\n  "targt": "id=1", "operation": [], "descripton": {}}')).toEqual([
      '2:3 "targt" is not a member of an action and would be ignored (did you mean "target"?)',
      '2:20 "operation" is not a member of an action and would be ignored (did you mean "operations"?)',
      '2:37 "descripton" is not a member of an action and would be ignored (did you mean "description"?)',
    ]);
    expect(told('{"description": {"autor": "me"}, "threat": {"levl": "low"}}')).toEqual([
      '1:18 "autor" is not a member of "description" and would be ignored (did you mean "author"?)',
      '1:45 "levl" is not a member of "threat" and would be ignored (did you mean "level"?)',
    ]);
    expect(told('{"operations": [{"modul": "file", "parametres": {}}]}')).toEqual([
      '1:18 "modul" is not a member of an operation and would be ignored (did you mean "module"?)',
      '1:35 "parametres" is not a member of an operation and would be ignored (did you mean "parameters"?)',
    ]);
  });

  test("a member that nobody knows, as a warning", () => {
    expect(told('{"target": "id=1", "description": {"__proto__": {"author": "x"}}}')).toEqual([
      '? 1:36 "__proto__" is not a member of "description" and would be ignored',
    ]);
    expect(told('{"target": "id=1", "owner": "me"}')).toEqual([
      '? 1:20 "owner" is not a member of an action and would be ignored',
    ]);
  });

  test("a misspelt module, and what is wrong with its parameters all the same", () => {
    expect(told(operation("timedrfit", '{"drft": "5s"}'))).toEqual([
      '3:12 module "timedrfit" is not a module of MIG, agents would refuse the action ' +
        '(did you mean "timedrift"?)',
      '3:40 Cannot use timedrift drft "5s": there is no such parameter, did you mean drift?',
    ]);
    expect(told(operation("File", '{"searches": {"a": {"paths": ["/"]}}}'))).toEqual([
      '3:12 module "File" is not a module of MIG, agents would refuse the action (did you mean "file"?)',
    ]);
  });

  test("a module of a site's own, as a warning", () => {
    expect(told(operation("hammer", '{"anything": 1}'))).toEqual([
      '? 3:12 module "hammer" is not a module of MIG (fine if the agents of this site were built with it)',
    ]);
  });

  const refused: Readonly<
    Record<string, readonly [module: string, parameters: string, at: string]>
  > = {
    "an unknown parameter deep down": [
      "file",
      '{"searches": {"a": {"paths": ["/"], "name": ["x"]}}}',
      "3:70 Cannot use file searches.a.name: there is no such parameter, did you mean names?",
    ],
    "a value of another type": [
      "netstat",
      '{"listeningport": [22]}',
      "3:56 Cannot use netstat listeningport[0] 22: a text is wanted",
    ],
    "a pattern that agents cannot compile": [
      "pkg",
      '{"pkgmatch": {"matches": ["(?=x)"]}}',
      "3:59 Cannot use pkg pkgmatch.matches[0]",
    ],
    "a parameter that is missing": [
      "ping",
      '{"protocol": "icmp"}',
      "3:34 Cannot use ping destination",
    ],
    "a duration of days": ["timedrift", '{"drift": "5d"}', '3:40 Cannot use timedrift drift "5d"'],
  };
  for (const [what, [module, parameters, at]] of Object.entries(refused)) {
    test(`${what}, which agents refuse`, () => {
      const [first, ...others] = told(operation(module, parameters));
      expect(first).toStartWith(at);
      expect(others).toEqual([]);
    });
  }

  test("a member given twice, in whatever letters, but labels that differ by them", () => {
    const text = '{"target": "id=1",\n "Target": "true",\n "operations": [],\n "operations": []}';
    expect(told(text)).toEqual([
      '2:2 "Target" is given twice in one object (Keep one: only the last of them counts)',
      '4:2 "operations" is given twice in one object (Keep one: only the last of them counts)',
    ]);
    const searches = '{"searches": {"a": {"paths": ["/"]}, "a": {"paths": ["/"]}}}';
    expect(told(operation("file", searches))).toEqual([
      '3:71 "a" is given twice in one object (Keep one: only the last of them counts)',
    ]);
  });

  test("bytes that are not UTF-8, once and where the first is", () => {
    const bytes = Buffer.from(
      '{"target":\n "name=\'caf\u00e9\'", "name": "J\u00e9r\u00f4me"}',
      "latin1",
    );
    expect(told(new Uint8Array(bytes))).toEqual([
      "2:12 the text is not UTF-8: byte 0xE9 would be sent as U+FFFD (Save the file as UTF-8)",
    ]);
  });

  test("no more than is of use, and nothing in what is nested beyond reason", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `"drft${index}": 1`).join(",");
    expect(told(operation("timedrift", `{${many}}`))).toHaveLength(50);
    const deep = `${'{"a":['.repeat(4_000)}${"]}".repeat(4_000)}`;
    expect(told(operation("file", deep)).length).toBeGreaterThan(0);
  });
});
