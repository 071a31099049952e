// Graph: the files that a module is made of, found by following its imports.
//
// Packages (node_modules) are not followed: of them only package.json is watched.
import { type Stats, statSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RunnerError } from "../../errors.ts";
import { isFileSpecifier, packageOf, parseImports } from "../../jobs/imports.ts";
import { errnoCode, errnoHint, errnoText } from "../../lib/os/errno.ts";
import { distrust, findFlawIfThere, type Look } from "../../lib/os/ownership.ts";
import { readText, UnfitFile } from "../../lib/os/read.ts";

/** A file larger than this is no program. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** More files than this are no job; what is beyond is not watched. */
const FILES_MAX = 2_000;

/** What an import may leave out, in the order in which it is looked for. */
const EXTENSIONS = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".json"] as const;

/** Names of files that are programs; what else is imported is data. */
export const CODE = /\.[cm]?[jt]sx?$/;

/** The files of a module. */
export interface ModuleGraph {
  /** The text of each file, by its path; the entry first. */
  readonly files: ReadonlyMap<string, string>;
  /**
   * What each file looked like when it was read, by its path. Also of what is not there: an import
   * that leads nowhere is mended by the file that comes.
   */
  readonly stamps: ReadonlyMap<string, string | null>;
  /**
   * ENTITY: a file that cannot be read; SPOOL: one that others can have written, as with all files
   * of the spool that must be looked at again. Null: none.
   */
  readonly problem: RunnerError | null;
}

/** A folder that everything of ours is in, such as the runner directory: see ownership.ts. */
export type Below = Pick<Look, "below">;

interface Walk {
  readonly owned: Look;
  readonly files: Map<string, string>;
  readonly stamps: Map<string, string | null>;
  readonly waiting: string[];
}

/** Follows the imports of a module, up to the first file that must not be loaded. */
export function readGraph(entry: string, owned: Below = {}): ModuleGraph {
  const walk: Walk = { owned, files: new Map(), stamps: new Map(), waiting: [entry] };
  try {
    for (let path = walk.waiting.pop(); path !== undefined; path = walk.waiting.pop()) {
      if (walk.files.has(path) || walk.files.size >= FILES_MAX) continue;
      const text = readModule(path, walk);
      walk.files.set(path, text);
      if (!CODE.test(path)) continue;
      for (const { specifier } of parseImports(text)) follow(specifier, path, walk);
    }
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { files: walk.files, stamps: walk.stamps, problem: error };
  }
  return { files: walk.files, stamps: walk.stamps, problem: null };
}

/** What a file looks like: equal stamps mean an unchanged file. Null when there is none. */
export function fileStamp(path: string): string | null {
  const found = statOrNull(path);
  return found === null ? null : stampOf(found);
}

/** The file that an import leads to, or null. */
export function resolveFile(specifier: string, from: string): string | null {
  return candidatesOf(specifier, from).find((path) => statOrNull(path)?.isFile()) ?? null;
}

function follow(specifier: string, from: string, walk: Walk): void {
  if (isFileSpecifier(specifier)) {
    const path = resolveFile(specifier, from);
    if (path !== null) walk.waiting.push(path);
    else for (const absent of candidatesOf(specifier, from)) walk.stamps.set(absent, null);
    return;
  }
  const name = packageOf(specifier);
  if (name === null) return;
  const path = packageFile(name, from);
  walk.stamps.set(path, fileStamp(path));
  // What of a package is loaded is known only when it is: see bundler.ts and hooks.ts.
  const flaw = findFlawIfThere(path, walk.owned);
  if (flaw !== null) throw distrust({ code: "SPOOL", thing: "package", path }, flaw);
}

/** The files that an import may mean, the most literal first. */
export function candidatesOf(specifier: string, from: string): readonly string[] {
  const written = specifier.replace(/[?#].*$/, "");
  const path = written.startsWith("file:")
    ? fileURLToPath(written)
    : resolve(dirname(from), written);
  // TypeScript's own custom: what will be a .js file is written as .ts.
  const typed = /^\.[cm]?jsx?$/.test(extname(path)) ? [path.replace(/js(x?)$/, "ts$1")] : [];
  const longer = EXTENSIONS.map((extension) => `${path}${extension}`);
  const index = EXTENSIONS.map((extension) => join(path, `index${extension}`));
  return [path, ...typed, ...longer, ...index];
}

/** The package.json of a package as seen from a file: the nearest, or where it would be. */
export function packageFile(name: string, from: string): string {
  const nearest = join(dirname(from), "node_modules", name, "package.json");
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, "node_modules", name, "package.json");
    if (statOrNull(path) !== null) return path;
    if (folder === dirname(folder)) return nearest;
  }
}

function readModule(path: string, { stamps, owned }: Walk): string {
  try {
    stamps.set(path, stampOf(statSync(path)));
    return readText(path, { sizeMax: FILE_BYTES_MAX, owned });
  } catch (error) {
    if (errnoCode(error) === "ENOENT") stamps.set(path, null);
    if (error instanceof UnfitFile && error.flaw !== null) {
      throw distrust({ code: "SPOOL", thing: "module", path }, error.flaw);
    }
    const hint = error instanceof UnfitFile ? UNFIT_HINT : errnoHint(error);
    const detail = { path, ...(hint === null ? {} : { hint }) };
    const message = `Cannot read module "${path}": ${errnoText(error)}`;
    throw new RunnerError("ENTITY", message, detail, { cause: error });
  }
}

const UNFIT_HINT = "Put a file of code there; read large data in a step instead";

function stampOf(found: Stats): string {
  return `${found.mtimeMs}:${found.size}:${found.ino}:${found.mode & 0o7777}:${found.uid}`;
}

function statOrNull(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}
