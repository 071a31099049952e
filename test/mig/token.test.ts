import { describe, expect, test } from "bun:test";
import { encodeToken, firstNonce, tokenText } from "../../src/mig/token.ts";

const at = Date.parse("2026-11-23T15:55:03.987Z");

describe("tokenText()", () => {
  test("has whole seconds of UTC, the number, and a newline", () => {
    expect(tokenText(at, 28_061_919_084_545)).toBe("1;2026-11-23T15:55:03Z;28061919084545\n");
  });
});

describe("encodeToken()", () => {
  test("puts the signature where the newline was", () => {
    expect(encodeToken("1;2026-11-23T15:55:03Z;7\n", "wsBc=abcd")).toBe(
      "1;2026-11-23T15:55:03Z;7;wsBc=abcd",
    );
  });
});

describe("firstNonce()", () => {
  test("is the number that the original began with in that second", () => {
    expect(firstNonce(at)).toBe(28_061_919_084_545);
  });
});
