// Deviations: each row of docs/deviations.md says what, how, why, and names tests that are there.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const document = readFileSync(resolve(root, "docs/deviations.md"), "utf8");

/** The cells of the rows of every table with four columns, without its head. */
function rows(): readonly (readonly string[])[] {
  return document
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .filter((cells) => cells.length === 4 && !/^ (the original|-+) $/.test(cells[0] ?? ""))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("\\|", "|")));
}

interface Reference {
  readonly path: string;
  readonly name: string;
}

function referencesIn(cell: string): readonly Reference[] {
  return cell.split("<br>").map((part) => {
    const [, path = "", name = ""] = /^`(test\/\S+\.test\.ts)` (.+)$/.exec(part) ?? [];
    return { path, name };
  });
}

/** A test or a group of tests of that name, or one entry of the table that they are made from. */
function isNamed({ path, name }: Reference): boolean {
  const file = resolve(root, path);
  if (path === "" || name === "" || !existsSync(file)) return false;
  return readFileSync(file, "utf8")
    .split("\n")
    .some((line) => line.includes(name) && /["'`]/.test(line) && !/^\s*(\/\/|\*)/.test(line));
}

describe("docs/deviations.md", () => {
  test("says of each deviation what it is, why, and which tests show it", () => {
    expect(rows().length).toBeGreaterThanOrEqual(80);
    for (const cells of rows()) {
      for (const cell of cells)
        expect({ cells, length: cell.length }).not.toMatchObject({ length: 0 });
    }
  });

  test("names only tests that are there", () => {
    const missing = rows()
      .flatMap(([, , , tests = ""]) => referencesIn(tests))
      .filter((reference) => !isNamed(reference));
    expect(missing).toEqual([]);
  });

  test("has a row for each made-up page that gives other bytes", () => {
    const readme = readFileSync(resolve(root, "test/golden/results/README.md"), "utf8");
    const vectors = readme.split("\n").filter((line) => /^\| [a-z]+-?[a-z-]* \|/.test(line));
    expect(vectors.length).toBeGreaterThan(20);
    for (const line of vectors) expect(document).toContain(line);
  });
});
