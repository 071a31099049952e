// Threat model: each claim of docs/threat-model.md names tests that are there.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isNamed, referencesIn, rowsOf } from "./support/references.ts";

const document = readFileSync(resolve(import.meta.dirname, "../docs/threat-model.md"), "utf8");

test("each claim of the threat model names tests that are there", () => {
  const claims = rowsOf(document, 2).filter(([claim]) => claim !== "claim");
  expect(claims.length).toBeGreaterThanOrEqual(20);
  const missing = claims
    .flatMap(([, tests = ""]) => referencesIn(tests))
    .filter((reference) => !isNamed(reference));
  expect(missing).toEqual([]);
});
