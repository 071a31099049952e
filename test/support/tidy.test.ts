// Tidy: each rule with an example of wrong and of right.
import { describe, expect, test } from "bun:test";
import { parseSource } from "./source.ts";
import * as rules from "./tidy.ts";

interface Examples {
  readonly rule: rules.Rule;
  readonly path?: string;
  readonly wrong: readonly string[];
  readonly right: readonly string[];
}

/** A test for each text: the rule finds something in the wrong ones, nothing in the right ones. */
function examples({ rule, path = "src/flow/x.ts", wrong, right }: Examples): void {
  describe(`${rule.name}() in ${path}`, () => {
    test.each(wrong.map((text) => [text]))("finds %j", (text) => {
      expect(rule(parseSource(path, text))).not.toEqual([]);
    });
    test.each(right.map((text) => [text]))("lets %j be", (text) => {
      expect(rule(parseSource(path, text))).toEqual([]);
    });
  });
}

const lines = (count: number) => "x;\n".repeat(count);

examples({
  rule: rules.header,
  wrong: ["", "import a;\n", "/* Inflight: the life of one action. */\n", "// the life\n"],
  right: ["// Inflight: the life of one action.\n", "// Tidy project: the rules.\nimport a;\n"],
});
examples({
  rule: rules.title,
  path: "src/flow/signed-ahead.ts",
  wrong: ["// Ahead: actions of a calendar.\n", "import a;\n"],
  right: ["// Signed ahead: actions of a calendar.\n", "// Signed-ahead (SQLite): rows.\n"],
});
examples({ rule: rules.fileLength, wrong: [lines(401)], right: ["", lines(400)] });
examples({
  rule: rules.lineLength,
  wrong: [`a;\n${"x".repeat(101)}\n`],
  right: ["x".repeat(100), "—".repeat(100), "x\n".repeat(101)],
});

examples({
  rule: rules.importDirection,
  path: "src/flow/x.ts",
  wrong: [
    'import { a } from "../edge/clock.ts";',
    'import type { A } from "../edge/clock.ts";',
    'import { a } from "../cli/check.ts";',
    'import { a } from "../sim/fleet.ts";',
    'import { a } from "../main.ts";',
    'import { a } from "../runner.ts";',
    'import { a } from "../../test/support/binary.ts";',
    'const a = await import("../edge/clock.ts");',
  ],
  right: [
    'import { a } from "./y.ts";',
    'import { a } from "../mig/action.ts";',
    'import type { A } from "../ports.ts";',
    'import { Cron } from "croner";',
    '// import { a } from "../edge/clock.ts";',
  ],
});
examples({
  rule: rules.importDirection,
  path: "src/lib/go/x.ts",
  wrong: ['import { a } from "../../mig/x.ts";', 'import { a } from "../json/x.ts";'],
  right: ['import { a } from "./y.ts";', 'import { a } from "../../errors.ts";'],
});
examples({
  rule: rules.importDirection,
  path: "src/cli/x.ts",
  wrong: ['import { a } from "../main.ts";'],
  right: ['import { a } from "../edge/clock.ts";', 'import { a } from "../runner.ts";'],
});
examples({
  rule: rules.importDirection,
  path: "src/runner.ts",
  wrong: ['import { a } from "./edge/clock.ts";'],
  right: ['import { a } from "./flow/x.ts";', 'import { a } from "./workflow/x.ts";'],
});
examples({
  rule: rules.importDirection,
  path: "src/ports.ts",
  wrong: ['import type { A } from "./flow/x.ts";'],
  right: ['import type { A } from "./time.ts";'],
});
examples({
  rule: rules.importDirection,
  path: "src/main.ts",
  wrong: [],
  right: ['import { a } from "./edge/clock.ts";', 'new URL("./worker.ts", import.meta.url);'],
});

const EFFECTS = [
  "const now = Date.now();",
  "const now = new Date();",
  "performance.now();",
  "setTimeout(f, 5);",
  "AbortSignal.timeout(5);",
  "Math.random();",
  "crypto.randomUUID();",
  "process.env.HOME;",
  "process.exit(1);",
  "await fetch(url);",
  'console.error("x");',
];
examples({
  rule: rules.effects,
  wrong: EFFECTS,
  right: [
    "new Date(at);",
    "clock.now();",
    "api.fetch(url);",
    "subprocess.env;",
    "// Date.now() is read at the edge.",
    'throw new Error("process.env is not read");',
  ],
});
for (const path of ["src/edge/a/b.ts", "src/main.ts", "src/worker.ts", "src/sandbox/server.ts"]) {
  examples({ rule: rules.effects, path, wrong: [], right: EFFECTS });
}

examples({
  rule: rules.oneRuntime,
  path: "src/edge/spool.ts",
  wrong: [
    "Bun.file(path);",
    "Deno.readFile(path);",
    'typeof Bun === "undefined";',
    'import { Database } from "bun:sqlite";',
    'import { a } from "npm:ini";',
  ],
  right: ["class Bundle {}", "// Bun.file is not in Deno.", 'import { a } from "node:fs";'],
});
examples({
  rule: rules.oneRuntime,
  path: "src/lib/os/runtime.ts",
  wrong: [],
  right: ["Bun.file(path);", 'import { plugin } from "bun";'],
});

examples({
  rule: rules.nodeModules,
  wrong: [
    'import { readFile } from "node:fs/promises";',
    'import { spawn } from "node:child_process";',
    'import { randomBytes } from "node:crypto";',
    'import { createHash, randomUUID } from "node:crypto";',
    'import crypto from "node:crypto";',
    'import { join } from "node:path";',
  ],
  right: [
    'import assert from "node:assert/strict";',
    'import { gunzipSync } from "node:zlib";',
    'import { createHash, type Hash } from "node:crypto";',
    'import { posix as path } from "node:path";',
    'import { Buffer } from "node:buffer";',
  ],
});
examples({
  rule: rules.nodeModules,
  path: "src/edge/spool.ts",
  wrong: [],
  right: ['import { readFile } from "node:fs/promises";'],
});

examples({
  rule: rules.words,
  wrong: [
    "const cfg = load();",
    "function f(ctx: Context) {}",
    "catch (err) {}",
    "this.#res = 1;",
    "f({ payload });",
    "for (const task of all) {}",
  ],
  right: [
    "const config = load();",
    "const LEVELS = { emerg: 0, err: 3 };",
    'const level = "err";',
    "const context = resolve();",
    "// The payload of the packet.",
  ],
});

examples({
  rule: rules.documented,
  wrong: [
    "export function f() {}",
    "// A comment is no doc.\nexport async function f() {}",
    "/** Far away. */\n\nexport class A {}",
  ],
  right: [
    "/** Does it. */\nexport function f() {}",
    "/**\n * Does it.\n */\nexport class A {}",
    "function f() {}",
    "/** Does it. */\nexport function f(a: string): void;\nexport function f(a: number): void;",
  ],
});

examples({
  rule: rules.declarations,
  wrong: [
    "const f = () => 1;",
    "export const f = async (a: string): Promise<void> => {};",
    "const f: F = (a) => a;",
    "const f = a => a;",
    "const f = function () {};",
  ],
  right: [
    "function f() {\n  const g = () => 1;\n}",
    "const f = once(() => 1);",
    "const a = (1 + 2);",
  ],
});

examples({
  rule: rules.packed,
  wrong: ["const a = {\n  ...{ b, c },\n};"],
  right: ["const a = { ...b, c };", "const a = { ...(b ? { c } : {}) };"],
});

examples({
  rule: rules.leftovers,
  wrong: [
    `// ${"TO"}DO: later`,
    `/* ${"FIX"}ME */`,
    `// @ts-${"ignore"}`,
    "test.only('x', f);",
    "describe.todo('x');",
  ],
  right: ["// Done.", "const todo = [];", 'test("has no test.only", f);'],
});

examples({
  rule: rules.errorMessages,
  wrong: [
    'new RunnerError("CONFIG", "Bad value");',
    'new RunnerError(\n  "CONFIG",\n  "Cannot read it.",\n);',
    'new RunnerError(code, `Unable to read "${path}"`);',
  ],
  right: [
    'new RunnerError("CONFIG", `Cannot read "${path}": it is a directory`);',
    'new RunnerError("CONFIG", problem.message);',
    'new RunnerError("CONFIG", `${what}, wanted a number`);',
  ],
});

examples({
  rule: rules.sleeps,
  path: "test/flow/x.test.ts",
  wrong: [
    "await new Promise((resolve) => setTimeout(resolve, 1_000));",
    "setTimeout(\n  () => {\n    f(1, 2);\n  },\n  300,\n);",
    "await Bun.sleep(5);",
    'import { setTimeout } from "node:timers/promises";',
  ],
  right: [
    "setTimeout(resolve, 20);",
    "setTimeout(resolve, POLL_MS);",
    "// setTimeout(resolve, 1000)",
    "await clock.sleep(60_000);",
  ],
});

examples({
  rule: rules.modesByName,
  wrong: ["chmodSync(path, 0o600);", "await chmod(temporary.path, mode);", "lchown(path, 0, 0);"],
  right: ["fchmodSync(file, 0o644);", "await handle.chmod(mode);", "// chmod(path)"],
});

describe("formatFinding()", () => {
  test("gives the place as editors open it", () => {
    expect(rules.formatFinding({ path: "src/a.ts", line: 3, message: "Mend it" })).toBe(
      "src/a.ts:3: Mend it",
    );
  });
});

describe("lineLength()", () => {
  test("says where, how much, and what to do", () => {
    const [finding] = rules.lineLength(parseSource("src/a.ts", `x\n${"x".repeat(120)}`));
    expect(finding).toEqual({
      path: "src/a.ts",
      line: 2,
      message: "Break the line: it has 120 columns, wanted at most 100",
    });
  });

  test("keeps a text whole, up to 120 columns", () => {
    const text = (size: number) => parseSource("src/a.ts", `  "${"x".repeat(size)}",`);
    expect(rules.lineLength(text(110))).toEqual([]);
    expect(rules.lineLength(text(130)).length).toBe(1);
  });
});
