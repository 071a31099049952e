import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as sdk from "../../src/sdk/index.ts";

describe("mig-runner", () => {
  test("gives these values, and no other", () => {
    expect(Object.keys(sdk).sort()).toEqual([
      "Fatal",
      "FatalError",
      "Retry",
      "RetryError",
      "TimeoutError",
      "agentsTarget",
      "ensureOk",
      "isDuration",
      "job",
      "likePattern",
      "modules",
      "plugin",
      "quoteText",
      "retryAfter",
      "sql",
    ]);
  });

  test("is found under its own name", async () => {
    expect((await import("mig-runner")).job).toBe(sdk.job);
  });

  test("needs nothing but valibot: it runs wherever a job is tested", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    const packages = new Set<string>();
    const seen = new Set<string>();
    const open = [resolve(import.meta.dirname, "../../src/sdk/index.ts")];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      for (const { path: from } of transpiler.scanImports(readFileSync(path, "utf8"))) {
        if (from.startsWith(".")) open.push(resolve(path, "..", from));
        else packages.add(from);
      }
    }
    expect([...packages]).toEqual(["valibot"]);
    expect(seen.size).toBeGreaterThan(20);
  });
});
