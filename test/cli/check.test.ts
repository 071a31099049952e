import { describe, expect, test } from "bun:test";
import { chmod, cp, mkdir, rm, stat, symlink } from "node:fs/promises";
import { check } from "../../src/cli/check.ts";
import { homeOf, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
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

  test("says which plugin a workflow never gives a result to, and where it is named", async () => {
    await using directory = await Directory.create();
    await directory.plugin("keep", "cat > /dev/null");
    const head =
      'import { job } from "mig-runner";\nexport default job({\n  plugin: ["keep"],\n}, ';
    const job = (name: string, body: string) =>
      directory.write(`runners/${name}/job.ts`, `${head}${body});\n`);
    await job("silent", "async (run) => void (await run.collect('a', { target: 'x' }))");
    await job("told", "async (run) => run.deliver(await run.collect('a', { target: 'x' }))");
    await job("helped", "(await import('./helper.ts')).body");
    await directory.write("runners/helped/helper.ts", "export const body = async () => {};\n");
    const path = directory.at("runners/silent/job.ts");
    const lines = await linesOf(directory);
    expect(lines.filter((line) => line.includes("nothing"))).toEqual([
      expect.stringMatching(
        new RegExp(`${path}:3: plugin "keep" gets nothing: a workflow delivers nothing by itself`),
      ),
    ]);
  });

  test("says which plugin a workflow delivers to that is not there, and at which line", async () => {
    await using directory = await Directory.create();
    await directory.plugin("keep", "cat > /dev/null");
    await directory.write(
      "runners/typo/job.ts",
      'import { job } from "mig-runner";\nexport default job({}, async (run) => {\n' +
        "  const all = await run.collect('a', { target: 'x' });\n" +
        '  await run.deliver("keep", all);\n  await run.deliver(\n    "kep",\n    all,\n  );\n});\n',
    );
    const lines = (await linesOf(directory)).filter((line) => line.includes("deliver"));
    const path = directory.at("runners/typo/job.ts");
    expect(lines).toEqual([
      expect.stringContaining(`${path}:5: there is no plugin "kep" to deliver to (there: `),
    ]);
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

  test("warns of a target that the scheduler cannot run, or that loses hosts", async () => {
    await using directory = await Directory.create();
    const operations = [{ module: "timedrift", parameters: {} }];
    const job = (name: string, target: string) =>
      directory.job(name, [], JSON.stringify({ target, operations }));
    await job("lost", "id IN (28061811146753, 28061811146754)");
    await job("open", "true); DROP TABLE agents; --");
    await job("sound", "queueloc IN (SELECT queueloc FROM agents WHERE id IN (28061811146753))");
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(0);
    const path = (name: string) => directory.at(`runners/${name}/action.json`);
    const lines = out.replaceAll(/\s+/g, " ");
    expect(lines).toContain(
      `${path("lost")}: The target picks agents by id: one that was restarted`,
    );
    expect(lines).toContain("queueloc IN (SELECT queueloc FROM agents WHERE id IN (...))");
    expect(lines).toContain(`${path("open")}: Cannot run the target: `);
    expect(lines).toContain("a semicolon ends the statement");
    expect(lines).not.toContain(path("sound"));
  });

  test("warns of a link to a directory, which the runner passes over", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await symlink("nightly", directory.at("runners/linked"));
    await symlink("nowhere", directory.at("runners/dangling"));
    const { exit, out } = await directory.call(check, []);
    expect([exit, out]).toEqual([
      0,
      `warning: ${directory.at("runners/linked")}: a symbolic link is not a job ` +
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

  test("tells of a folder for the metrics that is not there", async () => {
    await using directory = await Directory.create();
    await directory.config("[metrics]", `textfile = "${directory.at("collector/mig.prom")}"`);
    const gone = await directory.call(check, []);
    expect([gone.exit, gone.out]).toEqual([
      1,
      expect.stringContaining(
        `Cannot write metrics to "${directory.at("collector/mig.prom")}": no such file or directory`,
      ),
    ]);
    await mkdir(directory.at("collector"));
    expect((await directory.call(check, [])).out).not.toContain("metrics");
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
    for (const name of [".migrc", "runner.cfg", "keys/secring.gpg", "plugins/keep"]) {
      expect(lines.filter((line) => line.includes(`chmod o-w ${directory.at(name)}`)).length).toBe(
        1,
      );
    }
    expect(lines.length).toBe(4);
  });

  test("refuses a folder of keys in which everybody can put a key", async () => {
    await using directory = await Directory.create();
    await cp(homeOf(), directory.at("keys"), { recursive: true });
    await chmod(directory.at("keys/secring.gpg"), 0o600);
    await directory.client({ home: directory.at("keys") });
    await chmod(directory.at("keys"), 0o777);
    const [line = ""] = await linesOf(directory);
    expect(line).toContain(`Cannot trust key "${directory.at("keys")}"`);
    await chmod(directory.at("keys"), 0o1777);
    expect(await linesOf(directory)).toEqual([]);
  });

  test.each([
    ["", 'config "DIR/runner.cfg": every user can write to the folder "DIR" (mode 0702)'],
    ["runners", 'file "DIR/runners": every user can write to it'],
    ["journal.db", 'journal "DIR/journal.db": every user can write to it'],
    ["runners/nightly", 'job file "DIR/runners/nightly/entity.cfg": every user can write to the'],
    ["runners/nightly/entity.cfg", 'job file "DIR/runners/nightly/entity.cfg": every user'],
    ["runners/nightly/action.json", 'job file "DIR/runners/nightly/action.json": every user'],
    [
      "plugins",
      'Cannot deliver job "nightly" to plugin "keep": every user can write to the folder',
    ],
    ["plugins/lib", 'plugins "DIR/plugins": every user can write to "DIR/plugins/lib"'],
    ["plugins/lib/deep/x.py", 'plugins "DIR/plugins": every user can write to "DIR/plugins/lib/'],
  ])(
    "tells once of %p that everybody can write to, with the chmod, and ends with 1",
    async (...of) => {
      const [name, says] = of;
      await using directory = await Directory.create();
      await directory.job("nightly", ['plugin = "keep"']);
      await directory.plugin("keep", "cat");
      const own =
        'import { plugin } from "mig-runner";\nexport default plugin({ async deliver() {} });\n';
      await directory.write("plugins/own.ts", own);
      await directory.write("plugins/lib/deep/x.py", "");
      await directory.collected("nightly", 7, []);
      const path = directory.at(name).replace(/\/$/, "");
      const { mode } = await stat(path);
      await chmod(path, (mode & 0o7777) | 0o002);
      const { exit, out } = await directory.call(check, []);
      expect(exit).toBe(1);
      const told = out.replaceAll(directory.path, "DIR");
      expect(told).toContain(says);
      expect(told.split(`chmod o-w ${path.replace(directory.path, "DIR")}`).length).toBe(2);
      expect(told).toEndWith(", 1 mistake\n");
      await chmod(path, mode & 0o7777);
      expect(await linesOf(directory)).toEqual([]);
    },
  );

  test("warns of results that others can write to, and of a runner directory that can be moved", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const path = directory.at("runners/nightly/results");
    await mkdir(path);
    await chmod(path, 0o777);
    const { exit, out } = await directory.call(check, []);
    expect([exit, out]).toEqual([
      0,
      `warning: ${path}: every user can write to it (mode 0777) (chmod o-w ${path})\n` +
        "1 job, no mistakes, 1 warning\n",
    ]);
  });

  test("finds secrets that every user can read", async () => {
    await using directory = await Directory.create();
    await directory.config('passphrase = "not needed"');
    await chmod(directory.runnerConfig, 0o644);
    await chmod(directory.at("keys/secring.gpg"), 0o644);
    const migrc = await Bun.file(directory.at(".migrc")).text();
    await directory.write(".migrc", `${migrc}useapikeyauth = "key"\n`, 0o644);
    expect(await linesOf(directory)).toEqual(
      [
        ["keys/secring.gpg", "the private key in it"],
        ["runner.cfg", "the passphrase in it"],
        [".migrc", "the API key in it"],
      ].map(([name = "", what]) => {
        const path = directory.at(name);
        return `${path}: every user of this host can read ${what} (mode 0644) (chmod 600 ${path})`;
      }),
    );
    for (const name of ["runner.cfg", ".migrc", "keys/secring.gpg"]) {
      await chmod(directory.at(name), 0o640);
    }
    expect(await linesOf(directory)).toEqual([]);
  });

  test("finds a wrong key id and a wrong passphrase in the line where they are set", async () => {
    await using directory = await Directory.create();
    await directory.client({ keyId: "0123456789ABCDEF0123456789ABCDEF01234567" });
    expect((await linesOf(directory))[0]).toStartWith(`${directory.at(".migrc")}:5:9: Cannot sign`);
    await directory.client({ keyId: LOCKED_KEY });
    await directory.config("", 'passphrase = "wrong"');
    expect((await linesOf(directory))[0]).toStartWith(
      `${directory.runnerConfig}:11:14: Cannot sign`,
    );
    await directory.config();
    expect((await linesOf(directory))[0]).toStartWith(`${directory.runnerConfig}: Cannot sign`);
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

  test("tells a key that is to sign twice, by whatever names, each key once", async () => {
    await using directory = await Directory.create();
    const short = RUNNER_KEY.slice(-16);
    const unknown = "0123456789ABCDEF";
    const gpg = `[gpg]\nhome = "${directory.at("keys")}"\nkeyid = "${RUNNER_KEY}"\n`;
    const signers = [RUNNER_KEY, short, unknown].map((id) => `signers = "${id}"\n`).join("");
    const api = '[api]\nurl = "http://127.0.0.1:1/api/v1/"\n';
    await directory.write(".migrc", `${api}${gpg}${signers}`);
    const lines = await linesOf(directory);
    expect(lines.map((line) => line.replace(/^.*?: /, ""))).toEqual([
      expect.stringContaining(
        `Cannot sign with [gpg] signers: the key ${RUNNER_KEY} is listed twice`,
      ),
      expect.stringContaining(`Cannot sign with key "${unknown}": `),
    ]);
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

  test("tells each mistake once: a file in UTF-16, too large, or that no parser can read", async () => {
    await using directory = await Directory.create();
    await directory.job("wide");
    const table = '[configuration]\nschedule = "0 3 * * *"\nplugin = "keep"\n';
    await directory.write("runners/wide/entity.cfg", Buffer.from(`\ufeff${table}`, "utf16le"));
    await directory.job("large", [], `{"target": "${"a".repeat(16 * 1024 * 1024)}"}`);
    const program = 'export default job({ expiry: 5m, plugin: "x" retries: 3 }, async (run) => {\n';
    await directory.write("runners/torn/job.ts", program);
    const { exit, out } = await directory.call(check, ["--json"]);
    expect(exit).toBe(1);
    const { mistakes } = JSON.parse(out);
    const told = mistakes.map(({ job, path, line, hint }: { [key: string]: unknown }) => {
      return [job, String(path).replace(directory.path, ""), line, hint];
    });
    expect(told).toEqual([
      [undefined, "/runners/large/action.json", undefined, undefined],
      ["torn", "/runners/torn/job.ts", 1, undefined],
      ["wide", "/runners/wide/entity.cfg", 1, "The file is UTF-16: save it as UTF-8"],
    ]);
  });

  test("finds what Go would pass over in a template, each thing once", async () => {
    await using directory = await Directory.create();
    const call = '{"module": "timedrfit", "parameters": {"drft": "5s"}}';
    await directory.job(
      "typos",
      [],
      `{"target": "id=1",\n"target": "true",\n"operation": [${call}]}`,
    );
    const path = directory.at("runners/typos/action.json");
    expect(await linesOf(directory)).toEqual([
      `${path}:2:1: "target" is given twice in one object (Keep one: only the last of them counts)`,
      `${path}:3:1: "operation" is not a member of an action and would be ignored ` +
        '(did you mean "operations"?)',
      `${path}:3:26: module "timedrfit" is not a module of MIG, agents would refuse the action ` +
        '(did you mean "timedrift"?)',
      `${path}:3:54: Cannot use timedrift drft "5s": there is no such parameter, did you mean drift?`,
    ]);
  });

  test("finds the same in the action of a program, at its key", async () => {
    await using directory = await Directory.create();
    const operations = '[{ module: "timedrfit", parameters: {} }]';
    const text =
      'import { job } from "mig-runner";\nexport default job({\n' +
      `  schedule: "@daily",\n  action: { target: "id=1", operations: ${operations} },\n});\n`;
    await directory.write("runners/typos/job.ts", text);
    const [line = ""] = await linesOf(directory);
    expect(line).toStartWith(`${directory.at("runners/typos/job.ts")}:4:3: module "timedrfit" is`);
  });

  test("finds an action that is too large for the API once it is posted", async () => {
    await using directory = await Directory.create();
    // Each sign is three in a form.
    const names = Array.from({ length: 300 }, () => "$".repeat(12_000));
    const search = { a: { paths: ["/"], names } };
    const operations = [{ module: "file", parameters: { searches: search } }];
    const text = JSON.stringify({ target: "id=1", operations });
    await directory.job("large", [], text);
    const small = JSON.stringify({
      target: "id=1",
      operations: [{ ...operations[0], want_compressed: true }],
    });
    await directory.job("packed", [], small);
    const [line = "", ...others] = await linesOf(directory);
    expect(line).toMatch(
      /large\/action\.json: Cannot post the action: it has \d+\.\d MB as it is posted, the API takes at most 10\.5 MB/,
    );
    expect(others).toEqual([]);
  });

  test("finds plugins that cannot run, whether a job names them or not, each once", async () => {
    await using directory = await Directory.create();
    for (const job of ["one", "two"]) await directory.job(job, ['plugin = "windows"']);
    await directory.write("plugins/windows", "#!/bin/sh\r\ncat\r\n", 0o755);
    await directory.write("plugins/bare", "cat\n", 0o755);
    await directory.write("plugins/torn.ts", "export default plugin({ ;\n");
    const lines = (await linesOf(directory)).filter((line) => /^\//.test(line));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toStartWith(
      `${directory.at("runners/one/entity.cfg")}:3: Cannot deliver job "one" to plugin "windows": ` +
        "its lines end with CR LF, mend it with: ",
    );
    expect(lines[1]).toStartWith(
      `${directory.at("plugins/bare")}: Cannot use plugin "bare": it has no #!`,
    );
    expect(lines[2]).toStartWith(
      `${directory.at("plugins/torn.ts")}:1:25: Cannot use plugin "torn": Cannot read the program`,
    );
  });

  test("looks at the plugins that tell alarms, and takes their settings for read", async () => {
    await using directory = await Directory.create();
    await directory.config(
      "[notify]",
      "plugins = slak, page, keep, slack, mute, loud",
      '[plugin "slack"]',
      'url = "https://hooks.example.net/"',
    );
    await directory.job("nightly", ["plugins = mute"]);
    await directory.plugin("keep", "cat");
    await directory.write("plugins/page", "no program");
    const head = 'import { plugin } from "mig-runner";\nexport default plugin({ async deliver() {}';
    await directory.write("plugins/mute.ts", `${head} });\n`);
    await directory.write("plugins/loud.ts", `${head}, async alarm() {} });\n`);
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(1);
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toStartWith(`${directory.runnerConfig}: Cannot use plugin "slak": `);
    expect(lines[1]).toContain('Cannot use plugin "page": ');
    // A result it could take: that is what its job needs.
    expect(lines[2]).toBe(
      `${directory.runnerConfig}: Cannot use plugin "mute": plugin "mute" cannot tell alarms: ` +
        "it has no alarm function",
    );
    expect(lines[3]).toBe("1 job, 3 mistakes");
  });

  test("finds sections of settings that nobody reads", async () => {
    await using directory = await Directory.create();
    await directory.config(
      '[plugin "hitz"]',
      'path = "a"',
      '[plugin "keep"]',
      'path = "b"',
      '[plugin "hits"]',
      '[plugin "slack"]',
      'url = "https://hooks.example.net/"',
    );
    await directory.job("nightly", ['plugins = "keep"', 'plugins = "hits"']);
    await directory.plugin("keep", "cat");
    const hits =
      'import { plugin } from "mig-runner";\nexport default plugin({ async deliver() {} });\n';
    await directory.write("plugins/hits.ts", hits);
    const { exit, out } = await directory.call(check, []);
    expect(exit).toBe(1);
    const path = directory.runnerConfig;
    expect(out.trimEnd().split("\n")).toEqual([
      `${path}:11: [plugin "hitz"]: there is no plugin of this name (did you mean "hits"?)`,
      `warning: ${path}:13: [plugin "keep"] has no effect: "keep" is a program, and only modules ` +
        "get settings",
      `warning: ${path}:16: [plugin "slack"] has no effect: no job uses "slack"`,
      "1 job, 1 mistake, 2 warnings",
    ]);
  });

  test("says where it cannot log", async () => {
    await using directory = await Directory.create();
    const text = await Bun.file(directory.runnerConfig).text();
    await directory.write("runner.cfg", text.replace("runner.log", "nowhere/runner.log"));
    const [line = ""] = await linesOf(directory);
    expect(line).toContain('nowhere/runner.log": no such file or directory');
  });
});
