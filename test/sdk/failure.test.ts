import { describe, expect, test } from "bun:test";
import type { Duration } from "../../src/sdk/definition.ts";
import { Fatal, isFatal, Retry, retryAfterMs } from "../../src/sdk/failure.ts";

describe("Fatal", () => {
  test("is an error with a message and a cause", () => {
    const cause = new Error("401");
    const error = new Fatal("the token was refused", { cause });
    expect(String(error)).toBe("FatalError: the token was refused");
    expect(error.cause).toBe(cause);
  });

  test("is known, also from another copy, and no other error is", async () => {
    const path = "../../src/sdk/failure.ts?copy";
    const copy: typeof import("../../src/sdk/failure.ts") = await import(path);
    expect(isFatal(new copy.Fatal("x"))).toBe(true);
    expect(new copy.Fatal("x")).not.toBeInstanceOf(Fatal);
    expect([new Error("x"), new Retry("x", { after: "1s" }), null, "Fatal"].some(isFatal)).toBe(
      false,
    );
  });
});

describe("Retry", () => {
  test.each([
    ["0", 0],
    ["30s", 30_000],
    ["1h30m", 5_400_000],
    ["1ns", 1],
  ])("waits for %s", (after, ms) => {
    expect(retryAfterMs(new Retry("too fast", { after: after as Duration }))).toBe(ms);
  });

  test("takes milliseconds", () => {
    expect(retryAfterMs(new Retry("too fast", { after: 1_500 }))).toBe(1_500);
  });

  test("waits for a day at most", () => {
    for (const after of ["25h", "99999h", 86_400_001, 1e308, Number.POSITIVE_INFINITY]) {
      expect(retryAfterMs(new Retry("too fast", { after: after as Duration }))).toBe(86_400_000);
    }
  });

  test.each([["5"], ["5 minutes"], ["99999999999000ms"], [""], ["-1s"], [-1], [Number.NaN]])(
    "keeps its message where the wait %j is of no use",
    (after) => {
      const error = new Retry("too fast", { after: after as Duration });
      expect(error.message).toStartWith("too fast (its wait ");
      expect(error.message).toContain(`${after}`);
      expect(retryAfterMs(error)).toBe(0);
    },
  );

  test("keeps its cause", () => {
    const cause = new Error("429");
    expect(new Retry("x", { after: "1s", cause }).cause).toBe(cause);
    expect("cause" in new Retry("x", { after: "1s" })).toBe(false);
  });
});

describe("retryAfterMs()", () => {
  test.each([
    ["another error", new Error("x")],
    ["Fatal", new Fatal("x")],
    ["null", null],
    ["an object like it", { name: "Retry", afterMs: 5 }],
  ])("is null for %s", (_, error) => expect(retryAfterMs(error)).toBeNull());
});
