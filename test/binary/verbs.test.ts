// Every command of the command line, as scripts and people call it.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { eventually, Scenario } from "../support/binary.ts";
import { ACTION, ended, Host, Site } from "../support/site.ts";

/** Standard output as one JSON value. */
function json(outcome: { readonly stdout: string }) {
  return JSON.parse(outcome.stdout);
}

describe.concurrent("check", () => {
  test("finds nothing wrong with a sound directory", async () => {
    await using host = await Host.create();
    await host.job("drift");
    const { stdout, stderr } = ended(await host.run("check"));
    expect({ stdout, stderr }).toEqual({ stdout: "1 job, no mistakes\n", stderr: "" });
  });

  test("finds the mistakes of configuration, key, jobs and plugins at once", async () => {
    await using host = await Host.create({ migrc: ["[targets]", 'macro = "nocolon"'] });
    const { scenario } = host;
    await scenario.job("cron", {
      "entity.cfg": '[configuration]\nschedule = "61 * * * *"\nplugn = "keep"\n',
      "action.json": '{"target": "x",}',
    });
    await host.job("empty", ['plugin = "keeep"'], '{"target": "", "operations": []}');
    await host.job("never", ['schedule = "0 0 30 2 *"']);
    await scenario.plugin("keep", "true");
    const { exit, stdout, stderr } = await host.run("check");
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: "" });
    for (const text of [
      'home/.migrc:7:9: Invalid macro format: "nocolon"',
      "runners/cron/entity.cfg:2:12: bad cron expression: syntax error in minute field: '61'",
      'runners/cron/entity.cfg:3:1: can\'t store data at section "configuration", variable "plugn"',
      "runners/cron/action.json:1:16: ",
      "Did you mean plugin?",
      "its target is empty",
      'unable to locate plugin "keeep"',
      "0 0 30 2 *",
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).toMatch(/3 jobs, \d+ mistakes/);
  });

  test("answers in JSON, one mistake an object, and looks at the named jobs only", async () => {
    await using host = await Host.create();
    await host.job("sound");
    await host.job("torn", [], "{");
    const outcome = await host.run("check", "torn", "--json");
    expect(outcome.exit).toBe(1);
    const { jobs, mistakes } = json(outcome);
    expect(jobs).toBe(1);
    expect(mistakes).toMatchObject([
      {
        code: "ACTION",
        job: "torn",
        path: host.scenario.path("runners/torn/action.json"),
        line: 1,
      },
    ]);
    ended(await host.run("check", "sound"));
  });

  test("knows a wrong key, changes nothing and asks the API nothing", async () => {
    await using site = await Site.create();
    const text = await site.scenario.read("home/.migrc");
    await site.scenario.write("home/.migrc", text.replace(/keyid = "D350/, 'keyid = "D351'));
    const { exit, stdout } = await site.run("check");
    expect(exit).toBe(1);
    expect(stdout).toContain("not found in");
    expect(existsSync(site.scenario.path("journal.db"))).toBe(false);
    expect(site.sandbox.requests()).toEqual([]);
  });
});

describe.concurrent("next", () => {
  const from = ["--from", "2026-01-01T00:00:00Z"];

  test("shows the fire times of an expression", async () => {
    await using scenario = await Scenario.create();
    const outcome = await scenario.run(["next", "0 3 * * mon", "-n", "2", ...from, "--json"]);
    expect(json(ended(outcome)).next).toEqual(["2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z"]);
  });

  test("shows those of a job in its zone", async () => {
    await using host = await Host.create({ runner: ['timezone = "Europe/Berlin"'] });
    await host.job("drift", ['schedule = "0 3 * * *"']);
    const { stdout } = ended(await host.run("next", "drift", "-n", "1", ...from));
    expect(stdout).toContain("2026-01-01");
    expect(stdout).toContain("03:00:00");
  });

  test("answers lines of JSON, one for one, errors too", async () => {
    await using scenario = await Scenario.create();
    const questions = [
      { expr: "*/5 * * * *", from: "2026-01-01T00:00:00Z", tz: "UTC", n: 1 },
      { expr: "61 * * * *" },
      { expr: "0 0 30 2 *" },
    ];
    const stdin = questions.map((question) => `${JSON.stringify(question)}\n`).join("");
    const { stdout } = ended(await scenario.run(["next", "--batch"], { stdin }));
    const answers = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(answers[0]).toEqual({ next: ["2026-01-01T00:05:00Z"] });
    expect(answers[1].error).toContain("syntax error in minute field: '61'");
    expect(answers[2]).toEqual({ next: [] });
  });

  test("names the job that was meant", async () => {
    await using host = await Host.create();
    await host.job("compliance");
    const { exit, stderr } = await host.run("next", "complaince");
    expect(exit).toBe(9);
    expect(stderr).toContain('did you mean "compliance"?');
  });
});

describe.concurrent("show", () => {
  test("prints what would be posted and signed, without key and API", async () => {
    await using host = await Host.create();
    await rm(host.scenario.path("home"), { recursive: true });
    await host.job("drift", ['expiry = "10m"']);
    const at = ["--at", "2026-01-02T03:04:05.678Z"];
    const shown = json(ended(await host.run("show", "drift", ...at, "--json")));
    expect(shown.action.name).toBe("mig-runner: drift");
    expect(shown.signedText).toBe(
      "name=mig-runner: drift;target=status='online' OR status='idle';validfrom=1767322985;" +
        "expireafter=%!s(int64=1767323645);" +
        'operations=[{"module":"timedrift","parameters":{"drift":""}}];',
    );
  });

  test("shows every job, and ends with 1 when one is broken", async () => {
    await using host = await Host.create();
    await host.job("drift");
    await host.job("torn", [], "{");
    const { exit, stdout } = await host.run("show", "--all", "--json");
    expect(exit).toBe(1);
    const [drift, torn] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(drift.job).toBe("drift");
    expect(torn).toMatchObject({ job: "torn", error: expect.stringContaining("end of JSON") });
  });
});

describe.concurrent("run and status", () => {
  test("tell in JSON how one run went", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("keep", "cat > /dev/null");
    await site.job("drift", ['plugin = "keep"']);
    const ran = json(ended(await site.run("run", "drift", "--wait", "--json")));
    expect(ran).toMatchObject({
      job: "drift",
      state: "done",
      by: null,
      actions: [{ state: "settled", completeness: { fetched: 5, sent: 5 } }],
    });
    expect(ran).toMatchObject({
      firesAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      deliveries: [{ plugin: "keep", state: "delivered", attempts: 1, error: null }],
    });
    const status = json(ended(await site.run("status", "--json")));
    expect(status).toMatchObject({
      directory: site.scenario.directory,
      holder: null,
      jobs: [{ job: "drift", errors: [], lastRun: { state: "done" } }],
      inFlight: [],
      undelivered: [],
    });
    const { stdout } = ended(await site.run("status"));
    expect(stdout).toMatch(/drift .*done /);
  });

  test("warn of a run whose commands all failed, and end with 1", async () => {
    await using site = await Site.create();
    const operations = [{ module: "nosuch", parameters: {} }];
    const target = "status='online' OR status='idle'";
    await site.job("broken", [], JSON.stringify({ target, operations }));
    const ran = await site.run("run", "broken", "--wait");
    expect(ran.exit).toBe(1);
    expect(ran.stdout).toContain("warning: no command succeeded");
    expect(ran.stderr).toContain("no command succeeded");
    expect(ended(await site.run("status")).stdout).toMatch(
      /broken .*; warning: no command\s+succeeded/,
    );
    expect(json(await site.run("run", "broken", "--wait", "--json"))).toMatchObject({
      state: "done",
      warnings: ["no command succeeded"],
    });
  });

  test("warn of a run whose target matched no agent", async () => {
    await using site = await Site.create();
    const operations = [{ module: "timedrift", parameters: {} }];
    await site.job("lonely", [], JSON.stringify({ target: "name='nobody'", operations }));
    const ran = ended(await site.run("run", "lonely", "--wait"));
    expect(ran.stdout).toContain("warning: its target matched no agent");
    const status = json(ended(await site.run("status", "--json")));
    expect(status.jobs).toMatchObject([
      { job: "lonely", lastRun: { warnings: ["its target matched no agent"] } },
    ]);
  });

  test("show what is in flight, what is undelivered and who works on the directory", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("moody", "exit 1");
    await site.job("drift", ['plugin = "moody"']);
    await site.job("long", ['expiry = "10m"']);
    await site.run("run", "drift", "--wait");
    ended(await site.run("run", "long"));
    const daemon = await site.daemon();
    const status = json(ended(await site.run("status", "--json")));
    expect(status.holder).toBe(daemon.pid);
    expect(status.inFlight).toMatchObject([{ job: "long", state: "posted" }]);
    expect(status.undelivered).toMatchObject([{ job: "drift", plugin: "moody" }]);
    expect(status.undelivered[0].error).toContain("exit status 1");
  });

  test("ask the daemon to do it when there is one", async () => {
    await using site = await Site.create();
    await site.job("drift");
    const daemon = await site.daemon();
    const ran = json(ended(await site.run("run", "drift", "--wait", "--json")));
    expect(ran).toMatchObject({ state: "done", by: daemon.pid });
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("posts no signature that action.json holds, and says so", async () => {
    await using site = await Site.create();
    await site.job("signed", [], JSON.stringify({ ...JSON.parse(ACTION), pgpsignatures: ["old"] }));
    const { stderr } = ended(await site.run("run", "signed"));
    expect(stderr).toContain("action.json holds a signature that can never hold: dropped");
    const [{ body } = { body: "" }] = site.sandbox.requests();
    const { pgpsignatures } = JSON.parse(new URLSearchParams(body).get("action") ?? "{}");
    expect(pgpsignatures).toHaveLength(1);
    expect(pgpsignatures[0]).not.toBe("old");
  });

  test("work in a directory without a journal", async () => {
    await using host = await Host.create();
    await host.job("drift");
    const status = json(ended(await host.run("status", "--json")));
    expect(status.jobs).toMatchObject([{ job: "drift", lastRun: null }]);
    expect(existsSync(host.scenario.path("journal.db"))).toBe(false);
  });
});

describe.concurrent("redeliver and drop", () => {
  test("give a result to its plugin again, by job or by action", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    await scenario.plugin("count", `cat > /dev/null; echo x >> "${scenario.path("count")}"`);
    await site.job("drift", ['plugin = "count"']);
    ended(await site.run("run", "drift", "--wait"));
    ended(await site.run("redeliver", "drift"));
    const { id } = site.sandbox.actions()[0] ?? {};
    ended(await site.run("redeliver", String(id), "--json"));
    expect(await scenario.read("count")).toBe("x\nx\nx\n");
  });

  test("give up a delivery that nobody takes", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("moody", "exit 1");
    await site.job("drift", ['plugin = "moody"']);
    await site.run("run", "drift", "--wait");
    ended(await site.run("drop", "drift"));
    const status = json(ended(await site.run("status", "--json")));
    expect(status.undelivered).toEqual([]);
    expect(await site.results("drift")).toHaveLength(1);
  });

  test("say what they do not know", async () => {
    await using host = await Host.create();
    await host.job("compliance");
    for (const verb of ["redeliver", "drop"]) {
      const { exit, stderr } = await host.run(verb, "complaince");
      expect(exit).toBe(9);
      expect(stderr).toContain('did you mean "compliance"?');
    }
  });
});

describe.concurrent("journal", () => {
  test("is verified and copied beside a daemon", async () => {
    await using site = await Site.create();
    await site.job("drift");
    await site.daemon();
    ended(await site.run("run", "drift", "--wait"));
    ended(await site.run("journal", "verify"));
    const copy = site.scenario.path("copy.db");
    ended(await site.run("journal", "backup", copy));
    expect(existsSync(copy)).toBe(true);
    const again = await site.run("journal", "backup", copy);
    expect(again.exit).not.toBe(0);
    expect(again.stderr).toContain("copy.db");
  });

  test("that is damaged is a named error with a way out (I10)", async () => {
    await using site = await Site.create();
    await site.job("drift");
    ended(await site.run("run", "drift", "--wait"));
    for (const name of ["journal.db-wal", "journal.db-shm"]) {
      await rm(site.scenario.path(name), { force: true });
    }
    await site.scenario.write("journal.db", "no database ".repeat(1_000));
    const verify = await site.run("journal", "verify");
    expect(verify.exit).not.toBe(0);
    const start = await site.run("--once");
    expect(start.exit).toBe(9);
    expect(start.stderr).toContain("mig-runner journal salvage");
    ended(await site.run("journal", "salvage"));
    ended(await site.run("--once"));
  });
});

describe.concurrent("convert", () => {
  for (const form of ["toml", "ts", "cfg"]) {
    test(`rewrites a job as ${form} that posts the same`, async () => {
      await using host = await Host.create();
      await host.job("drift", ['expiry = "10m"', 'plugin = "keep"']);
      // That a key is set twice is no part of what a job is.
      const said = (shown: object) => ({ ...shown, warnings: [] });
      const at = ["show", "drift", "--at", "2026-01-02T03:04:05Z", "--json"];
      const before = said(json(ended(await host.run(...at))));
      const { stdout } = ended(await host.run("convert", "drift", "--to", form));
      expect(stdout).toContain("0 0 1 1 *");
      if (form === "cfg") return;
      ended(await host.run("convert", "drift", "--to", form, "--write"));
      const after = said(json(ended(await host.run(...at))));
      expect(after).toEqual(before);
    });
  }
});

describe.concurrent("init and sandbox", () => {
  test("make a directory that works, and an API to try it with", async () => {
    await using scenario = await Scenario.create();
    const config = scenario.path("try/runner.cfg");
    const sandbox = (argv: string[]) =>
      scenario.start(["-c", config, "sandbox", "--json", "--speed", "1000", ...argv]);
    ended(await scenario.run(["init", "try", "--new-key"]));
    const again = ended(await scenario.run(["init", "try", "--new-key"]));
    expect(again.stdout).not.toBe("");
    const running = sandbox(["--agents", "3"]);
    const { url } = JSON.parse(await running.prints(/^\{/));
    const [migrc = ""] = await eventually(async () => [
      await scenario.read("try/.migrc").catch(() => scenario.read("try/migrc")),
    ]);
    const name = existsSync(scenario.path("try/.migrc")) ? "try/.migrc" : "try/migrc";
    await scenario.write(name, migrc.replace(/url = "[^"]*"/, `url = "${url}"`));
    ended(await scenario.run(["-c", config, "check"]));
    const { stdout } = ended(await scenario.run(["-c", config, "status", "--json"]));
    const [{ job }] = JSON.parse(stdout).jobs;
    const ran = ended(await scenario.run(["-c", config, "run", job, "--json"]));
    expect(json(ran).actions).toMatchObject([{ state: "posted" }]);
    running.signal("SIGTERM");
    ended(await running.ended());
  });
});
