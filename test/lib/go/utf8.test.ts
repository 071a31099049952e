import { describe, expect, test } from "bun:test";
import { compareUtf8, decodeUtf8 } from "../../../src/lib/go/utf8.ts";

function decode(...bytes: readonly number[]): string {
  return decodeUtf8(Uint8Array.from(bytes));
}

describe("decodeUtf8()", () => {
  test("keeps a byte order mark", () => {
    expect(decode(0xef, 0xbb, 0xbf, 0x61)).toBe("\uFEFFa");
  });

  test("replaces each byte of a broken sequence by itself", () => {
    expect(decode(0x61, 0xff, 0xc3, 0x28)).toBe("a\uFFFD\uFFFD(");
    expect(decode(0xf0, 0x9f, 0x98)).toBe("\uFFFD\uFFFD\uFFFD");
    expect(decode(0xe2, 0x82, 0x62, 0xc3, 0xa9)).toBe("\uFFFD\uFFFDbé");
  });

  test("takes neither long forms nor surrogates nor code points past U+10FFFF", () => {
    expect(decode(0xc0, 0x80)).toBe("\uFFFD".repeat(2));
    expect(decode(0xe0, 0x80, 0x80)).toBe("\uFFFD".repeat(3));
    expect(decode(0xf0, 0x80, 0x80, 0x80)).toBe("\uFFFD".repeat(4));
    expect(decode(0xed, 0xa0, 0x80)).toBe("\uFFFD".repeat(3));
    expect(decode(0xf4, 0x90, 0x80, 0x80)).toBe("\uFFFD".repeat(4));
    expect(decode(0xff, 0xf4, 0x8f, 0xbf, 0xbf)).toBe("\uFFFD\u{10FFFF}");
  });
});

describe("compareUtf8()", () => {
  test("puts characters beyond U+FFFF last, where UTF-16 would not", () => {
    const keys = ["😀", "\uFF5E", "\uE000", "\uD7FF", "é", "z", "", "za"];
    expect(keys.sort(compareUtf8)).toEqual([
      "",
      "z",
      "za",
      "é",
      "\uD7FF",
      "\uE000",
      "\uFF5E",
      "😀",
    ]);
  });
});
