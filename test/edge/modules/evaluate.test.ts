import { describe, expect, test } from "bun:test";
import { bundleJob } from "../../../src/edge/modules/bundle.ts";
import { evaluateSource, registerSdk } from "../../../src/edge/modules/evaluate.ts";
import { packFiles } from "../../../src/edge/modules/pack.ts";
import { importSource } from "../../../src/workflow/source.ts";
import { Scenario } from "../../support/binary.ts";
import { DENO, source as pathOf, Scratch } from "../../support/edge.ts";

await registerSdk({ "mig-runner": await import("../../../src/sdk/index.ts") });

const JOB = `import { job } from "mig-runner";
import { boom } from "./boom.ts";

interface Unseen {}
globalThis.evaluations = (globalThis.evaluations ?? 0) + 1;
export const count: number = globalThis.evaluations;

export default job({ retries: 1 }, async () => {
  await Promise.resolve();
  boom();
});
`;
const BOOM = `export enum Kind { Loud }

export function boom(): never {
  throw new Error("boom");
}
`;

function writeJob(scratch: Scratch): string {
  scratch.file("a/boom.ts", BOOM);
  return scratch.file("a/job.ts", JOB);
}

/** The first lines of what a job's workflow throws. */
async function stackOf(source: string): Promise<readonly string[]> {
  const { body } = await importSource(source, evaluateSource);
  const error = await body?.({} as never).catch((reason: unknown) => reason);
  return (error as Error).stack?.split("\n").slice(1, 3) ?? [];
}

describe("evaluateSource()", () => {
  test("runs the text that was bundled, whatever the files say now", async () => {
    using scratch = new Scratch();
    const { source } = await bundleJob(writeJob(scratch));
    scratch.file("a/job.ts", "throw 1;\n");
    scratch.file("a/boom.ts", "throw 2;\n");
    const job = await importSource(source, evaluateSource);
    expect(job.definition).toEqual({ retries: 1 });
  });

  test("runs it again at each call", async () => {
    using scratch = new Scratch();
    const { source } = await bundleJob(writeJob(scratch));
    const [first, second] = [await evaluateSource(source), await evaluateSource(source)];
    expect(Reflect.get(second, "count")).toBe(Reflect.get(first, "count") + 1);
  });

  test("names the lines of the original files, when the job is started and later", async () => {
    using scratch = new Scratch();
    const stack = await stackOf((await bundleJob(writeJob(scratch))).source);
    expect(stack).toEqual([
      `    at boom (${scratch.in("a/boom.ts")}:4:13)`,
      `    at <anonymous> (${scratch.in("a/job.ts")}:10:3)`,
    ]);
  });

  test("rejects with what the text throws", async () => {
    const thrown = evaluateSource('throw new RangeError("no");').catch((reason: unknown) => reason);
    expect(await thrown).toBeInstanceOf(RangeError);
  });

  test("runs a pack, such as Deno makes them", async () => {
    using scratch = new Scratch();
    const path = scratch.in("a/job.js");
    const files = new Map([
      [
        path,
        'import { job } from "mig-runner";\nimport n from "./n.json";\nexport default job(n);',
      ],
      [scratch.in("a/n.json"), '{"retries":2}'],
    ]);
    const packed = packFiles(path, files);
    if (packed.kind !== "source") throw new Error("it is broken");
    const job = await importSource(packed.source, evaluateSource);
    expect(job.definition).toEqual({ retries: 2 });
  });
});

describe("in Deno", () => {
  const SCRIPT = `
    import assert from "node:assert/strict";
    import { rmSync } from "node:fs";
    import { bundleJob } from "${pathOf("edge/modules/bundle.ts")}";
    import { evaluateSource, registerSdk } from "${pathOf("edge/modules/evaluate.ts")}";
    import { importSource } from "${pathOf("workflow/source.ts")}";
    import * as sdk from "${pathOf("sdk/index.ts")}";
    await registerSdk({ "mig-runner": sdk });
    const [folder, bundled] = process.argv.slice(2);
    const path = folder + "/job.ts";
    const { source, hash } = await bundleJob(path);
    assert.deepEqual(await bundleJob(path), { source, hash });
    rmSync(folder, { recursive: true });
    for (const text of [source, bundled]) {
      const counts = [await evaluateSource(text), await evaluateSource(text)]
        .map(({ count }) => count);
      assert.equal(counts[1], counts[0] + 1);
      const { body, definition } = await importSource(text, evaluateSource);
      assert.deepEqual(definition, { retries: 1 });
      const { stack } = await body({}).catch((error) => error);
      const lines = stack.split("\\n").slice(1, 3);
      assert.match(lines[0], new RegExp(folder + "/boom.ts:4:\\\\d+"));
      assert.match(lines[1], new RegExp(folder + "/job.ts:10:\\\\d+"));
    }
    console.log("done");
  `;

  test("runs a pack and a text of Bun's bundler, with the lines of the files", async () => {
    using scratch = new Scratch();
    const { source } = await bundleJob(writeJob(scratch));
    await using scenario = await Scenario.create(DENO as [string, ...string[]]);
    const script = await scenario.write("script.ts", SCRIPT);
    const argv = ["--config", pathOf("../deno.json"), script, scratch.in("a"), source];
    const { exit, stdout, stderr } = await scenario.run(argv);
    expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: "done\n", stderr: "" });
  });
});
