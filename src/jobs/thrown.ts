// Thrown: what a module threw while it was evaluated, as a problem with its place and a hint.
//
// Most imports of missing files are found by the bundler, with their place. Those that only the
// runtime notices end up here; Bun and Deno have different messages for them.
import { parseImports, SDK_NAMES } from "./imports.ts";
import { type ModuleProblem, type Place, placeIn } from "./problem.ts";

/** Anything thrown, as plain data. */
export interface Thrown {
  /** The name of its class, such as "TypeError"; null when it was no Error. */
  readonly name: string | null;
  readonly message: string;
  /** Empty when it was no Error. */
  readonly stack: string;
  /** Null when the error does not say how to mend it. */
  readonly hint: string | null;
}

/** `Cannot find import "x"` is our own. */
const NO_IMPORT = /(?:Cannot find (?:import|package|module)|ENOENT reading) ["'](.+?)["']/;

const NO_EXPORT: readonly RegExp[] = [
  /^Export named '(?<name>.+)' not found in module '(?<from>.+)'\.$/,
  /^The requested module '(?<from>.+)' does not provide an export named '(?<name>.+?)'/,
];

/** What was thrown, as the operator sees it. @param files The job's, by path; their texts. */
export function thrownProblem(thrown: Thrown, files: ReadonlyMap<string, string>): ModuleProblem {
  const { name, message, stack, hint } = thrown;
  const place = placeIn(stack, files) ?? placeIn(message, files);
  const found = { path: null, line: null, column: null, ...place };
  if (name === null) return { ...found, message: `Cannot load job: it threw ${message}`, hint };
  const specifier = NO_IMPORT.exec(message)?.[1];
  if (specifier !== undefined) return importProblem(specifier, files) ?? plain(thrown, found);
  for (const pattern of NO_EXPORT) {
    const { name: missing, from } = pattern.exec(message)?.groups ?? {};
    if (missing === undefined || from === undefined) continue;
    const text = `Cannot import ${missing}: "${from}" does not export it`;
    const { path, line, column } = importPlace((each) => each === from, files) ?? found;
    return { message: text, path, line, column, hint: null };
  }
  return plain(thrown, found);
}

function plain({ name, message, hint }: Thrown, found: Omit<ModuleProblem, "message" | "hint">) {
  // Deno writes the place into the message too.
  const text = message.replace(/ at file:\/\/\S+:\d+:\d+$/, "");
  const isOurs = name === "RunnerError" || name === "RunnerErrors";
  return { ...found, message: isOurs ? text : `Cannot load job: it threw ${name}: ${text}`, hint };
}

/** An import that the runtime did not find: by its whole name, or by that of its package. */
function importProblem(
  specifier: string,
  files: ReadonlyMap<string, string>,
): ModuleProblem | null {
  const place =
    importPlace((each) => each === specifier && !isServed(each), files) ??
    importPlace((each) => each.startsWith(`${specifier}/`) && !isServed(each), files);
  if (place === null) return null;
  const { path, line, column, specifier: written } = place;
  const message = `Cannot find import "${written}"`;
  return { message, path, line, column, hint: importHint(written) };
}

function isServed(specifier: string): boolean {
  return (SDK_NAMES as readonly string[]).includes(specifier);
}

/** The first import of the job's files that is meant. */
function importPlace(
  isMeant: (specifier: string) => boolean,
  files: ReadonlyMap<string, string>,
): (Place & { readonly specifier: string }) | null {
  for (const [path, text] of files) {
    const place = parseImports(text).find(({ specifier }) => isMeant(specifier));
    if (place !== undefined) return { path, ...place };
  }
  return null;
}

/** How to mend an import that leads nowhere. */
export function importHint(specifier: string): string {
  if (specifier === "mig-runner/test") return "It is for tests, under bun test or deno test";
  if (/^(?:mig-runner|valibot)(?:\/|$)/.test(specifier)) {
    return `The runner serves ${SDK_NAMES.map((name) => `"${name}"`).join(" and ")}`;
  }
  if (/^[\w-]+:/.test(specifier)) {
    return "Install the package into a node_modules folder beside the job, and import it by name";
  }
  if (/^[./]/.test(specifier)) return "Paths are relative to the file that imports";
  return "Packages are looked for in node_modules beside the job and above";
}
