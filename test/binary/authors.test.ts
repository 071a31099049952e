// Authors: what `init` gives to those who write jobs: types for editors, tsc and Deno, and a test
// kit for the test runners of Bun and Deno. Everything is done as they do it, in a fresh directory.
import { describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Program, Scenario } from "../support/binary.ts";
import { blocksOf, readPage } from "../support/doc.ts";

const root = resolve(import.meta.dirname, "../..");
const tool = (name: string): string => join(root, "node_modules/.bin", name);
const LIMIT_MS = 120_000;

const JOB = `import { type AgentSummary, job, modules } from "mig-runner";

export default job(
  {
    schedule: "0 3 * * *",
    action: {
      target: "status='online'",
      operations: [modules.pkg({ pkgmatch: { matches: ["^telnetd$"] } })],
    },
  },
  async (run) => {
    const { agents } = await run.collect("telnet");
    const found: readonly AgentSummary[] = agents.filter((agent) => agent.found);
    await run.step("tell", { retry: 3 }, async ({ key, signal }) => {
      const { ok } = await fetch("https://a.example.net/", { method: "POST", body: key, signal });
      if (!ok) throw new Error(\`not told of \${found.length} hosts\`);
    });
  },
);
`;

const JOB_TEST = `import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { job } from "mig-runner";
import { ReplayError, simulate } from "mig-runner/test";
import telnet from "./job.ts";

test("tells of hosts with telnet", async () => {
  const steps = { tell: "ok" };
  const run = await simulate(telnet, { answers: () => "found", steps });
  deepEqual([run.state, run.steps.map(({ name }) => name)], ["done", ["telnet", "tell"]]);
});

test("a workflow that differs in a replay is found", async () => {
  let count = 0;
  const fickle = job({}, (run) => run.sleep("nap", \`\${++count}h\`));
  await rejects(simulate(fickle, { name: "fickle" }), ReplayError);
});
`;

/** The directory that init makes, with these files in it. */
async function authorsDirectory(files: Readonly<Record<string, string>>): Promise<Scenario> {
  const scenario = await Scenario.create();
  const { exit, stderr } = await scenario.run(["init", scenario.directory, "--new-key"]);
  expect([exit, stderr]).toEqual([0, ""]);
  for (const [name, text] of Object.entries(files)) await scenario.write(name, text);
  return scenario;
}

/** Runs a tool in the directory, as its author would. */
async function useTool(at: Scenario, program: Program, ...argv: string[]) {
  await using other = await Scenario.create(program);
  const { exit, stderr, stdout } = await other.run(argv, {
    cwd: at.directory,
    patienceMs: LIMIT_MS,
  });
  return { exit, said: `${stdout}${stderr}` };
}

const tsc: Program = [tool("tsc")];
const deno: Program = [tool("deno")];
const bun: Program = [tool("bun")];
/** On a busy machine a test of an author may take longer than the five seconds of the tool. */
const BUN_TEST = ["test", `--timeout=${LIMIT_MS}`] as const;

/** The TypeScript of the pages for authors, and the data beside it, but for tests. */
async function documented(): Promise<Readonly<Record<string, string>>> {
  const pages = await Promise.all(["docs/plugins.md", "docs/jobs.md"].map(readPage));
  const files = pages
    .flatMap(blocksOf)
    .filter(({ path }) => /\.(?:ts|json)$/.test(path) && !path.endsWith(".test.ts"));
  return Object.fromEntries(files.map(({ path, code }) => [path, code]));
}

describe("a fresh directory", () => {
  test("is clean for tsc and Deno from the start, and with all that the docs show", async () => {
    await using directory = await authorsDirectory({});
    expect(await useTool(directory, tsc)).toEqual({ exit: 0, said: "" });
    const files = await documented();
    expect(Object.keys(files)).toContain("plugins/tickets.ts");
    expect(Object.keys(files)).toContain("runners/hunt/job.ts");
    for (const [name, text] of Object.entries(files)) await directory.write(name, text);
    expect(await useTool(directory, tsc)).toEqual({ exit: 0, said: "" });
    // It reads all of `sdk/` too: what was wrong at the start would be wrong here.
    expect(await useTool(directory, deno, "check", ".")).toMatchObject({ exit: 0 });
  });

  test("has the types of a job for tsc and for Deno, and both find what is wrong", async () => {
    await using directory = await authorsDirectory({ "runners/telnet/job.ts": JOB });
    expect(await useTool(directory, tsc)).toEqual({ exit: 0, said: "" });

    // That Deno finds nothing wrong in the job itself is shown by the next test.
    await directory.write("runners/telnet/job.ts", JOB.replace("schedule:", "scheduel:"));
    for (const said of [
      await useTool(directory, tsc),
      await useTool(directory, deno, "check", "runners/telnet/job.ts"),
    ]) {
      expect(said.exit).not.toBe(0);
      expect(said.said).toContain("'scheduel' does not exist in type 'JobDefinition'");
    }
    const wrong = JOB.replace("agent.found", "agent.fuond").replace(
      "schedule:",
      'plugin: "prnt", schedule:',
    );
    await directory.write("runners/telnet/job.ts", wrong);
    const { said } = await useTool(directory, tsc);
    expect(said).toContain(
      "job.ts(13,75): error TS2551: Property 'fuond' does not exist on type 'AgentSummary'",
    );
    // The plugins that init has found, with the sample's.
    expect(said).toContain("Type '\"prnt\"' is not assignable to type");
  });

  test("has a test kit for bun test and deno test, and its types for both compilers", async () => {
    await using directory = await authorsDirectory({
      "runners/telnet/job.ts": JOB,
      "runners/telnet/job.test.ts": JOB_TEST,
    });
    const underBun = await useTool(directory, bun, ...BUN_TEST);
    expect(underBun).toMatchObject({ exit: 0, said: expect.stringContaining(" 2 pass") });
    // Deno checks the types before it runs anything.
    const underDeno = await useTool(directory, deno, "test", "-A");
    expect(underDeno).toMatchObject({ exit: 0, said: expect.stringContaining("2 passed") });
    // What `npm install --save-dev @types/node` brings.
    for (const name of ["@types", "undici-types"]) {
      await directory.write("node_modules/README", "");
      await symlink(join(root, "node_modules", name), directory.path(`node_modules/${name}`));
    }
    expect(await useTool(directory, tsc)).toEqual({ exit: 0, said: "" });

    const wrong = JOB_TEST.replace('"found"', '"fuond"');
    await directory.write("runners/telnet/job.test.ts", wrong);
    expect((await useTool(directory, tsc)).said).toContain("'\"fuond\"' is not assignable to");
    const failing = JOB_TEST.replace('"tell"]', '"told"]');
    await directory.write("runners/telnet/job.test.ts", failing);
    expect((await useTool(directory, bun, ...BUN_TEST)).exit).toBe(1);
    // Only the run may fail it: the types are right, and checking them takes seconds.
    const failed = await useTool(directory, deno, "test", "-A", "--no-check");
    expect(failed).toMatchObject({ exit: 1, said: expect.stringContaining("1 passed | 1 failed") });
  });

  test("is run by the program, which serves its own modules", async () => {
    await using directory = await authorsDirectory({ "runners/telnet/job.ts": JOB });
    await directory.write("sdk/index.js", 'throw new Error("not this one");\n');
    const config = directory.path("runner.cfg");
    const shown = await directory.run(["show", "telnet", "--json", "-c", config]);
    expect([shown.exit, shown.stderr]).toEqual([0, ""]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ job: "telnet" });
    const tested = await directory.run(["test", "telnet", "--agents", "2", "-c", config]);
    expect([tested.exit, tested.stderr]).toEqual([0, ""]);
  });

  test("gets new types by the init of a new version, and keeps the rest", async () => {
    await using directory = await authorsDirectory({ "deno.json": "{}\n" });
    const types = await directory.read("sdk/index.d.ts");
    await directory.write("sdk/index.d.ts", "// Of a version long ago.\n");
    const { exit, stdout } = await directory.run(["init", directory.directory]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\/sdk +made\n/);
    expect(stdout).toMatch(/\/deno\.json +was there, left as it is\n/);
    expect(await directory.read("sdk/index.d.ts")).toBe(types);
    expect(await directory.read("deno.json")).toBe("{}\n");
    expect((await directory.run(["init", directory.directory])).stdout).toMatch(
      /\/sdk +was there, left as it is\n/,
    );
  });
});
