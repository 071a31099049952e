import { describe, expect, test } from "bun:test";
import { parseLoadAnswer } from "../../../src/edge/modules/answer.ts";

describe("parseLoadAnswer()", () => {
  test.each([
    { kind: "job", outline: { definition: { expiry: "1m" }, workflow: true } },
    { kind: "problem", problem: { message: "m", path: null, line: 1, column: 2, hint: "h" } },
    { kind: "thrown", thrown: { name: "Error", message: "m", stack: "s", hint: null } },
  ])("takes %j", (answer) => {
    expect(parseLoadAnswer(answer)).toEqual(answer as never);
  });

  test.each([
    null,
    3,
    {},
    { kind: "job" },
    { kind: "job", outline: null },
    { kind: "problem", problem: { message: 1 } },
    { kind: "thrown" },
  ])("takes %j for a mistake of the job", (answer) => {
    expect(parseLoadAnswer(answer)).toMatchObject({ kind: "problem" });
  });
});
