// Mistakes in the configuration: each gets one line that says what, where and how to mend it, all
// of them come at once, and the exit status is the original's 9.
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, rm } from "node:fs/promises";
import { LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { Host, type HostOptions } from "../support/site.ts";

/** What is replaced in a file, by what. */
type Edit = readonly [cut: string | RegExp, put: string];

interface Mistake {
  readonly runner?: Edit;
  readonly migrc?: Edit;
  readonly options?: HostOptions;
  /** Does to the host what no edit can. */
  readonly spoil?: (host: Host) => Promise<unknown>;
  /** Lines of standard error; DIR stands for the scenario's directory. */
  readonly says: readonly string[];
}

/** Runs the program on a host with mistakes; gives back what it printed, with DIR for the path. */
async function printed({ options, runner, migrc, spoil }: Omit<Mistake, "says">) {
  await using host = await Host.create(options);
  if (runner !== undefined) await edit(host, "runner.cfg", runner);
  if (migrc !== undefined) await edit(host, "home/.migrc", migrc);
  await spoil?.(host);
  const { exit, stdout, stderr } = await host.run();
  const lines = stderr.replaceAll(host.scenario.directory, "DIR").trimEnd().split("\n");
  return { exit, stdout, lines };
}

async function edit(host: Host, name: string, [cut, put]: Edit): Promise<void> {
  const text = await host.scenario.read(name);
  const changed = text.replace(cut, () => put);
  if (changed === text) throw new Error(`${name} holds no ${cut}`);
  await host.scenario.write(name, changed);
}

function refuses(mistakes: Readonly<Record<string, Mistake>>): void {
  for (const [what, mistake] of Object.entries(mistakes)) {
    test(what, async () => {
      const { exit, stdout, lines } = await printed(mistake);
      expect(lines).toEqual(mistake.says.map((line) => `error: ${line}`));
      expect({ exit, stdout }).toEqual({ exit: 9, stdout: "" });
    });
  }
}

const LINE_HINT = "(Write a line as key = value, the value in double quotes)";
const URL_HINT = "(Set [api] url, for example http://localhost:1664/api/v1/)";
const RING = "DIR/home/.gnupg/secring.gpg";

describe.concurrent("a mistake in runner.cfg is told with its place and its remedy:", () => {
  refuses({
    "a key that is nearly one": {
      runner: ["checkdirectory", "chekdirectory"],
      says: [
        'DIR/runner.cfg:3:1: can\'t store data at section "runner", variable "chekdirectory" ' +
          "(Did you mean checkdirectory?)",
      ],
    },
    "a section that is nearly one": {
      runner: ["[logging]", "[loging]"],
      says: ['DIR/runner.cfg:6:2: can\'t store data at section "loging" (Did you mean [logging]?)'],
    },
    "a line without an equals sign": {
      runner: ["checkdirectory = 1", "checkdirectory 1"],
      says: [`DIR/runner.cfg:3:16: illegal character U+0031 '1' ${LINE_HINT}`],
    },
    "a quote that is not closed": {
      runner: ['"stdout"', '"stdout'],
      says: [
        "DIR/runner.cfg:7:8: string not terminated " +
          "(End the value with a double quote in the same line)",
      ],
    },
    "a bracket that is not closed": {
      runner: ["[logging]", "[logging"],
      says: [
        "DIR/runner.cfg:6:9: expected subsection name or right bracket " +
          "(Write a section as [name])",
      ],
    },
    "a byte order mark": {
      runner: [/^/, "\ufeff"],
      says: [
        "DIR/runner.cfg:1:1: illegal character U+FEFF (Save the file without a byte order mark)",
      ],
    },
    "a word for a number": {
      runner: ["checkdirectory = 1", "checkdirectory = often"],
      says: [
        'DIR/runner.cfg:3:18: failed to parse "often" as int: expected integer ' +
          "(Write a whole number)",
      ],
    },
    "a time zone that is none": {
      options: { runner: ['timezone = "Europe/Berlim"'] },
      says: [
        'DIR/runner.cfg:4:12: Cannot set [runner] timezone to "Europe/Berlim": there is no such ' +
          "time zone (Use a name such as UTC or Europe/Berlin)",
      ],
    },
    "no key for the log file": {
      options: { logging: ["mode = file"] },
      says: [
        'DIR/runner.cfg:7:8: Cannot log to file "": open : no such file or directory ' +
          "(Set [logging] file)",
      ],
    },
    "a log file in a directory that is not there": {
      options: { logging: ["mode = file", "file = /no/such/runner.log"] },
      says: [
        'Cannot log to file "/no/such/runner.log": ' +
          "open /no/such/runner.log: no such file or directory",
      ],
    },
    "no client configuration named": {
      runner: [/clientconfpath.*/, ""],
      says: [
        'DIR/runner.cfg: no configuration found at "" ' +
          '(Set [client] clientconfpath = "default" for $HOME/.migrc, or to a path)',
      ],
    },
    "a client configuration that is not there": {
      runner: ['clientconfpath = "default"', 'clientconfpath = "/no/such/migrc"'],
      says: [
        "DIR/runner.cfg:5:18: no configuration found at /no/such/migrc " +
          "(Write one with [api] url and [gpg] keyid, or run mig-runner init DIR)",
      ],
    },
    "a client configuration that is a directory": {
      runner: ['clientconfpath = "default"', 'clientconfpath = "/tmp"'],
      says: [
        "DIR/runner.cfg:5:18: open /tmp: is a directory " +
          "(Name a file that the user who runs mig-runner may read)",
      ],
    },
  });
});

describe.concurrent("a mistake in .migrc is told with its place and its remedy:", () => {
  refuses({
    "an address that is none": {
      migrc: [/url = .*/, 'url = "localhost:1664/"'],
      says: [
        `DIR/home/.migrc:2:7: Cannot use [api] url: it is not an http or https URL ${URL_HINT}`,
      ],
    },
    "no address": {
      migrc: [/url = .*/, ""],
      says: [`DIR/home/.migrc: config API URL too short or undefined: len 0 ${URL_HINT}`],
    },
    "a word for yes or no": {
      migrc: ["[gpg]", "skipverifycert = perhaps\n[gpg]"],
      says: ["DIR/home/.migrc:3:18: failed to parse bool `perhaps` (Write true or false)"],
    },
    "a macro without a colon": {
      migrc: [/$/, "[targets]\nmacro = nocolon\n"],
      says: ['DIR/home/.migrc:7:9: Invalid macro format: "nocolon" (Write macro = NAME:CONDITION)'],
    },
    "a home without a key ring": {
      migrc: [/home = .*/, 'home = "/no/such"'],
      says: [
        "DIR/home/.migrc:4:8: secring.gpg not found: /no/such/secring.gpg (Set [gpg] home, " +
          "or run gpg --export-secret-keys KEYID > secring.gpg there)",
      ],
    },
    "a key ring that cannot be read": {
      async spoil({ scenario }) {
        await rm(scenario.path("home/.gnupg/secring.gpg"));
        await mkdir(scenario.path("home/.gnupg/secring.gpg"));
      },
      says: [
        `DIR/home/.migrc:4:8: open ${RING}: is a directory ` +
          "(Name a file that the user who runs mig-runner may read)",
      ],
    },
  });
});

describe.concurrent("mistakes in the configuration", () => {
  refuses({
    "come all at once, of both files, from top to bottom": {
      options: {
        client: ['timeout = "5 minutes"', "pagesize = 0", "collects = -1"],
        logging: ["mod = stdout", "mode = syslog", "port = 99999"],
      },
      migrc: ["keyid", "keyyid"],
      says: [
        "DIR/runner.cfg:6:11: Cannot set [client] timeout: " +
          'time: unknown unit " minutes" in duration "5 minutes" ' +
          "(Write a duration such as 90s, 10m or 1h30m (there is no unit of days))",
        "DIR/runner.cfg:7:12: Cannot set [client] pagesize to 0: it is out of range, " +
          "a whole number from 1 to 1000000 is wanted",
        "DIR/runner.cfg:8:12: Cannot set [client] collects to -1: it is out of range, " +
          "a whole number from 1 to 1000 is wanted",
        'DIR/runner.cfg:10:1: can\'t store data at section "logging", variable "mod" ' +
          "(Did you mean mode?)",
        "DIR/runner.cfg:12:8: Cannot set [logging] port to 99999: it is out of range, " +
          "a whole number from 1 to 65535 is wanted",
        'DIR/home/.migrc:5:1: can\'t store data at section "gpg", variable "keyyid" ' +
          "(Did you mean keyid?)",
      ],
    },
    "do not hide that there is no file": {
      spoil: ({ config }) => rm(config),
      says: [
        "open DIR/runner.cfg: no such file or directory " +
          "(Name the file with -c, or run mig-runner init DIR to make one)",
      ],
    },
  });

  test("of runner.toml are told in the same way", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    const toml = '[runner]\ndirectry = "x"\ncheckdirectory = "1"\n[loging]\nmode = "stdout"\n';
    const path = await scenario.write("runner.toml", toml);
    const { exit, stderr } = await scenario.run(["-c", path]);
    expect(stderr.trimEnd().split("\n")).toEqual([
      `error: ${path}:2:1: can't store data at section "runner", variable "directry" ` +
        "(Did you mean directory?)",
      `error: ${path}:3:1: Cannot use [runner] checkdirectory: a string is set, ` +
        "a whole number is wanted",
      `error: ${path}:4:1: can't store data at section "loging" (Did you mean [logging]?)`,
    ]);
    expect(exit).toBe(9);
  });
});

describe.concurrent("a file that every user can write to is refused, with the chmod that mends it:", () => {
  refuses({
    "runner.cfg, .migrc and the key ring": {
      async spoil({ config, scenario }) {
        await chmod(config, 0o666);
        await chmod(scenario.path("home/.migrc"), 0o646);
        await chmod(scenario.path("home/.gnupg/secring.gpg"), 0o606);
      },
      says: [
        'Cannot trust config "DIR/runner.cfg": every user can write to it ' +
          "(mode 0666) (chmod o-w DIR/runner.cfg)",
        'Cannot trust config "DIR/home/.migrc": every user can write to it ' +
          "(mode 0646) (chmod o-w DIR/home/.migrc)",
        `Cannot trust key "${RING}": every user can write to it ` +
          `(mode 0606) (chmod o-w ${RING})`,
      ],
    },
  });
});

describe.concurrent("the runner directory", () => {
  const cases: Readonly<Record<string, { spoil: Mistake["spoil"]; runner?: Edit; says: string }>> =
    {
      "that is not there": {
        spoil: undefined,
        runner: [/directory = .*/, 'directory = "/no/such/runner"'],
        says:
          'error: /no/such/runner/runner.lock: Cannot lock "/no/such/runner/runner.lock": ' +
          "no such file or directory (Create the runner directory)",
      },
      "without plugins/": {
        spoil: ({ scenario }) => rm(scenario.path("plugins"), { recursive: true }),
        says:
          "error: DIR/plugins: loadPlugins() -> open DIR/plugins: no such file or directory " +
          "(Create it, empty if there are no plugins)",
      },
      "without runners/": {
        spoil: ({ scenario }) => rm(scenario.path("runners"), { recursive: true }),
        says:
          "error: DIR/runners: runnerScan() -> open DIR/runners: no such file or directory " +
          "(Create it: each job is a directory in it)",
      },
      "whose runners/ is a file": {
        async spoil({ scenario }) {
          await rm(scenario.path("runners"), { recursive: true });
          await scenario.write("runners", "");
        },
        says:
          "error: DIR/runners: runnerScan() -> readdirent DIR/runners: not a directory " +
          "(Create it: each job is a directory in it)",
      },
      "with a journal that is none": {
        spoil: ({ scenario }) => scenario.write("journal.db", "no database ".repeat(1_000)),
        says: "error: DIR/journal.db: Cannot use the journal",
      },
    };
  for (const [what, { says, spoil, runner }] of Object.entries(cases)) {
    test(`${what} ends the start with 9 and the remedy`, async () => {
      const { exit, stdout, lines } = await printed({
        ...(spoil === undefined ? {} : { spoil }),
        ...(runner === undefined ? {} : { runner }),
      });
      expect(lines.at(-1)).toStartWith(says);
      expect({ exit, stdout }).toEqual({ exit: 9, stdout: "" });
    });
  }
});

describe.concurrent("a key that cannot sign ends the start with 9 and the remedy:", () => {
  const sign = (key: string): string => `runner error: Cannot sign with key "${key}": `;
  const holds = new RegExp(`\\(it holds ${RUNNER_KEY} \\(Runner Test <runner@localhost>\\), `);
  const cases: Readonly<Record<string, Omit<Mistake, "says"> & { says: (string | RegExp)[] }>> = {
    "an unknown key id": {
      migrc: [/keyid = "D350/, 'keyid = "D351'],
      says: [`${sign(RUNNER_KEY.replace("D350", "D351"))}Signer '`, "not found in", holds],
    },
    "no key id": {
      migrc: [/keyid.*/, ""],
      says: [`${sign("")}Signer '' not found in ${RING}`, holds],
    },
    "a wrong passphrase": {
      options: { locked: true },
      runner: [RUNNER_PASSPHRASE, "wr0ng pass"],
      says: [
        `${sign(LOCKED_KEY)}failed to decrypt key "A1BD5B2C": the passphrase does not open it ` +
          "(correct passphrase in [client] of runner.cfg, or MIGPGPPASSPHRASE)",
      ],
    },
    "no passphrase for a locked key": {
      options: { locked: true },
      runner: [/passphrase.*/, ""],
      says: [
        `${sign(LOCKED_KEY)}failed to decrypt key "A1BD5B2C": it is locked and no passphrase ` +
          "is set (set passphrase in [client] of runner.cfg, or MIGPGPPASSPHRASE)",
      ],
    },
    "a key ring that is none": {
      spoil: ({ scenario }) => scenario.write("home/.gnupg/secring.gpg", "no key"),
      says: [`${sign(RUNNER_KEY)}Keyring access failed: `, `in ${RING} (put a secret key ring`],
    },
    "an empty key ring": {
      spoil: ({ scenario }) => scenario.write("home/.gnupg/secring.gpg", ""),
      says: [`${sign(RUNNER_KEY)}Signer '`, "(the key ring is empty)"],
    },
  };
  for (const [what, { says, ...mistake }] of Object.entries(cases)) {
    test(what, async () => {
      const { exit, stdout, lines } = await printed(mistake);
      for (const text of says) {
        if (typeof text === "string") expect(lines.at(-1)).toContain(text);
        else expect(lines.at(-1)).toMatch(text);
      }
      expect({ exit, stdout }).toEqual({ exit: 9, stdout: "" });
      expect(lines.join("\n")).not.toMatch(/s3cret|wr0ng/);
    });
  }

  test("and says so where it was started, when the log is a file", async () => {
    const { exit, lines } = await printed({
      options: { logging: ["mode = file", "file = runner.log", "level = info"] },
      migrc: [/keyid.*/, ""],
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toStartWith(`error: Cannot sign with key "": Signer '' not found`);
    expect(exit).toBe(9);
  });
});
