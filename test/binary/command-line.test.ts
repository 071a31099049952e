// The command line and the signals, as the original takes them.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { programUnderTest, Scenario, underTest } from "../support/binary.ts";
import { ended, Host, Site } from "../support/site.ts";

/** Runs the program in an empty directory. */
async function bare(...argv: string[]) {
  await using scenario = await Scenario.create();
  return await scenario.run(argv);
}

describe.concurrent("the flag", () => {
  for (const flag of ["-V", "--V", "-V=true", "-V=1", "--version", "version"]) {
    test(`${flag} prints the version and nothing else, to standard output`, async () => {
      const { exit, stdout, stderr } = await bare(flag);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      // What is built has a version; source has none, and says so as the original does.
      if (underTest === "binary") expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      else expect(stdout).toBe("0.unversioned\n");
    });
  }

  for (const flag of ["-h", "-help", "--help", "help"]) {
    test(`${flag} prints the usage on standard output and ends with 0`, async () => {
      const { exit, stdout, stderr } = await bare(flag);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      expect(stdout).toStartWith("Usage of mig-runner: ");
      expect(stdout).toContain('Load configuration from file (default "/etc/mig/runner.cfg")');
      expect(stdout).toContain("Show build version and exit");
    });
  }

  const refused: Readonly<Record<string, readonly [argv: string[], said: string]>> = {
    "that nobody knows": [["-zzz"], "flag provided but not defined: -zzz"],
    "that is nearly one": [
      ["--onec"],
      "flag provided but not defined: -onec; did you mean --once?",
    ],
    "without its value": [["-c"], "flag needs an argument: -c"],
    "with a value that is no truth": [["-V=perhaps"], 'invalid boolean value "perhaps" for -V: '],
    "--wait alone": [["--wait"], "flag -wait goes with --once"],
  };
  for (const [what, [argv, said]] of Object.entries(refused)) {
    test(`${what} is refused with the usage and 2`, async () => {
      const { exit, stdout, stderr } = await bare(...argv);
      expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" });
      expect(stderr).toStartWith(said);
      expect(stderr).toContain("Usage of mig-runner: ");
    });
  }

  for (const form of ["-c FILE", "--c FILE", "-c=FILE", "--c=FILE"]) {
    test(`${form} names the configuration`, async () => {
      await using host = await Host.create();
      const argv = form.replace("FILE", host.config).split(" ");
      ended(await host.scenario.run([...argv, "--once"]));
    });
  }

  test("-c stands before other words or behind them", async () => {
    await using host = await Host.create();
    await host.job("drift");
    const { scenario, config } = host;
    const first = ended(await scenario.run(["-c", config, "show", "drift"]));
    const last = ended(await scenario.run(["show", "drift", "-c", config]));
    for (const { stdout } of [first, last]) expect(stdout).toContain("mig-runner: drift");
  });
});

describe.concurrent("without a file that -c names", () => {
  test.skipIf(existsSync("/etc/mig/runner.cfg"))("it is /etc/mig/runner.cfg", async () => {
    const { exit, stdout, stderr } = await bare();
    expect({ exit, stdout }).toEqual({ exit: 9, stdout: "" });
    expect(stderr).toStartWith("error: open /etc/mig/runner.cfg: no such file or directory");
  });

  test("the program ends with 9", async () => {
    const { exit, stdout, stderr } = await bare("-c", "/nonexistent.cfg");
    expect({ exit, stdout }).toEqual({ exit: 9, stdout: "" });
    expect(stderr).toStartWith("error: open /nonexistent.cfg: no such file or directory");
  });
});

describe.concurrent("a word that is no command", () => {
  const refused = {
    staus: ', did you mean "status"?',
    stop: ": SIGTERM stops it, as does its service manager",
    start: ": without a command, mig-runner runs the jobs by their schedules",
    reload: ": SIGHUP makes it look at its configuration and its jobs again",
    list: ': did you mean "status"?',
    config: ': did you mean "check"?',
    "sshd-config": ': "mig-runner help" lists the commands',
  };
  for (const [word, advice] of Object.entries(refused)) {
    test(`never starts the daemon: ${word}`, async () => {
      await using host = await Host.create();
      for (const argv of [[word], ["-c", host.config, word], ["--once", word, "-c", host.config]]) {
        const { exit, stdout, stderr } = await host.scenario.run(argv);
        const said = `unknown command "${word}"${advice}\n`;
        expect({ exit, stdout, stderr: stderr.trimEnd() }).toEqual({
          exit: 2,
          stdout: "",
          stderr: said.trimEnd(),
        });
      }
    });
  }
});

describe.concurrent("every command", () => {
  const verbs = [
    ..."check next show run status redeliver drop resume journal".split(" "),
    ..."init convert sandbox test completion help licenses version".split(" "),
  ];
  for (const verb of verbs) {
    test(`has help: ${verb}`, async () => {
      const { exit, stdout, stderr } = await bare(verb, "--help");
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      expect(stdout).toStartWith(`Usage of mig-runner ${verb}: mig-runner ${verb}`);
      expect(stdout).toBe((await bare("help", verb)).stdout);
      const [, ...lines] = stdout.split("\n");
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    });
  }
});

describe("standard output", () => {
  const order = [...programUnderTest(), "next", "* * * * *", "-n", "1000"];
  const shell = (script: string) =>
    spawnSync("sh", ["-c", script, ...order], { encoding: "utf8", timeout: 30_000 });

  test("that has no room is one line and 1, without a stack", () => {
    const { status, stderr } = shell('"$0" "$@" > /dev/full');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*no space left on device.*\n$/i);
  });

  test("that nobody reads any more ends it quietly", () => {
    const { stdout, stderr } = shell('"$0" "$@" | head -n 1');
    expect(stdout.split("\n").length).toBe(2);
    expect(stderr).toBe("");
  });
});

describe.concurrent("the signal", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends an idle daemon at once, with 0`, async () => {
      await using host = await Host.create();
      const daemon = await host.daemon();
      const begun = performance.now();
      daemon.signal(signal);
      const { stderr } = ended(await daemon.ended());
      expect(performance.now() - begun).toBeLessThan(3_000);
      expect(stderr).toContain("signal, exiting");
      expect(stderr).toContain("runner exiting due to notification");
    });
  }

  test("SIGTERM ends a daemon whose API hangs within five seconds, with 0", async () => {
    await using site = await Site.create({ sandbox: { faults: ["latency=60000@create"] } });
    await site.job("often", ['schedule = "* * * * * * *"', 'expiry = "60s"']);
    const daemon = await site.daemon();
    await daemon.prints(/often: running/);
    const begun = performance.now();
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect(performance.now() - begun).toBeLessThan(5_000);
    // What was posted without an answer is looked for by the next start, not posted again (I3).
    const { stdout } = ended(await site.run("status", "--json"));
    expect(JSON.parse(stdout).inFlight[0]).toMatchObject({ job: "often", state: "planned" });
  });

  test("SIGTERM ends a daemon whose plugin does not end, with 0; it is delivered again", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    const flag = scenario.path("mended");
    await scenario.plugin("slow", `cat > /dev/null; test -e "${flag}" || exec sleep 60`);
    await site.job("drift", ['plugin = "slow"']);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await daemon.prints(/wrote results for/);
    const begun = performance.now();
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect(performance.now() - begun).toBeLessThan(5_000);
    await scenario.write("mended", "");
    const { stderr } = ended(await site.run("--once"));
    expect(stderr).toMatch(/slow: wrote \d+ bytes to plugin/);
  });

  test("SIGHUP scans the jobs now, which ended the original", async () => {
    await using host = await Host.create();
    const text = await host.scenario.read("runner.cfg");
    await host.scenario.write(
      "runner.cfg",
      text.replace("checkdirectory = 1", "checkdirectory = 600"),
    );
    const daemon = await host.daemon();
    await host.job("late");
    daemon.signal("SIGHUP");
    await daemon.prints(/added entity late/);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("SIGHUP reads runner.cfg again, and keeps the old one when there is a mistake in it", async () => {
    await using host = await Host.create();
    const text = await host.scenario.read("runner.cfg");
    const daemon = await host.daemon();
    await host.scenario.write("runner.cfg", text.replace("[client]", "[client]\npagesize = many"));
    daemon.signal("SIGHUP");
    await daemon.prints(/configuration not taken, the old one stays in force: \S+runner\.cfg:\d+/);
    const changed = text.replace("[client]", "[client]\npagesize = 7");
    const slower = changed.replace("checkdirectory = 1", "checkdirectory = 2");
    await host.scenario.write("runner.cfg", slower);
    daemon.signal("SIGHUP");
    await daemon.prints(/configuration and key read again: \[client\] pagesize changed/);
    await daemon.prints(/\[runner\] checkdirectory changed: in force after a restart/);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });
});

describe.concurrent("keys that the original takes are taken:", () => {
  const lines: Readonly<Record<string, readonly string[]>> = {
    "paths of the program's own, without effect": [
      'rundirectory = "/no/such"',
      'plugindirectory = "/no/such"',
    ],
    "a hexadecimal number": ["checkdirectory = 0x5"],
    "no pause between scans": ["checkdirectory = 0"],
    "a negative pause between scans": ["checkdirectory = -5"],
  };
  for (const [what, runner] of Object.entries(lines)) {
    test(what, async () => {
      await using host = await Host.create({ runner });
      const daemon = await host.daemon();
      daemon.signal("SIGTERM");
      const { stderr } = ended(await daemon.ended());
      expect(stderr.split("\n").length).toBeLessThan(10);
    });
  }

  test("a runner directory below the working directory", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    const text = await scenario.read("runner.cfg");
    await scenario.write("runner.cfg", text.replace(/directory = "[^"]*"/, 'directory = "below"'));
    await scenario.write("below/plugins/.keep", "");
    await scenario.write("below/runners/.keep", "");
    ended(await host.run("--once"));
    expect(existsSync(scenario.path("below/journal.db"))).toBe(true);
  });

  test("a client configuration below the working directory", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    const text = await scenario.read("runner.cfg");
    await scenario.write("runner.cfg", text.replace('"default"', '"home/.migrc"'));
    ended(await host.run("--once"));
  });

  test("a directory that begins with a tilde is no home, and is not found", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    const text = await scenario.read("runner.cfg");
    await scenario.write("runner.cfg", text.replace(/directory = "[^"]*"/, 'directory = "~/x"'));
    const { exit, stderr } = await host.run();
    expect(exit).toBe(9);
    expect(stderr).toContain('[runner] directory "~/x" is taken literally');
  });

  test("a delay of results that is none is reported and ignored", async () => {
    await using site = await Site.create({ client: ['delayresults = "5 potatoes"'] });
    await site.job("drift");
    const { stderr } = ended(await site.run("run", "drift", "--wait"));
    expect(stderr).toContain("ignoring specified results delay: ");
    expect(stderr).toContain('time: unknown unit " potatoes" in duration "5 potatoes"');
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });
});
