import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CLIENT_KEYS } from "../../src/config/client-keys.ts";
import type { SectionKeys } from "../../src/config/key.ts";
import { BLACKOUT_KEYS, RUNNER_KEYS } from "../../src/config/keys.ts";
import { readSettings } from "../../src/config/read.ts";
import { CLIENT_SCHEMA, RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import type { Schema } from "../../src/config/settings.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";
import { ORIGINAL } from "../support/original-schema.ts";

describe("the schemas", () => {
  test("have every key of the original, with its kind", () => {
    const pairs: [Schema, Schema][] = [
      [ORIGINAL.runner, RUNNER_SCHEMA],
      [ORIGINAL.client, CLIENT_SCHEMA],
      [ORIGINAL.entity, ENTITY_SCHEMA],
    ];
    for (const [original, ours] of pairs) {
      for (const [name, { shape, keys }] of Object.entries(original)) {
        expect(ours[name]?.shape).toBe(shape);
        expect(ours[name]?.keys).toMatchObject(keys);
      }
    }
  });

  test("have names that gcfg can write", () => {
    for (const schema of [RUNNER_SCHEMA, CLIENT_SCHEMA, ENTITY_SCHEMA]) {
      for (const [name, { keys }] of Object.entries(schema)) {
        for (const word of [name, ...Object.keys(keys)]) expect(word).toMatch(/^[a-z]+$/);
      }
    }
  });
});

const configuration = readFileSync(
  resolve(import.meta.dirname, "../../docs/configuration.md"),
  "utf8",
).split("\n");

/** The rows of a table of docs/configuration.md: the section is named once, before its first key. */
function rowsOf(sections: Readonly<Record<string, SectionKeys>>): readonly string[] {
  return Object.entries(sections).flatMap(([section, keys]) => {
    const listed = Object.entries(keys).flatMap(([name, { unset, about, since }]) =>
      unset === null ? [] : [{ name, unset, about, isNew: since !== "original" }],
    );
    const allNew = listed.every(({ isNew }) => isNew);
    return listed.map(({ name, unset, about, isNew }, index) => {
      const place = index > 0 ? "" : `${section}${allNew ? " *new*" : ""} `;
      return `| ${place}| ${name}${isNew && !allNew ? " *new*" : ""} | ${unset}${unset === "" ? "" : " "}| ${about} |`;
    });
  });
}

describe("docs/configuration.md", () => {
  test.each([
    ...rowsOf(RUNNER_KEYS),
    ...rowsOf({ 'blackout "NAME"': BLACKOUT_KEYS }),
    ...rowsOf(CLIENT_KEYS),
  ])("says: %s", (row) => {
    expect(configuration).toContain(row);
  });
});

describe("the tables", () => {
  test("have defaults within their bounds", () => {
    for (const keys of Object.values({ ...RUNNER_KEYS, ...CLIENT_KEYS } as Record<
      string,
      SectionKeys
    >)) {
      for (const key of Object.values(keys)) {
        if (!("max" in key) || key.default === null) continue;
        expect(key.default).toBeLessThanOrEqual(key.max);
      }
    }
  });
});

describe("readSettings()", () => {
  test("chooses the language by the file's name", () => {
    const bytes = new TextEncoder().encode('[runner]\ndirectory = "/x"\n');
    for (const path of ["a.cfg", "a.toml", ".migrc"]) {
      const { file } = readSettings(bytes, { path, schema: RUNNER_SCHEMA });
      expect(file.sections.get("runner")?.get("directory")?.value).toBe("/x");
    }
    const toml = new TextEncoder().encode("[runner]\ndirectory = /x\n");
    expect(readSettings(toml, { path: "a.toml", schema: RUNNER_SCHEMA }).mistakes.length).toBe(1);
    expect(readSettings(toml, { path: "a.cfg", schema: RUNNER_SCHEMA }).mistakes.length).toBe(0);
  });
});
