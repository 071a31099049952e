// References: tests that a document names as what shows it: `path` and a part of the test's name.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** One test, or a group of them, that a document names. */
export interface Reference {
  readonly path: string;
  readonly name: string;
}

/** The cells of the rows of every table of a document that has so many columns. */
export function rowsOf(document: string, columns: number): readonly (readonly string[])[] {
  return document
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .filter((cells) => cells.length === columns)
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("\\|", "|")));
}

/** The tests that a cell names. One that cannot be read is a reference without a path. */
export function referencesIn(cell: string): readonly Reference[] {
  return cell.split("<br>").map((part) => {
    const [, path = "", name = ""] = /^`(test\/\S+\.test\.ts)` (.+)$/.exec(part) ?? [];
    return { path, name };
  });
}

/** A test or a group of tests of that name, or one entry of the table that they are made from. */
export function isNamed({ path, name }: Reference): boolean {
  const file = resolve(root, path);
  if (path === "" || name === "" || !existsSync(file)) return false;
  return readFileSync(file, "utf8")
    .split("\n")
    .some((line) => line.includes(name) && /["'`]/.test(line) && !/^\s*(\/\/|\*)/.test(line));
}
