import { describe, expect, test } from "bun:test";
import { STEP_KINDS, type StepKind } from "../../src/journal/steps.ts";
import {
  cut,
  type FromBody,
  parseFromBody,
  type StepRequest,
  TEXT_SIZE_MAX,
} from "../../src/workflow/messages.ts";

describe("parseFromBody()", () => {
  const action = { targets: null, agents: null, changes: null, expiryMs: null };
  const retries = { retriesMax: 1, passingMax: 1, firstMs: 1, capMs: 2 };
  const sound: readonly FromBody[] = [
    { kind: "ask", name: "a", request: { kind: "sleep", ms: 0 } },
    { kind: "ask", name: "a", request: { kind: "step", ...retries } },
    { kind: "ask", name: "a", request: { kind: "deliver", plugin: "slack", result: "base" } },
    { kind: "ask", name: "a", request: { kind: "collect", ...action, agentsMax: 1, pageSize: 1 } },
    {
      kind: "ask",
      name: "a",
      request: { kind: "collect", ...action, expiryMs: 1, agentsMax: null, pageSize: null },
    },
    { kind: "tried", name: "a", attempt: 1, outcome: { kind: "value", json: null } },
    { kind: "log", level: "info", message: "" },
    { kind: "idle", received: 3 },
    { kind: "stuck", message: "why" },
    { kind: "ended", error: null },
  ];
  for (const message of sound) {
    test(`takes ${JSON.stringify(message)}`, () => expect(parseFromBody(message)).toEqual(message));
  }

  const wrong: readonly unknown[] = [
    null,
    7,
    "ended",
    {},
    { kind: "begin" },
    { kind: "ended" },
    { kind: "ended", error: null, more: 1 },
    { kind: "idle", received: -1 },
    { kind: "idle", received: 1.5 },
    { kind: "ask", name: "", request: { kind: "sleep", ms: 0 } },
    { kind: "ask", name: "n".repeat(513), request: { kind: "sleep", ms: 0 } },
    { kind: "ask", name: "a", request: { kind: "sleep", ms: -1 } },
    { kind: "ask", name: "a", request: { kind: "sleep", ms: Number.NaN } },
    { kind: "ask", name: "a", request: { kind: "sleep", ms: Number.POSITIVE_INFINITY } },
    { kind: "ask", name: "a", request: { kind: "steal" } },
    { kind: "ask", name: "a", request: { kind: "collect", ...action, agentsMax: 0, pageSize: 1 } },
    {
      kind: "ask",
      name: "a",
      request: { kind: "collect", ...action, expiryMs: 0, agentsMax: null, pageSize: null },
    },
    {
      kind: "tried",
      name: "a",
      attempt: 1,
      outcome: { kind: "value", json: "x".repeat(2 ** 20 + 1) },
    },
    { kind: "ask", name: "a", request: { kind: "deliver", plugin: "../x", result: "base" } },
    { kind: "ask", name: "a", request: { kind: "deliver", plugin: "..", result: "base" } },
    { kind: "log", level: "emerg", message: "" },
    { kind: "log", level: "info", message: "x".repeat(TEXT_SIZE_MAX + 1) },
  ];
  for (const message of wrong) {
    test(`refuses ${(JSON.stringify(message) ?? String(message)).slice(0, 80)}`, () => {
      expect(parseFromBody(message)).toBeNull();
    });
  }
});

describe("cut()", () => {
  test("leaves a text that fits, and marks one that does not", () => {
    expect(cut("short")).toBe("short");
    expect(cut(`x${"😀".repeat(TEXT_SIZE_MAX)}`).isWellFormed()).toBe(true);
    const long = cut("x".repeat(TEXT_SIZE_MAX + 1));
    expect([long.length, long.at(-1)]).toEqual([TEXT_SIZE_MAX, "…"]);
  });
});

describe("what a body asks for", () => {
  test("is one request for each kind of step that the journal has", () => {
    // Both ways: a kind that nobody asks for, or that no row can have, is red here.
    const kinds: Readonly<Record<StepKind & StepRequest["kind"], true>> = {
      collect: true,
      dispatch: true,
      step: true,
      sleep: true,
      deliver: true,
      get: true,
      set: true,
      wait: true,
      approval: true,
    };
    const same: [StepKind] extends [StepRequest["kind"]] ? true : never = true;
    expect(Object.keys(kinds).toSorted()).toEqual([...STEP_KINDS].toSorted());
    expect(same).toBe(true);
  });
});
