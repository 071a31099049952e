// SDK: what authors of jobs get beside their jobs: "mig-runner", "mig-runner/test" and valibot,
// which the runner serves to jobs and plugins, as JavaScript with types, which need no package.
// `mig-runner init` writes these files; build.ts puts them into the executable, and leaves them in
// dist/sdk/ for the program when it runs from its sources.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { root } from "./process.ts";
import { declarationText } from "./types.ts";

/** The modules, by the names of their files, with their paths from src/. */
const MODULES = { index: "sdk/index.ts", simulate: "testkit/simulate.ts" } as const;

/** The library that schemas of settings are written with, as it is published. */
const VALIBOT = resolve(root, "node_modules/valibot");

const HEADER = "// Made from the sources of mig-runner: changes here are lost.";

const FOLDER = resolve(root, "dist/sdk");

/** The files by their names. The same sources give the same texts. */
export async function sdkFiles(): Promise<Readonly<Record<string, string>>> {
  const modules = Object.entries(MODULES).map(async ([name, entry]) => {
    const [code, types] = await Promise.all([codeOf(entry), declarationText(entry)]);
    // Deno takes the types of a JavaScript file from where its first line says.
    const text = `// @ts-self-types="./${name}.d.ts"\n${HEADER}\n${code}`;
    return [
      [`${name}.js`, text],
      [`${name}.d.ts`, types],
    ] as const;
  });
  return Object.fromEntries([...(await Promise.all(modules)).flat(), ...(await valibotFiles())]);
}

async function valibotFiles(): Promise<readonly (readonly [string, string])[]> {
  const dist = resolve(VALIBOT, "dist");
  const [code, types, license] = await Promise.all([
    codeOf(resolve(dist, "index.mjs")),
    readFile(resolve(dist, "index.d.mts"), "utf8"),
    readFile(resolve(VALIBOT, "LICENSE.md"), "utf8"),
  ]);
  const notice = `/*!\nvalibot, which this is a copy of:\n\n${license.trim()}\n*/\n`;
  return [
    ["valibot.js", `// @ts-self-types="./valibot.d.ts"\n${notice}${code}`],
    ["valibot.d.ts", `${notice}${types}`],
  ];
}

/** @param entry A path, absolute or below src/. */
async function codeOf(entry: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [resolve(root, "src", entry)],
    target: "node",
    format: "esm",
    minify: { whitespace: true, syntax: true, identifiers: false },
  });
  const [output, ...others] = outputs;
  assert(output !== undefined && others.length === 0, `${entry} is not one file`);
  return await output.text();
}

/** Leaves the files in dist/sdk/. */
export async function writeSdk(files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(resolve(FOLDER, name), text);
}
