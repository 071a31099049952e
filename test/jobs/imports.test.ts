import { describe, expect, test } from "bun:test";
import { isFileSpecifier, packageOf, parseImports } from "../../src/jobs/imports.ts";

const names = (text: string) => parseImports(text).map(({ specifier }) => specifier);

describe("parseImports()", () => {
  test("finds every form of an import", () => {
    const text = `
      import { a } from "./a.ts";
      import b, { type C } from './b.ts'
      import * as d from "d";
      import type { E } from "./e.ts";
      import "./f.ts";
      import g from "./g.json" with { type: "json" };
      export { h } from "./h.ts";
      export * from "./i.ts";
      const j = await import("./j.ts");
      const k = require( './k.cjs' );
      import {
        l,
      } from "@scope/l/sub";
      import{m}from"./m.ts";
    `;
    expect(names(text)).toEqual([
      "./a.ts",
      "./b.ts",
      "d",
      "./e.ts",
      "./f.ts",
      "./g.json",
      "./h.ts",
      "./i.ts",
      "./j.ts",
      "./k.cjs",
      "@scope/l/sub",
      "./m.ts",
    ]);
  });

  test("says where the name begins", () => {
    const text = 'import { a } from "a";\n\n  import("./b.ts");\n';
    expect(parseImports(text)).toEqual([
      { specifier: "a", line: 1, column: 19 },
      { specifier: "./b.ts", line: 3, column: 10 },
    ]);
  });

  test("takes no computed name and no other call for an import", () => {
    expect(
      names("import(`./${name}.ts`); import(name); Array.from('abc'); reimport('x');"),
    ).toEqual([]);
  });

  test("takes time in proportion to the text", () => {
    const text = `import ${"a, ".repeat(100_000)}`;
    const startedAt = performance.now();
    expect(names(text)).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe("isFileSpecifier()", () => {
  test("knows files from packages and modules", () => {
    const files = ["./a.ts", "../a.ts", "/r/a.ts", "file:///r/a.ts", ".", ".."];
    expect(files.filter((name) => !isFileSpecifier(name))).toEqual([]);
    const others = ["a", "@a/b", "node:fs", "npm:a", "#a", ".a", "https://a/b.ts"];
    expect(others.filter(isFileSpecifier)).toEqual([]);
  });
});

describe("packageOf()", () => {
  test("is the part of a name that is a folder in node_modules", () => {
    expect(["a", "a/b", "@s/a", "@s/a/b/c"].map(packageOf)).toEqual(["a", "a", "@s/a", "@s/a"]);
  });

  test("is null for what is in no package", () => {
    const names = ["./a", "/a", "node:fs", "bun:ffi", "npm:a@1", "https://a/b", "#a", "@s", ""];
    expect(names.map(packageOf)).toEqual(names.map(() => null));
    expect(["mig-runner", "valibot"].map(packageOf)).toEqual([null, null]);
  });
});
