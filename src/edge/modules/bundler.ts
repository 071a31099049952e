// Bundler: a module and everything that it imports as one text, by the bundler of Bun.
//
// The text depends on the files alone: not on where the program runs, nor on what is bundled with
// it. Its source map leads back to the files, so that a stack names their lines.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SDK_NAMES } from "../../jobs/imports.ts";
import type { ModuleProblem } from "../../jobs/problem.ts";
import { importHint } from "../../jobs/thrown.ts";
import type { BuildArtifact, BuildLog, ModuleTools } from "../../lib/os/runtime.ts";
import { CODE } from "./graph.ts";

/** What became of one entry. */
export type Bundled =
  | {
      readonly kind: "source";
      readonly source: string;
      /** The files of packages that went into it. */
      readonly packages: readonly string[];
    }
  | { readonly kind: "broken"; readonly problems: readonly ModuleProblem[] };

/** The text of files by their paths. */
export type Files = ReadonlyMap<string, string>;

/** What is known of the place of a module, which is lost when it is bundled. */
const META = /\bimport\.meta\.(?=(?:dirname|dir|filename|path|file|url)\b)/g;

/**
 * Bundles modules, each by itself.
 *
 * @param entries Paths, with the files that are known of each.
 */
export async function bundleAll(
  tools: ModuleTools,
  entries: ReadonlyMap<string, Files>,
): Promise<ReadonlyMap<string, Bundled>> {
  if (entries.size > 1) {
    const together = await bundleTogether(tools, entries);
    if (together !== null) return together;
  }
  const bundled = new Map<string, Bundled>();
  for (const [entry, files] of entries) bundled.set(entry, await bundleOne(tools, entry, files));
  return bundled;
}

/** All in one go, which is several times faster; null when any of them is broken. */
async function bundleTogether(
  tools: ModuleTools,
  entries: ReadonlyMap<string, Files>,
): Promise<ReadonlyMap<string, Bundled> | null> {
  const files = new Map([...entries.values()].flatMap((known) => [...known]));
  const { outputs, logs, inputsOf } = await build(tools, [...entries.keys()], files);
  if (logs.length > 0 || outputs.some(({ kind }) => !isText(kind))) return null;
  const bundled = new Map<string, Bundled>();
  for (const entry of entries.keys()) {
    const path = `.${entry.replace(/\.[^./]+$/, ".js")}`;
    const code = outputs.find((output) => output.path === path);
    const map = outputs.find((output) => output.path === `${path}.map`);
    if (code === undefined || map === undefined) return null;
    const packages = inputsOf(entry).filter((path) => !files.has(path));
    bundled.set(entry, { kind: "source", source: await sourceOf(code, map), packages });
  }
  return bundled;
}

async function bundleOne(tools: ModuleTools, entry: string, files: Files): Promise<Bundled> {
  const { outputs, logs, inputsOf } = await build(tools, [entry], files);
  if (logs.length > 0) return { kind: "broken", problems: onceAFile(logs).map(problemOf) };
  const asset = outputs.find(({ kind }) => !isText(kind));
  if (asset !== undefined) {
    const name = asset.path.replace(/^\.\//, "");
    const message = `Cannot bundle "${name}": it is neither code nor data`;
    const hint = "Import code, JSON or text; read other files in a step";
    return {
      kind: "broken",
      problems: [{ message, path: null, line: null, column: null, hint }],
    };
  }
  const code = outputs.find(isCode);
  const map = outputs.find((output) => !isCode(output));
  if (code === undefined || map === undefined) throw new Error(`No bundle of "${entry}" came out`);
  const packages = inputsOf(entry).filter((path) => !files.has(path));
  return { kind: "source", source: await sourceOf(code, map), packages };
}

async function build(
  { build: run }: ModuleTools,
  entrypoints: readonly string[],
  files: Files,
): Promise<Built> {
  const { outputs, logs, metafile } = await run({
    entrypoints,
    // The texts that are known, so that what runs is what was read.
    files: Object.fromEntries([...files].map(([path, text]) => [path, placedText(path, text)])),
    target: "bun",
    format: "esm",
    external: SDK_NAMES,
    // Drops the comments that name files by the folder that the program was started in.
    minify: { whitespace: true, syntax: false, identifiers: false },
    sourcemap: "external",
    root: "/",
    naming: "[dir]/[name].[ext]",
    // They would run code of the job in this thread.
    macros: false,
    metafile: true,
    throw: false,
  });
  const made = Object.values(metafile?.outputs ?? {});
  return {
    outputs,
    logs: logs.filter(({ level }) => level === "error"),
    inputsOf(entry) {
      const own = made.filter(({ entryPoint = "" }) => resolve(entryPoint) === entry);
      // Of a path with a link in it the bundler may know another name.
      const outputsOf = own.length > 0 ? own : made;
      return outputsOf.flatMap(({ inputs }) => Object.keys(inputs).map((path) => resolve(path)));
    },
  };
}

interface Built {
  readonly outputs: readonly BuildArtifact[];
  readonly logs: readonly BuildLog[];
  /** The files that went into what was made of an entry. */
  inputsOf(entry: string): readonly string[];
}

function isCode({ kind }: BuildArtifact): boolean {
  return kind === "entry-point";
}

function isText(kind: string): boolean {
  return kind === "entry-point" || kind === "sourcemap";
}

/** The text of a file, with its place written into it where it asks for it. */
export function placedText(path: string, text: string): string {
  if (!CODE.test(path)) return text;
  const placed = text.replace(META, "importMeta$().");
  if (placed === text) return text;
  const dirname = path.replace(/\/[^/]*$/, "") || "/";
  const file = path.slice(path.lastIndexOf("/") + 1);
  const { href: url } = pathToFileURL(path);
  const meta = JSON.stringify({ dirname, dir: dirname, filename: path, path, file, url });
  // A function, because those are there before the first line of the file runs.
  return `${placed}\nfunction importMeta$() { return ${meta}; }`;
}

async function sourceOf(code: BuildArtifact, map: BuildArtifact): Promise<string> {
  const { sources, mappings, names, version } = JSON.parse(await map.text()) as SourceMap;
  const absolute = sources.map((source) => resolve(source));
  // Without a list of texts Bun refuses the map; empty ones do.
  const sourcesContent = sources.map(() => "");
  const lines = JSON.stringify({ version, sources: absolute, sourcesContent, names, mappings });
  // Its first line, "// @bun", says that nothing is left to compile, and that the map holds.
  const text = (await code.text()).replace(/\n\/\/# .*$/s, "");
  const url = `data:application/json;base64,${Buffer.from(lines).toString("base64")}`;
  return `${text.trimEnd()}\n//# sourceMappingURL=${url}\n`;
}

interface SourceMap {
  readonly version: number;
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/**
 * What the parser cannot read is told once a file: behind the first mistake it guesses. Imports and
 * exports that are missing are each a mistake of their own.
 */
function onceAFile(logs: readonly BuildLog[]): readonly BuildLog[] {
  const unread = new Set<string>();
  return inOrder(logs).filter((log) => {
    if (log.specifier !== undefined || isMissing(log)) return true;
    const file = log.position?.file ?? "";
    const isFirst = !unread.has(file);
    unread.add(file);
    return isFirst;
  });
}

/** From the top of each file to its bottom. */
function inOrder(logs: readonly BuildLog[]): readonly BuildLog[] {
  const placeOf = ({ position }: BuildLog): number =>
    (position?.line ?? 0) * 2 ** 20 + (position?.column ?? 0);
  return logs.toSorted((left, right) => placeOf(left) - placeOf(right));
}

function isMissing({ message }: BuildLog): boolean {
  return MISSING_EXPORT.test(message);
}

const MISSING_EXPORT = /^No matching export in "(.*)" for import "(.*)"$/;

function problemOf({ message, position, specifier }: BuildLog): ModuleProblem {
  const place = {
    path: position?.file ?? null,
    line: position?.line ?? null,
    column: position?.column ?? null,
  };
  if (specifier === undefined) {
    const hint = /^Unexpected \ufffd/.test(message) ? "Save the file as UTF-8" : null;
    return { ...place, message: textOf(message), hint };
  }
  const text = `Cannot find import "${specifier}"`;
  return { ...place, message: text, hint: importHint(specifier) };
}

/** What the bundler says, in the words of an operator. */
function textOf(message: string): string {
  if (message === "Macros are disabled") return "Cannot use macros: they are disabled";
  const missing = MISSING_EXPORT.exec(message);
  if (missing === null) return `Cannot read the program: ${message}`;
  return `Cannot import ${missing[2]}: "${resolve(missing[1] ?? "")}" does not export it`;
}
