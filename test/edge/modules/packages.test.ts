// Packages: the files of node_modules that go into a job are looked at as its own files are.
import { describe, expect, test } from "bun:test";
import { chmodSync, symlinkSync } from "node:fs";
import { bundleJob, bundleJobs } from "../../../src/edge/modules/bundle.ts";
import { readGraph } from "../../../src/edge/modules/graph.ts";
import { RunnerErrors } from "../../../src/errors.ts";
import { Scratch } from "../../support/edge.ts";

/** A runner directory with a job that imports a package, which requires another. */
function site() {
  const scratch = new Scratch();
  const path = scratch.file("r/runners/a/job.ts", 'import p from "p";\nexport default p;\n');
  scratch.file("r/node_modules/p/package.json", '{"main":"lib/p.js"}');
  scratch.file(
    "r/node_modules/p/lib/p.js",
    'module.exports = require("q") + require("./d.json").d;',
  );
  scratch.file("r/node_modules/p/lib/d.json", '{"d":1}');
  scratch.file("r/node_modules/q/index.js", "module.exports = 2;");
  scratch.file("r/node_modules/unused/index.js", "", 0o666);
  chmodSync(scratch.path, 0o777);
  return { scratch, path, below: scratch.in("r") };
}

async function told(path: string, below: string): Promise<string> {
  const error = await bundleJob(path, { below }).catch((reason: unknown) => reason);
  if (!(error instanceof RunnerErrors)) return "";
  return error.errors
    .map(({ code, message, detail }) => `${code} ${message} (${detail.hint})`)
    .join();
}

describe("bundleJob()", () => {
  test.each([
    ["r/node_modules", 0o777],
    ["r/node_modules/p", 0o777],
    ["r/node_modules/p/package.json", 0o666],
    ["r/node_modules/p/lib", 0o777],
    ["r/node_modules/p/lib/p.js", 0o666],
    ["r/node_modules/p/lib/d.json", 0o666],
    ["r/node_modules/q/index.js", 0o666],
  ])("refuses a job when others can have written %s of its packages", async (name, mode) => {
    const { scratch, path, below } = site();
    using _ = scratch;
    expect(await told(path, below)).toBe("");
    chmodSync(scratch.in(name), mode);
    const message = await told(path, below);
    expect(message).toStartWith('SPOOL Cannot trust package "');
    expect(message).toEndWith(`(chmod o-w ${scratch.in(name)})`);
  });

  test("looks at where a package is, when it is linked from elsewhere", async () => {
    const { scratch, path, below } = site();
    using _ = scratch;
    chmodSync(scratch.path, 0o755);
    scratch.file("store/s/index.js", "export default 3;");
    symlinkSync(scratch.in("store/s"), scratch.in("r/node_modules/s"));
    scratch.file("r/runners/a/job.ts", 'import s from "s";\nexport default s;\n');
    expect(await told(path, below)).toBe("");
    chmodSync(scratch.in("store"), 0o777);
    expect(await told(path, below)).toEndWith(`(chmod o-w ${scratch.in("store")})`);
  });

  test("looks at them also in a directory that is named by a link", async () => {
    const { scratch } = site();
    using _ = scratch;
    symlinkSync("r", scratch.in("short"));
    const path = scratch.in("short/runners/a/job.ts");
    expect(await told(path, scratch.in("short"))).toBe("");
    chmodSync(scratch.in("r/node_modules/q/index.js"), 0o666);
    expect(await told(path, scratch.in("short"))).toContain("r/node_modules/q/index.js");
  });
});

describe("bundleJobs()", () => {
  test("names the files of packages in each of several jobs", async () => {
    const { scratch, path, below } = site();
    using _ = scratch;
    const other = scratch.file("r/runners/b/job.ts", "export default 1;\n");
    const entries = new Map(
      [path, other].map((entry) => [entry, readGraph(entry, { below }).files]),
    );
    const bundled = [...(await bundleJobs(entries)).values()];
    const names = ["p/lib/d.json", "p/lib/p.js", "q/index.js"];
    expect(bundled.map((one) => (one.kind === "source" ? [...one.packages].sort() : []))).toEqual([
      names.map((name) => scratch.in("r/node_modules", name)),
      [],
    ]);
  });
});
