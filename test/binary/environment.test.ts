// What the program takes from its environment, and the other forms of its configuration.
import { describe, expect, test } from "bun:test";
import { readdirSync, watch } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { homeOf, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { lifeSeconds } from "../support/patience.ts";
import { ACTION, ended, Host, Site } from "../support/site.ts";
import { zoneFile } from "../support/zones.ts";

/** The configuration without the line that says where the key ring is. */
async function withoutHome({ scenario }: Host): Promise<void> {
  const text = await scenario.read("home/.migrc");
  await scenario.write("home/.migrc", text.replace(/^home = .*\n/m, ""));
}

describe.concurrent("HOME", () => {
  test("holds .migrc, and .gnupg when no home of the keys is set", async () => {
    await using site = await Site.create();
    await withoutHome(site);
    await site.job("drift");
    ended(await site.run("run", "drift"));
  });

  for (const [what, HOME] of Object.entries({ "is empty": "", "is not set": undefined })) {
    test(`stands in the system's list of users when it ${what}`, async () => {
      await using host = await Host.create();
      const { exit, stderr } = await host.runIn({ env: { HOME } });
      expect(exit).toBe(9);
      expect(stderr).toContain(`no configuration found at ${userInfo().homedir}/.migrc`);
    });
  }
});

describe.concurrent("GNUPGHOME", () => {
  const cases: Readonly<Record<string, (host: Host) => string>> = {
    "that is absolute is taken as it is": ({ scenario }) => scenario.path("keys"),
    "that is relative is taken below HOME": () => "../keys",
  };
  for (const [what, pathOf] of Object.entries(cases)) {
    test(what, async () => {
      await using site = await Site.create();
      await withoutHome(site);
      await mkdir(site.scenario.path("keys"));
      await copyFile(`${homeOf()}/secring.gpg`, site.scenario.path("keys/secring.gpg"));
      await rm(site.scenario.path("home/.gnupg"), { recursive: true });
      await site.job("drift");
      const env = { GNUPGHOME: pathOf(site) };
      const { exit, stdout, stderr } = await site.runIn({ env }, "run", "drift");
      expect({ exit, said: exit === 0 ? "" : stdout + stderr }).toEqual({ exit: 0, said: "" });
    });
  }
});

describe.concurrent("MIGPGPPASSPHRASE", () => {
  test("opens the key when the file has no passphrase", async () => {
    await using site = await Site.create({ locked: true });
    const text = await site.scenario.read("runner.cfg");
    await site.scenario.write("runner.cfg", text.replace(/^passphrase = .*\n/m, ""));
    await site.job("drift");
    const env = { MIGPGPPASSPHRASE: RUNNER_PASSPHRASE };
    ended(await site.runIn({ env }, "run", "drift"));
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("gives way to the passphrase of the file", async () => {
    await using site = await Site.create({ locked: true });
    await site.job("drift");
    const env = { MIGPGPPASSPHRASE: "another" };
    ended(await site.runIn({ env }, "run", "drift"));
  });
});

describe.concurrent("passphrasefile", () => {
  test.each(["a path", "a credential"])("opens the key: %s", async (what) => {
    await using site = await Site.create({ locked: true });
    const file = await site.scenario.write("credentials/secret", `${RUNNER_PASSPHRASE}\n`);
    const name = what === "a path" ? file : "secret";
    const text = await site.scenario.read("runner.cfg");
    const key = `passphrasefile = "${name}"\n`;
    await site.scenario.write("runner.cfg", text.replace(/^passphrase = .*\n/m, key));
    await site.job("drift");
    const env = { CREDENTIALS_DIRECTORY: site.scenario.path("credentials") };
    ended(await site.runIn({ env }, "run", "drift"));
    expect(site.sandbox.actions().length).toBe(1);
  });
});

describe.concurrent("TZ", () => {
  test("is the zone of schedules and of log lines; the date of a result is in UTC", async () => {
    await using site = await Site.create();
    await site.job("often", ['schedule = "* * * * * * *"', "sendonly"]);
    await site.job("drift");
    const env = { TZ: "Pacific/Kiritimati" };
    const daemon = await site.daemon({ env });
    const line = await daemon.prints(/often: will run at /);
    const [, logged = "", fires = ""] = /^(.{19}) .* will run at (.{19}) /.exec(line) ?? [];
    for (const time of [logged.replaceAll("/", "-"), fires]) {
      const aheadMs = Date.parse(`${time.replace(" ", "T")}Z`) - Date.now();
      expect(Math.round(aheadMs / 3_600_000)).toBe(14);
    }
    expect(line).toMatch(/ \+1400 \+14 \(in /);
    const today = new Date().toISOString().slice(0, 10).replaceAll("-", "");
    const wrote = daemon.prints(/wrote results for/);
    ended(await site.runIn({ env }, "run", "drift"));
    const utc = new Date().toISOString().slice(0, 10).replaceAll("-", "");
    expect([utc, today]).toContain(/results\/(\d+)\//.exec(await wrote)?.[1] ?? "");
  });

  test("may name a copied file: schedules, log lines and the first lines follow it", async () => {
    await using site = await Site.create();
    await site.job("often", ['schedule = "* * * * * * *"', "sendonly"]);
    const file = await site.scenario.write("our-time", zoneFile("Asia/Kathmandu"));
    const daemon = await site.daemon({ env: { TZ: `:${file}` } });
    expect(await daemon.prints(/time zone /)).toEndWith(
      `[info] time zone ${file} (+0545, UTC+05:45 now), by TZ=":${file}"`,
    );
    const line = await daemon.prints(/often: will run at /);
    const aheadMs = Date.parse(`${line.slice(0, 19).replaceAll("/", "-")}Z`) - Date.now();
    expect(Math.round(aheadMs / 60_000)).toBe(5 * 60 + 45);
    expect(line).toMatch(/ \+0545 \+0545 \(in /);
    const next = ["next", "0 12 * * *", "--from", "2026-01-01T00:00:00Z", "-n", "1"];
    const { stdout } = await site.runIn({ env: { TZ: file } }, ...next);
    expect(stdout).toStartWith("2026-01-01T12:00:00+05:45 ");
  });

  test("that cannot be read is UTC, with a warning by every command that it matters to", async () => {
    await using site = await Site.create();
    await site.job("drift");
    const file = await site.scenario.write("our-time", zoneFile("Asia/Kathmandu").subarray(0, 99));
    const env = { TZ: file };
    const warning = `UTC is used: ${file} is not a file of the tz database`;
    const daemon = await site.daemon({ env });
    expect(await daemon.prints(/UTC is used/)).toContain(warning);
    expect((await site.runIn({ env }, "check")).stdout).toContain(warning);
    const next = await site.runIn({ env }, "next", "0 12 * * *", "-n", "1");
    expect(next.stdout).toMatch(/^\S+T12:00:00Z /);
    expect(next.stderr).toContain(warning);
  });
});

describe.concurrent("an API key", () => {
  const API_KEY = "k3y-of-the-runner";

  test("is sent instead of a token, and the action is signed all the same", async () => {
    const migrc = [`useapikeyauth = "${API_KEY}"`];
    await using site = await Site.create({ migrc, sandbox: { apiKeys: [API_KEY] } });
    await site.job("drift");
    ended(await site.run("run", "drift", "--wait"));
    const requests = site.sandbox.requests();
    expect(requests.length).toBeGreaterThan(1);
    for (const { headers, rawHeaders } of requests) {
      expect(headers["x-migapikey"]).toBe(API_KEY);
      expect(rawHeaders).toContain("X-Migapikey");
      expect(headers["x-pgpauthorization"]).toBeUndefined();
    }
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  test("opens a locked key by the passphrase too, which the original forgets", async () => {
    const migrc = [`useapikeyauth = "${API_KEY}"`];
    await using site = await Site.create({ locked: true, migrc, sandbox: { apiKeys: [API_KEY] } });
    await site.job("drift");
    ended(await site.run("run", "drift"));
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("lets the daemon collect what is in flight although no key can sign", async () => {
    const migrc = [`useapikeyauth = "${API_KEY}"`];
    await using site = await Site.create({ migrc, sandbox: { apiKeys: [API_KEY] } });
    await site.job("drift");
    ended(await site.run("run", "drift"));
    await rm(site.scenario.path("home/.gnupg"), { recursive: true });
    const daemon = await site.daemon();
    await daemon.prints(/\[crit\] runner error: Cannot sign with key/);
    await daemon.prints(/wrote results for/);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("that is wrong is told with the API's own words", async () => {
    const migrc = ['useapikeyauth = "wrong"'];
    await using site = await Site.create({ migrc, sandbox: { apiKeys: [API_KEY] } });
    await site.job("drift");
    const { exit, stdout } = await site.run("run", "drift");
    expect(exit).toBe(1);
    expect(stdout).toContain("HTTP 401: Authorization verification failed");
  });
});

describe.concurrent("TMPDIR", () => {
  test("gets nothing: the original writes each action that it signs there", async () => {
    await using site = await Site.create();
    const folder = site.scenario.path("temporary");
    await mkdir(folder);
    const seen: string[] = [];
    const watcher = watch(folder, (_, name) => seen.push(String(name)));
    await site.job("drift");
    const { stdout } = await site.runIn({ env: { TMPDIR: folder } }, "run", "drift");
    watcher.close();
    expect(stdout).toContain("posted");
    expect(seen.filter((name) => /action|sign|json/i.test(name))).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.concurrent("TOML", () => {
  test("does for runner.cfg and entity.cfg what gcfg does", async () => {
    await using site = await Site.create({ locked: true });
    const { scenario, sandbox } = site;
    await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
    await scenario.write(
      "migrc.toml",
      `[api]\nurl = "${sandbox.url}"\n` +
        `[gpg]\nhome = "${scenario.path("home/.gnupg")}"\nkeyid = "${LOCKED_KEY}"\n`,
    );
    const config = await scenario.write(
      "runner.toml",
      `[runner]\ndirectory = "${scenario.directory}"\ncheckdirectory = 1\n` +
        `[client]\nclientconfpath = "${scenario.path("migrc.toml")}"\n` +
        `passphrase = "${RUNNER_PASSPHRASE}"\n[logging]\nmode = "stdout"\nlevel = "info"\n`,
    );
    const entity = `schedule = "0 0 1 1 *"\nexpiry = "${lifeSeconds(1)}s"\nplugin = "keep"\n`;
    await scenario.job("drift", { "entity.toml": entity, "action.json": ACTION });
    const { exit } = await scenario.run(["-c", config, "run", "drift", "--wait"]);
    expect(exit).toBe(0);
    const { text, document } = await site.result("drift");
    expect(document.commands.length).toBe(5);
    expect(await scenario.read("kept")).toBe(text);
  });
});

describe.concurrent("a key id", () => {
  const forms: Readonly<Record<string, string>> = {
    "of 16 digits": RUNNER_KEY.slice(-16),
    "of 8 digits": RUNNER_KEY.slice(-8),
    "in lower case": RUNNER_KEY.toLowerCase(),
    "that begins with 0x": `0x${RUNNER_KEY}`,
    "that is a mail address": "runner@localhost",
  };
  for (const [what, keyId] of Object.entries(forms)) {
    test(`${what} does for the whole fingerprint`, async () => {
      await using site = await Site.create();
      const text = await site.scenario.read("home/.migrc");
      await site.scenario.write("home/.migrc", text.replace(/keyid = .*/, `keyid = "${keyId}"`));
      await site.job("drift");
      const { exit, stdout, stderr } = await site.run("run", "drift");
      expect({ exit, said: exit === 0 ? "" : stdout + stderr }).toEqual({ exit: 0, said: "" });
      expect(site.sandbox.actions().length).toBe(1);
    });
  }
});
