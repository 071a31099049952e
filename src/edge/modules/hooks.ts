// Hooks: how Deno loads what a pack holds. Every import out of a pack comes by here.
//
// Deno's own loader would find neither the SDK nor a node_modules folder outside its project, and
// would keep a file that has changed since.
import nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isFileSpecifier, packageOf } from "../../jobs/imports.ts";
import { distrust, findFlawIfThere } from "../../lib/os/ownership.ts";
import { readText } from "../../lib/os/read.ts";
import { CODE, candidatesOf, fileStamp, packageFile, resolveFile } from "./graph.ts";
import { type Pack, plainCode, TYPED } from "./pack.ts";

/** Marks the URLs of a pack's files: `file:///…/data.json?pack=1`. */
const QUERY = "?pack=";

/** Ends the names of files that had types, or Deno would look for types in them once more. */
const STRIPPED = "~.js";

/** Begins the URLs of modules that are made of values of this thread. */
const VALUE = "mig-runner-value:";

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

interface Loaded {
  readonly source: string;
  readonly format: "module" | "json" | "text";
  readonly shortCircuit: true;
}

interface LoadContext {
  readonly importAttributes?: Readonly<Record<string, string | undefined>>;
}

/** The values that modules are made of, by their URLs, where the modules' texts find them. */
const values = new Map<string, object>();
const VALUES_KEY = Symbol.for("mig-runner.values");

/** A file of a package that is larger than this is no program. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** The URLs of what packages of CommonJS are made of. */
const packaged = new Set<string>();

/** What is served for a module of the runtime; null for one that is served as it is. */
let guardedBuiltin: (specifier: string) => object | null = () => null;

const packs: Pack[] = [];
let isHooked = false;

/** Lets a name be imported from packs, as a module with these exports. */
export function provideToPacks(name: string, exports: object): void {
  values.set(`${VALUE}${name}`, exports);
}

/** Has all packs from now on get other modules in place of the runtime's. */
export function guardBuiltins(guarded: typeof guardedBuiltin): void {
  guardedBuiltin = guarded;
}

/** Imports the module of a pack, anew at each call. */
export async function importPack(pack: Pack): Promise<object> {
  hook();
  packs.push(pack);
  return (await import(urlOf(pack.entry, packs.length - 1))) as object;
}

function hook(): void {
  if (isHooked) return;
  isHooked = true;
  Object.defineProperty(globalThis, VALUES_KEY, { value: values });
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      resolve(specifier, context.parentURL) ??
      follow(next(specifier, context), context.parentURL ?? ""),
    load(url, context, next) {
      if (packaged.has(url)) assertOwn(fileURLToPath(url));
      return load(url, context) ?? next(url, context);
    },
  });
}

/** What a package of CommonJS requires is of a package as well. */
function follow<Found extends { readonly url: string }>(found: Found, parent: string): Found {
  if (packaged.has(parent) && found.url.startsWith("file:")) packaged.add(found.url);
  return found;
}

/** @throws {RunnerError} When others can have written a file of a package. */
function assertOwn(path: string): void {
  const flaw = findFlawIfThere(path);
  if (flaw !== null) throw distrust({ code: "SPOOL", thing: "package", path }, flaw);
}

function readFile(path: string): string {
  assertOwn(path);
  return readText(path, { sizeMax: FILE_BYTES_MAX });
}

function urlOf(path: string, pack: number): string {
  const name = TYPED.test(path) ? `${path}${STRIPPED}` : path;
  return `${pathToFileURL(name).href}${QUERY}${pack}`;
}

/** The pack and the path in a URL; null for URLs of anything else. */
function placeOf(url: string | undefined): { pack: number; path: string } | null {
  const at = url?.lastIndexOf(QUERY) ?? -1;
  if (url === undefined || at < 0) return null;
  const name = fileURLToPath(url.slice(0, at));
  const path = name.endsWith(STRIPPED) ? name.slice(0, -STRIPPED.length) : name;
  return { pack: Number(url.slice(at + QUERY.length)), path };
}

function resolve(specifier: string, parent: string | undefined): Resolved | null {
  if (placeOf(specifier) !== null) return { url: specifier, shortCircuit: true };
  const from = placeOf(parent);
  if (from === null) return null;
  const value = `${VALUE}${specifier}`;
  if (values.has(value)) return { url: value, shortCircuit: true };
  if (isFileSpecifier(specifier)) {
    const files = packs[from.pack]?.files ?? {};
    const known = candidatesOf(specifier, from.path).find((path) => Object.hasOwn(files, path));
    const path = known ?? resolveFile(specifier, from.path);
    if (path === null) throw missing(specifier);
    return { url: urlOf(path, from.pack), shortCircuit: true };
  }
  if (nodeModule.isBuiltin(specifier)) return provideBuiltin(specifier);
  return { url: providePackage(specifier, from), shortCircuit: true };
}

function load(url: string, { importAttributes }: LoadContext): Loaded | null {
  const value = values.get(url);
  if (value !== undefined) {
    return { source: moduleOf(url, value), format: "module", shortCircuit: true };
  }
  const place = placeOf(url);
  if (place === null) return null;
  const { pack, path } = place;
  const packed = packs[pack]?.files[path];
  const source = packed ?? plainCode(path, readFile(path));
  return { source, format: formatOf(path, importAttributes?.type), shortCircuit: true };
}

function formatOf(path: string, wanted: string | undefined): Loaded["format"] {
  if (wanted === "text" || wanted === "json") return wanted;
  if (CODE.test(path)) return "module";
  return path.endsWith(".json") ? "json" : "text";
}

function provideBuiltin(specifier: string): Resolved | null {
  const url = `${VALUE}guarded/${specifier}`;
  const guarded = values.get(url) ?? guardedBuiltin(specifier);
  if (guarded === null) return null;
  values.set(url, guarded);
  return { url, shortCircuit: true };
}

/** The URL of a package's file; one of CommonJS is loaded first, and made a module. */
function providePackage(specifier: string, from: { pack: number; path: string }): string {
  if (packageOf(specifier) === null) throw missing(specifier);
  const require = nodeModule.createRequire(from.path);
  const path = moduleFile(specifier, from.path) ?? requiredFile(specifier, require);
  if (isModule(path)) return urlOf(path, from.pack);
  const { href } = pathToFileURL(path);
  const url = `${VALUE}${href}`;
  packaged.add(href);
  if (!values.has(url)) values.set(url, exportsOf(require(path)));
  return url;
}

function requiredFile(specifier: string, require: NodeJS.Require): string {
  try {
    return require.resolve(specifier);
  } catch (cause) {
    throw missing(specifier, cause);
  }
}

/** Whether a file of a package is a module, by its name or by its package. */
function isModule(path: string): boolean {
  if (!path.endsWith(".js")) return path.endsWith(".mjs");
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (fileStamp(manifest) === null) continue;
    return (JSON.parse(readFile(manifest)) as { type?: unknown }).type === "module";
  }
  return false;
}

/** The file that a package names for `import`; null when it names none, or is not there. */
function moduleFile(specifier: string, from: string): string | null {
  const name = packageOf(specifier);
  if (name === null) return null;
  const manifest = packageFile(name, from);
  try {
    const { exports } = JSON.parse(readFile(manifest)) as { exports?: unknown };
    const target = targetOf(exports, `.${specifier.slice(name.length)}`);
    return target === null ? null : join(dirname(manifest), target);
  } catch {
    return null;
  }
}

/** @see https://nodejs.org/api/packages.html#conditional-exports, without patterns */
function targetOf(exports: unknown, path: string): string | null {
  if (typeof exports === "string") return path === "." ? exports : null;
  if (typeof exports !== "object" || exports === null) return null;
  const entries = exports as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(entries, path)) return targetOf(entries[path], ".");
  for (const condition of ["node", "import", "default"]) {
    if (!Object.hasOwn(entries, condition)) continue;
    const target = targetOf(entries[condition], path);
    if (target !== null) return target;
  }
  return null;
}

/** What a CommonJS package exports, as `import` sees it. */
function exportsOf(loaded: unknown): object {
  const isObject = (typeof loaded === "object" || typeof loaded === "function") && loaded !== null;
  return { ...(isObject ? loaded : {}), default: loaded };
}

/** A module whose exports are those of a value. */
function moduleOf(url: string, value: object): string {
  const key = JSON.stringify(Symbol.keyFor(VALUES_KEY));
  const names = Object.keys(value).filter((name) => /^[\p{IDS}$_][\p{IDC}$]*$/u.test(name));
  return [
    `const value = globalThis[Symbol.for(${key})].get(${JSON.stringify(url)});`,
    ...names.map((name, index) => `const value${index} = value.${name};`),
    ...names.map((name, index) => `export { value${index} as ${name} };`),
  ].join("\n");
}

/** The words are known to jobs/thrown.ts: Deno hands on nothing else of an error in a hook. */
function missing(specifier: string, cause?: unknown): Error {
  return new Error(`Cannot find import "${specifier}"`, { cause });
}
