// Doc: the code blocks of a page, for tests that run them.
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** A block between fences: "```LANGUAGE PATH". */
export interface Block {
  readonly language: string;
  /** The file that it is; "" for commands. */
  readonly path: string;
  readonly code: string;
}

/** A page of the project, such as "docs/jobs.md". */
export async function readPage(path: string): Promise<string> {
  return await readFile(join(root, path), "utf8");
}

/** The blocks of a page, in order. */
export function blocksOf(text: string): readonly Block[] {
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n((?:.*\n)*?)```$/gm)].map(
    ([, language = "", path = "", code = ""]) => ({ language, path, code }),
  );
}

/** The rows of the tables between a heading and the next one, without their heads. */
export function rowsBelow(text: string, heading: string): readonly (readonly string[])[] {
  const part = text.split(`\n${heading}\n`)[1]?.split(/\n##+ /)[0] ?? "";
  const lines = part.split("\n").filter((line) => line.startsWith("|"));
  const rows = lines.filter((_, at) => !/^\|(?:-+\|)+$/.test(lines[at + 1] ?? ""));
  return rows
    .filter((line) => !/^\|(?:-+\|)+$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** The commands of a page's blocks that are no files, each with the words of its line. */
export function commandsOf(blocks: readonly Block[]): readonly (readonly string[])[] {
  return blocks
    .filter(({ path, language }) => path === "" && language === "sh")
    .flatMap(({ code }) => code.trim().split("\n"))
    .map((line) =>
      line
        .replace(/ +#.*$/, "")
        .trim()
        .split(/\s+/),
    );
}
