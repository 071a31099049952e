// Source: a TypeScript file as the style rules look at it: its text, what of that is code, and
// what it imports. Not a parser: it knows comments, texts and regular expressions, no grammar.
import { readFileSync } from "node:fs";
import { posix, resolve } from "node:path";

/** One `import` or `export … from`, static or dynamic, or a `new URL("…", import.meta.url)`. */
export interface Import {
  readonly specifier: string;
  /** The file that a relative specifier names, from the top folder; null for a package. */
  readonly target: string | null;
  /** What stands between the braces, such as "createHash, type Hash"; "" for other forms. */
  readonly names: string;
  readonly line: number;
}

export interface Source {
  /** From the top folder, with "/". */
  readonly path: string;
  readonly text: string;
  /** `text` with comments blanked; equal in length and lines. */
  readonly uncommented: string;
  /** `text` with comments, and what is inside texts and regular expressions, blanked. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** A source from its text. @param path From the top folder, with "/". */
export function parseSource(path: string, text: string): Source {
  const uncommented = blank(text, ["comment"]);
  const code = blank(text, ["comment", "text"]);
  return { path, text, uncommented, code, imports: importsOf(path, uncommented, code) };
}

/** Reads a source. @param root The top folder. */
export function loadSource(root: string, path: string): Source {
  return parseSource(path, readFileSync(resolve(root, path), "utf8"));
}

/** The line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

type Kind = "comment" | "text";

const TOKENS: readonly (readonly [RegExp, Kind])[] = [
  [/\/\/[^\n]*/y, "comment"],
  [/\/\*[\s\S]*?\*\//y, "comment"],
  [/"(?:\\.|[^"\\\n])*"/y, "text"],
  [/'(?:\\.|[^'\\\n])*'/y, "text"],
];
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*/y;
const PATTERN = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
/** What stands before a `/` that begins a regular expression and does not divide. */
const BEFORE_PATTERN = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await))\s*$/;

/** Replaces all but newlines by spaces in parts of these kinds; quotes stay where they are. */
function blank(text: string, kinds: readonly Kind[]): string {
  let kept = "";
  /** For each open `${`: how many braces are open inside it. */
  const holes: number[] = [];
  let at = 0;
  const take = (part: string, kind: Kind | null) => {
    kept += kind !== null && kinds.includes(kind) ? blanked(part, kind) : part;
    at += part.length;
  };
  const takeTemplate = (opening: string) => {
    const part = match(TEMPLATE_PART, text, at + opening.length) ?? "";
    const isHole = text.startsWith("${", at + opening.length + part.length);
    take(opening, null);
    take(part, "text");
    take(isHole ? "${" : text.slice(at, at + 1), null);
    if (isHole) holes.push(0);
  };
  while (at < text.length) {
    const character = text[at] ?? "";
    const token = "/\"'".includes(character)
      ? TOKENS.find(([start]) => match(start, text, at) !== null)
      : undefined;
    const hole = holes.length - 1;
    const pattern = character === "/" && token === undefined ? match(PATTERN, text, at) : null;
    if (token !== undefined) take(match(token[0], text, at) ?? "", token[1]);
    else if (pattern !== null && BEFORE_PATTERN.test(kept.trimEnd())) take(pattern, "text");
    else if (character === "`") takeTemplate("`");
    else if (character === "}" && holes[hole] === 0) {
      holes.pop();
      takeTemplate("}");
    } else {
      if (character === "{" && hole >= 0) holes[hole] = (holes[hole] ?? 0) + 1;
      if (character === "}" && hole >= 0) holes[hole] = (holes[hole] ?? 0) - 1;
      take(character, null);
    }
  }
  return kept;
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

function blanked(part: string, kind: Kind): string {
  const spaces = (inner: string) => inner.replace(/[^\n]/g, " ");
  const quote = part[0] ?? "";
  return kind === "text" && "\"'".includes(quote) && part.length > 1
    ? quote + spaces(part.slice(1, -1)) + quote
    : spaces(part);
}

const STATIC = /^(?:import|export)\b([^;"'`]*?)\bfrom\s*"([^"]*)"/gm;
const BARE = /^import\s*()"([^"]*)"/gm;
const DYNAMIC = /\bimport\(\s*()"([^"]*)"\s*[,)]/g;
const WORKER = /\bnew URL\(\s*()"(\.[^"]*)",\s*import\.meta\.url/g;

function importsOf(path: string, uncommented: string, code: string): readonly Import[] {
  const found: Import[] = [];
  for (const pattern of [STATIC, BARE, DYNAMIC, WORKER]) {
    for (const { 0: whole, 1: clause = "", 2: specifier = "", index } of uncommented.matchAll(
      pattern,
    )) {
      // Inside a text, such as a template for a user's file, the words are blank in `code`.
      if (!/^(?:import|export|new)/.test(code.slice(index, index + whole.length))) continue;
      const names = /\{([^}]*)\}/.exec(clause)?.[1]?.trim() ?? "";
      const target = specifier.startsWith(".")
        ? posix.normalize(posix.join(posix.dirname(path), specifier))
        : null;
      found.push({ specifier, target, names, line: lineAt(uncommented, index) });
    }
  }
  return found;
}
