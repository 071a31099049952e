// Plugins doc: every code block of docs/plugins.md, run by the program as it is shipped.
import { describe, expect, test } from "bun:test";
import { chmod, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SHIPPED_PLUGINS } from "../../src/edge/plugins/modules.ts";
import type { PluginModule } from "../../src/sdk/plugin.ts";
import { blocksOf, commandsOf, readPage, rowsBelow } from "../support/doc.ts";
import { lifeSeconds } from "../support/patience.ts";
import { Listener, type Reply } from "../support/shipped.ts";
import { ACTION, Site } from "../support/site.ts";

const root = resolve(import.meta.dirname, "../..");
const text = await readPage("docs/plugins.md");

const blocks = blocksOf(text);
const sections = blocks.filter(({ path }) => path === "runner.cfg").map(({ code }) => code);

/** A site with all files of the page, and with its services at `url`. */
async function siteOf(url: string, behaviour: object = {}): Promise<Site> {
  const local = (code: string): string => code.replace(/https:\/\/[\w.]+(?::\d+)?/g, url);
  const here = local(sections.join(""));
  const site = await Site.create({
    sandbox: {
      behaviour: { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0, ...behaviour },
    },
    logging: ['mode = "stdout"', 'level = "info"', here],
  });
  for (const { code, language, path } of blocks) {
    if (path === "" || path === "runner.cfg") continue;
    // An action lives five minutes, and a test does not.
    const hurry = path.endsWith("entity.cfg") ? `expiry = "${lifeSeconds(1)}s"\n` : "";
    const isOwn = path === "plugins/inventory.ts";
    await site.scenario.write(path, `${isOwn ? local(code) : code}${hurry}`);
    if (language !== "ts") await chmod(site.scenario.path(path), 0o755);
  }
  await site.scenario.write("runners/nightly/action.json", ACTION);
  return site;
}

/** Runs a job with one plugin to its end. */
async function runWith(site: Site, plugin: string) {
  await site.job(plugin, [`plugin = "${plugin}"`]);
  return await site.run("run", plugin, "--wait");
}

describe("docs/plugins.md", () => {
  test("has no block that is not run here", () => {
    const files = blocks.map(({ path }) => path).filter((path) => path !== "runner.cfg");
    expect(files.sort()).toEqual([
      "",
      "plugins/failures.ts",
      "plugins/hosts",
      "plugins/inventory.ts",
      "plugins/keep",
      "plugins/lib/hosts.ts",
      "plugins/tickets.ts",
      "runners/nightly/entity.cfg",
    ]);
    expect(sections.map((section) => /"(.*?)"/.exec(section)?.[1]).sort()).toEqual(
      [...SHIPPED_PLUGINS, "tickets"].sort(),
    );
  });

  test("its first plugins take a result, and its commands do what it says", async () => {
    await using site = await siteOf("http://127.0.0.1:1");
    const commands = commandsOf(blocks);
    expect(commands.length).toBe(3);
    for (const line of commands) {
      const [program, flag, config, ...words] = line;
      expect([program, flag, config]).toEqual(["mig-runner", "-c", "runner.cfg"]);
      const { exit, stderr, stdout } = await site.run(...words);
      expect({ line, exit, stderr: exit === 0 ? "" : stderr }).toEqual({
        line,
        exit: 0,
        stderr: "",
      });
      if (words[0] !== "status") expect(`${stdout}${stderr}`).toContain(": found something");
    }
    const { document, text: result } = await site.result("nightly");
    const kept = `nightly-${document.action.id}.json`;
    expect(await site.scenario.read(kept)).toBe(result);
  });

  test("its plugins tell hosts that failed from those on which nothing was found", async () => {
    await using site = await siteOf("http://127.0.0.1:1", { failedRate: 1 });
    const { stderr, stdout } = await runWith(site, "hosts");
    expect(`${stdout}${stderr}`).toContain(": not checked (failed)");
    const failures = await runWith(site, "failures");
    expect(`${failures.stdout}${failures.stderr}`).toContain("failures: 5 hosts of action");
  });

  test("its module opens a ticket a host, and ends as it says", async () => {
    let reply: Reply = { status: 200 };
    await using service = await Listener.open(() => reply);
    await using site = await siteOf(service.url);
    const { exit, stderr } = await runWith(site, "tickets");
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    expect(service.bodies.length).toBe(5);
    expect(service.bodies[0]).toMatchObject({ team: "blue", action: "mig-runner: tickets" });
    expect(service.heard[0]).toMatchObject({
      path: "/api",
      headers: { authorization: "Bearer s3cret" },
    });
    reply = { status: 422 };
    const fatal = await site.run("redeliver", "tickets");
    expect(fatal.stderr).toContain("tickets: no ticket for ");
    expect(fatal.stderr).toContain("given up");
    reply = { status: 429 };
    const retried = await site.run("redeliver", "tickets");
    expect(retried.stderr).toContain("too many tickets");
    expect(retried.stderr).toContain("trying again in 120 s");
  });

  test("its module that saves its progress goes on where it was interrupted", async () => {
    await using service = await Listener.open((_, index) => ({
      status: index === 2 ? 500 : 200,
    }));
    await using site = await siteOf(service.url);
    const { stderr } = await runWith(site, "inventory");
    expect(stderr).toContain("inventory: the inventory answered 500");
    if (service.heard.length === 3) await site.run("redeliver", "inventory");
    const hosts = (service.bodies as { name: string }[]).map(({ name }) => name);
    expect(hosts.length).toBe(6);
    expect(hosts[3]).toBe(hosts[2] ?? "");
    expect(new Set(hosts).size).toBe(5);
  });

  test("its sections are what the shipped plugins want, and their keys are all that they know", async () => {
    const answer = (path: string): Reply => {
      if (path.endsWith("/token")) return { status: 200, body: '{"access_token":"t"}' };
      if (path.includes("/assets/")) return { status: 200, body: "[]" };
      return { status: 200, body: '{"errors":false}' };
    };
    await using service = await Listener.open(({ path }) => answer(path));
    await using site = await siteOf(service.url);
    // This service speaks HTTP; test/plugins/email.test.ts has one that speaks SMTP.
    const posting = SHIPPED_PLUGINS.filter((name) => name !== "email");
    const lines = posting.map((name) => `plugins = "${name}"`);
    await site.job("all", lines);
    const { exit, stderr } = await site.run("run", "all", "--wait");
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    const paths = new Set(service.heard.map(({ path }) => path.replace(/\?.*/, "")));
    // The action of this test has nothing to do with files or scribe, and nobody failed.
    expect([...paths].sort()).toEqual([
      "/_bulk",
      "/api/v1/assets/",
      "/mig",
      "/oauth/token",
      "/services/T0/B0/s3cret",
      "/services/collector/event",
    ]);
  });

  test.each([...SHIPPED_PLUGINS])(
    "its table of %s has all keys, as its source does",
    async (name) => {
      const module = (await import(`../../plugins/${name}.ts`)) as { default: PluginModule };
      const { entries, pipe } = module.default.config as unknown as {
        entries: object;
        pipe?: readonly [{ entries: object }];
      };
      const known = Object.keys(pipe?.[0].entries ?? entries).sort();
      const rows = rowsBelow(text, `### ${name}`);
      const keys = rows.flatMap(([names = ""]) => names.split(", "));
      expect(keys.sort()).toEqual(known);
      const source = await readFile(join(root, `plugins/${name}.ts`), "utf8");
      const header = source.split("\n").filter((line) => line.startsWith("//   "));
      const documented = header.flatMap((line) => /^\/\/ {3}([a-z]+) {2,}\S/.exec(line)?.[1] ?? []);
      const told = [
        ...documented,
        ...header.flatMap((line) => /^\/\/ {3}([a-z]+)$/.exec(line)?.[1] ?? []),
      ];
      expect(told.sort()).toEqual(known);
    },
  );
});
