// Pack: a module and its files as one text, where there is no bundler (Deno).
//
// Code is in it as JavaScript, with maps back to the files; data as it is. Packages of node_modules
// are not in it: they are loaded from where they were.
import nodeModule from "node:module";
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import { messageOf } from "../../errors.ts";
import type { ModuleProblem } from "../../jobs/problem.ts";
import type { Bundled, Files } from "./bundler.ts";

const PackSchema = v.strictObject({
  pack: v.literal(1),
  /** The path of the module itself. */
  entry: v.string(),
  files: v.record(v.string(), v.string()),
});

/** A module and its files, by path. */
export type Pack = v.InferOutput<typeof PackSchema>;

/** Deno's, which unlike Node's has not lost the mode for enums and namespaces. */
type StripTypes = (text: string, options: { mode: "transform"; sourceMap: true }) => string;

const TYPED = /\.[cm]?tsx?$/;

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
  return { kind: "source", source: encodePack({ pack: 1, entry, files: texts }) };
}

function encodePack(pack: Pack): string {
  return JSON.stringify(pack);
}

/** The pack in a text, or null when the text is a program. @throws {ValiError} A torn pack. */
export function decodePack(source: string): Pack | null {
  return source.startsWith('{"pack":') ? v.parse(PackSchema, JSON.parse(source)) : null;
}

/** The JavaScript of a file, with a map to it; a file without types is left as it is. */
export function plainCode(path: string, text: string): string {
  if (!TYPED.test(path)) return text;
  const strip = nodeModule.stripTypeScriptTypes as unknown as StripTypes;
  return strip(text, { mode: "transform", sourceMap: true }).replace(
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

/** Such as "Expected ';', got 'b' at file:///stripTypeScriptTypes.ts:1:7", with a frame below. */
function problemOf(path: string, error: unknown): ModuleProblem {
  const message = messageOf(error);
  const place = /^(.*?)(?: at \S+?:(\d+):(\d+))?(?:\n.*)?$/s.exec(message);
  const [, text = message, line, column] = place ?? [];
  return {
    message: `Cannot read the program: ${text}`,
    path,
    line: line === undefined ? null : Number(line),
    column: column === undefined ? null : Number(column),
    hint: null,
  };
}
