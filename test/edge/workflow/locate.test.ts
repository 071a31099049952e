import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { locate } from "../../../src/edge/workflow/locate.ts";

const SRC = resolve(import.meta.dirname, "../../../src");

function at(...frames: string[]): Error {
  const error = new Error("x");
  error.stack = `Error: x\n${frames.map((frame) => `    at ${frame}`).join("\n")}`;
  return error;
}

describe("locate()", () => {
  const job = "/spool/runners/hunt/job.ts";
  const cases: readonly [string, Error, string | null][] = [
    ["a named function", at(`dig (${job}:12:7)`), `${job}:12`],
    ["no name", at(`${job}:3:1`), `${job}:3`],
    ["a file URL of Deno with its query", at(`dig (file://${job}?pack=1:9:2)`), `${job}:9`],
    [
      "a frame of the program first",
      at("ask (/$bunfs/root/worker.js:1:2)", `${job}:4:1`),
      `${job}:4`,
    ],
    [
      "a frame of these sources first",
      at(`ask (${SRC}/workflow/run.ts:1:2)`, `${job}:4:1`),
      `${job}:4`,
    ],
    ["a frame of a package first", at("f (/x/node_modules/y/z.js:1:2)", `${job}:4:1`), `${job}:4`],
    ["a path with spaces and brackets", at("dig (/a b/(c)/job.ts:5:1)"), "/a b/(c)/job.ts:5"],
    ["nothing but the program", at("native", "ask (/$bunfs/root/worker.js:1:2)"), null],
  ];
  for (const [what, error, wanted] of cases) {
    test(`finds the line of the job: ${what}`, () => expect(locate(error)).toBe(wanted));
  }

  test("answers null without a stack", () => {
    const error = new Error("x");
    delete error.stack;
    expect(locate(error)).toBeNull();
  });
});
