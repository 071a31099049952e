// Scribe document: what a document must hold to so that agents take it and its tests can be true.
//
// Agents refuse less than this: they run a test of an unknown object, with a bad version operator
// or a bad pattern, and give it an error; and they look at the first of several sources only.
import * as v from "valibot";
import { parseRegexp } from "../../lib/go/regexp.ts";
import {
  type Fault,
  filled,
  filledPattern,
  flag,
  members,
  type Path,
  pattern,
  text,
  texts,
} from "./rules.ts";
import type { ScribeDocument, ScribeObject, ScribeTest } from "./scribe-types.ts";

const SOURCES = ["package", "filecontent", "filename", "hasline", "raw"] as const;
const CRITERIA = ["evr", "regexp", "exactmatch"] as const;

/** Agents take values from groups only. */
function groupPattern(expression: string): string | null {
  const why = filledPattern(expression);
  if (why !== null) return why;
  return parseRegexp(expression).captures > 0 ? null : "a group ( ) is wanted, it gives the values";
}

function tagText(tag: string): string | null {
  return tag.includes('"') ? "there is a double quote in it" : null;
}

const ObjectSchema = members({
  object: text(filled),
  package: v.optional(
    members({
      name: text(filled),
      collectmatch: v.optional(text(pattern)),
      onlynewest: v.optional(flag()),
    }),
  ),
  filecontent: v.optional(
    members({
      path: text(filled),
      file: text(filledPattern),
      expression: text(groupPattern),
      concat: v.optional(text()),
      "import-chain": v.optional(texts()),
    }),
  ),
  filename: v.optional(members({ path: text(filled), file: text(groupPattern) })),
  hasline: v.optional(
    members({ path: text(filled), file: text(filledPattern), expression: text(filledPattern) }),
  ),
  raw: v.optional(
    members({
      identifiers: v.pipe(
        v.array(
          members({ identifier: text(filled), value: text(filled) }),
          "a list of identifiers is wanted",
        ),
        v.nonEmpty("at least one identifier is wanted"),
      ),
    }),
  ),
});

const TestSchema = members({
  test: text(filled),
  name: v.optional(text()),
  object: text(filled),
  description: v.optional(text()),
  evr: v.optional(
    members({
      operation: v.picklist(["<", ">", "="], "<, > or = is wanted"),
      value: text(filled),
    }),
  ),
  regexp: v.optional(members({ value: text(filledPattern) })),
  exactmatch: v.optional(members({ value: text(filled) })),
  tags: v.optional(
    v.array(
      members({ key: v.optional(text(tagText)), value: v.optional(text(tagText)) }),
      "a list of tags is wanted",
    ),
  ),
  if: v.optional(texts()),
  expectedresult: v.optional(flag()),
  expecterror: v.optional(flag()),
});

/** The members of a document; how they hang together is for `documentFaults`. */
export const DocumentSchema = members({
  variables: v.optional(
    v.array(members({ key: text(filled), value: text() }), "a list of variables is wanted"),
  ),
  objects: v.optional(v.array(ObjectSchema, "a list of objects is wanted")),
  tests: v.optional(v.array(TestSchema, "a list of tests is wanted")),
});

/**
 * Ids that are used twice or not known, and objects and tests with too little or too much in them.
 *
 * @param at Where the document is.
 * @see document.go `Validate` of mozilla/scribe
 */
export function documentFaults(document: ScribeDocument, at: Path): readonly Fault[] {
  const objects = document.objects ?? [];
  const tests = document.tests ?? [];
  const objectIds = objects.map(({ object }) => object);
  const testIds = tests.map(({ test }) => test);
  return [
    ...objects.flatMap((object, index) => {
      const path = [...at, "objects", index];
      return [
        ...twice(objectIds, index, [...path, "object"]),
        ...sourceFaults(object, path, objectIds),
      ];
    }),
    ...tests.flatMap((test, index) => {
      const path = [...at, "tests", index];
      return [
        ...twice(testIds, index, [...path, "test"]),
        ...testFaults(test, path, { objectIds, testIds }),
      ];
    }),
  ];
}

/** Agents find the first of two with one id. */
function twice(ids: readonly string[], index: number, path: Path): readonly Fault[] {
  const value = ids[index] ?? "";
  if (ids.indexOf(value) === index) return [];
  return [{ path, value, message: "it has been used before, an id of its own is wanted" }];
}

function sourceFaults(object: ScribeObject, path: Path, ids: readonly string[]): readonly Fault[] {
  const sources = SOURCES.filter((source) => object[source] !== undefined);
  const chain = object.filecontent?.["import-chain"] ?? [];
  const faults = unknownIds(chain, ids, [...path, "filecontent", "import-chain"]);
  if (sources.length === 1) return faults;
  const found = sources.length === 0 ? "it has no source" : `it has ${sources.join(" and ")}`;
  const message = `${found}, one of ${SOURCES.join(", ")} is wanted`;
  return [...faults, { path, value: object.object, message }];
}

interface Ids {
  readonly objectIds: readonly string[];
  readonly testIds: readonly string[];
}

function testFaults(test: ScribeTest, path: Path, { objectIds, testIds }: Ids): readonly Fault[] {
  const criteria = CRITERIA.filter((criterion) => test[criterion] !== undefined);
  const faults = [...unknownIds(test.if ?? [], testIds, [...path, "if"])];
  if (!objectIds.includes(test.object)) {
    const message = "there is no such object in the document";
    faults.push({ path: [...path, "object"], value: test.object, message });
  }
  if (test.if?.includes(test.test)) {
    const message = "a test cannot depend on itself";
    faults.push({ path: [...path, "if"], value: test.test, message });
  }
  if (criteria.length > 1) {
    const message = `it has ${criteria.join(" and ")}, at most one is looked at`;
    faults.push({ path, value: test.test, message });
  }
  return faults;
}

function unknownIds(wanted: readonly string[], ids: readonly string[], path: Path): Fault[] {
  return [...wanted.entries()]
    .filter(([, id]) => !ids.includes(id))
    .map(([index, value]) => {
      return { path: [...path, index], value, message: "there is no such id in the document" };
    });
}
