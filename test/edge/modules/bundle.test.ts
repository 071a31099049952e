import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { bundleJob, bundleJobs } from "../../../src/edge/modules/bundle.ts";
import { readGraph } from "../../../src/edge/modules/graph.ts";
import { describeError, RunnerErrors } from "../../../src/errors.ts";
import { Scratch } from "../../support/edge.ts";

const HEAD = 'import { job } from "mig-runner";\n';

describe("bundleJob()", () => {
  test("gives one text that holds helpers and packages, but not the SDK", async () => {
    using scratch = new Scratch();
    scratch.file("a/node_modules/pad/package.json", '{"name":"pad","main":"main.js"}');
    scratch.file("a/node_modules/pad/main.js", 'module.exports = "of the package";\n');
    scratch.file("a/lib.ts", 'export const text: string = "of the helper";\n');
    const path = scratch.file(
      "a/job.ts",
      `${HEAD}import pad from "pad";\nimport { text } from "./lib.ts";\n` +
        "export default job({ plugin: [pad, text] });\n",
    );
    const { source } = await bundleJob(path);
    expect(source).toContain("of the package");
    expect(source).toContain("of the helper");
    const imports = [...source.matchAll(/\bfrom\s*"([^"]+)"/g)].map(([, name]) => name);
    expect(imports).toEqual(["mig-runner"]);
  });

  test("names the text by its SHA-256", async () => {
    using scratch = new Scratch();
    const { source, hash } = await bundleJob(scratch.file("a/job.ts", HEAD));
    expect(hash).toBe(createHash("sha256").update(source, "utf8").digest("hex"));
  });

  test("gives the same text wherever it runs and whatever is bundled with it", async () => {
    using scratch = new Scratch();
    scratch.file("lib/where.ts", "export const where = import.meta.dirname;\n");
    const paths = Array.from({ length: 5 }, (_, index) =>
      scratch.file(
        `job${index}/job.ts`,
        `${HEAD}import { where } from "../lib/where.ts";\nconst own = import.meta.url;\n` +
          `export default job({ retries: ${index}, plugin: [where, own] });\n`,
      ),
    );
    const alone = [];
    for (const path of paths) alone.push((await bundleJob(path)).source);
    const before = process.cwd();
    process.chdir(scratch.in("job0"));
    try {
      const entries = new Map(paths.map((path) => [path, readGraph(path).files]));
      const together = await bundleJobs(entries);
      expect([...together.values()]).toEqual(
        alone.map((source) => ({ kind: "source", source, packages: [] })),
      );
    } finally {
      process.chdir(before);
    }
  });

  test("gives another text when a helper has changed", async () => {
    using scratch = new Scratch();
    const path = scratch.file(
      "a/job.ts",
      `${HEAD}import { n } from "./n.ts";\nexport default n;\n`,
    );
    const hashes = [];
    for (const n of [1, 2, 1]) {
      scratch.file("a/n.ts", `export const n = ${n};\n`);
      hashes.push((await bundleJob(path)).hash);
    }
    expect(hashes[0]).toBe(hashes[2] ?? "");
    expect(hashes[0]).not.toBe(hashes[1] ?? "");
  });

  test("runs nothing of it", async () => {
    using scratch = new Scratch();
    const { source } = await bundleJob(scratch.file("a/job.ts", "process.exit(1);\n"));
    expect(source).toContain("process.exit(1)");
  });

  test("tells every mistake with its place", async () => {
    using scratch = new Scratch();
    const path = scratch.file("daily/job.ts", `${HEAD}import "./a.ts";\nimport "./b.ts";\n`);
    const error = await bundleJob(path).catch((reason: unknown) => reason);
    if (!(error instanceof RunnerErrors)) throw error;
    expect(error.errors.map((each) => each.detail.job)).toEqual(["daily", "daily"]);
    expect(error.errors.map((each) => describeError(each).split(" (")[0])).toEqual([
      `${path}:2:8: Cannot find import "./a.ts"`,
      `${path}:3:8: Cannot find import "./b.ts"`,
    ]);
  });
});

describe("bundleJobs()", () => {
  test("bundles the others when one is broken", async () => {
    using scratch = new Scratch();
    const texts = ["export default 1;\n", "export default ;\n", "export default 3;\n"];
    const paths = texts.map((text, index) => scratch.file(`job${index}/job.ts`, text));
    const bundled = await bundleJobs(new Map(paths.map((path) => [path, readGraph(path).files])));
    expect([...bundled.keys()]).toEqual(paths);
    expect([...bundled.values()].map(({ kind }) => kind)).toEqual(["source", "broken", "source"]);
  });

  test("keeps names apart that a bundler may take for patterns", async () => {
    using scratch = new Scratch();
    const names = ["[name]", "[dir]", "a b", "ä", "%41", "a#b", "a?b"];
    const paths = names.map((name, index) =>
      scratch.file(`${name}/job.ts`, `export default ${index};\n`),
    );
    const bundled = await bundleJobs(new Map(paths.map((path) => [path, readGraph(path).files])));
    for (const [index, path] of paths.entries()) {
      const found = bundled.get(path);
      expect(found?.kind === "source" ? found.source : found).toMatch(new RegExp(`=\\s*${index};`));
    }
  });
});
