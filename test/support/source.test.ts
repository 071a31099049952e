// Source: what the style rules take for code, and what not.
import { describe, expect, test } from "bun:test";
import { lineAt, parseSource } from "./source.ts";

const code = (text: string) => parseSource("src/flow/x.ts", text).code;
const targets = (text: string) =>
  parseSource("src/flow/x.ts", text).imports.map(({ target, specifier }) => target ?? specifier);

describe("parseSource()", () => {
  test("blanks comments and texts, and keeps every line where it is", () => {
    const text = "a(); // fetch(\n/* Bun.\n*/ b(\"fetch(\", 'x');\n";
    expect(code(text)).toBe("a();          \n       \n   b(\"      \", ' ');\n");
    expect(code(text)).toHaveLength(text.length);
  });

  test("keeps the code in the holes of a template, also when they nest", () => {
    expect(code("`a ${b({ c: `d ${e}` })} f`;")).toBe("`  ${b({ c: `  ${e}` })}  `;");
  });

  test("does not take a division for a regular expression, nor the other way round", () => {
    expect(code("x = a / b; y = c / d;")).toBe("x = a / b; y = c / d;");
    expect(code('x = /[/"]fetch/g; y')).toBe(`x = ${" ".repeat(12)}; y`);
    expect(code("return /'/.test(a);")).toBe("return    .test(a);");
  });

  test("keeps comments out of `uncommented`, and texts in", () => {
    expect(parseSource("a.ts", 'x("//"); // y').uncommented).toBe('x("//");     ');
  });

  test("resolves what a file imports, in every form", () => {
    expect(targets('import { a, type B } from "./a.ts";')).toEqual(["src/flow/a.ts"]);
    expect(targets('import type {\n  A,\n} from "../lib/go/a.ts";')).toEqual(["src/lib/go/a.ts"]);
    expect(targets('export { a } from "../time.ts";')).toEqual(["src/time.ts"]);
    expect(targets('const { a } = await import("openpgp");')).toEqual(["openpgp"]);
    expect(targets('new Worker(new URL("./worker.ts", import.meta.url));')).toEqual([
      "src/flow/worker.ts",
    ]);
  });

  test("does not take the words of a comment or a text for an import", () => {
    expect(targets('// import { a } from "./a.ts";')).toEqual([]);
    expect(targets('const sample = `\nimport { job } from "mig-runner";\n`;')).toEqual([]);
    expect(targets("const x = 'import(\"y\")';")).toEqual([]);
  });

  test("keeps the names and the line of an import", () => {
    const text = '// A.\nimport { createHash, type Hash } from "node:crypto";';
    expect(parseSource("a.ts", text).imports).toEqual([
      { specifier: "node:crypto", target: null, names: "createHash, type Hash", line: 2 },
    ]);
  });
});

describe("lineAt()", () => {
  test("counts from 1", () => {
    expect(lineAt("a\nb\nc", 0)).toBe(1);
    expect(lineAt("a\nb\nc", 4)).toBe(3);
  });
});
