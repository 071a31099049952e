import { describe, expect, test } from "bun:test";
import { openScanner, positionOf, scanToken, skipLine } from "../../src/config/scanner.ts";

function tokens(text: string): string[] {
  const scanner = openScanner(new TextEncoder().encode(text));
  const found: string[] = [];
  for (;;) {
    const { kind, text: value } = scanToken(scanner);
    found.push(value === "" ? kind : `${kind}:${value}`);
    if (kind === "end") return found;
  }
}

describe("scanToken()", () => {
  test("cuts a header and a variable into their parts", () => {
    expect(tokens('[a "b c"] ; d\nkey = "v" w # x\n')).toEqual([
      "open",
      "name:a",
      "string:b c",
      "close",
      "line",
      "name:key",
      "assign",
      "value:v w",
      "line",
      "end",
    ]);
  });

  test("takes letters of every script for a name", () => {
    expect(tokens("schlüssel-7=1")).toEqual(["name:schlüssel-7", "assign", "value:1", "end"]);
  });

  test("gives an empty value where a comment follows the equals sign", () => {
    expect(tokens("a = ; b\n")).toEqual(["name:a", "assign", "value", "line", "end"]);
  });

  test("marks a value that a comment cuts", () => {
    const scanner = openScanner(new TextEncoder().encode("a=1#2\n"));
    scanToken(scanner);
    scanToken(scanner);
    expect(scanToken(scanner)).toEqual({ kind: "value", at: 2, text: "1", cut: true });
  });
});

describe("skipLine()", () => {
  test("stops before the line feed and forgets the equals sign", () => {
    const scanner = openScanner(new TextEncoder().encode("a = b\nc"));
    scanToken(scanner);
    scanToken(scanner);
    skipLine(scanner);
    expect(scanToken(scanner).kind).toBe("line");
    expect(scanToken(scanner).text).toBe("c");
  });
});

describe("positionOf()", () => {
  test("counts lines and bytes from 1, and ends on the last line", () => {
    const scanner = openScanner(new TextEncoder().encode("é=1\nb\n"));
    expect(positionOf(scanner, 0)).toEqual({ line: 1, column: 1 });
    expect(positionOf(scanner, 2)).toEqual({ line: 1, column: 3 });
    expect(positionOf(scanner, 5)).toEqual({ line: 2, column: 1 });
    expect(positionOf(scanner, 7)).toEqual({ line: 2, column: 3 });
  });
});
