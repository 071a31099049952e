import { describe, expect, test } from "bun:test";
import {
  type ConfigSources,
  inspectConfig,
  loadConfig,
  loadRunnerConfig,
} from "../../src/config/config.ts";
import { describeError, RunnerErrors } from "../../src/errors.ts";

const RUNNER = `[runner]
directory = /srv/mig
checkdirectory = 30
[logging]
mode = stdout
level = info
[client]
clientconfpath = default
`;
const CLIENT = `[api]
url = https://mig.example.net/api/v1
[gpg]
keyid = D35069ED9046944C204ED0AAB669E288E7530642
`;

/** Sources over files in memory; the home directory is /home/mig. */
function sources(
  files: Record<string, string>,
  more: Partial<ConfigSources> = {},
): ConfigSources & { readonly reads: string[] } {
  const reads: string[] = [];
  const readFile = async (path: string): Promise<Uint8Array> => {
    reads.push(path);
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    if (text === "FOLDER") throw Object.assign(new Error("EISDIR"), { code: "EISDIR" });
    if (text === "DENIED") throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    return new TextEncoder().encode(text);
  };
  const environment = { HOME: "/home/mig" };
  return { environment, readFile, homeDirectory: "/var/empty", reads, ...more };
}

const FILES = {
  "/etc/mig/runner.cfg": RUNNER,
  "/home/mig/.migrc": CLIENT,
  "/home/mig/.gnupg/secring.gpg": "keys",
};

async function mistakesOf(of: ConfigSources): Promise<readonly string[]> {
  try {
    await loadConfig(of);
  } catch (error) {
    if (error instanceof RunnerErrors) return error.errors.map(describeError);
    throw error;
  }
  return [];
}

describe("loadConfig() with a passphrasefile", () => {
  /** RUNNER with a key in [client]. */
  const withKey = (line: string): string => RUNNER.replace("[client]", `[client]\n${line}`);

  test.each([
    ["a path", "/run/secret", { HOME: "/home/mig" }],
    ["a credential", "secret", { HOME: "/home/mig", CREDENTIALS_DIRECTORY: "/run" }],
    ["before the variable", "/run/secret", { HOME: "/home/mig", MIGPGPPASSPHRASE: "other" }],
  ])("reads it, without the end of its line: %s", async (_, name, environment) => {
    const runner = withKey(`passphrasefile = "${name}"`);
    const files = { ...FILES, "/etc/mig/runner.cfg": runner, "/run/secret": "open sesame\n" };
    const { config } = await loadConfig(sources(files, { environment }));
    expect(config.client.passphrase?.reveal()).toBe("open sesame");
    expect(config.client.passphraseFile).toBe("/run/secret");
  });

  test("is a mistake when it cannot be read, with its place", async () => {
    const files = { ...FILES, "/etc/mig/runner.cfg": withKey('passphrasefile = "/gone"') };
    const [first] = await mistakesOf(sources(files));
    expect(first).toMatch(
      /^\/etc\/mig\/runner\.cfg:\d+:\d+: open \/gone: no such file or directory/,
    );
  });

  test("is a mistake when it is no path and there are no credentials", async () => {
    const files = { ...FILES, "/etc/mig/runner.cfg": withKey('passphrasefile = "secret"') };
    const [first] = await mistakesOf(sources(files));
    expect(first).toContain('Cannot read the passphrase: "secret" is no path');
  });

  test("gives way to a passphrase in runner.cfg", async () => {
    const runner = withKey('passphrase = "mine"\npassphrasefile = "/gone"');
    const { config } = await loadConfig(sources({ ...FILES, "/etc/mig/runner.cfg": runner }));
    expect(config.client.passphrase?.reveal()).toBe("mine");
  });
});

describe("loadConfig()", () => {
  test("tells what both files have set, for comparing", async () => {
    const runner = `${RUNNER}[plugin "slack"]\nurl = x\nurl = y\nquiet\n`;
    const client = `${CLIENT}[targets]\nmacro = all:id > 0\nmacro = none:id = 0\n`;
    const files = { ...FILES, "/etc/mig/runner.cfg": runner, "/home/mig/.migrc": client };
    const { written } = await loadConfig(sources(files));
    expect(Object.fromEntries(written)).toEqual({
      "[runner] directory": "/srv/mig",
      "[runner] checkdirectory": "30",
      "[logging] mode": "stdout",
      "[logging] level": "info",
      "[client] clientconfpath": "default",
      '[plugin "slack"] url': '["x","y"]',
      '[plugin "slack"] quiet': "true",
      "[api] url": "https://mig.example.net/api/v1",
      "[gpg] keyid": "D35069ED9046944C204ED0AAB669E288E7530642",
      "[targets] macro": '["all:id > 0","none:id = 0"]',
    });
  });

  test("joins both files, from the original's default places", async () => {
    const { config, warnings } = await loadConfig(sources(FILES));
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      path: "/etc/mig/runner.cfg",
      clientPath: "/home/mig/.migrc",
      runnersDirectory: "/srv/mig/runners",
      api: { url: "https://mig.example.net/api/v1/", skipVerifyCert: false },
      gpg: { home: "/home/mig/.gnupg", secringPath: "/home/mig/.gnupg/secring.gpg" },
    });
  });

  test("reads TOML for both files by their names", async () => {
    const { config } = await loadConfig(
      sources(
        {
          "/c/runner.toml":
            '[runner]\ndirectory = "/srv/mig"\ncheckdirectory = 5\n' +
            '[logging]\nmode = "stdout"\nlevel = "debug"\n[client]\nclientconfpath = ' +
            '"/c/client.toml"\n',
          "/c/client.toml":
            '[api]\nurl = "http://h/"\n[targets]\nmacro = ["all:status=\'online\'"]\n',
          "/home/mig/.gnupg/secring.gpg": "",
        },
        { path: "/c/runner.toml" },
      ),
    );
    expect(config.checkDirectoryMs).toBe(5_000);
    expect(config.logging.level).toBe("debug");
    expect(config.targets.get("all")).toBe("status='online'");
  });

  test("takes the home directory of the system for an empty HOME", async () => {
    const files = { "/etc/mig/runner.cfg": RUNNER, "/var/empty/.migrc": CLIENT };
    const of = sources(files, { environment: { HOME: "" } });
    expect(await mistakesOf(of)).toEqual([
      "/var/empty/.migrc: secring.gpg not found: /var/empty/.gnupg/secring.gpg (Set [gpg] home, " +
        "or run gpg --export-secret-keys KEYID > secring.gpg there)",
    ]);
  });

  test("tells the mistakes of both files and the missing keyring at once", async () => {
    const of = sources({
      "/etc/mig/runner.cfg": RUNNER.replace("[logging]", "timezone = Mars\n[logging]"),
      "/home/mig/.migrc": "[api]\nurl = ftp://x/\n",
    });
    expect(await mistakesOf(of)).toEqual([
      '/etc/mig/runner.cfg:4:12: Cannot set [runner] timezone to "Mars": there is no such ' +
        "time zone " +
        "(Use a name such as UTC or Europe/Berlin)",
      "/home/mig/.migrc:2:7: Cannot use [api] url: it is not an http or https URL " +
        "(Set [api] url, for example http://localhost:1664/api/v1/)",
      "/home/mig/.migrc: secring.gpg not found: /home/mig/.gnupg/secring.gpg (Set [gpg] home, " +
        "or run gpg --export-secret-keys KEYID > secring.gpg there)",
    ]);
  });

  test("does not call missing what only stands in a line that could not be read", async () => {
    const of = sources({
      ...FILES,
      "/etc/mig/runner.cfg": "[client]\nclientconfpth = default\ntimeout = soon\n",
    });
    const found = await mistakesOf(of);
    expect(found.length).toBe(2);
    expect(found[0]).toContain("Did you mean clientconfpath?");
    expect(found[1]).toContain('time: invalid duration "soon"');
  });

  test("says what to do when there is no client configuration", async () => {
    const [mistake] = await mistakesOf(sources({ "/etc/mig/runner.cfg": RUNNER }));
    expect(mistake).toBe(
      "/etc/mig/runner.cfg:8:18: no configuration found at /home/mig/.migrc " +
        "(Write one with [api] url and [gpg] keyid, or run mig-runner init DIR)",
    );
  });

  test("does not advise a new directory where one only may not be read", async () => {
    const denied = sources({ "/etc/mig/runner.cfg": "DENIED" });
    expect(await mistakesOf(denied)).toEqual([
      "open /etc/mig/runner.cfg: permission denied (Run it as the user who owns the file, or let " +
        "the user who runs it read the file)",
    ]);
    const folder = sources({ "/etc/mig": "FOLDER" }, { path: "/etc/mig" });
    expect(await mistakesOf(folder)).toEqual([
      "open /etc/mig: is a directory (Name the file in it, such as -c /etc/mig/runner.cfg)",
    ]);
  });

  test("says which file may not be read", async () => {
    const denied = sources({ ...FILES, "/home/mig/.migrc": "DENIED" });
    expect(await mistakesOf(denied)).toEqual([
      "/etc/mig/runner.cfg:8:18: open /home/mig/.migrc: permission denied " +
        "(Name a file that the user who runs mig-runner may read)",
    ]);
    const [keyring] = await mistakesOf(
      sources({ ...FILES, "/home/mig/.gnupg/secring.gpg": "DENIED" }),
    );
    expect(keyring).toContain("open /home/mig/.gnupg/secring.gpg: permission denied");
  });

  test("only warns of a missing keyring when an API key is set", async () => {
    const { config, warnings } = await loadConfig(
      sources({
        "/etc/mig/runner.cfg": RUNNER,
        "/home/mig/.migrc": "[api]\nurl = http://h/\n[gpg]\nuseapikeyauth = k\n",
      }),
    );
    expect(config.gpg.useApiKeyAuth?.reveal()).toBe("k");
    expect(warnings).toEqual([
      "/home/mig/.migrc: secring.gpg not found: /home/mig/.gnupg/secring.gpg: no action can " +
        "be signed live",
    ]);
  });
});

describe("loadRunnerConfig()", () => {
  test("reads runner.cfg and nothing else", async () => {
    const of = sources(FILES);
    const { config } = await loadRunnerConfig(of);
    expect(config.directory).toBe("/srv/mig");
    expect(of.reads).toEqual(["/etc/mig/runner.cfg"]);
  });

  test("refuses a file that is not there with the original's words and a way on", async () => {
    const error = await loadRunnerConfig(sources({}, { path: "/x.cfg" })).catch((thrown) => thrown);
    expect(error.errors.map(describeError)).toEqual([
      "open /x.cfg: no such file or directory (Name the file with -c, or run mig-runner init " +
        "DIR to make one)",
    ]);
  });
});

describe("inspectConfig()", () => {
  const GNUPG = "/home/mig/.gnupg";
  const { [`${GNUPG}/secring.gpg`]: _, ...WITHOUT_RING } = FILES as Record<string, string>;

  test("takes a home of GnuPG 2, or a file with a key, for a keyring", async () => {
    for (const path of [`${GNUPG}/pubring.kbx`, GNUPG]) {
      const { mistakes } = await inspectConfig(sources({ ...WITHOUT_RING, [path]: "keys" }));
      expect(mistakes).toEqual([]);
    }
    expect((await inspectConfig(sources(WITHOUT_RING))).mistakes.length).toBe(1);
  });

  test("goes on with what can be read", async () => {
    const { runner, client, mistakes } = await inspectConfig(
      sources({ ...FILES, "/etc/mig/runner.cfg": `${RUNNER}[nonsense]\nkey = 1\n` }),
    );
    expect(mistakes.length).toBe(1);
    expect(runner?.directory).toBe("/srv/mig");
    expect(client?.api.url).toBe("https://mig.example.net/api/v1/");
  });

  test("does not guess a directory or a key that could not be read", async () => {
    const broken = { ...FILES, "/etc/mig/runner.cfg": "[runner\n", "/home/mig/.migrc": "[gpg\n" };
    const { runner, client, mistakes } = await inspectConfig(sources(broken));
    expect([runner, client]).toEqual([null, null]);
    expect(mistakes.length).toBeGreaterThan(0);
  });
});
