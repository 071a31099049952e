import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleJob } from "../../../src/edge/modules/bundle.ts";
import { IN_A_STEP } from "../../../src/edge/pure/view.ts";
import { workerHost } from "../../../src/edge/workflow/host.ts";
import type { FromBody, ToBody } from "../../../src/workflow/messages.ts";
import { parseFromBody } from "../../../src/workflow/messages.ts";
import { WORKFLOW_VERSION } from "../../../src/workflow/version.ts";

/** Long enough for a body that works, on any machine; and for one that must be lost, short. */
const DEAF_MS = 600_000;
const SOON_MS = 600;

const IMPORTS =
  'import fs, { existsSync } from "node:fs"; import { execFileSync } from "child_process";';

/** Runs a body until `done` says that enough was heard. */
async function hear(
  body: string,
  done: (messages: readonly FromBody[]) => boolean,
  deafMs = DEAF_MS,
): Promise<{ messages: readonly FromBody[]; lost: string | null; path: string }> {
  const directory = mkdtempSync(join(tmpdir(), "body-"));
  const path = join(directory, "job.ts");
  try {
    writeFileSync(
      path,
      `import { job } from "mig-runner"; ${IMPORTS}\nexport default job({}, async (run) => {\n${body}\n});\n`,
    );
    const { source } = await bundleJob(path);
    const messages: FromBody[] = [];
    /** What was heard until then; a body says more after it. */
    let enough: readonly FromBody[] | null = null;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const handle = workerHost({ deafMs }).start({
      onMessage(raw) {
        const message = parseFromBody(raw);
        if (message === null) throw new Error(`no message: ${JSON.stringify(raw)}`);
        messages.push(message);
        if (message.kind === "ask" && message.request.kind === "step") {
          handle.post({ kind: "try", name: message.name, attempt: 1, key: "k" });
        }
        if (enough === null && done(messages)) {
          enough = [...messages];
          resolve(null);
        }
      },
      onLost: resolve,
    });
    const run = { id: 7, job: "hunt", firesAt: 1 };
    const begin: ToBody = {
      kind: "begin",
      version: WORKFLOW_VERSION,
      run,
      now: 5,
      seed: 3,
      source,
    };
    handle.post(begin);
    const lost = await promise;
    handle.stop();
    return { messages: enough ?? messages, lost, path };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const ended = (messages: readonly FromBody[]) => messages.at(-1)?.kind === "ended";

describe("workerHost()", () => {
  test("runs a body to its end, with the time of the run", async () => {
    const { messages } = await hear('run.log(run.job + " " + run.id + " " + run.now());', ended);
    expect(messages).toContainEqual({ kind: "log", level: "info", message: "hunt 7 5" });
    expect(messages).toContainEqual({ kind: "ended", error: null });
  });

  test("runs the function of a step in the thread", async () => {
    const { messages } = await hear(
      'await run.step("a", ({ key, attempt }) => [key, attempt]);',
      (heard) => heard.some(({ kind }) => kind === "tried"),
    );
    expect(messages.find(({ kind }) => kind === "tried")).toEqual({
      kind: "tried",
      name: "a",
      attempt: 1,
      outcome: { kind: "value", json: '["k",1]' },
    });
  });

  test("tells file and line of an error", async () => {
    const { messages, path } = await hear('\n  throw new Error("broken");', ended);
    expect(messages).toContainEqual({ kind: "ended", error: `broken (${path}:4)` });
  });

  test("loses a body in an endless loop, and goes on itself (I8)", async () => {
    const { lost } = await hear("for (;;);", ended, SOON_MS);
    expect(lost).toBe("it did not answer for 1 seconds: it may be in an endless loop");
  });

  test("loses a body that ends its thread or throws where nobody waits", async () => {
    const exit = await hear('await run.step("end", () => process.exit(3));', ended);
    expect(exit.lost).toBe("it called process.exit(3)");
    const thrown = await hear(
      'queueMicrotask(() => { throw new Error("late"); }); await new Promise(() => {});',
      ended,
    );
    expect(thrown.lost).toMatch(/^uncaught error: .*late/);
  });

  test("refuses what no replay can do again, at its line", async () => {
    for (const [code, what, fix] of [
      ['fetch("http://127.0.0.1:1/")', "fetch", IN_A_STEP],
      ['fs.appendFileSync("/dev/null", "a")', "fs.appendFileSync", IN_A_STEP],
      ['fs.readFileSync("/etc/hostname")', "fs.readFileSync", IN_A_STEP],
      ["try { process.env.PATH } catch {}", "process.env.PATH", IN_A_STEP],
      ["setTimeout(() => {}, 1)", "setTimeout", "use run.sleep"],
      ['execFileSync("/bin/true")', "child_process.execFileSync", IN_A_STEP],
      ["process.exit(3)", "process.exit", IN_A_STEP],
      ["process.hrtime.bigint()", "process.hrtime.bigint", IN_A_STEP],
      ["run.log(String(Bun.env.PATH))", "Bun.env", IN_A_STEP],
      ['await crypto.subtle.digest("SHA-1", new Uint8Array())', "crypto.subtle.digest", IN_A_STEP],
      ['(await import(["node", "fs"].join(":"))).statSync("/")', "fs.statSync", IN_A_STEP],
    ] as const) {
      const { messages, path } = await hear(`\n  ${code};`, ended);
      const why = "a replay could get something else, or do it again";
      const error = `${what} outside of a step: ${why}; ${fix} (${path}:4)`;
      expect(messages.at(-1)).toEqual({ kind: "ended", error });
    }
  });

  test("does in a step what it refuses outside of it", async () => {
    const { messages } = await hear(
      'await run.step("a", () => [existsSync("/etc/passwd"), typeof process.env.PATH]);',
      (heard) => heard.some(({ kind }) => kind === "tried"),
    );
    const outcome = { kind: "value", json: '[true,"string"]' };
    expect(messages.find(({ kind }) => kind === "tried")).toMatchObject({ outcome });
  });

  test("names a step that nobody awaits", async () => {
    const { messages, path } = await hear('\n  run.step("a", () => 1);', ended);
    const error = `step "a" is not awaited: write await in front of it (${path}:4)`;
    expect(messages.at(-1)).toEqual({ kind: "ended", error });
  });

  test("knows the branches of code through every await", async () => {
    const names = (heard: readonly FromBody[]) =>
      heard.flatMap((one) => (one.kind === "ask" ? one.name : []));
    const { messages } = await hear(
      `const branch = (name) => async () => {
         await Promise.resolve();
         await new Promise((resolve) => queueMicrotask(resolve));
         await run.sleep(name, "1h");
       };
       await run.parallel({ a: branch("x"), b: branch("x") });`,
      (heard) => names(heard).length === 2,
    );
    expect(names(messages).toSorted()).toEqual(["a/x", "b/x"]);
  });
});
