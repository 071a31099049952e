import { describe, expect, test } from "bun:test";
import { JsonError, parseJson } from "../../../src/lib/go/syntax.ts";

function parse(text: string) {
  return parseJson(new TextEncoder().encode(text));
}

function offsetOf(text: string): number | null {
  try {
    parse(text);
    return null;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return error.offset;
  }
}

describe("parseJson()", () => {
  test("keeps the bytes, the order and the repetitions of members", () => {
    expect(parse(' {"b":1.0,"a":[true],"b":null} ')).toEqual({
      kind: "object",
      start: 1,
      end: 30,
      members: [
        { key: "b", at: 2, value: { kind: "number", digits: "1.0", start: 6, end: 9 } },
        {
          key: "a",
          at: 10,
          value: {
            kind: "array",
            start: 14,
            end: 20,
            items: [{ kind: "bool", value: true, start: 15, end: 19 }],
          },
        },
        { key: "b", at: 21, value: { kind: "null", start: 25, end: 29 } },
      ],
    });
  });

  test("joins pairs of escaped surrogates and replaces halves", () => {
    expect(parse('"\\ud83d\\ude00"')).toMatchObject({ text: "😀" });
    expect(parse('"\\ud83d\\ud83d\\ude00"')).toMatchObject({ text: "\uFFFD😀" });
    expect(parse('"\\ude00\\u0041\\ud800"')).toMatchObject({ text: "\uFFFDA\uFFFD" });
    expect(parse('"\\ud83dx"')).toMatchObject({ text: "\uFFFDx" });
  });

  test("says where the mistake is", () => {
    expect(offsetOf('{"a":1,}')).toBe(7);
    expect(offsetOf('{"a":1}x')).toBe(7);
    expect(offsetOf('["a\tb"]')).toBe(3);
    expect(offsetOf("[1")).toBe(2);
    expect(offsetOf("")).toBe(0);
  });

  test("reports a text that ends within a word as an unexpected space", () => {
    expect(() => parse("nul")).toThrow("invalid character ' ' in literal null (expecting 'l')");
    expect(() => parse('"\\u12')).toThrow("invalid character ' ' in \\u hexadecimal");
    expect(() => parse('"ab')).toThrow("unexpected end of JSON input");
  });

  test("takes 10,000 levels and no more", () => {
    expect(() => parse("[".repeat(10_000) + "]".repeat(10_000))).not.toThrow();
    expect(() => parse("[".repeat(10_001) + "]".repeat(10_001))).toThrow(
      "invalid character '[' exceeded max depth",
    );
    expect(offsetOf('{"a":'.repeat(10_001))).toBe(50_000);
  });
});
