// gcfg: every value and every error of the original's configuration reader.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolveClient } from "../../src/config/client.ts";
import { readGcfg } from "../../src/config/gcfg.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { CLIENT_SCHEMA, RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import type { KeyKind, Schema, SettingValue } from "../../src/config/settings.ts";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";
import { loadEntity } from "../../src/jobs/load.ts";
import { ORIGINAL } from "../support/original-schema.ts";
import { parseGcfg } from "../support/settings-file.ts";

interface Vector {
  readonly id: string;
  readonly class: string;
  readonly kind: "runner" | "migrc" | "entity";
  readonly text?: string;
  readonly text_base64?: string;
  readonly value?: Record<string, unknown>;
  readonly error?: string;
  readonly error_class?: string;
  readonly validate?: string;
  readonly macro_error?: string;
}

const vectors: readonly Vector[] = readFileSync(
  new URL("./gcfg/vectors.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

const FILES = { runner: "runner.cfg", migrc: "migrc", entity: "entity.cfg" };
const ORIGINALS: Record<Vector["kind"], Schema> = {
  runner: ORIGINAL.runner,
  migrc: ORIGINAL.client,
  entity: ORIGINAL.entity,
};
const OURS: Record<Vector["kind"], Schema> = {
  runner: RUNNER_SCHEMA,
  migrc: CLIENT_SCHEMA,
  entity: ENTITY_SCHEMA,
};

function bytesOf(vector: Vector): Uint8Array {
  return vector.text_base64 === undefined
    ? new TextEncoder().encode(vector.text)
    : Buffer.from(vector.text_base64, "base64");
}

const ZERO: Partial<Record<KeyKind, unknown>> = { bool: false, int: 0, int64: 0, string: "" };

function plain(value: SettingValue): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** The sections as the vectors write them: with the original's keys and its zero values. */
function valuesOf(vector: Vector, schema: Schema): unknown {
  const file = parseGcfg(bytesOf(vector), { path: FILES[vector.kind], schema });
  const known: Schema = ORIGINALS[vector.kind];
  const sections = Object.entries(known).filter(([, spec]) => !spec.internal);
  const values: Record<string, unknown> = Object.fromEntries(
    sections.map(([name, spec]) => [
      name,
      Object.fromEntries(
        Object.entries(spec.keys).map(([key, { kind }]) => {
          const setting = file.sections.get(name)?.get(key);
          const zero = kind === "list" ? [] : ZERO[kind];
          return [key, setting === undefined ? zero : plain(setting.value)];
        }),
      ),
    ]),
  );
  const entities = file.subsections.get("entities");
  if (entities !== undefined) values.entities = [...entities.keys()].sort();
  return values;
}

function mistakesOf(vector: Vector, schema: Schema): RunnerErrors {
  try {
    valuesOf(vector, schema);
  } catch (error) {
    if (error instanceof RunnerErrors) return error;
    throw error;
  }
  throw new Error(`${vector.id}: read without a mistake`);
}

/** The original's text, from our list: it stops at the first mistake that is not extra data. */
function expectError(vector: Vector, schema: Schema): void {
  const { errors } = mistakesOf(vector, schema);
  const lines = errors.map(({ message }) => message);
  if (vector.error_class === "extra-data") {
    // The original repeats a section for each of its keys, and once more for each pass.
    const wanted = (vector.error ?? "").trimEnd().split("\n").slice(1);
    expect(lines).toEqual([...new Set(wanted)]);
    return;
  }
  const first = errors.find(({ message }) => !message.startsWith("can't store data at"));
  const more = / \(and (\d+) more errors\)$/.exec(vector.error ?? "");
  // Bytes that are no text are told once a file; the original counts each of them.
  const count = vector.class === "bytes" ? 0 : Number(more?.[1] ?? 0);
  expect(errors.length).toBeGreaterThanOrEqual(1 + count);
  const { path, line, column } = first?.detail ?? {};
  const place = vector.error_class === "syntax" ? `${path}:${line}:${column}: ` : "";
  const wanted = (vector.error ?? "").replace(/ \(and \d+ more errors\)$/, "");
  expect(`${place}${first?.message}`).toBe(wanted);
  expect(describeError(errors[0] as (typeof errors)[number])).toMatch(/^[a-z.]+:\d+:\d+: /);
}

describe("readGcfg() and the original", () => {
  for (const [name, schemas] of Object.entries({
    "the original's keys": ORIGINALS,
    "all keys": OURS,
  })) {
    let agreed = 0;
    test(`agree on every vector, read by ${name}`, () => {
      const wrong: string[] = [];
      for (const vector of vectors) {
        try {
          if (vector.error === undefined) {
            expect(valuesOf(vector, schemas[vector.kind])).toEqual(vector.value);
          } else {
            expectError(vector, schemas[vector.kind]);
          }
          agreed++;
        } catch (error) {
          wrong.push(
            `${vector.id} ${vector.class}: ${error instanceof Error ? error.message : error}`,
          );
        }
      }
      console.log(`golden gcfg (${name}): ${agreed} of ${vectors.length}`);
      expect(wrong).toEqual([]);
      expect(vectors.length).toBe(369);
    });
  }
});

describe("what the original checks after reading", () => {
  const withKey = (key: "validate" | "macro_error", kind: Vector["kind"]) =>
    vectors.filter((vector) => vector.kind === kind && vector.error === undefined && key in vector);

  test("is what loadEntity() says of a schedule", () => {
    const wanted = withKey("validate", "entity");
    expect(wanted.length).toBeGreaterThan(5);
    for (const vector of vectors.filter(({ kind, error }) => kind === "entity" && !error)) {
      const files = new Map([["entity.cfg", bytesOf(vector)]]);
      const mistakes: string[] = [];
      try {
        loadEntity({ job: "j", path: "/r/j", files, defaults: { timezone: null } });
      } catch (error) {
        mistakes.push(...(error as RunnerErrors).errors.map(({ message }) => message));
      }
      // The original looks at expiry only when it launches: a bad one is ours to find.
      const ofSchedule = mistakes.filter((message) => !message.startsWith("bad expiry"));
      expect([vector.id, ...ofSchedule]).toEqual(
        vector.validate === undefined ? [vector.id] : [vector.id, vector.validate],
      );
    }
  });

  test("is what resolveClient() says of a macro", () => {
    expect(withKey("macro_error", "migrc").length).toBeGreaterThan(2);
    for (const vector of vectors.filter(({ kind, error }) => kind === "migrc" && !error)) {
      const options = { path: "migrc", schema: CLIENT_SCHEMA };
      const resolver = openResolver(readGcfg(bytesOf(vector), options));
      resolveClient(resolver, { environment: {}, home: "/home/mig" });
      const found = resolver.mistakes.filter(({ message }) => message.includes("macro"));
      expect([vector.id, ...found.map(({ message }) => message)]).toEqual(
        vector.macro_error === undefined ? [vector.id] : [vector.id, vector.macro_error],
      );
    }
  });
});
