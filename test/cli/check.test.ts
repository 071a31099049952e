import { describe, expect, test } from "bun:test";
import { chmod, cp, mkdir, rm, symlink } from "node:fs/promises";
import { check } from "../../src/cli/check.ts";
import { homeOf, LOCKED_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { Directory } from "../support/verb.ts";

/** The lines that check prints for people, without the last one, which counts. */
async function linesOf(directory: Directory, ...argv: string[]): Promise<readonly string[]> {
  const { out, thrown } = await directory.call(check, argv);
  expect(thrown).toBe("");
  return out.trimEnd().split("\n").slice(0, -1);
}

describe("check", () => {
  test("has nothing to say of a sound directory, and ends with 0", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['plugin = "keep"']);
    await directory.plugin("keep", "cat > /dev/null");
    const { exit, out } = await directory.call(check, []);
    expect([exit, out]).toEqual([0, "1 job, no mistakes\n"]);
  });

  test("finds mistakes of every kind at once, each with its place, and ends with 1", async () => {
    await using directory = await Directory.create();
    await directory.config('passphras = "x"');
    await directory.client({ keyId: "0123456789ABCDEF0123456789ABCDEF01234567" });
    await directory.job("broken", ["expiri = 5m"], '{"target":"a",}');
    await directory.job("plugless", ['plugin = "kep"']);
    await directory.plugin("keep", "cat");
    await directory.write(
      "runners/never/entity.cfg",
      '[configuration]\n\nschedule = "0 0 30 2 *"\n',
    );
    await directory.write("runners/never/action.json", '{"operations":[{"module":""}]}');
    await directory.write("journal.db", "no database ".repeat(400));
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(1);
    const runners = directory.at("runners");
    for (const part of [
      `${directory.runnerConfig}:10:1: can't store data at section "client"`,
      "(Did you mean passphrase?)",
      'Cannot sign with key "0123456789ABCDEF0123456789ABCDEF01234567": ',
      `${runners}/broken/entity.cfg:3:1: can't store data`,
      `${runners}/broken/action.json:1:15: Cannot read the action template: `,
      `${runners}/plugless/entity.cfg:3: Cannot deliver job "plugless" to plugin "kep": `,
      '(nearest: "keep")',
      `${runners}/never/entity.cfg:3: Cannot schedule job "never" by "0 0 30 2 *": it never fires`,
      `${runners}/never/action.json: Cannot post the action: its target is empty`,
      `${runners}/never/action.json: Cannot post the action: operation 1 names no module`,
      `${directory.at("journal.db")}: Cannot use the journal`,
      "3 jobs, 9 mistakes",
    ]) {
      expect(out).toContain(part);
    }
  });

  test("finds the plugin and the comment in a definition that is broken elsewhere", async () => {
    await using directory = await Directory.create();
    const lines = ["expiry = soon", "plugin = kep", "timezone = Europe/Berlin#here"];
    await directory.job("broken", lines);
    await directory.plugin("keep", "cat");
    const { out } = await directory.call(check, []);
    const path = directory.at("runners/broken/entity.cfg");
    expect(out).toContain(`${path}:3:10: bad expiry: `);
    expect(out).toContain(`${path}:4: Cannot deliver job "broken" to plugin "kep": `);
    expect(out).toMatch(/:5:\d+: .*comment/);
    expect(out).toEndWith("1 job, 2 mistakes, 1 warning\n");
  });

  test("warns of a link to a directory, which the runner passes over", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await symlink("nightly", directory.at("runners/linked"));
    await symlink("nowhere", directory.at("runners/dangling"));
    const { exit, out } = await directory.call(check, []);
    expect([exit, out]).toEqual([
      0,
      `warning: ${directory.at("runners/linked")}: a symbolic link is no job ` +
        "(make it a directory; the files in it may be links)\n1 job, no mistakes, 1 warning\n",
    ]);
  });

  test("finds the place of a plugin in a job.ts as well", async () => {
    await using directory = await Directory.create();
    const action = '{ target: "a", operations: [{ module: "m", parameters: {} }] }';
    const text =
      'import { job } from "mig-runner";\nexport default job({\n' +
      `  schedule: "@daily",\n  action: ${action},\n  plugin: "print",\n});\n`;
    await directory.write("runners/nightly/job.ts", text);
    const [line = ""] = await linesOf(directory);
    expect(line).toContain('nightly/job.ts:5:3: Cannot deliver job "nightly" to plugin "print": ');
  });

  test("answers in JSON, with the parts of each mistake", async () => {
    await using directory = await Directory.create();
    await directory.job("broken", ["expiry = soon"]);
    const { exit, out } = await directory.call(check, ["--json"]);
    expect(exit).toBe(1);
    const { jobs, mistakes, warnings } = JSON.parse(out);
    expect([jobs, warnings]).toEqual([1, []]);
    expect(mistakes).toEqual([
      {
        code: "ENTITY",
        message: expect.stringContaining("expiry"),
        job: "broken",
        path: directory.at("runners/broken/entity.cfg"),
        line: 3,
        column: expect.any(Number),
        hint: expect.any(String),
      },
    ]);
  });

  test("looks only at the jobs that are named, and names the one that was meant", async () => {
    await using directory = await Directory.create();
    await directory.job("broken", ["expiry = soon"]);
    await directory.job("sound");
    expect(await linesOf(directory, "sound")).toEqual([]);
    expect(await linesOf(directory, "sond")).toEqual([
      `${directory.at("runners")}: Cannot check job "sond": there is none (did you mean "sound"?)`,
    ]);
  });

  test("goes on with the jobs when the client configuration is missing", async () => {
    await using directory = await Directory.create();
    await rm(directory.at(".migrc"));
    await directory.job("broken", ["expiry = soon"]);
    const lines = await linesOf(directory);
    expect(lines.length).toBe(2);
    expect(lines[0]).toContain(`no configuration found at ${directory.at(".migrc")}`);
    expect(lines[1]).toContain("runners/broken/entity.cfg:3");
  });

  test("goes on with the jobs when one key of runner.cfg is wrong", async () => {
    await using directory = await Directory.create();
    await directory.config('delayresult = "5s"');
    await directory.job("broken", ["expiry = soon"]);
    expect((await linesOf(directory)).length).toBe(2);
  });

  test("says that there is no configuration", async () => {
    await using directory = await Directory.create();
    await rm(directory.runnerConfig);
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(1);
    expect(out).toContain("no such file or directory (Name the file with -c, or run mig-runner");
    expect(out).toContain("jobs not looked at, 1 mistake");
  });

  test("refuses what everybody can write to, with the chmod that mends it", async () => {
    await using directory = await Directory.create();
    await cp(homeOf(), directory.at("keys"), { recursive: true });
    await directory.client({ home: directory.at("keys") });
    await directory.job("nightly", ['plugin = "keep"']);
    await directory.plugin("keep", "cat");
    for (const name of [".migrc", "runner.cfg", "keys/secring.gpg", "plugins/keep"]) {
      await chmod(directory.at(name), 0o777);
    }
    const lines = await linesOf(directory);
    expect(lines.join("\n")).toContain(`chmod 600 ${directory.at("keys/secring.gpg")}`);
    for (const name of [".migrc", "runner.cfg", "plugins/keep"]) {
      expect(lines.filter((line) => line.includes(`chmod o-w ${directory.at(name)}`)).length).toBe(
        1,
      );
    }
    expect(lines.length).toBe(4);
  });

  test("refuses a folder of keys in which everybody can put a key", async () => {
    await using directory = await Directory.create();
    await cp(homeOf(), directory.at("keys"), { recursive: true });
    await directory.client({ home: directory.at("keys") });
    await chmod(directory.at("keys"), 0o777);
    const [line = ""] = await linesOf(directory);
    expect(line).toContain(`Cannot trust key "${directory.at("keys")}"`);
    await chmod(directory.at("keys"), 0o1777);
    expect(await linesOf(directory)).toEqual([]);
  });

  test("only warns of a job's file that everybody can write to, and ends with 0", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const path = directory.at("runners/nightly/action.json");
    await chmod(path, 0o666);
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(0);
    expect(out).toBe(
      `warning: ${path}: every user can write to it (chmod o-w ${path})\n` +
        "1 job, no mistakes, 1 warning\n",
    );
  });

  test("tells a wrong passphrase, and a missing one, without showing it", async () => {
    await using directory = await Directory.create();
    await directory.client({ keyId: LOCKED_KEY });
    const [missing = ""] = await linesOf(directory);
    expect(missing).toContain(`Cannot sign with key "${LOCKED_KEY}": `);
    await directory.config('passphrase = "not-this-one"');
    const [wrong = ""] = await linesOf(directory);
    expect(wrong).toContain("passphrase");
    expect(wrong).not.toContain("not-this-one");
    await directory.config(`passphrase = "${RUNNER_PASSPHRASE}"`);
    expect(await linesOf(directory)).toEqual([]);
  });

  test("wants a key to be named", async () => {
    await using directory = await Directory.create();
    await directory.client({ keyId: "" });
    const [line = ""] = await linesOf(directory);
    expect(line).toContain("Cannot sign: [gpg] keyid is not set");
  });

  test("says that the directory, its jobs or its plugins are missing", async () => {
    await using directory = await Directory.create();
    await rm(directory.at("plugins"), { recursive: true });
    expect((await linesOf(directory))[0]).toContain("plugins: loadPlugins() -> open ");
    await rm(directory.at("runners"), { recursive: true });
    expect((await linesOf(directory))[0]).toContain("runners: runnerScan() -> open ");
  });

  test("warns of in-flight records that say nothing, and of plugins that cannot run (I9)", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.write("runners/nightly/inflight/7.json", "");
    await directory.write("plugins/notes.txt", "no program");
    await mkdir(directory.at("plugins/lib"));
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(0);
    expect(out).toContain(
      "inflight/7.json: Cannot read the in-flight record: it is empty: the next",
    );
    expect(out).toContain("plugins/notes.txt: no job uses it: not executable");
    expect(out).toContain("plugins/lib: no job uses it: ");
  });

  test("says where it cannot log", async () => {
    await using directory = await Directory.create();
    const text = await Bun.file(directory.runnerConfig).text();
    await directory.write("runner.cfg", text.replace("runner.log", "nowhere/runner.log"));
    const [line = ""] = await linesOf(directory);
    expect(line).toContain('nowhere/runner.log": no such file or directory');
  });
});
