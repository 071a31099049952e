import { describe, expect, test } from "bun:test";
import { decodeProgress, encodeProgress } from "../../src/sdk/progress.ts";

describe("encodeProgress()", () => {
  test("keeps what JSON can hold", () => {
    for (const value of [null, 0, "a", [1, { next: 5, "\ud800": "\ud800" }]]) {
      expect(decodeProgress(encodeProgress(value))).toEqual(value);
    }
  });

  test("refuses what it cannot, and what is too much", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [undefined, () => 1, 1n, circle]) {
      expect(() => encodeProgress(value)).toThrow("Cannot save the progress");
    }
    expect(() => encodeProgress("x".repeat(70_000))).toThrow("wanted at most 65536");
  });
});

describe("decodeProgress()", () => {
  test("takes what is no JSON for nothing", () => {
    for (const text of [null, undefined, "", "{", "undefined"]) {
      expect(decodeProgress(text)).toBeNull();
    }
  });
});
