// Notices: every package that the program is made of is in them, with its licence.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { programNotices, readNotices } from "../../src/edge/notices.ts";
import { Scratch } from "../support/edge.ts";

const root = resolve(import.meta.dirname, "../..");

/** The packages that sources of the program import, whatever a bundler makes of that. */
function imported(): readonly string[] {
  const files = ["src", "plugins"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(root, folder, file)),
  );
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const names = files.flatMap((file) => transpiler.scanImports(readFileSync(file, "utf8")));
  const packages = names
    .map(({ path }) => path)
    .filter((name) => !/^(?:\.|node:|bun\b|mig-runner\b)/.test(name));
  return [...new Set(packages.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name))].sort();
}

/** The licence of a package, as it comes with it. */
function licenseOf(name: string): string {
  const folder = join(root, "node_modules", name);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each)) ?? "";
  return readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
}

describe("programNotices()", () => {
  test("name every package that the program imports, with its licence", async () => {
    const text = await programNotices();
    const packages = imported();
    expect(packages.length).toBeGreaterThan(2);
    const all = [...packages, ...Object.keys(manifest.dependencies)];
    const untold = all.filter(
      (name) => !text.includes(`\n  ${name}\n`) || !text.includes(licenseOf(name)),
    );
    expect(untold).toEqual([]);
  });

  test("say how openpgp is replaced, and have the licence that its own refers to", async () => {
    const text = await programNotices();
    expect(text.includes("node_modules/openpgp")).toBe(true);
    expect(text).toMatch(/^ +GNU GENERAL PUBLIC LICENSE\n +Version 3, 29 June 2007$/m);
    expect(text.includes("JavaScriptCore")).toBe(false);
  });
});

describe("readNotices()", () => {
  const order = { root, withRuntime: true };

  test("of an executable have the runtime, with what is linked into it", async () => {
    const text = await readNotices({ ...order, packages: new Map() });
    expect(text).toContain(`Bun ${manifest.devDependencies.bun.replace("^", "")}, licence: MIT`);
    for (const name of ["JavaScriptCore", "boringssl", "tinycc", "libicu", "your-bun build.ts"]) {
      expect(text).toContain(name);
    }
    for (const title of ["GNU LIBRARY GENERAL", "GNU LESSER GENERAL", "Apache License"]) {
      expect(text).toContain(title);
    }
  });

  test("have the notices that stand in the bundled files", async () => {
    const files = ["dist/node/openpgp.mjs"];
    const text = await readNotices({ ...order, packages: new Map([["openpgp", files]]) });
    expect(text).toContain("Copyright Fedor Indutny, 2014.");
    expect(text).toContain("noble-ciphers - MIT License (c) 2023 Paul Miller");
  });

  test("take the licence from the README where that is its only place", async () => {
    using scratch = new Scratch();
    scratch.file("licenses/GPL-3.0.txt", "");
    scratch.file("node_modules/odd/package.json", '{"name":"odd","version":"1.0.0"}');
    scratch.file("node_modules/odd/README.md", "# odd\n\n## License\n\nCopyright Ann\n\n## More\n");
    const odd = { root: scratch.path, withRuntime: false, packages: new Map([["odd", []]]) };
    const text = await readNotices(odd);
    expect(text).toContain("Copyright Ann");
    expect(text).not.toContain("More");
  });

  test("are not made of a package without a licence", async () => {
    using scratch = new Scratch();
    scratch.file("node_modules/odd/package.json", '{"name":"odd","version":"1.0.0"}');
    const odd = { root: scratch.path, withRuntime: false, packages: new Map([["odd", []]]) };
    await expect(readNotices(odd)).rejects.toThrow('package "odd" comes without its licence');
  });
});
