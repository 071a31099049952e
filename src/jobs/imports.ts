// Imports: the specifiers in the text of a module, found without parsing it.
//
// The result decides which files are watched and, where there is no bundler, which are kept with a
// run. So it may find too much (an import in a comment), but must miss nothing except imports whose
// name is computed.

/**
 * The modules that the program itself serves to what it loads: ours, and that by which a plugin
 * says what its configuration is.
 */
export const SDK_NAMES = ["mig-runner", "valibot"] as const;

/** One `import`, `export … from` or `require`, and where its name begins. */
export interface ImportPlace {
  readonly specifier: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units. */
  readonly column: number;
}

/** `from "x"`, `import "x"`, `import("x")` and `require("x")`. */
const IMPORT = /\b(?:from\s*|(?:import|require)\s*\(?\s*)(["'])([^"'\n]+)\1/g;

/** The import places of a module, in the order of its text. */
export function parseImports(text: string): readonly ImportPlace[] {
  const places: ImportPlace[] = [];
  let line = 1;
  let lineStart = 0;
  for (const match of text.matchAll(IMPORT)) {
    const [whole, quote = "", specifier = ""] = match;
    const at = match.index + whole.length - specifier.length - 2 * quote.length;
    for (let end = text.indexOf("\n", lineStart); end >= 0 && end < at; ) {
      line++;
      lineStart = end + 1;
      end = text.indexOf("\n", lineStart);
    }
    places.push({ specifier, line, column: at - lineStart + 1 });
  }
  return places;
}

/** Whether a specifier names a file: relative, absolute or a file: URL. */
export function isFileSpecifier(specifier: string): boolean {
  return /^(?:\.{0,2}\/|\.{1,2}$|file:)/.test(specifier);
}

/**
 * The package that a bare specifier begins with; null for files, URLs, and modules that a runtime
 * or this program serves.
 */
export function packageOf(specifier: string): string | null {
  if (isFileSpecifier(specifier) || (SDK_NAMES as readonly string[]).includes(specifier))
    return null;
  return /^(?:@[^/:]+\/)?[^/:@#][^/:]*(?=\/|$)/.exec(specifier)?.[0] ?? null;
}
