import { describe, test } from "bun:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRegexp, regexpFault } from "../../src/lib/go/regexp.ts";

/** Whether JavaScript takes a pattern, in the mode without relics. */
function isJavaScript(pattern: string): boolean {
  try {
    return new RegExp(pattern, "v") instanceof RegExp;
  } catch {
    return false;
  }
}

/** Where the two dialects mean the same: groups, alternatives, repeats, plain classes. */
const common = fc
  .array(fc.constantFrom(..."ab()|*+.".split(""), "[ab]", "[^a]", "\\d", "\\.", "{2}", "{1,3}"))
  .map((parts) => parts.join(""));

describe("regexpFault()", () => {
  test("agrees with JavaScript where the dialects agree", () => {
    fc.assert(
      fc.property(common, (pattern) => {
        assert.equal(regexpFault(pattern) === null, isJavaScript(pattern), pattern);
      }),
      { numRuns: 5_000 },
    );
  });

  test("counts groups as JavaScript does", () => {
    fc.assert(
      fc.property(common.filter(isJavaScript), (pattern) => {
        const groups = new RegExp(`${pattern}|`, "v").exec("");
        assert.equal(parseRegexp(pattern).captures, (groups?.length ?? 0) - 1);
      }),
    );
  });

  test("answers to any text, with the place of the fault in it", () => {
    const part = fc.constantFrom(..."()[]{}|*+?\\^$.-:PQEpxdzU,0123<>=!iαé𝄞\n".split(""));
    const text = fc.oneof(
      fc.array(part).map((parts) => parts.join("")),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (pattern) => {
        const fault = regexpFault(pattern);
        const place = /: `(.*)`$/s.exec(fault ?? "")?.[1];
        assert(fault === null || (place !== undefined && pattern.includes(place)), fault ?? "");
      }),
      { numRuns: 5_000 },
    );
  });
});
