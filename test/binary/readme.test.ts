// README: its commands, run as they stand, in a directory of the test instead of theirs.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { type Running, Scenario } from "../support/binary.ts";
import { readPage } from "../support/doc.ts";
import { lifeSeconds } from "../support/patience.ts";

const root = resolve(import.meta.dirname, "../..");
const text = await readPage("README.md");

/** The lines of code, without what is said about them. */
const lines = [...text.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = ""]) =>
  line.replace(/ +#.*$/, "").trim(),
);

/** Commands of one program, each with the words after its name. */
function commandsOf(program: string): readonly (readonly string[])[] {
  return lines
    .flatMap((line) => line.split(" && "))
    .map((line) => line.split(/\s+/))
    .filter(([name]) => name === program)
    .map(([, ...words]) => words);
}

describe("README.md", () => {
  test("names tools that are there", async () => {
    const npm = commandsOf("npm");
    expect(npm.length + commandsOf("mig-runner").length).toBeGreaterThan(lines.length);
    const scripts = npm.filter(([verb]) => verb !== "install");
    for (const [verb = "", name = verb] of scripts) {
      expect(Object.keys(manifest.scripts)).toContain(verb === "run" ? name : verb);
    }
    const inText = [...text.matchAll(/npm run (\w+)/g)].map(([, name = ""]) => name);
    expect(inText.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
    const targets = [...text.matchAll(/\b(?:linux|darwin)-\w+(?:-\w+)?\b/g)].map(([name]) => name);
    expect(targets.length).toBe(4);
    const build = await readPage("build.ts");
    expect(targets.filter((name) => !build.includes(`"${name}": {`))).toEqual([]);
  });

  test("makes a directory, an API, a run and a daemon", async () => {
    await using scenario = await Scenario.create();
    const own = commandsOf("mig-runner").map((words) =>
      words.map((word) => word.replace("/srv/runner", scenario.path("runner"))),
    );
    const verbs = own.map(([first, , verb]) => (first === "-c" ? (verb ?? "daemon") : first));
    expect(verbs).toEqual(["init", "check", "sandbox", "run", "daemon"]);
    const [init = [], check = [], sandbox = [], run = [], daemon = []] = own;

    expect((await scenario.run(init)).exit).toBe(0);
    const entity = await scenario.read("runner/runners/hello/entity.cfg");
    await scenario.write(
      "runner/runners/hello/entity.cfg",
      entity.replace('"30s"', `"${lifeSeconds(1)}s"`),
    );
    expect(sandbox.at(-1)).toBe("&");
    const api = scenario.start([...sandbox.slice(0, -1), "--port", "0"]);
    const url = /http:\S+\//.exec(await api.prints(/on http:/))?.[0] ?? "";
    const migrc = await scenario.read("runner/.migrc");
    await scenario.write("runner/.migrc", migrc.replace(/http:[^"]+/, url));

    expect(await scenario.run(check)).toMatchObject({ exit: 0, stdout: "1 job, no mistakes\n" });
    const { exit, stderr } = await scenario.run(run);
    expect(exit).toBe(0);
    expect(stderr).toContain("print: got a result of");
    const running: Running = scenario.start(daemon);
    await running.prints(/added entity hello/);
    running.signal("SIGTERM");
    expect((await running.ended()).exit).toBe(0);
  });

  test("links to pages that are there", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
