import { describe, expect, test } from "bun:test";
import { readSettings } from "../../src/config/read.ts";
import { CLIENT_SCHEMA, ORIGINAL, RUNNER_SCHEMA } from "../../src/config/schema.ts";
import type { Schema } from "../../src/config/settings.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";

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
