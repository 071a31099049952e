import { test as check, describe, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { test as verb } from "../../src/cli/test.ts";
import { Directory } from "../support/verb.ts";

const HEAD = 'import { job, modules } from "mig-runner";\n';

const SOUND = `${HEAD}
const operations = [modules.pkg({ pkgmatch: { matches: ["^telnetd$"] } })];
export default job({ action: { target: "everybody", operations } }, async (run) => {
  const base = await run.collect("base");
  if (!base.agents.some(({ found }) => found)) return;
  await run.step("tell", async () => (await fetch("https://a.example/b?secret=c")).ok);
});
`;

const BROKEN = `${HEAD}
export default job({}, async (run) => {
  let count = Math.random() < 2 ? 0 : 1;
  await run.step("count", () => void count++);
  await run.sleep(\`nap \${count}\`, "1s");
});
`;

/** What every one of these does is another thing at each replay. */
const CARELESS = {
  adds: ['appendFileSync("/dev/null", "x");', "fs.appendFileSync outside of a step"],
  asks: ['await fetch("http://127.0.0.1:9/");', "fetch outside of a step"],
  forgets: ['run.step("s", () => 1);', 'step "s" is not awaited'],
  looks: ["void process.env.HOME;", "process.env.HOME outside of a step"],
  waits: ["await new Promise((go) => setTimeout(go, 5));", "setTimeout outside of a step"],
} as const;

async function runnerWith(jobs: Readonly<Record<string, string>>): Promise<Directory> {
  const directory = await Directory.create();
  for (const [job, text] of Object.entries(jobs)) {
    await directory.write(`runners/${job}/job.ts`, text);
  }
  return directory;
}

/** The lines of a table, without the blanks that align it. */
function linesOf(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().replace(/ {2,}/g, " | "));
}

describe("test", () => {
  check(
    "tells that a run failed on the stand-in for an answer, not that nothing is delivered",
    async () => {
      const action = `{ target: "status='online'", operations: [modules.raw("pkg", {})] }`;
      await using directory = await runnerWith({
        owners: `${HEAD}
export default job({ plugin: "keep", action: ${action} }, async (run) => {
  const base = await run.collect("base");
  await run.step("owner", async ({ fetch }) => {
    const { owner } = await (await fetch("https://a.example/owner")).json();
    if (owner === undefined) throw new Error("no owner");
  });
  await run.deliver(base);
});
`,
      });
      const { out } = await directory.call(verb, ["--agents", "1", "owners"]);
      const text = out.replace(/\s+/g, " ");
      expect(text).toContain('step "owner" failed: no owner');
      expect(text).toContain("note: requests of steps are answered by {} here");
      expect(text).not.toContain("gets nothing");
    },
  );

  check("notes that a plugin of a workflow gets nothing, whatever the fleet answers", async () => {
    const operations = '[{ module: "pkg", parameters: {} }]';
    const action = `{ target: "status='online'", operations: ${operations} }`;
    const made = (body: string): string =>
      `${HEAD}export default job({ plugin: "keep", action: ${action} }, async (run) => ${body});\n`;
    await using directory = await runnerWith({
      naming: made('void (await run.collect("base"))'),
      telling: made('run.deliver(await run.collect("base"))'),
    });
    const { exit, out } = await directory.call(verb, ["--agents", "1"]);
    const note = 'note: plugin "keep" gets nothing: a workflow delivers nothing by itself';
    const [naming, telling] = out.split("telling\n");
    expect([exit, naming?.includes(note), telling?.includes("note:")]).toEqual([0, true, false]);
  });

  check("plays each scenario of each program, and tells what came of it", async () => {
    await using directory = await runnerWith({ sound: SOUND });
    await directory.job("table");
    const migrc = await readFile(`${directory.path}/.migrc`, "utf8");
    await directory.write(".migrc", `${migrc}[targets]\nmacro = "everybody:status='online'"\n`);
    const { exit, out, thrown } = await directory.call(verb, ["--agents", "4"]);
    expect([exit, thrown]).toEqual([0, ""]);
    const lines = linesOf(out).map((line) => line.replace(/\d+ crashes/, "N crashes"));
    const told = "1 action, 2 steps, 0 deliveries, 1 request not sent | N crashes";
    expect(lines.slice(0, 6)).toEqual([
      "sound",
      "nobody finds anything | done | 1 action, 1 step, 0 deliveries | N crashes",
      `everybody finds something | done | ${told}`,
      `every other one finds | done | ${told}`,
      `three of four fail | done | ${told}`,
      "nobody answers | done | 1 action, 1 step, 0 deliveries | N crashes",
    ]);
    // It passes on an answer that no real service would give.
    expect(lines[6]).toStartWith("note: requests of steps are answered by {} here");
    expect(lines.at(-1)).toBe("1 job, 5 runs, N crashes: all replayed");
  });

  check("begins with the state that it is given", async () => {
    await using directory = await runnerWith({
      known: `${HEAD}export default job({}, async (run) => {
  const known = await run.state.get("known");
  if (known?.[0] !== "web1") throw new Error("nothing is known");
});
`,
    });
    await directory.write("state.json", '{"known":["web1"]}\n');
    const exits: (number | null)[] = [];
    for (const given of [[], ["--state", directory.at("state.json")]]) {
      exits.push((await directory.call(verb, ["known", "--agents", "1", ...given])).exit);
    }
    expect(exits).toEqual([1, 0]);
    for (const [words, said] of [
      [["known", "--state", "[1]"], '--state: cannot read "[1]"'],
      [["known", "--state", "{1}"], "--state wants a JSON object, such as"],
      [["--state", "{}"], "--state is for one JOB"],
    ] as const) {
      expect((await directory.call(verb, [...words])).thrown).toContain(said);
    }
  });

  check("ends with 1 for a job that does not replay, and says where it is wrong", async () => {
    await using directory = await runnerWith({ broken: BROKEN });
    const { exit, out } = await directory.call(verb, []);
    expect(exit).toBe(1);
    const text = out.replace(/\s+/g, " ");
    expect(text).toContain("nobody finds anything broken everybody finds something broken");
    expect(text).toContain('it asked for sleep "nap 1", and in a replay for sleep "nap 0"');
    expect(text).toEndWith("1 job, 5 runs, 0 crashes: 1 job broken ");
  });

  check("stops what a replay would do again, at its line, whether it shows or not", async () => {
    const jobs = Object.entries(CARELESS).map(([name, [code]]) => {
      const imports = 'import { appendFileSync } from "node:fs";';
      const body = `async (run) => {\n${code} void appendFileSync; await run.sleep("a", "1s"); }`;
      return [name, `${HEAD}${imports}\nexport default job({}, ${body});\n`] as const;
    });
    await using directory = await runnerWith(Object.fromEntries(jobs));
    const { exit, out } = await directory.call(verb, ["--agents", "1"]);
    expect(exit).toBe(1);
    const text = out.replace(/\s+/g, " ");
    for (const [name, [, words]] of Object.entries(CARELESS)) {
      expect(text).toContain(`always: ${words}`);
      expect(text).toContain(`/${name}/job.ts:4)`);
    }
    expect(text).toContain("5 jobs broken");
  });

  check("tests the others when one is broken, loops or leaves", async () => {
    await using directory = await runnerWith({
      syntax: "export default job({ , });\n",
      leaves: `${HEAD}export default job({}, (run) => run.step("a", () => process.exit(3)));\n`,
      thrown: `${HEAD}export default job({}, async () => { throw new Error("no use"); });\n`,
      sound: SOUND.replace("everybody", "status='online'"),
    });
    const { exit, out } = await directory.call(verb, ["--json", "--agents", "2"]);
    expect(exit).toBe(1);
    const { jobs } = JSON.parse(out) as {
      jobs: { job: string; isBroken: boolean; problems: string[]; scenarios: unknown[] }[];
    };
    expect(jobs.map(({ job, isBroken }) => [job, isBroken])).toEqual([
      ["leaves", true],
      ["sound", false],
      ["syntax", true],
      ["thrown", true],
    ]);
    const [leaves, sound, syntax, thrown] = jobs;
    expect(leaves?.problems).toEqual(["it called process.exit(3)"]);
    expect(syntax?.problems[0]).toContain("syntax/job.ts:1:");
    expect(thrown?.problems).toEqual(["it fails whatever the fleet answers"]);
    expect(sound?.scenarios).toHaveLength(5);
    expect(sound?.scenarios[1]).toMatchObject({ requests: ["GET https://a.example"] });
  });

  check("ends jobs that hang after the limit, and tells each before the next begins", async () => {
    const loop = `${HEAD}export default job({}, async () => { for (;;) {} });\n`;
    await using directory = await runnerWith({ first: loop, second: loop });
    const { exit, out, parts } = await directory.call(verb, ["--timeout", "1s"]);
    expect(exit).toBe(1);
    const hangs = 'it hangs: "nobody finds anything" did not go on for 1s and was stopped';
    expect(out.split(hangs)).toHaveLength(3);
    expect(out).toEndWith("2 jobs, 0 runs, 0 crashes: 2 jobs broken\n");
    expect(parts.map((part) => part.split("\n")[0])).toEqual([
      "first",
      "second",
      "2 jobs, 0 runs, 0 crashes: 2 jobs broken",
    ]);
    expect((await directory.call(verb, ["--timeout", "soon"])).thrown).toBe(
      'invalid value "soon" for flag -timeout: a time such as 30s or 5m',
    );
  });

  check("takes names of programs, and of nothing else", async () => {
    await using directory = await runnerWith({ sound: SOUND });
    await directory.job("table");
    const called = async (job: string) => (await directory.call(verb, [job])).thrown;
    expect(await called("table")).toBe(
      'job "table" is not a job.ts: only show and check look at it',
    );
    expect(await called("sounds")).toContain('Cannot test job "sounds": there is none');
  });

  check("has nothing to test without a program", async () => {
    await using directory = await runnerWith({});
    await directory.job("table");
    const { exit, out } = await directory.call(verb, []);
    expect([exit, out]).toEqual([0, "there is no job.ts to test\n"]);
  });
});
