// Breaks: which changes are tried, and what is left alone.
import { describe, expect, test } from "bun:test";
import { blanked, breaksOf, broken } from "./breaks.ts";

/** The lines that differ, with all breaks of a source made one at a time. */
function changes(source: string): readonly string[] {
  return breaksOf(source).map((one) => {
    const line = broken(source, one).split("\n")[one.line - 1];
    return `${one.kind}: ${line?.trim()}`;
  });
}

describe("breaksOf()", () => {
  test("turns round conditions, and moves comparisons and numbers by one", () => {
    expect(changes("function f(a: number) {\n  if (a <= 7) return true;\n}\n")).toEqual([
      "operator: if (a < 7) return true;",
      "constant: if (a <= 7) return false;",
      "number: if (a <= 8) return true;",
      "condition: if (!(a <= 7)) return true;",
      "statement: ;",
    ]);
  });

  test("leaves out statements, also those that are waited for", () => {
    expect(changes("async function f() {\n  await keep(1);\n  this.at = 2;\n}\n")).toEqual([
      "number: await keep(2);",
      "statement: ;",
      "number: this.at = 3;",
      "statement: ;",
    ]);
  });

  test("leaves comments, strings, patterns, types and imports alone", () => {
    const source = [
      'import { a } from "./1 < 2.ts";',
      "// if (a > 1) return;",
      'const text = "a && b";',
      "const pattern = text.match(/^ && $/);",
      "interface Kept {",
      "  readonly size: 7;",
      "}",
      "type Other = true | 8;",
    ].join("\n");
    expect(breaksOf(source)).toEqual([]);
  });

  test("makes nothing that cannot be read", () => {
    expect(changes("  if (a) b();\n  else c();\n")).toEqual(["condition: if (!(a)) b();"]);
  });
});

describe("blanked()", () => {
  test("keeps every line and column where it was", () => {
    const source = 'a("x // y", /[/]"/); // z\nb(`1\n2`);\n';
    const text = blanked(source);
    expect(text.length).toBe(source.length);
    expect(text.split("\n").length).toBe(source.split("\n").length);
    expect(text).not.toMatch(/[xyz12]/);
    expect(text.replaceAll(" ", "")).toBe("a(,);\nb(\n);\n");
  });
});
