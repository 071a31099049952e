// Keys: the table of a job's keys holds together, and the docs say what it says.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { makeEntity } from "../../src/jobs/definition.ts";
import {
  ENTITY_SCHEMA,
  type JobKey,
  KEY_NAMES,
  type KeyName,
  keyNamed,
} from "../../src/jobs/keys.ts";
import { ENTITY_DEFAULTS } from "../support/entity.ts";
import { ORIGINAL } from "../support/original-schema.ts";

const root = resolve(import.meta.dirname, "../..");
const configuration = readFileSync(resolve(root, "docs/configuration.md"), "utf8");
const jobs = readFileSync(resolve(root, "docs/jobs.md"), "utf8");

const keys = KEY_NAMES.map((name) => [name, keyNamed(name)] as const);

/** How a key stands in the table of docs/configuration.md. */
function rowOfFile({ file, since, unset, about }: JobKey): string {
  return `| ${file}${since === "original" ? "" : " *new*"} | ${unset} | ${about} |`;
}

/** How a key stands in the table of docs/jobs.md. */
function rowOfProgram(name: KeyName, { within, unset, about }: JobKey): string {
  const path = name === "cron" ? "schedule" : within === null ? name : `${within}.${name}`;
  return `| \`${path}\` | ${unset} | ${about} |`;
}

describe("the keys of a job", () => {
  test.each(keys.filter(([, { file }]) => file !== null))(
    "%s stands in docs/configuration.md as the table has it",
    (_, key) => expect(configuration.split("\n")).toContain(rowOfFile(key)),
  );

  test.each(keys)("%s stands in docs/jobs.md as the table has it", (name, key) => {
    expect(jobs.split("\n")).toContain(rowOfProgram(name, key));
  });

  test("are named in files as in programs, in lower case", () => {
    for (const [name, { file }] of keys) {
      if (file !== null && name !== "cron") expect(file).toBe(name.toLowerCase());
    }
  });

  test("are the original's where it has them, and no other of them", () => {
    const theirs = keys.filter(([, { since }]) => since === "original").map(([, { file }]) => file);
    const original = Object.keys(ORIGINAL.entity.configuration.keys);
    expect(theirs.toSorted()).toEqual(original.toSorted());
    expect(Object.keys(ENTITY_SCHEMA)).toEqual(["configuration"]);
  });

  test("have defaults within their bounds, which hold when nothing is set", () => {
    const source = { job: "j", path: "job.ts", defaults: { timezone: null } };
    expect(makeEntity({}, source)).toEqual({
      ...ENTITY_DEFAULTS,
      job: "j",
      path: "job.ts",
      schedule: null,
      plugins: [],
      template: { kind: "file", name: "action.json" },
      workflow: false,
      params: null,
      warnings: [],
    });
    for (const [, key] of keys) {
      if (key.kind === "choice") expect(key.of).toContain(key.default);
      if ((key.kind === "whole" || key.kind === "duration") && key.default !== null) {
        expect(key.default).toBeGreaterThanOrEqual(key.min);
        expect(key.default).toBeLessThanOrEqual(key.max);
      }
    }
  });
});
