// Jobs doc: every code block of docs/jobs.md, run by the program as it is shipped, and every table
// held against what it is about.
import { beforeAll, describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { STATE_KEYS_MAX } from "../../src/journal/state.ts";
import { modules } from "../../src/sdk/index.ts";
import { STEP_DEFAULTS } from "../../src/sdk/run.ts";
import { ANSWER_SIZE_MAX } from "../../src/workflow/answers.ts";
import { MAP_CONCURRENCY_MAX, MAP_ITEMS_MAX } from "../../src/workflow/branches.ts";
import { STEPS_MAX } from "../../src/workflow/execution.ts";
import { SHOW_SIZE_MAX, STEP_VALUE_SIZE_MAX } from "../../src/workflow/messages.ts";
import { BodyRun } from "../../src/workflow/run.ts";
import { Scenario } from "../support/binary.ts";
import { blocksOf, commandsOf, readPage, rowsBelow } from "../support/doc.ts";
import { lifeSeconds } from "../support/patience.ts";
import { Listener, type Reply } from "../support/shipped.ts";
import { type Host, Site, type SiteOptions } from "../support/site.ts";

/** What the page says of its workflow with branches, as a test that its reader might write. */
const WATCH_TEST = `import { equal } from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "mig-runner/test";
import watch from "./job.ts";

test("asks both kinds of hosts, three times", async () => {
  const run = await simulate(watch, { name: "watch", answers: () => "found", crashes: false });
  equal(run.state, "done");
  const names = run.actions.map(({ name }) => name.replace("mig-runner: watch/", ""));
  const rounds = [1, 2, 3].map((n) => \`linux/ports \${n},others/ports \${n},note \${n}\`);
  equal(names.join(), rounds.join());
  equal(run.log.length, 3);
});
`;

const LIMIT_MS = 120_000;
const root = resolve(import.meta.dirname, "../..");
const text = await readPage("docs/jobs.md");
const blocks = blocksOf(text);
const files = blocks.filter(({ path }) => path !== "");
const commands = commandsOf(blocks);

/** Commands that work on a runner directory, without `mig-runner -c runner.cfg`. */
const verbs = commands
  .filter(([program, flag]) => program === "mig-runner" && flag === "-c")
  .map(([, , config, ...words]) => {
    expect(config).toBe("runner.cfg");
    return words;
  });

/** Agents that all answer, so that what is found is all that differs. */
const HEALTHY = { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 };

/** A site with all files of the page, and the types for authors. An action lives a second. */
async function siteOf(url: string, options: SiteOptions = {}): Promise<Site> {
  const site = await Site.create({ sandbox: { agents: 12, behaviour: HEALTHY }, ...options });
  const { exit } = await site.scenario.run(["init", site.scenario.directory]);
  expect(exit).toBe(0);
  for (const { path, code } of files) {
    const hurried = code.replaceAll('expiry: "30s"', `expiry: "${lifeSeconds(1)}s"`);
    await site.scenario.write(
      path,
      hurried.replaceAll(/https:\/\/(?:tickets|reports)\.[\w.]+/g, url),
    );
  }
  return site;
}

async function expectSuccess(host: Host, ...words: string[]): Promise<string> {
  const { exit, stdout, stderr } = await host.runIn({ patienceMs: LIMIT_MS }, ...words);
  expect({ words, exit, stderr: exit === 0 ? "" : stderr }).toEqual({ words, exit: 0, stderr: "" });
  return `${stdout}${stderr}`;
}

describe("docs/jobs.md", () => {
  test("has no block that is not run here", () => {
    expect(files.map(({ path }) => path).sort()).toEqual([
      "runners/clocks/job.ts",
      "runners/dig/job.ts",
      "runners/exposed/job.ts",
      "runners/hunt/job.test.ts",
      "runners/hunt/job.ts",
      "runners/listeners/job.ts",
      "runners/patches-cfg/action.json",
      "runners/patches-cfg/entity.cfg",
      "runners/patches/job.ts",
      "runners/ports/job.ts",
      "runners/search/job.ts",
      "runners/watch/job.ts",
      "runners/web/job.ts",
      "runners/web/owners.json",
    ]);
    const others = commands.filter(([program]) => program !== "mig-runner");
    expect(others.map((words) => words.join(" "))).toEqual([
      "tsc",
      "deno check runners/",
      "bun test",
      "deno test -A",
    ]);
    const [init, ...more] = commands.filter(([program, flag]) => {
      return program === "mig-runner" && flag !== "-c";
    });
    expect([init, more]).toEqual([["mig-runner", "init", "mig", "--new-key"], []]);
    expect(verbs.map(([verb]) => verb)).toEqual([
      "sandbox",
      "check",
      "show",
      "run",
      "status",
      "run",
      "run",
      "approve",
      "answer",
      "test",
    ]);
    expect(blocks.length).toBe(files.length + 7);
  });

  test("its first job runs in its first directory, beside its sandbox", async () => {
    await using scenario = await Scenario.create();
    expect((await scenario.run(["init", "mig", "--new-key"])).exit).toBe(0);
    const first = files.find(({ path }) => path === "runners/clocks/job.ts")?.code ?? "";
    await scenario.write(
      "mig/runners/clocks/job.ts",
      first.replace('"30s"', `"${lifeSeconds(1)}s"`),
    );
    const at = { cwd: scenario.path("mig") };
    const config = ["-c", "runner.cfg"];
    const [sandbox = [], ...rest] = verbs;
    const api = scenario.start([...config, ...sandbox, "--port", "0"], at);
    const url = /http:\S+\//.exec(await api.prints(/on http:/))?.[0] ?? "";
    const migrc = await scenario.read("mig/.migrc");
    await scenario.write("mig/.migrc", migrc.replace(/http:[^"]+/, url));
    for (const words of rest.filter(([, job = "clocks"]) => job === "clocks")) {
      const { exit, stderr } = await scenario.run([...config, ...words], at);
      expect({ words, exit, stderr: exit === 0 ? "" : stderr }).toEqual({
        words,
        exit: 0,
        stderr: "",
      });
      if (words[0] === "run") expect(stderr).toContain("print: got a result of");
    }
  });

  test("its jobs have no mistake, and both forms of one are the same job", async () => {
    await using site = await siteOf("http://127.0.0.1:1");
    const shown = async (job: string): Promise<Record<string, unknown>> => {
      const at = ["--at", "2026-01-02T03:04:05Z", "--json"];
      const { action } = JSON.parse(await expectSuccess(site, "show", job, ...at));
      return { ...action, name: "" };
    };
    expect(await expectSuccess(site, "check")).toContain("no mistakes");
    expect(await shown("patches-cfg")).toEqual(await shown("patches"));
    expect((await shown("web")).target).toContain("IN ('security', 'o''brien') AND name LIKE");
    // The part of the half hour by which each is late depends on its name.
    const hours = async (job: string): Promise<readonly string[]> => {
      const { next } = JSON.parse(await expectSuccess(site, "next", job, "--json"));
      return next.map((time: string) => time.replace(/:\d\d:\d\d/, ""));
    };
    expect(await hours("patches-cfg")).toEqual(await hours("patches"));
    expect((await hours("patches"))[0]).toMatch(/T22\+0[12]:00$/);
    expect(await expectSuccess(site, ...(verbs.at(-1) ?? []), "--agents", "2")).toContain(
      "all replayed",
    );
  });

  test("its workflows do what it says", async () => {
    let reply: Reply = { status: 200 };
    await using service = await Listener.open(() => reply);
    await using site = await siteOf(service.url, {
      sandbox: { agents: 12, seed: "doc", behaviour: { ...HEALTHY, foundRate: 0.5 } },
    });
    await expectSuccess(site, "run", "hunt", "--wait");
    expect(site.sandbox.actions().map(({ name }) => name)).toEqual([
      "mig-runner: hunt",
      "mig-runner: hunt/deep",
    ]);
    const [ticket] = service.bodies as { title: string }[];
    expect(ticket?.title).toMatch(/^\d suspects, hits: \S+: \S+ \(\d+\)/);
    expect(service.heard[0]?.headers["idempotency-key"]).toBe("hunt/1/ticket");

    const search = verbs.find((words) => words.includes("search")) ?? [];
    const { exit, stdout } = await site.run(...search.slice(0, -1), "sha256=275a");
    expect([exit, stdout]).toEqual([9, ""]);
    expect(await expectSuccess(site, ...search, "--wait")).toContain("done");

    const listeners = await expectSuccess(site, "run", "listeners", "--wait");
    expect(listeners).toMatch(/[1-9]\d* hosts, \d+ ports/);
    await expectSuccess(site, "run", "ports", "--wait");
    expect(await expectSuccess(site, "history", "4")).toContain("state.set known");

    const [dig = [], approve = [], answer = []] = verbs.slice(-4);
    const asked = await site.run(...dig);
    expect([asked.exit, asked.stdout]).toEqual([1, expect.stringContaining('approval "memory"')]);
    await expectSuccess(site, ...approve.with(1, "5"));
    await expectSuccess(site, "--once", "--wait");
    expect(await expectSuccess(site, "status")).toContain("mig-runner answer 5 ticket JSON");
    await expectSuccess(site, ...answer.with(1, "5"));
    expect(await expectSuccess(site, "--once", "--wait")).toMatch(/approved by \S+, ticket 4711/);
    expect(site.sandbox.actions().at(-1)?.name).toBe("mig-runner: dig/deep");

    reply = { status: 403 };
    const fatal = await site.run("run", "hunt", "--wait");
    expect(fatal.exit).toBe(1);
    expect(fatal.stdout).toContain('step "ticket" failed: the service answers HTTP 403');
    reply = { status: 200 };
    expect(await expectSuccess(site, "resume", "6")).toContain("goes on with run 6");
    await expectSuccess(site, "--once", "--wait");
    const bodies = service.heard.map(({ headers }) => headers["idempotency-key"]);
    expect(bodies).toEqual(["hunt/1/ticket", "hunt/6/ticket", "hunt/6/ticket"]);

    await expectSuccess(site, "run", "exposed", "--wait");
    const ports = { 23: expect.any(Array), 4444: expect.any(Array) };
    expect(service.bodies.at(-1)).toEqual({ job: "exposed", run: 7, ports });
  });

  test("its tools check and test what it shows", async () => {
    await using site = await siteOf("http://127.0.0.1:1");
    const { scenario } = site;
    await scenario.write("runners/watch/job.test.ts", WATCH_TEST);
    await scenario.write("node_modules/README", "");
    for (const name of ["@types", "undici-types"]) {
      await symlink(join(root, "node_modules", name), scenario.path(`node_modules/${name}`));
    }
    const added = (tool: string, [verb]: readonly string[]): readonly string[] => {
      // On a busy machine a test of an author may take longer than the five seconds of the tool.
      if (tool === "bun") return [`--timeout=${LIMIT_MS}`];
      // `deno check`, which comes before it, has just checked the same types.
      return tool === "deno" && verb === "test" ? ["--no-check"] : [];
    };
    for (const [tool = "", ...words] of commands.filter(([program]) => program !== "mig-runner")) {
      const path = join(root, "node_modules/.bin", tool);
      await using other = await Scenario.create([path]);
      const { exit, stdout, stderr } = await other.run([...words, ...added(tool, words)], {
        cwd: scenario.directory,
        patienceMs: LIMIT_MS,
      });
      const said = exit === 0 ? "" : `${stdout}${stderr}`;
      expect({ tool, words, exit, said }).toEqual({ tool, words, exit: 0, said: "" });
    }
  });
});

describe("the tables of docs/jobs.md", () => {
  let options: readonly (readonly string[])[] = [];
  const code = (cell = ""): readonly string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, it]) => it ?? "");

  beforeAll(() => {
    options = rowsBelow(text, "## What a job may say");
  });

  test("have every option", async () => {
    const source = await readPage("src/sdk/definition.ts");
    const members = (name: string) => {
      const body = new RegExp(`interface ${name} \\{\n((?:.*\n)*?)\\}`).exec(source)?.[1] ?? "";
      return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, key]) => key ?? "");
    };
    const schedule = members("JobSchedule").filter((key) => key !== "cron");
    const wanted = [...members("JobDefinition"), ...schedule.map((key) => `schedule.${key}`)];
    expect(options.map(([key]) => code(key)[0] ?? "").sort()).toEqual(wanted.sort());
  });

  test("have every module", () => {
    const rows = rowsBelow(text, "## Operations, and what they find");
    const told = rows.flatMap(([names]) => code(names)).map((name) => name.replace(/\(.*/, ""));
    expect(told.sort()).toEqual(Object.keys(modules).sort());
  });

  test("have every call of a run", () => {
    const rows = rowsBelow(text, "## A workflow");
    const told = rows
      .flatMap(([calls]) => code(calls))
      .map((call) => /^run\.(\w+)/.exec(call)?.[1]);
    const ofTheBody = ["constructor", "top", "unawaited", "pending", "settle", "abort"];
    const calls = Object.getOwnPropertyNames(BodyRun.prototype);
    const values = ["job", "id", "firesAt", "params", "random", "state"];
    const wanted = [...calls.filter((name) => !ofTheBody.includes(name)), ...values];
    expect(told.map(String).sort()).toEqual(wanted.sort());
  });

  test("have the limits that hold", () => {
    const limits = new Map(
      rowsBelow(text, "## Limits").map(([what = "", limit = ""]) => [what, limit]),
    );
    expect(limits.get("steps of a run")).toBe(STEPS_MAX.toLocaleString("en"));
    expect(limits.get("what a step gives")).toBe(`${STEP_VALUE_SIZE_MAX / 2 ** 20} MiB of JSON`);
    expect(limits.get("items of `run.map`")).toBe(MAP_ITEMS_MAX.toLocaleString("en"));
    expect(limits.get("items of `run.map` at the same time")).toBe(`${MAP_CONCURRENCY_MAX}`);
    expect(limits.get("keys of `run.state` of a job")).toBe(`${STATE_KEYS_MAX}`);
    expect(limits.get("what people are shown, and what they answer")).toBe(
      `${SHOW_SIZE_MAX / 1024} KiB of JSON each`,
    );
    expect(ANSWER_SIZE_MAX).toBe(SHOW_SIZE_MAX);
    expect(limits.get("what a key has")).toBe(`${STEP_VALUE_SIZE_MAX / 2 ** 20} MiB of JSON`);
    const { cap, first, timeout } = STEP_DEFAULTS;
    expect([first, cap]).toEqual(["1s", "5m"]);
    expect(text).toContain("after a second, then after twice as long each time, up to 5 minutes");
    expect(text).toContain(`it takes longer than \`timeout\` (\`"${timeout}"\`)`);
  });
});
