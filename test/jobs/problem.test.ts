import { describe, expect, test } from "bun:test";
import { describeError } from "../../src/errors.ts";
import { codeFrame, placeIn, problemError } from "../../src/jobs/problem.ts";

describe("codeFrame()", () => {
  test("shows the line before, the line, and a caret below the column", () => {
    expect(codeFrame("one\ntwo\nthree = 3\nfour\n", 3, 7)).toBe(
      "2 | two\n3 | three = 3\n  |       ^",
    );
  });

  test("begins with the first line", () => {
    expect(codeFrame("let a: = 3;", 1, 8)).toBe("1 | let a: = 3;\n  |        ^");
  });

  test("aligns numbers of different widths", () => {
    const text = Array.from({ length: 12 }, (_, index) => `line ${index + 1}`).join("\n");
    expect(codeFrame(text, 10, 1)).toBe(" 9 | line 9\n10 | line 10\n   | ^");
  });

  test("keeps the caret below its column where there are tabs", () => {
    expect(codeFrame("\t\tx = ;", 1, 7)).toBe("1 | \t\tx = ;\n  | \t\t    ^");
  });

  test("cuts a long line around the column", () => {
    const smiles = codeFrame(`${"😀".repeat(500)}!${"😀".repeat(500)}`, 1, 1_002) ?? "";
    expect(smiles.isWellFormed()).toBe(true);
    const frame = codeFrame(`${"a".repeat(500)}!${"b".repeat(500)}`, 1, 501) ?? "";
    const [line = "", caret = ""] = frame.split("\n");
    expect(line.length).toBe(100);
    expect(line[caret.indexOf("^")]).toBe("!");
  });

  test("has none for a line that is not there", () => {
    expect(codeFrame("one", 5, 1)).toBeNull();
  });
});

describe("placeIn()", () => {
  const files = new Map([["/r/runners/daily/job.ts", ""]]);

  test("finds the topmost place in one of the files, in the stacks of both runtimes", () => {
    const bun =
      "Error: x\n    at pkg (/$bunfs/root/chunk.js:1:2)\n" +
      "    at boom (/r/runners/daily/job.ts:4:32)\n    at /r/runners/daily/job.ts:3:20";
    const deno =
      "Error: x\n    at async f (file:///opt/sdk/index.ts:1:2)\n" +
      "    at async file:///r/runners/daily/job.ts?pack=3:4:32";
    const place = { path: "/r/runners/daily/job.ts", line: 4, column: 32 };
    expect([placeIn(bun, files), placeIn(deno, files)]).toEqual([place, place]);
  });

  test("reads a path as URLs write it", () => {
    const path = "/r/a b/job.ts";
    const stack = "at file:///r/a%20b/job.ts:1:2";
    expect(placeIn(stack, new Set([path]))).toEqual({ path, line: 1, column: 2 });
    const odd = "/r/a%20b/job.ts";
    expect(placeIn(`at f (${odd}:1:2)`, new Set([odd]))).toEqual({ path: odd, line: 1, column: 2 });
  });

  test("finds nothing in other files", () => {
    expect(placeIn("at f (/r/runners/other/job.ts:1:2)", files)).toBeNull();
    expect(placeIn("", files)).toBeNull();
  });
});

describe("problemError()", () => {
  const source = { job: "daily", path: "/r/daily/job.ts", textOf: () => "one\ntwo" };
  const problem = { message: "Cannot do it", path: null, line: null, column: null, hint: null };

  test("shows path, line, column, hint and code", () => {
    const error = problemError({ ...problem, line: 2, column: 3, hint: "Do it so" }, source);
    expect(error.code).toBe("ENTITY");
    expect(error.detail.job).toBe("daily");
    expect(describeError(error)).toBe(
      "/r/daily/job.ts:2:3: Cannot do it (Do it so)\n1 | one\n2 | two\n  |   ^",
    );
  });

  test("is one line when nobody knows the place", () => {
    expect(describeError(problemError(problem, source))).toBe("/r/daily/job.ts: Cannot do it");
  });

  test("names the file that has the problem", () => {
    const other = { ...problem, path: "/r/lib.ts", line: 1, column: 1 };
    const error = problemError(other, { ...source, textOf: () => null });
    expect(describeError(error)).toBe("/r/lib.ts:1:1: Cannot do it");
  });
});
