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
    for (const name of [
      ...names,
      "v8",
      "worker_threads",
      "timers",
      "timers/promises",
      "os",
      "sqlite",
    ]) {
      const members = Object.values(guardedModule(`node:${name}`) ?? {});
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
  const provided: string[] = [];
  const guard = async (text: string): Promise<string> => {
    provided.length = 0;
    return await withGuardedModules(text, (name) => void provided.push(name));
  };

  test("gives each form of an import another module, and moves no character", async () => {
    const forms = [
      'import{a}from"fs"',
      'import*as b from"node:fs/promises"',
      'import"net"',
      'import("child_process")',
      'export*from"https"',
      'import{c}from"node:sqlite"',
      "import(name)",
      "var __require=import.meta.require",
      "import.meta.env.HOME",
    ];
    expect(await guard(forms.join(";"))).toBe(
      'import{a}from"Fs";import*as b from"Node:fs/promises";import"Net";import("Child_process");' +
        'export*from"Https";import{c}from"Node:sqlite";imporT(name);' +
        "var __require=imporT.meta.require;imporT.meta.env.HOME",
    );
    expect(provided.slice(0, 2)).toEqual(["Fs", "Node:fs/promises"]);
  });

  test("leaves texts, patterns and pure modules as they are", async () => {
    const texts = [
      'import{a}from"path"',
      'x("fs");"fs"',
      `var s='import("fs") require("child_process") from "fs" import.meta.env'`,
      'var t=`import{x}from"fs";\nimport(name) $' + "{import.meta.url}`",
      'var r=/["\']import("fs")/',
    ];
    expect(await guard(texts.join(";"))).toBe(texts.join(";"));
    expect(provided).toEqual([]);
  });

  test("gives Bun's object to a text that speaks of it, unless it has one of its own", async () => {
    const map = "\n//# sourceMappingURL=data:a\n";
    const own = '\nimport{Bun}from"bun\'s own";';
    expect(await guard(`Bun.env;${map}`)).toBe(`Bun.env;${own}${map}`);
    expect(await guard("Bun.env;")).toBe(`Bun.env;${own}`);
    for (const text of ["var Bun=1;", 'import Bun from"bum";', "Bundle.env;"]) {
      expect(await guard(text)).toBe(text);
    }
  });
});
