import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { equal } from "node:assert/strict";
import {
  guardedBun,
  guardedEnvironment,
  replaceProcess,
  replaceRuntimes,
} from "../../../src/edge/pure/runtimes.ts";
import { bodyScopes } from "../../../src/edge/pure/view.ts";
import { bodyView } from "../../../src/workflow/scope.ts";

const edges = { now: () => 0, used() {}, raced() {}, refuse: (what: string) => new Error(what) };

function inBody<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: null, view: bodyView(1, edges) }, work);
}

function inStep<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: "s", view: null }, work);
}

let undos: (() => void)[] = [];
beforeEach(() => {
  undos = [...replaceRuntimes(), ...replaceProcess()];
});
afterEach(() => {
  for (const undo of undos.reverse()) undo();
});

describe("replaceProcess()", () => {
  test("refuses a body what is another in each process, and what hangs on it", () => {
    const { bigint } = process.hrtime;
    const looks: readonly (readonly [string, () => unknown])[] = [
      ["process.pid", () => process.pid],
      ["process.ppid", () => process.ppid],
      ["process.hrtime.bigint", () => process.hrtime.bigint()],
      ["process.hrtime.bigint", () => bigint()],
      ["process.memoryUsage.rss", () => process.memoryUsage.rss()],
      ["process.cwd", () => process.cwd()],
      ["process.exit", () => process.exit(1)],
      ["process.availableMemory", () => process.availableMemory()],
    ];
    for (const [what, look] of looks) expect(() => inBody(look)).toThrow(what);
    expect(inStep(() => process.pid)).toBeGreaterThan(0);
    expect(inStep(() => typeof process.hrtime.bigint())).toBe("bigint");
    expect(inBody(() => `${process.platform} ${process.version}`)).toContain("v");
  });

  test("lets the runtime word an error of a body", () => {
    const assert = (): void => equal(1, 2);
    expect(() => inBody(assert)).toThrow("Expected values to be strictly equal");
  });

  test("lets the runtime write a warning, of which a body is the cause", async () => {
    const { promise, resolve } = Promise.withResolvers<Error>();
    process.once("warning", resolve);
    inBody(() => process.emitWarning("old"));
    expect((await promise).message).toBe("old");
    expect(() => inBody(() => ["/etc/passwd"].map((path) => Bun.file(path)))).toThrow("Bun.file");
  });
});

describe("guardedBun()", () => {
  test("shows a body what reckons, and refuses it all else", () => {
    const bun = guardedBun() as typeof Bun;
    const { file } = bun;
    for (const name of ["env", "dns", "s3", "stdin", "password", "main", "cwd"] as const) {
      expect(() => inBody(() => Reflect.get(bun, name) as unknown)).toThrow(`Bun.${name}`);
    }
    expect(() => inBody(() => bun.fetch("http://127.0.0.1:1/"))).toThrow("Bun.fetch");
    expect(() => inBody(() => file("/etc/passwd"))).toThrow("Bun.file");
    expect(inBody(() => bun.hash("a"))).toBe(Bun.hash("a"));
    expect(inBody(() => bun.gunzipSync(bun.gzipSync("a")).length)).toBe(1);
    expect(inStep(() => bun.env.PATH)).toBe(process.env.PATH ?? "");
    expect(inStep(() => bun.file("/etc/passwd").size)).toBeGreaterThan(0);
  });
});

describe("guardedEnvironment()", () => {
  test("cannot be looked at in a body, by any way", () => {
    const env = guardedEnvironment({ HOME: "/home" });
    const looks: readonly (() => unknown)[] = [
      () => env.HOME,
      () => "HOME" in env,
      () => Object.keys(env),
      () => Reflect.set(env, "HOME", "x"),
      () => ["HOME"].map((name) => env[name]),
    ];
    for (const look of looks) expect(() => inBody(look)).toThrow("process.env");
    expect(inStep(() => env.HOME)).toBe("/home");
  });
});
