import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { openLoader } from "../../src/edge/loader.ts";
import { openModules } from "../../src/edge/plugins/modules.ts";
import { Scratch } from "../support/edge.ts";

describe("what the program serves", () => {
  test("a job.ts imports valibot without a package beside it", async () => {
    using scratch = new Scratch();
    const path = scratch.file(
      "a/job.ts",
      'import { job } from "mig-runner";\nimport * as v from "valibot";\n' +
        'const { name } = v.parse(v.strictObject({ name: v.string() }), { name: "slack" });\n' +
        "export default job({ plugin: name });\n",
    );
    const loader = openLoader();
    const { outline } = await loader.load({ job: "a", path, dependsOn: () => {} });
    await loader.close();
    expect(outline.definition).toEqual({ plugin: "slack" });
  });

  test("a plugin says by valibot what its configuration is", async () => {
    using scratch = new Scratch();
    mkdirSync(scratch.in("plugins"), { mode: 0o700 });
    writeFileSync(
      scratch.in("plugins/mine.ts"),
      'import { plugin } from "mig-runner";\nimport * as v from "valibot";\n' +
        "export default plugin({ config: v.strictObject({ size: v.number() }), deliver() {} });\n",
      { mode: 0o600 },
    );
    const check = (size: unknown): Promise<string | null> => {
      const settings = new Map([["mine", { size }]]);
      const log = { emit: () => undefined };
      const limits = { timeoutMs: 20_000, graceMs: 0 };
      const directory = scratch.in("");
      const plugins = openModules({ directory, settings, log, environment: {}, ...limits });
      return plugins.check("mine");
    };
    expect(await check(5)).toBeNull();
    expect(await check("large")).toContain("size: Invalid type: Expected number");
  });
});
