import { describe, expect, test } from "bun:test";
import { quoteByte, quoteTimeBytes, quoteTimeText } from "../../../src/lib/go/quote.ts";

describe("quoteTimeText()", () => {
  test("shows control and non-ASCII bytes in hexadecimal, DEL as it is", () => {
    expect(quoteTimeText('a"b\\\n\x7fé')).toBe('"a\\"b\\\\\\x0a\x7f\\xc3\\xa9"');
  });
});

describe("quoteTimeBytes()", () => {
  test("shows bytes that are not UTF-8", () => {
    expect(quoteTimeBytes(Uint8Array.of(0x31, 0xff))).toBe('"1\\xff"');
  });
});

describe("quoteByte()", () => {
  test.each([
    [0x61, "'a'"],
    [0x20, "' '"],
    [0x22, "'\"'"],
    [0x27, "'\\''"],
    [0x5c, "'\\\\'"],
    [0x00, "'\\x00'"],
    [0x07, "'\\a'"],
    [0x0b, "'\\v'"],
    [0x7f, "'\\x7f'"],
    [0x80, "'\\u0080'"],
    [0xa0, "'\\u00a0'"],
    [0xad, "'\\u00ad'"],
    [0xc3, "'Ã'"],
    [0xff, "'ÿ'"],
  ])("names byte %p %s", (byte, name) => {
    expect(quoteByte(byte)).toBe(name);
  });
});
