import { describe, expect, test } from "bun:test";
import { parseInteger, parseTruth, quoteGo } from "../../src/config/scalars.ts";

describe("parseInteger()", () => {
  test("reads decimal and, behind a lower-case 0x, hexadecimal", () => {
    expect(parseInteger(" 010 ", "int")).toBe(10n);
    expect(parseInteger("+7", "int")).toBe(7n);
    expect(parseInteger("-0x1F", "int")).toBe(-31n);
    expect(parseInteger("0x_1", "int")).toBe(1n);
    expect(parseInteger("\u00853\u00a0", "int")).toBe(3n);
  });

  test("refuses the rest with the original's reason", () => {
    const reasons = [
      [
        "0x1__0",
        'failed to parse "0x1__0" as int: strconv.ParseInt: parsing "0x1__0": invalid syntax',
      ],
      ["0x1_", 'failed to parse "0x1_" as int: strconv.ParseInt: parsing "0x1_": invalid syntax'],
      ["5\ufeff", 'failed to parse "5\\ufeff" as int: extra characters "\\ufeff"'],
      ["-0X1", 'failed to parse "-0X1" as int: extra characters "X1"'],
      ["3 4\n5", 'failed to parse "3 4\\n5" as int: extra characters "4"'],
    ] as const;
    for (const [text, reason] of reasons) {
      expect(() => parseInteger(text, "int")).toThrow(new SyntaxError(reason));
    }
  });
});

describe("parseTruth()", () => {
  test("knows four words for each side, in any letter case", () => {
    for (const word of ["true", "YES", "On", "1"]) expect(parseTruth(word)).toBe(true);
    for (const word of ["FALSE", "no", "oFF", "0"]) expect(parseTruth(word)).toBe(false);
  });

  test(
    "shows a refused word between backquotes, or as a Go string where that is " + "impossible",
    () => {
      expect(() => parseTruth("Maybe")).toThrow("failed to parse bool `maybe`");
      expect(() => parseTruth("a`b")).toThrow('failed to parse bool "a`b"');
      expect(() => parseTruth("a\nb")).toThrow('failed to parse bool "a\\nb"');
    },
  );
});

describe("quoteGo()", () => {
  test("escapes what does not print", () => {
    expect(quoteGo('a"\\\u0007\u0001\u00a0\ufeff\u{e0001}é')).toBe(
      '"a\\"\\\\\\a\\x01\\u00a0\\ufeff\\U000e0001é"',
    );
  });
});
