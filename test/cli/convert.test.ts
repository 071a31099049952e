import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { convert } from "../../src/cli/convert.ts";
import { show } from "../../src/cli/show.ts";
import { Directory } from "../support/verb.ts";

const AT = ["--at", "2026-01-02T03:04:05Z", "--json"];

describe("convert", () => {
  test("prints a job in the other forms and changes nothing", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['expiry = "10m"', "; a remark", 'plugin = "print"']);
    const toml = await directory.call(convert, ["nightly", "--to", "toml"]);
    expect(toml.exit).toBe(0);
    expect(toml.out).toBe(
      '[configuration]\nschedule = "0 3 * * *"\nexpiry = "10m"\nplugin = "print"\n',
    );
    expect(toml.error).toBe("Comments are not carried over\n");
    const program = await directory.call(convert, ["nightly", "--to", "ts"]);
    expect(program.out).toBe(
      'import { job } from "mig-runner";\n\nexport default job({\n' +
        '  schedule: "0 3 * * *",\n  expiry: "10m",\n  action: "./action.json",\n' +
        '  plugin: "print",\n});\n',
    );
    expect(existsSync(directory.at("runners/nightly/entity.toml"))).toBe(false);
  });

  test("replaces the definition with --write, and keeps the old one", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['spread = "1h"', 'plugins = "a"', 'plugins = "b"']);
    const before = await directory.call(show, ["nightly", ...AT]);
    const old = readFileSync(directory.at("runners/nightly/entity.cfg"), "utf8");
    const { exit, out } = await directory.call(convert, ["nightly", "--to", "toml", "--write"]);
    expect(exit).toBe(0);
    expect(out).toContain("runners/nightly/entity.toml: written\n");
    expect(readFileSync(directory.at("runners/nightly/entity.cfg.bak"), "utf8")).toBe(old);
    expect(existsSync(directory.at("runners/nightly/entity.cfg"))).toBe(false);
    expect(statSync(directory.at("runners/nightly/entity.toml")).mode & 0o777).toBe(0o600);
    expect((await directory.call(show, ["nightly", ...AT])).out).toBe(before.out);
    const back = await directory.call(convert, ["nightly", "--to", "cfg", "--write"]);
    expect(back.exit).toBe(0);
    expect((await directory.call(show, ["nightly", ...AT])).out).toBe(before.out);
  });

  test("writes a job.ts that is the same job, also with the action in it", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['expiry = "10m"', "retries = 3", "maxagents = 40"]);
    const before = await directory.call(show, ["nightly", ...AT]);
    await directory.call(convert, ["nightly", "--to", "ts", "--inline", "--write"]);
    expect(readFileSync(directory.at("runners/nightly/job.ts"), "utf8")).toContain("timedrift");
    const after = await directory.call(show, ["nightly", ...AT]);
    expect(after.thrown).toBe("");
    expect(after.out).toBe(before.out);
  });

  test("takes the action out of a job.ts for a table, never over another one", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const before = await directory.call(show, ["nightly", ...AT]);
    await directory.call(convert, ["nightly", "--to", "ts", "--inline", "--write"]);
    const taken = await directory.call(convert, ["nightly", "--to", "cfg", "--write"]);
    expect(taken.thrown).toContain('action.json": it is there already (move it away first)');
    expect(existsSync(directory.at("runners/nightly/job.ts"))).toBe(true);
    await Bun.file(directory.at("runners/nightly/action.json")).delete();
    const { exit } = await directory.call(convert, ["nightly", "--to", "cfg", "--write"]);
    expect(exit).toBe(0);
    expect((await directory.call(show, ["nightly", ...AT])).out).toBe(before.out);
  });

  test("refuses what a form cannot say, with the reason", async () => {
    await using directory = await Directory.create();
    const program =
      'import { job } from "mig-runner";\n' +
      'export default job({ action: "./other.json" }, async () => {});\n';
    await directory.write("runners/flow/job.ts", program);
    await directory.write("runners/flow/other.json", "{}");
    const { thrown } = await directory.call(convert, ["flow", "--to", "toml"]);
    expect(thrown.split("\n").map((line) => line.replace(/^.*: /, ""))).toEqual([
      "entity.toml cannot hold a workflow function",
      "entity.toml needs a schedule, and the job has none",
      "entity.toml takes its action from action.json, not from ./other.json",
    ]);
  });

  test("does not write an action into job.ts that would be another one there", async () => {
    await using directory = await Directory.create();
    // Go reads and writes -0 as it stands, JSON of JavaScript makes it 0.
    const operations = '[{"module":"file","parameters":{"size":-0}}]';
    await directory.job("odd", [], `{"target":"a","operations":${operations}}`);
    const { thrown } = await directory.call(convert, ["odd", "--to", "ts", "--inline"]);
    expect(thrown).toContain("action.json: Cannot write action.json into job.ts: it would change");
    expect((await directory.call(convert, ["odd", "--to", "ts"])).exit).toBe(0);
  });

  test("says what it needs", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const say = async (...argv: string[]) => (await directory.call(convert, argv)).thrown;
    expect(await say("nightly")).toBe("convert needs --to cfg|toml|ts");
    expect(await say("nightly", "--to", "tom")).toBe(
      "convert needs --to cfg|toml|ts, did you mean toml?",
    );
    expect(await say("nightly", "--to", "cfg", "--inline")).toContain("-inline goes with --to ts");
    expect(await say("nigtly", "--to", "ts")).toContain('did you mean "nightly"?');
    expect(await say("--to", "ts")).toBe("convert takes one JOB");
    await directory.job("broken", ["expiry = soon"]);
    expect(await say("broken", "--to", "ts")).toContain("entity.cfg:3");
  });
});
