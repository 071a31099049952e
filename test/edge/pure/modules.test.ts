import { describe, expect, test } from "bun:test";
import { guardedModule, withGuardedModules } from "../../../src/edge/pure/modules.ts";
import { bodyScopes } from "../../../src/edge/pure/view.ts";
import { bodyView } from "../../../src/workflow/scope.ts";

const edges = { now: () => 0, used() {}, raced() {}, refuse: (what: string) => new Error(what) };

function inBody<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: null, view: bodyView(1, edges) }, work);
}

describe("guardedModule()", () => {
  test("refuses a body what reads or changes the world", () => {
    const fs = guardedModule("node:fs") as typeof import("node:fs");
    expect(() => inBody(() => fs.readFileSync("/etc/passwd"))).toThrow("fs.readFileSync");
    expect(() => inBody(() => fs.promises.readFile("/etc/passwd"))).toThrow("fs/promises.readFile");
    expect(String(fs.readFileSync("/etc/passwd"))).toContain("root");
    const step = { prefix: "", step: "read", view: null };
    expect(bodyScopes.run(step, () => fs.existsSync("/etc/passwd"))).toBe(true);
    const names = ["fs/promises", "child_process", "net", "tls", "dgram", "http", "https", "dns"];
    for (const name of [...names, "worker_threads", "timers", "timers/promises", "os", "sqlite"]) {
      const members = Object.values(guardedModule(name) ?? {});
      const functions = members.filter((member) => typeof member === "function");
      expect([name, functions.length > 0]).toEqual([name, true]);
    }
    const { createRequire } = guardedModule("module") as typeof import("node:module");
    const required = createRequire(import.meta.url)("fs") as typeof import("node:fs");
    expect(() => inBody(() => required.readFileSync("/etc/passwd"))).toThrow("fs.readFileSync");
  });

  test("has classes that can be made and extended in a step", () => {
    const { EventEmitter } = process.getBuiltinModule("node:events");
    const net = guardedModule("net") as typeof import("node:net");
    const socket = new net.Socket();
    expect(socket instanceof EventEmitter).toBe(true);
    socket.destroy();
    class Own extends net.Socket {}
    const own = new Own();
    expect(own instanceof Own).toBe(true);
    own.destroy();
    expect(() => inBody(() => new net.Socket())).toThrow("new net.Socket");
  });

  test("leaves what only reckons, and gives a body the run's chance", () => {
    const nodeCrypto = guardedModule("crypto") as typeof import("node:crypto");
    const hash = () => nodeCrypto.createHash("sha256").update("a").digest("hex").slice(0, 8);
    expect(inBody(hash)).toBe("ca978112");
    expect(inBody(() => nodeCrypto.randomUUID())).toBe(inBody(() => nodeCrypto.randomUUID()));
    expect(inBody(() => nodeCrypto.randomBytes(3))).toEqual(
      inBody(() => nodeCrypto.randomBytes(3)),
    );
    expect(nodeCrypto.randomUUID()).not.toBe(nodeCrypto.randomUUID());
    expect(() => inBody(() => nodeCrypto.randomInt(5))).toThrow("crypto.randomInt");
    expect(guardedModule("node:path")).toBeNull();
    expect(guardedModule("valibot")).toBeNull();
  });
});

describe("withGuardedModules()", () => {
  test("gives each form of an import another module, and moves no character", () => {
    const forms = [
      'import{a}from"fs"',
      'import*as b from"node:fs/promises"',
      'import"net"',
      'import("child_process")',
      '__require("os")',
      'export*from"https"',
    ].map((form) => form.replace("node:", ""));
    const provided: string[] = [];
    const text = forms.join(";");
    const guarded = withGuardedModules(text, (name, module) => void provided.push(name, module));
    expect(guarded).toBe(
      'import{a}from"Fs";import*as b from"Fs/promises";import"Net";import("Child_process");' +
        '__require("Os");export*from"Https"',
    );
    expect(guarded).toHaveLength(text.length);
    expect(provided.slice(0, 2)).toEqual(["Fs", "fs"]);
    expect(withGuardedModules('import{a}from"path";x("fs");"fs"', () => {})).toBe(
      'import{a}from"path";x("fs");"fs"',
    );
  });
});
