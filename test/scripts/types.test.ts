import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { runTool, tool } from "../../scripts/process.ts";
import { declarationText } from "../../scripts/types.ts";
import { examplesOf } from "../support/examples.ts";

const root = resolve(import.meta.dirname, "../..");
let folder = "";
let text = "";

const options = {
  target: "ESNext",
  module: "Preserve",
  moduleResolution: "bundler",
  lib: ["ESNext", "DOM"],
  types: [],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
};

// A directory as an author has it: jobs, and the types of "mig-runner" beside them, nothing else.
beforeAll(async () => {
  text = await declarationText("sdk/index.ts");
  folder = mkdtempSync(resolve(tmpdir(), "mig-runner-author-"));
  const home = resolve(folder, "node_modules/mig-runner");
  mkdirSync(home, { recursive: true });
  writeFileSync(resolve(home, "index.d.ts"), text);
  writeFileSync(resolve(home, "package.json"), '{"name":"mig-runner","types":"index.d.ts"}');
  writeFileSync(resolve(folder, "package.json"), '{"type":"module"}');
  writeFileSync(resolve(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
  const sources = globSync("src/sdk/**/*.ts", { cwd: root });
  const examples = sources.flatMap((path) => {
    return examplesOf(path, readFileSync(resolve(root, path), "utf8"));
  });
  for (const [index, { where, code }] of examples.entries()) {
    writeFileSync(resolve(folder, `example${index}.ts`), `// ${where}\n${code}`);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a checker prints about the author's directory; nothing when all is well. */
async function check(argv: readonly [string, ...string[]]): Promise<readonly string[]> {
  const { exit, lines } = await runTool({ argv });
  return exit === 0 ? [] : lines;
}

describe("declarationText()", () => {
  test("needs no other file and no package", async () => {
    for (const each of [text, await declarationText("testkit/simulate.ts")]) {
      const code = each.replace(/\/\*[\s\S]*?\*\//g, "");
      expect(code.match(/.*(?:\bimport[ (]|\bfrom "|valibot|\/\/\/).*/g) ?? []).toEqual([]);
      expect(each.includes(root)).toBe(false);
    }
  });

  test("shows what is exported, and hides the rest", () => {
    expect(/\nexport \{\n(?: {2}\w+,\n)+\};\n$/.test(text)).toBe(true);
    expect(text.match(/^export /gm)).toHaveLength(1);
    expect(text.match(/defineModule|isJobModule|STEP_DEFAULTS/g)).toBeNull();
  });

  test("keeps the doc comments", () => {
    const comments = [
      " * Makes a job. Its default export is all that the runner looks at in a job.ts.",
      "    /** Finds RSA and DSA keys: private, public, and in authorized_keys. */",
    ];
    expect(comments.filter((comment) => !text.includes(`\n${comment}\n`))).toEqual([]);
  });

  test("is all that tsc needs to check the examples", async () => {
    expect(await check([tool("tsc"), "-p", folder])).toEqual([]);
  });

  test("is all that Deno needs to check the examples", async () => {
    const files = globSync("*.ts", { cwd: folder }).map((name) => resolve(folder, name));
    expect(await check([tool("deno"), "check", "--quiet", ...files])).toEqual([]);
  });

  test("finds a mistake in a job", async () => {
    const wrong =
      'import { job } from "mig-runner";\nexport default job({ scheduel: "@daily" });\n';
    writeFileSync(resolve(folder, "wrong.ts"), wrong);
    const lines = await check([tool("tsc"), "-p", folder]);
    rmSync(resolve(folder, "wrong.ts"));
    expect(lines.join("\n")).toContain("wrong.ts(2,");
    expect(lines.join("\n")).toContain("'scheduel' does not exist in type 'JobDefinition'");
  });

  test("says when a type needs a package", async () => {
    const message =
      'Cannot declare "ModuleDefinition" of sdk/modules/module.ts: it needs "valibot"';
    expect(declarationText("sdk/modules/module.ts")).rejects.toThrow(message);
  });
});
