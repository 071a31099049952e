import { describe, expect, test } from "bun:test";
import { importHint, thrownProblem } from "../../src/jobs/thrown.ts";

const files = new Map([
  ["/r/job.ts", 'import { job } from "mig-runner";\nimport { x } from "mig-runner/foo";\n'],
  ["/r/lib.ts", 'import { y } from "https://example.com/y.ts";\nimport z from "leftpad/sub";\n'],
]);
const base = { name: "Error", message: "no", stack: "", hint: null };
const nowhere = { path: null, line: null, column: null };

describe("thrownProblem()", () => {
  test("says what was thrown and where", () => {
    const stack = "TypeError: no\n    at boom (/r/lib.ts:2:9)";
    expect(thrownProblem({ ...base, name: "TypeError", stack }, files)).toEqual({
      message: "Cannot load job: it threw TypeError: no",
      path: "/r/lib.ts",
      line: 2,
      column: 9,
      hint: null,
    });
  });

  test("leaves what the SDK refuses in its own words", () => {
    const message = 'Cannot use modules.pkg "(": missing )';
    const thrown = { name: "RunnerError", message, stack: "at /r/job.ts:1:1", hint: "Write RE2" };
    const problem = thrownProblem(thrown, files);
    expect(problem).toMatchObject({ message, path: "/r/job.ts", hint: "Write RE2" });
  });

  test("says what was thrown when it is no error", () => {
    const problem = thrownProblem({ ...base, name: null, message: '"text"' }, files);
    expect(problem).toEqual({
      ...nowhere,
      message: 'Cannot load job: it threw "text"',
      hint: null,
    });
  });

  test.each([
    ["Cannot find package 'mig-runner' imported from blob:1", "mig-runner/foo", "/r/job.ts", 2, 19],
    ['Error: Cannot find import "mig-runner/foo"', "mig-runner/foo", "/r/job.ts", 2, 19],
    [
      'ENOENT reading "https://example.com/y.ts"',
      ...(["https://example.com/y.ts", "/r/lib.ts", 1, 19] as const),
    ],
    ["Cannot find package 'leftpad' imported from blob:1", "leftpad/sub", "/r/lib.ts", 2, 15],
  ])("finds the import of %p", (message, specifier, path, line, column) => {
    const problem = thrownProblem({ ...base, message }, files);
    expect(problem).toMatchObject({ message: `Cannot find import "${specifier}"`, path });
    expect(problem).toMatchObject({ line, column, hint: importHint(specifier) });
  });

  test.each([
    "Export named 'nothing' not found in module 'mig-runner'.",
    "The requested module 'mig-runner' does not provide an export named 'nothing'",
  ])("finds the import of a name that is not exported: %p", (message) => {
    expect(thrownProblem({ ...base, name: "SyntaxError", message }, files)).toEqual({
      message: 'Cannot import nothing: "mig-runner" does not export it',
      path: "/r/job.ts",
      line: 1,
      column: 21,
      hint: null,
    });
  });

  test("keeps the message of an import that is in none of the files", () => {
    const message = "Cannot find package 'other' imported from blob:1";
    const problem = thrownProblem({ ...base, message }, files);
    expect(problem.message).toBe(`Cannot load job: it threw Error: ${message}`);
  });

  test("leaves out the place that Deno writes into messages", () => {
    const message = "Unexpected token at file:///r/job.ts?pack=2:2:22";
    const problem = thrownProblem({ ...base, name: "SyntaxError", message }, files);
    expect(problem).toEqual({
      message: "Cannot load job: it threw SyntaxError: Unexpected token",
      path: "/r/job.ts",
      line: 2,
      column: 22,
      hint: null,
    });
  });
});

describe("importHint()", () => {
  test("says how each kind of import is mended", () => {
    const names = ["mig-runner/foo", "npm:ini@6", "https://a/b.ts", "./a.ts", "ini", "mig-runnerx"];
    expect(names.map((name) => importHint(name).slice(0, 12))).toEqual([
      "The runner s",
      "Install the ",
      "Install the ",
      "Paths are re",
      "Packages are",
      "Packages are",
    ]);
  });
});
