// Params: the schema of a job is foreign code: it has a time and a memory of its own.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkParams, type ParamsLimits } from "../../../src/edge/modules/params.ts";
import { RunnerErrors } from "../../../src/errors.ts";

/** What becomes of one parameter whose schema does this; its mistakes in a line each. */
async function checked(check: string, limits: ParamsLimits = {}): Promise<string> {
  const below = mkdtempSync(join(tmpdir(), "mig-runner-params-"));
  const path = join(below, "job.ts");
  const schema = `v.pipe(v.string(), v.check((text) => { ${check} }, "a good text"))`;
  writeFileSync(
    path,
    'import { job } from "mig-runner";\nimport * as v from "valibot";\n' +
      `export default job({ params: v.object({ text: ${schema} }) }, async () => {});\n`,
  );
  try {
    return await checkParams({ job: "hunt", path, below }, { text: "a" }, limits);
  } catch (error) {
    if (!(error instanceof RunnerErrors)) throw error;
    return error.errors.map(({ code, message }) => `${code}: ${message}`).join("\n");
  } finally {
    rmSync(below, { recursive: true });
  }
}

describe("checkParams()", () => {
  test("gives what the schema makes of texts, and says what it refuses", async () => {
    expect(await checked('return text === "a";')).toBe('{"text":"a"}');
    expect(await checked('return text === "b";')).toMatch(/^ENTITY: .*text.*a good text/);
  });

  test("ends a schema without an end", async () => {
    const said = await checked("for (;;) {}", { timeMaxMs: 300 });
    expect(said).toBe(
      "ENTITY: Cannot check the parameters: it has not come to its end within 0.3 s",
    );
  });

  test("ends a schema that takes all memory", async () => {
    const hungry = "const all = []; for (;;) all.push(new Uint8Array(1024 * 1024).fill(1));";
    const said = await checked(hungry, { memoryMax: 64 * 1024 * 1024, timeMaxMs: 600_000 });
    expect(said).toMatch(/^ENTITY: Cannot check the parameters: .*64 MiB/);
  });

  test("ends with a schema that ends its process", async () => {
    const said = await checked("process.kill(process.pid, 'SIGKILL'); for (;;) {}");
    expect(said).toStartWith("ENTITY: Cannot check the parameters: ");
  });
});
