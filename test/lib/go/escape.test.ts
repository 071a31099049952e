import { describe, expect, test } from "bun:test";
import { queryEscape } from "../../../src/lib/go/escape.ts";

describe("queryEscape()", () => {
  test("keeps letters, digits and -_.~ only", () => {
    const kept = "ABCXYZabcxyz0189-_.~";
    expect(queryEscape(kept)).toBe(kept);
    expect(queryEscape("!'()*")).toBe("%21%27%28%29%2A");
    expect(queryEscape('$&+,/:;=?@"<>#%{}|\\^`[]')).toBe(
      "%24%26%2B%2C%2F%3A%3B%3D%3F%40%22%3C%3E%23%25%7B%7D%7C%5C%5E%60%5B%5D",
    );
  });

  test("writes a space as +", () => {
    expect(queryEscape("a b+c")).toBe("a+b%2Bc");
  });

  test("escapes UTF-8 bytes, and U+FFFD for half of a surrogate pair", () => {
    expect(queryEscape("é😀")).toBe("%C3%A9%F0%9F%98%80");
    expect(queryEscape("\ud83d")).toBe("%EF%BF%BD");
  });
});
