// Nothing that the program prints, logs, lists or keeps holds a secret: not the passphrase, not the
// API key, not a token's signature, not the password of a proxy.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startForward } from "../support/forward.ts";
import { RUNNER_PASSPHRASE } from "../support/keys.ts";
import { type Host, Site } from "../support/site.ts";

const API_KEY = "api-k3y-of-the-runner";
const PROXY_PASSWORD = "pr0xy-secret";

/** What all commands print in one life of a runner; the log is as talkative as it can be. */
const EVERYTHING: readonly (readonly string[])[] = [
  ["check", "--json"],
  ["show", "--all", "--json"],
  ["run", "drift", "--wait", "--json"],
  ["run", "broken"],
  ["status", "--json"],
  ["journal", "verify"],
  ["redeliver", "drift"],
  ["--once"],
];

const ONE_RUN = [["check"], ["run", "drift", "--wait"], ["status"]] as const;

async function printed(
  host: Host,
  env: Readonly<Record<string, string>>,
  calls: readonly (readonly string[])[],
): Promise<string> {
  let text = "";
  for (const argv of calls) {
    const { stdout, stderr } = await host.runIn({ env }, ...argv);
    text += stdout + stderr;
  }
  return text;
}

/** The journal's bytes, with what is not yet in its main file. */
function journalOf({ scenario }: Host): string {
  return ["journal.db", "journal.db-wal"]
    .map((name) => {
      try {
        return readFileSync(scenario.path(name), "latin1");
      } catch {
        return "";
      }
    })
    .join("");
}

async function furnish(site: Site, script = "env >&2; cat > /dev/null"): Promise<void> {
  await site.scenario.plugin("keep", script);
  await site.job("drift", ['plugin = "keep"']);
  await site.job("broken", [], "{");
}

describe.concurrent("a secret is never printed, logged, listed or journaled:", () => {
  test("the passphrase of the key and the signatures of tokens", async () => {
    await using site = await Site.create({ locked: true });
    await furnish(site);
    const all = await printed(site, {}, EVERYTHING);
    const tokens = site.sandbox
      .requests()
      .map(({ headers }) => headers["x-pgpauthorization"] ?? "");
    expect(tokens.length).toBeGreaterThan(1);
    expect(all).toContain("keep: ");
    for (const text of [all, journalOf(site)]) {
      expect(text).not.toContain(RUNNER_PASSPHRASE);
      for (const token of tokens) {
        const [, , , signature = ""] = token.split(";");
        expect(signature.length).toBeGreaterThan(100);
        expect(text).not.toContain(signature);
      }
    }
  });

  test("a passphrase in the environment, also from a plugin that prints its own", async () => {
    await using site = await Site.create({ locked: true });
    const text = await site.scenario.read("runner.cfg");
    await site.scenario.write("runner.cfg", text.replace(/^passphrase = .*\n/m, ""));
    await furnish(site);
    const all = await printed(site, { MIGPGPPASSPHRASE: RUNNER_PASSPHRASE }, ONE_RUN);
    expect(all).toContain("keep: ");
    expect(all).not.toContain(RUNNER_PASSPHRASE);
    expect(journalOf(site)).not.toContain(RUNNER_PASSPHRASE);
  });

  test("the API key", async () => {
    const migrc = [`useapikeyauth = "${API_KEY}"`];
    await using site = await Site.create({ migrc, sandbox: { apiKeys: [API_KEY] } });
    await furnish(site);
    const all = await printed(site, {}, EVERYTHING);
    expect(site.sandbox.actions().length).toBe(1);
    for (const text of [all, journalOf(site)]) expect(text).not.toContain(API_KEY);
  });

  test("an API key that the API refuses", async () => {
    const migrc = [`useapikeyauth = "${API_KEY}"`];
    await using site = await Site.create({ migrc, sandbox: { apiKeys: ["another"] } });
    await furnish(site);
    const all = await printed(site, {}, ONE_RUN);
    expect(all).toContain("HTTP 401");
    for (const text of [all, journalOf(site)]) expect(text).not.toContain(API_KEY);
  });

  test("the password of a proxy, also when it cannot be reached", async () => {
    const address = () => "http://mig.test/api/v1/";
    await using site = await Site.create({ address });
    // A plugin may need the proxy too, so it gets the variable: one that prints it tells it.
    await furnish(site, "cat > /dev/null");
    const proxy = await startForward(site.sandbox.port);
    const env = { http_proxy: `http://someone:${PROXY_PASSWORD}@${proxy.host}` };
    const reached = await printed(site, env, ONE_RUN);
    await proxy.close();
    const unreached = await printed(site, env, ONE_RUN);
    expect(site.sandbox.actions().length).toBe(1);
    expect(unreached).toContain("Cannot reach");
    for (const text of [reached, unreached, journalOf(site)]) {
      expect(text).not.toContain(PROXY_PASSWORD);
      expect(text).not.toContain(btoa(`someone:${PROXY_PASSWORD}`));
    }
  });

  test("in a configuration that is wrong in the same line", async () => {
    await using site = await Site.create({ locked: true });
    const { scenario } = site;
    const runner = await scenario.read("runner.cfg");
    const lines = [
      `passphrase = "${RUNNER_PASSPHRASE}`,
      `passfrase = "${RUNNER_PASSPHRASE}"`,
      `passphrase "${RUNNER_PASSPHRASE}"`,
      `pagesize = "${RUNNER_PASSPHRASE}`,
    ];
    for (const line of lines) {
      await scenario.write("runner.cfg", runner.replace(/^passphrase = .*$/m, line));
      for (const argv of [["--once"], ["check", "--json"]]) {
        const { exit, stdout, stderr } = await site.run(...argv);
        expect(exit).not.toBe(0);
        expect(stdout + stderr).not.toContain(RUNNER_PASSPHRASE);
      }
    }
    const migrc = await scenario.read("home/.migrc");
    await scenario.write("runner.cfg", runner);
    await scenario.write(
      "home/.migrc",
      migrc.replace(
        /url = .*/,
        `url = "ftp://user:${PROXY_PASSWORD}@api/"\nuseapikeyauth = "${API_KEY}"`,
      ),
    );
    const { stdout, stderr } = await site.run("check");
    expect(stdout + stderr).not.toMatch(new RegExp(`${PROXY_PASSWORD}|${API_KEY}`));
  });
});
