// Programs: jobs written as job.ts, on the program itself: what they may be made of, and what is
// said of one that is wrong, while the others go on.
import { beforeAll, describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { lifeSeconds } from "../support/patience.ts";
import { Host, Site } from "../support/site.ts";

const HEAD = 'import { job, modules } from "mig-runner";\n';
const ACTION = `action: { target: "id>0", operations: [modules.timedrift({})] }, expiry: "${lifeSeconds(1)}s"`;

/** A job without a schedule. */
function table(members = ""): string {
  return `export default job({ ${ACTION}, ${members} });\n`;
}

/** A job with a workflow; its first line is the third of the file. */
function workflow(body: string, above = HEAD): string {
  return `${above}export default job({ ${ACTION} }, async (run) => {\n${body}\n});\n`;
}

/** What a broken job says: JOB stands for its directory. */
interface Broken {
  readonly files: Readonly<Record<string, string>>;
  readonly says: readonly RegExp[];
}

const BROKEN: Readonly<Record<string, Broken>> = {
  "a definition with several mistakes": {
    files: {
      "job.ts":
        `${HEAD}export default job({\n  scheduel: "@daily",\n` +
        `  schedule: { cron: "61 * * * *", onMissed: "never" },\n  maxAgents: -1,\n});\n`,
    },
    says: [
      /^JOB\/job\.ts:3:3: Cannot read scheduel: there is no such key \(Did you mean schedule\?\)/m,
      /^JOB\/job\.ts:4:\d+: bad cron expression: syntax error in minute field: '61' \(The minute is 0 to 59; /m,
      /^JOB\/job\.ts:4:\d+: Cannot set schedule\.onMissed to "never": skip, last or all is wanted/m,
      /^JOB\/job\.ts:5:3: Cannot set maxAgents to -1: a whole number above 0 is wanted/m,
    ],
  },
  "a parameter that the agent would refuse": {
    files: {
      "job.ts":
        `${HEAD}export default job({\n  action: { target: "id>0", operations: [\n` +
        `    modules.file({ searches: { a: { paths: [], names: ["("] } } }),\n  ] },\n});\n`,
    },
    says: [
      /^JOB\/job\.ts:4:\d+: Cannot use modules\.file searches\.a\.paths: at least one path is /m,
      /Cannot use modules\.file searches\.a\.names\[0\] "\(": missing closing \)/,
    ],
  },
  "an import of a file that is not there": {
    files: { "job.ts": `${HEAD}import { x } from "./lib.ts";\n${table("plugin: x")}` },
    says: [
      /^JOB\/job\.ts:2:19: Cannot find import "\.\/lib\.ts" \(Paths are relative to the file /m,
      /^2 \| import \{ x \} from "\.\/lib\.ts";\n {2}\| {19}\^$/m,
    ],
  },
  "an import of a package that is not there": {
    files: { "job.ts": `${HEAD}import x from "not-there";\n${table("plugin: x")}` },
    says: [/^JOB\/job\.ts:2:15: Cannot find import "not-there" \(Packages are looked for in /m],
  },
  "a syntax error": {
    files: { "job.ts": `${HEAD}export default job({\n  schedule: = "@daily",\n});\n` },
    says: [
      /^JOB\/job\.ts:3:13: Cannot read the program: /m,
      /^3 \| {3}schedule: = .*\n {2}\| {13}\^$/m,
    ],
  },
  "a syntax error in a helper": {
    files: {
      "job.ts": `${HEAD}import { x } from "./lib.ts";\n${table("plugin: x")}`,
      "lib.ts": "export const x = ;\n",
    },
    says: [
      /^JOB\/lib\.ts:1:18: Cannot read the program: /m,
      /^1 \| export const x = ;\n {2}\| {18}\^$/m,
    ],
  },
  "two definitions": {
    files: { "job.ts": HEAD + table(), "entity.cfg": "[configuration]\n" },
    says: [
      /^JOB: .* entity\.cfg and job\.ts define it, exactly one of them may \(Remove job\.ts, or /m,
    ],
  },
  "no default export": {
    files: { "job.ts": `${HEAD}export const x = job({});\n` },
    says: [/^JOB\/job\.ts: Cannot load job: no default export \(Write: export default job\(/m],
  },
  "a throw at the top": {
    files: { "job.ts": `${HEAD}const none = null as never as Date;\n${table("plugin: none.x")}` },
    says: [/^JOB\/job\.ts:3:\d+: Cannot load job: it threw TypeError: /m],
  },
};

const nameOf = (what: string): string => what.replaceAll(" ", "-");

describe("a job.ts that is wrong", () => {
  let checked = "";
  let once = "";
  let actions: readonly string[] = [];

  beforeAll(async () => {
    await using site = await Site.create();
    for (const [what, { files }] of Object.entries(BROKEN)) {
      await site.scenario.job(nameOf(what), files);
    }
    await site.scenario.job("sound", { "job.ts": HEAD + table() });
    const clean = (text: string): string =>
      text.replaceAll(/\S*\/runners\/([\w-]+)/g, (path, job) => (job === "sound" ? path : "JOB"));
    const { exit, stdout } = await site.run("check");
    expect(exit).toBe(1);
    checked = clean(stdout);
    await site.run("run", "sound");
    const passed = await site.run("--once", "--wait");
    expect(passed.exit).toBe(1);
    once = clean(passed.stderr);
    actions = site.sandbox.actions().map(({ name }) => name);
  });

  for (const [what, { says }] of Object.entries(BROKEN)) {
    test(`is told by check, with its place: ${what}`, () => {
      for (const pattern of says) expect(checked).toMatch(pattern);
    });

    test(`is told in the log: ${what}`, () => {
      const line = String(says[0]?.source).replace(/^\^/, "");
      expect(once).toMatch(new RegExp(`\\[err\\] ${nameOf(what)}: .*${line}`));
    });
  }

  test("leaves the others alone", () => expect(actions).toEqual(["mig-runner: sound"]));
});

/** Workflows that go wrong, and what `status` says of them then. */
const WRONG: Readonly<Record<string, { body: string; state: string; says: RegExp }>> = {
  "uses a name twice": {
    body: 'await run.sleep("nap", "0s");\nawait run.sleep("nap", "0s");',
    state: "paused",
    says: /^the code asks for "nap" a second time at JOB\/job\.ts:4, names must be unique in a run$/,
  },
  "has a step without a name": {
    body: 'await run.step("", () => 1);',
    state: "failed",
    says: /Cannot begin step "": it has no name, a step is known by its name \(JOB\/job\.ts:3\)$/,
  },
  "gives what is not JSON": {
    body: 'await run.step("a", () => 1);\nawait run.step("odd", () => ({ at: [new Date(0)] }));',
    state: "failed",
    says: /Cannot save what step "odd" gave: at \.at\[0\] is a Date, wanted JSON \(JOB\/job\.ts:4\)$/,
  },
  "gives too much": {
    body: 'await run.step("big", () => "x".repeat(2_000_000));',
    state: "failed",
    says: /it has 2000002 characters, wanted at most 1048576 \(JOB\/job\.ts:3\)$/,
  },
  "throws in a step": {
    body: 'await run.step("a", () => {\nthrow new Error("no use");\n});',
    state: "failed",
    says: /^step "a" failed: no use \(JOB\/job\.ts:4\)$/,
  },
  "asks for an action without operations": {
    body: 'await run.sleep("nap", "0s");\nawait run.collect("a", { operations: [] });',
    state: "failed",
    says: /^Cannot post the action: it has no operations \(JOB\/job\.ts:4\)$/,
  },
  "calls inside of a step": {
    body: 'await run.step("a", () => run.sleep("b", "1s"));',
    state: "failed",
    says: /Cannot begin sleep "b": it is inside of step "a", call it outside \(JOB\/job\.ts:3\)$/,
  },
  "waits for a time that is none": {
    body: 'await run.sleep("nap", "1 day");',
    state: "failed",
    says: /Cannot begin sleep "nap": duration is "1 day", wanted a duration .* \(JOB\/job\.ts:3\)$/,
  },
};

interface Status {
  readonly jobs: readonly {
    readonly job: string;
    readonly lastRun: { readonly state: string; readonly note: string | null } | null;
  }[];
}

async function statusOf(host: Host) {
  const { stdout } = await host.run("status", "--json");
  const { jobs } = JSON.parse(stdout) as Status;
  return new Map(
    jobs.map(({ job, lastRun }) => {
      const note = (lastRun?.note ?? "").replaceAll(host.scenario.path(`runners/${job}`), "JOB");
      return [job, { state: lastRun?.state, note }] as const;
    }),
  );
}

describe("a workflow that goes wrong", () => {
  let status: Awaited<ReturnType<typeof statusOf>> = new Map();

  beforeAll(async () => {
    await using host = await Host.create();
    for (const [what, { body }] of Object.entries(WRONG)) {
      await host.scenario.job(nameOf(what), { "job.ts": workflow(body) });
      await host.run("run", nameOf(what));
    }
    await host.scenario.job("sound", { "job.ts": workflow('await run.step("a", () => 1);') });
    await host.run("run", "sound");
    await host.run("--once", "--wait");
    status = await statusOf(host);
  });

  for (const [what, { says, state }] of Object.entries(WRONG)) {
    test(`says so, with its line, when it ${what}`, () => {
      const { note, state: ended } = status.get(nameOf(what)) ?? {};
      expect(ended).toBe(state);
      expect(note).toMatch(says);
    });
  }

  test("leaves the others alone", () => expect(status.get("sound")?.state).toBe("done"));
});

/** Keeps a run open however long the processes of a test take, until `wake`. */
const NIGHT = 'await run.sleep("night", "12h");';

/** Ends the night, and does something else to the journal before. */
function wake(host: Host, change = ""): void {
  const journal = new DatabaseSync(host.scenario.path("journal.db"));
  journal.exec(change);
  journal.exec(`UPDATE step SET next_at = ${Date.now()} WHERE name = 'night'`);
  journal.close();
}

const WITH_FILES = `import { existsSync } from "node:fs";\n${HEAD}`;

describe("a run that cannot be replayed", () => {
  test("is paused with both sides, and is settled by an operator", async () => {
    await using host = await Host.create();
    const flag = host.scenario.path("flag");
    const fickle =
      'if (isThere) await run.sleep("first", "1s");\n' +
      `else await run.step("first", () => 1);\n${NIGHT}`;
    const above = `${WITH_FILES}const isThere = existsSync(${JSON.stringify(flag)});\n`;
    await host.scenario.job("fickle", { "job.ts": workflow(fickle, above) });
    await host.run("run", "fickle");
    await host.run("--once");
    await host.scenario.write("flag", "");
    wake(host);
    expect((await host.run("--once", "--wait")).exit).toBe(1);
    const { note, state } = (await statusOf(host)).get("fickle") ?? {};
    expect(state).toBe("paused");
    expect(note).toBe('the journal has the saved step "first" (step), the code asks for a sleep');
    const { stdout } = await host.run("status");
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(note ?? "-");
    // Nobody guesses: the operator puts back what the run depends on, or gives it up.
    await host.scenario.write("runners/fickle/job.ts", HEAD + table());
    expect((await host.run("resume", "1")).exit).toBe(0);
    expect((await host.run("--once", "--wait")).exit).toBe(1);
    expect((await host.run("drop", "1")).stdout).toBe("fickle: run 1 is given up\n");
    expect((await statusOf(host)).get("fickle")?.state).toBe("failed");
  });

  test("is paused when its source is gone, and the others go on", async () => {
    await using host = await Host.create();
    for (const job of ["gone", "sound"]) {
      const body = `await run.step("${job}", () => 1);\n${NIGHT}`;
      await host.scenario.job(job, { "job.ts": workflow(body) });
      await host.run("run", job);
    }
    await host.run("--once");
    wake(host, "DELETE FROM source WHERE hash = (SELECT source FROM run WHERE job = 'gone')");
    expect((await host.run("--once", "--wait")).exit).toBe(1);
    const status = await statusOf(host);
    expect(status.get("sound")?.state).toBe("done");
    expect(status.get("gone")?.state).toBe("paused");
    expect(status.get("gone")?.note).toMatch(
      /^its source \w+ is not in the journal any more; `mig-runner drop \d` gives it up$/,
    );
  });
});

describe("a job.ts", () => {
  test("is made of helpers, data and packages; a change of a helper is seen by the daemon", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    await scenario.job("made", {
      "job.ts":
        `${HEAD}import left from "left-side";\nimport right from "right-side";\n` +
        'import { name } from "./lib/name.ts";\n' +
        'import tags from "./tags.json" with { type: "json" };\n' +
        "const operations = [modules.pkg({ pkgmatch: { matches: [name, left, right] } })];\n" +
        "export default job({\n  action: { target: tags.target, operations },\n});\n",
      "lib/name.ts": 'import { end } from "./end";\nexport const name: string = `a${end}`;\n',
      "lib/end.ts": 'export const end = "one";\n',
      "tags.json": '{ "target": "id>0" }\n',
      "node_modules/left-side/package.json": '{ "name": "left-side", "type": "module" }',
      "node_modules/left-side/index.js": 'export default "from-esm";\n',
      "node_modules/right-side/package.json": '{ "name": "right-side", "main": "main.js" }',
      "node_modules/right-side/main.js": 'module.exports = "from-cjs";\n',
    });
    const matches = async () => {
      const { exit, stdout, stderr } = await host.run("show", "made", "--json");
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      return JSON.parse(stdout).action.operations[0].parameters.pkgmatch.matches;
    };
    expect(await matches()).toEqual(["aone", "from-esm", "from-cjs"]);
    const daemon = await host.daemon();
    await daemon.prints(/added entity made/);
    await scenario.write("runners/made/lib/end.ts", 'export const end = "two";\n');
    await daemon.prints(/made: asked to terminate, stopping/);
    expect(await matches()).toEqual(["atwo", "from-esm", "from-cjs"]);
  });

  test("splits a list of agents that no target holds, and collects it as one", async () => {
    await using site = await Site.create({ sandbox: { agents: 300 } });
    const body = `
        const all = await run.collect("all", { target: "id>0" });
        const expiry = "${lifeSeconds(1)}s";
        const some = await run.collect("some", { target: all.agents, expiry });
        await run.deliver("keep", some);
      `;
    await site.scenario.job("split", { "job.ts": workflow(body) });
    await site.scenario.plugin("keep", 'cat > "$HOME/kept.json"');
    const { exit, stderr } = await site.run("run", "split", "--wait");
    expect([exit, exit === 0 ? "" : stderr]).toEqual([0, ""]);
    const actions = site.sandbox.actions();
    const [all, ...parts] = actions.map(({ name, target }) => ({ name, target }));
    expect(all?.name).toBe("mig-runner: split/all");
    expect(parts.length).toBeGreaterThan(1);
    for (const { name, target } of parts) {
      expect(name).toBe("mig-runner: split/some");
      expect(target.length).toBeLessThanOrEqual(2_048);
    }
    const kept = JSON.parse(await site.scenario.read("home/kept.json"));
    expect(kept.commands).toHaveLength(300);
    const agents = kept.commands.map(({ agent }: { agent: { id: number } }) => agent.id);
    expect(new Set(agents).size).toBe(300);
  });
});
