import { describe, expect, test } from "bun:test";
import { examineModule } from "../../../src/edge/modules/examine.ts";
import type { JobOutline } from "../../../src/jobs/module.ts";
import { job, plugin } from "../../../src/sdk/index.ts";

function outlineOf(exported: unknown): JobOutline {
  const examined = examineModule({ default: exported });
  if (examined.kind !== "job") throw new Error(examined.problem.message);
  return examined.outline;
}

function problemOf(namespace: object): string {
  const examined = examineModule(namespace);
  if (examined.kind === "job") throw new Error("it is a job");
  const { message, hint } = examined.problem;
  return hint === null ? message : `${message} (${hint})`;
}

const anything = (definition: unknown) => job(definition as Parameters<typeof job>[0]);

describe("examineModule()", () => {
  test("gives the definition as data, and whether there is a workflow", () => {
    const definition = { schedule: "@daily", plugin: ["a", "b"], retries: 3 };
    expect(outlineOf(job(definition))).toEqual({ definition, workflow: false });
    expect(outlineOf(job(definition, async () => {}))).toEqual({ definition, workflow: true });
  });

  test("gives data that can be sent to another thread", () => {
    const action = { target: "a='b'", operations: [], description: { revision: 1.5 } };
    const { definition } = outlineOf(job({ action, sendOnly: true, deadline: undefined }));
    expect(structuredClone(definition)).toEqual({ action, sendOnly: true, deadline: undefined });
  });

  test("takes what says its own JSON by that", () => {
    const at = new Date(Date.UTC(2026, 0, 2));
    expect(outlineOf(anything({ action: { at } })).definition).toEqual({
      action: { at: "2026-01-02T00:00:00.000Z" },
    });
  });

  test.each([
    [{}, "no default export"],
    [{ default: undefined }, "no default export"],
    [{ default: null }, "the default export is null, not made by job()"],
    [{ default: { schedule: "@daily" } }, "the default export is an object, not made by job()"],
    [{ default: [] }, "the default export is a list, not made by job()"],
    [{ default: () => 1 }, "the default export is a function, not made by job()"],
    [{ default: "x" }, "the default export is a string, not made by job()"],
  ])("refuses %p", (namespace, state) => {
    expect(problemOf(namespace)).toBe(
      `Cannot load job: ${state} (Write: export default job({ … }))`,
    );
  });

  test("tells a plugin from a job", () => {
    expect(problemOf({ default: plugin({ deliver() {} }) })).toStartWith(
      "Cannot load job: the default export is a plugin, not made by job()",
    );
  });

  test.each([
    [{ action: { operations: [() => 1] } }, "action.operations.0", "a function"],
    [{ retries: 3n }, "retries", "a bigint"],
    [{ retries: Number.NaN }, "retries", "NaN"],
    [{ plugin: Symbol("a") }, "plugin", "a symbol"],
  ])("refuses %p, which JSON would drop", (definition, path, what) => {
    expect(problemOf({ default: anything(definition) })).toBe(
      `Cannot set ${path} to ${what}: it is not JSON`,
    );
  });

  test("refuses an object that contains itself", () => {
    const action: { self?: unknown } = {};
    action.self = { action };
    expect(problemOf({ default: anything({ action }) })).toBe(
      "Cannot set action.self.action to an object that it is part of: it is not JSON",
    );
  });

  test("takes one object at two places", () => {
    const shared = { a: 1 };
    const outline = outlineOf(anything({ action: { x: shared, y: shared } }));
    expect(outline.definition).toEqual({ action: { x: { a: 1 }, y: { a: 1 } } });
  });
});
