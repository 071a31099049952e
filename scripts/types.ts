// Types: one self-contained declaration file of what a module of ours exports, for editors, tsc and
// Deno on hosts that have none of our sources and packages.
//
// The compiler declares each file; the statements that the entry's exports need are put into one
// text, and only those exports stay visible. What would need a package is an error.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { posix, resolve } from "node:path";
import { root, runTool, tool } from "./process.ts";

/** A statement of a declaration file, with the comment above it. */
interface Statement {
  readonly text: string;
  /** What it declares; null for imports and exports of other files' names. */
  readonly name: string | null;
}

/** The declarations of a file below src/, and what they are looked up in. */
interface Bundle {
  /** The files that have been declared, by their path from src/. */
  readonly folder: string;
  readonly names: Map<string, string>;
  readonly chosen: Set<string>;
  readonly statements: string[];
}

/**
 * The declaration text of an entry.
 *
 * @param entry Its path from src/.
 * @throws {Error} When the compiler refuses it, a name is declared twice, or a package is needed.
 */
export async function declarationText(entry: string): Promise<string> {
  const folder = await mkdtemp(resolve(tmpdir(), "mig-runner-types-"));
  try {
    await declare(entry, folder);
    const bundle: Bundle = { folder, names: new Map(), chosen: new Set(), statements: [] };
    const exported = await exportsOf(entry, folder);
    for (const { name, from } of exported) await choose(bundle, { name, from });
    const list = exported.map(({ name }) => `  ${name},`).sort();
    const head = "// The types of mig-runner. Made from its sources: changes here are lost.";
    return [head, ...bundle.statements, `export {\n${list.join("\n")}\n};`]
      .join("\n\n")
      .concat("\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function declare(entry: string, folder: string): Promise<void> {
  const project = resolve(folder, "tsconfig.json");
  const config = {
    extends: resolve(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: folder,
      rootDir: resolve(root, "src"),
      typeRoots: [resolve(root, "node_modules")],
    },
    include: [],
    files: [resolve(root, "src", entry)],
  };
  await writeFile(project, JSON.stringify(config));
  const argv = [tool("tsc"), "-p", project] as const;
  const { exit, lines } = await runTool({ argv });
  if (exit !== 0) throw new Error(`Cannot declare ${entry}: ${lines.join("\n")}`);
}

/** A name, and the file that declares it. */
interface Origin {
  readonly name: string;
  readonly from: string;
}

const EXPORT = /^export (?:type )?\{([^}]*)\} from "(\.[^"]+)";$/gm;

async function exportsOf(entry: string, folder: string): Promise<readonly Origin[]> {
  const text = await declarationsOf(entry, folder);
  const own = statementsOf(text).flatMap(({ text: statement, name }) => {
    return name !== null && /^export /m.test(statement) ? [{ name, from: entry }] : [];
  });
  const others = [...text.matchAll(EXPORT)].flatMap(([, names = "", path = ""]) => {
    const from = posix.join(posix.dirname(entry), path);
    return namesIn(names).map((name) => ({ name, from }));
  });
  return [...own, ...others];
}

/** The names in a list; "A as B" for one that was renamed. */
function namesIn(list: string): readonly string[] {
  const names = list.split(",").map((name) => name.replace(/^\s*(?:type )?|\s+$/g, ""));
  return names.filter((name) => name !== "");
}

function declarationsOf(path: string, folder: string): Promise<string> {
  return readFile(resolve(folder, path.replace(/\.ts$/, ".d.ts")), "utf8");
}

/** Takes a statement into the bundle, after those that it needs. */
async function choose(bundle: Bundle, { name, from }: Origin): Promise<void> {
  const known = bundle.names.get(name);
  if (known !== undefined && known !== from) {
    throw new Error(`Cannot declare "${name}" of ${from}: ${known} has one as well`);
  }
  if (bundle.chosen.has(name)) return;
  bundle.names.set(name, from);
  bundle.chosen.add(name);
  const statements = statementsOf(await declarationsOf(from, bundle.folder));
  const wanted = statements.filter((statement) => statement.name === name);
  if (wanted.length === 0) throw new Error(`Cannot declare "${name}": ${from} does not declare it`);
  const imported = importsOf(statements, from);
  const text = wanted.map((statement) => statement.text).join("\n");
  for (const word of new Set(codeOf(text).match(/[A-Za-z_$][\w$]*/g))) {
    const origin = imported.get(word) ?? (declaresType(statements, word) ? from : null);
    if (origin === null || word === name) continue;
    if (origin.includes(" as ")) throw new Error(`Cannot declare "${origin}": names are kept`);
    if (!origin.startsWith(".") && !origin.endsWith(".ts")) {
      throw new Error(`Cannot declare "${name}" of ${from}: it needs "${origin}"`);
    }
    await choose(bundle, { name: word, from: origin });
  }
  bundle.statements.push(text.replace(/^export (declare |interface |type )/gm, "$1"));
}

/** Whether a type of that name is declared: a value has its name in common with members. */
function declaresType(statements: readonly Statement[], name: string): boolean {
  const declaration = new RegExp(
    `^(?:export )?(?:declare )?(?:class|interface|type) ${name}\\b`,
    "m",
  );
  return statements.some(({ text }) => declaration.test(text));
}

const IMPORT = /^import (?:type )?(?:\* as (\w+)|\{([^}]*)\}) from "([^"]+)";$/;

/** The file, or the package, that each imported name comes from; "A as B" for one renamed. */
function importsOf(statements: readonly Statement[], path: string): ReadonlyMap<string, string> {
  const origins = statements.flatMap(({ text }) => {
    const [, all, names = "", from = ""] = IMPORT.exec(text) ?? [];
    const origin = from.startsWith(".") ? posix.join(posix.dirname(path), from) : from;
    const list = all === undefined ? namesIn(names) : [all];
    return list.map((name) => {
      const [, alias] = name.split(" as ");
      return alias === undefined ? ([name, origin] as const) : ([alias, name] as const);
    });
  });
  return new Map(origins);
}

/** Cuts a declaration file where a statement ends: outside of all brackets, after `;` or `}`. */
function statementsOf(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "" && lines.length === 0) continue;
    lines.push(line);
    const code = codeOf(lines.join("\n"));
    const isInComment = code.includes("/*");
    if (isInComment || !/[;}]$/.test(code.trimEnd()) || depthOf(code) !== 0) continue;
    statements.push({ text: lines.join("\n"), name: declaredName(code) });
    lines = [];
  }
  return statements;
}

function declaredName(code: string): string | null {
  const declaration = /^(?:export )?(?:declare )?(?:const|function|class|interface|type) (\w+)/m;
  return declaration.exec(code.trim())?.[1] ?? null;
}

/** The text without comments, and without what is in quotes. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\])*"/g, (part) => {
    return part.startsWith('"') ? '""' : "";
  });
}

function depthOf(code: string): number {
  const opening = code.match(/[([{]/g)?.length ?? 0;
  return opening - (code.match(/[)\]}]/g)?.length ?? 0);
}
