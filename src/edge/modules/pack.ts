// Pack: a module and its files as one text, where there is no bundler (Deno).
//
// Code is in it as JavaScript, with maps back to the files; data as it is. Packages of node_modules
// are not in it: they are loaded from where they were.
import nodeModule from "node:module";
import { pathToFileURL } from "node:url";
import { messageOf } from "../../errors.ts";
import type { ModuleProblem } from "../../jobs/problem.ts";
import { type Bundled, type Files, placedText } from "./bundler.ts";

/** A module and its files. */
export interface Pack {
  readonly pack: 1;
  /** The path of the module itself. */
  readonly entry: string;
  /** The text of each file, by its path. */
  readonly files: Readonly<Record<string, string>>;
}

/** Deno's, which unlike Node's has not lost the mode for enums and namespaces. */
type StripTypes = (text: string, options: { mode: "transform"; sourceMap: true }) => string;

/** Names of files with types. */
export const TYPED = /\.[cm]?tsx?$/;

/** The files of a module as one text; the first of them is the module itself. */
export function packFiles(entry: string, files: Files): Bundled {
  const problems: ModuleProblem[] = [];
  const texts: Record<string, string> = {};
  for (const path of [...files.keys()].sort()) {
    try {
      texts[path] = plainCode(path, files.get(path) ?? "");
    } catch (error) {
      problems.push(problemOf(path, error));
    }
  }
  if (problems.length > 0) return { kind: "broken", problems };
  const source = encodePack({ pack: 1, entry, files: texts });
  // Packages are read where it is evaluated: see hooks.ts.
  return { kind: "source", source, packages: [] };
}

function encodePack(pack: Pack): string {
  return JSON.stringify(pack);
}

/** The pack in a text of `packFiles`; null when the text is a program. */
export function decodePack(source: string): Pack | null {
  return source.startsWith('{"pack":1,') ? (JSON.parse(source) as Pack) : null;
}

/** The JavaScript of a file, with a map to it; a file without types is left as it is. */
export function plainCode(path: string, text: string): string {
  const placed = placedText(path, text);
  if (!TYPED.test(path)) return placed;
  const strip = nodeModule.stripTypeScriptTypes as unknown as StripTypes;
  return strip(placed, { mode: "transform", sourceMap: true }).replace(
    /(sourceMappingURL=data:application\/json;base64,)(\S+)\s*$/,
    (_whole, head: string, encoded: string) => {
      const { version, names, mappings } = JSON.parse(
        Buffer.from(encoded, "base64").toString("utf8"),
      ) as { version: number; names: readonly string[]; mappings: string };
      const map = { version, sources: [pathToFileURL(path).href], names, mappings };
      return `${head}${Buffer.from(JSON.stringify(map)).toString("base64")}`;
    },
  );
}

/** Such as "SyntaxError: Expected ident", a frame, "at file:///stripTypeScriptTypes.ts:1:7". */
function problemOf(path: string, error: unknown): ModuleProblem {
  const message = messageOf(error);
  const [text = message] = message.replace(/^SyntaxError: /, "").split(/\n|\. Expected /);
  const [, line = null, column = null] = /\bat file:\S+:(\d+):(\d+)\s*$/.exec(message) ?? [];
  return {
    message: `Cannot read the program: ${text.replace(/ at file:\S+$/, "")}`,
    path,
    line: line === null ? null : Number(line),
    column: column === null ? null : Number(column),
    hint: null,
  };
}
