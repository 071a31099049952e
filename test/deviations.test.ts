// Deviations: each row of docs/deviations.md says what, how, why, and names tests that are there.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isNamed, referencesIn, rowsOf } from "./support/references.ts";

const root = resolve(import.meta.dirname, "..");
const document = readFileSync(resolve(root, "docs/deviations.md"), "utf8");

/** The rows of every table with four columns, without its head. */
function rows(): readonly (readonly string[])[] {
  return rowsOf(document, 4).filter(([first = ""]) => first !== "the original");
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
