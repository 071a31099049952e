import { describe, expect, test } from "bun:test";
import { ACTION_ID_MAX, isActionId, isCount, parseActionId } from "../../src/mig/ids.ts";

/** Numbers that JSON can say and that are one of several, or none, in JavaScript. */
const STRANGE = [2 ** 53, 2 ** 63, 1e300, -(2 ** 53), 1.5, Number.NaN, Number.POSITIVE_INFINITY];

describe("isActionId() and isCount()", () => {
  test("take whole numbers below 2^53", () => {
    expect([1, 7, 28_061_811_146_766, 2 ** 53 - 1].every(isActionId)).toBe(true);
    expect([0, 1, 2 ** 53 - 1].every(isCount)).toBe(true);
    expect(ACTION_ID_MAX).toBe(9_007_199_254_740_991);
  });

  test("refuse all others", () => {
    expect([0, -1, ...STRANGE].filter(isActionId)).toEqual([]);
    expect([-1, ...STRANGE].filter(isCount)).toEqual([]);
  });
});

describe("parseActionId()", () => {
  test("reads an id as it is written", () => {
    expect(parseActionId("28061811146766")).toBe(28_061_811_146_766);
    expect(parseActionId("9007199254740991")).toBe(9_007_199_254_740_991);
  });

  test.each([
    "",
    "0",
    "-7",
    "+7",
    "07",
    "7.0",
    "1e3",
    "0x7",
    " 7",
    "7 ",
    "seven",
    "NaN",
    "9007199254740992",
    "9007199254740993",
    "9999999999999999",
    "99999999999999999999",
  ])("answers null for %p", (word) => {
    expect(parseActionId(word)).toBeNull();
  });
});
