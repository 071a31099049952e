// Plugins: module plugins, own and shipped, by the program as it is shipped.
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { Listener } from "../support/shipped.ts";
import { Site } from "../support/site.ts";

/** A site with these sections of runner.cfg. */
function siteWith(...lines: readonly string[]): Promise<Site> {
  return Site.create({ logging: ['mode = "stdout"', 'level = "info"', ...lines] });
}

/** What the only delivery has saved; null when there is nothing yet. */
function progressOf(site: Site): { readonly next: number } | null {
  try {
    using journal = new DatabaseSync(site.scenario.path("journal.db"), { readOnly: true });
    const row = journal.prepare("SELECT progress FROM delivery").get();
    return typeof row?.progress === "string" ? JSON.parse(row.progress) : null;
  } catch {
    return null;
  }
}

/** Resolves once it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const HEAD = 'import { plugin } from "mig-runner";\n';

describe("a job with a plugin that comes with the runner", () => {
  test("delivers the commands of the result to a service", async () => {
    await using service = await Listener.open([{ status: 200 }]);
    await using site = await siteWith('[plugin "webhook"]', `url = "${service.url}/in"`);
    await site.job("drift", ['plugin = "webhook"']);
    const { exit, stderr, stdout } = await site.run("run", "drift", "--wait");
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    expect(`${stdout}${stderr}`).toContain("webhook: took the result, read 5 commands");
    const { document } = await site.result("drift");
    expect(service.bodies).toMatchObject([
      { name: "drift", action: { id: document.action.id }, batch: { last: true } },
    ]);
    const [{ commands }] = service.bodies as [{ commands: { id: number }[] }];
    expect(commands.map(({ id }) => id).sort()).toEqual(
      document.commands.map(({ id }) => id).sort(),
    );
  });

  test("fails when the service does, and delivers in the next pass with the same key", async () => {
    let isUp = false;
    await using service = await Listener.open(() => ({ status: isUp ? 200 : 401 }));
    await using site = await siteWith('[plugin "webhook"]', `url = "${service.url}"`);
    await site.job("drift", ['schedule = "* * * * *"', 'plugin = "webhook"']);
    const first = await site.run("--once", "--wait");
    expect(first.exit).toBe(1);
    expect(first.stderr).toContain(`${service.url} answered 401`);
    isUp = true;
    await site.scenario.write("runners/drift/entity.cfg", "");
    const second = await site.run("--once", "--wait");
    expect(second.stderr).toContain("webhook: took the result");
    const keys = service.heard.map(({ headers }) => headers["idempotency-key"]);
    expect(keys.length).toBe(2);
    expect(keys[0]).toBe(keys[1]);
  });

  test("goes on where it was when the program is killed", async () => {
    let hangs = true;
    await using service = await Listener.open((_, index) =>
      hangs && index === 20 ? { action: "hang" } : { status: 200 },
    );
    const settings = [`url = "${service.url}"`, "commands = 1"];
    await using site = await Site.create({
      logging: ['mode = "stdout"', 'level = "info"', '[plugin "webhook"]', ...settings],
      sandbox: { agents: 40 },
    });
    await site.job("drift", ['plugin = "webhook"']);
    const running = site.start("run", "drift", "--wait");
    await until(() => progressOf(site)?.next === 21);
    await running.kill();
    hangs = false;
    const { stderr, stdout } = await site.run("--once", "--wait");
    expect(`${stdout}${stderr}`).toContain("webhook: goes on behind the first 21 commands");
    const batches = (service.bodies as { commands: [{ id: number }]; batch: object }[]).map(
      ({ batch, commands }) => [commands[0].id, JSON.stringify(batch)].join(" "),
    );
    expect(batches.length).toBe(41);
    expect(new Set(batches).size).toBe(40);
    expect(batches[21]).toBe(batches[20] ?? "");
  });

  test("says what is wrong with the settings", async () => {
    await using site = await siteWith('[plugin "slack"]', "ulr = x");
    await site.job("drift", ['plugin = "slack"']);
    const { exit, stderr } = await site.run("run", "drift", "--wait");
    expect(exit).not.toBe(0);
    const text = await site.scenario.read("runner.cfg");
    const line = text.slice(0, text.indexOf("ulr")).split("\n").length;
    expect(stderr).toContain(
      `[plugin "slack"] of ${site.config}:${line}: ` +
        'unknown key "ulr" (did you mean "url"?); url is not set',
    );
  });
});

describe("a job with a module in plugins/", () => {
  test("runs it, with its helper, its settings and its log", async () => {
    await using site = await siteWith('[plugin "count"]', "word = hosts");
    await site.scenario.write("plugins/lib/say.ts", "export const say = (n: number) => `${n}`;\n");
    await site.scenario.write(
      "plugins/count.ts",
      `${HEAD}import { say } from "./lib/say.ts";
const config = { "~standard": { version: 1 as const, vendor: "own", validate: (value: unknown) => ({
  value: value as { word: string },
}) } };
export default plugin({ config, async deliver(result, context) {
  let count = 0;
  for await (const command of result.commands) if (command.status === "success") count++;
  context.log("notice", say(count) + " " + (context.config as { word: string }).word);
} });
`,
    );
    await site.job("drift", ['plugin = "count"']);
    const { exit, stderr, stdout } = await site.run("run", "drift", "--wait");
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    expect(`${stdout}${stderr}`).toContain("count: 5 hosts");
  });

  test("ends a plugin that loops at the job's own time limit, and delivers to the next one", async () => {
    await using site = await siteWith();
    await site.scenario.write(
      "plugins/loop.ts",
      `${HEAD}export default plugin({ deliver() { for (;;); } });`,
    );
    await site.scenario.plugin("keep", `cat > "${site.scenario.path("kept")}"`);
    await site.scenario.write(
      "runner.cfg",
      (await site.scenario.read("runner.cfg")).replace(
        "[client]",
        '[client]\nplugingrace = "100ms"',
      ),
    );
    const lines = ['plugin = "loop"', 'plugins = "keep"', 'plugintimeout = "700ms"'];
    await site.job("drift", lines);
    const { exit, stderr } = await site.run("run", "drift", "--wait");
    expect(exit).toBe(1);
    expect(stderr).toContain("loop: its time limit of 700ms passed");
    expect(await site.scenario.read("kept")).toBe((await site.result("drift")).text);
  });

  test("outlives a plugin that exits, and says where one throws", async () => {
    await using site = await siteWith();
    await site.scenario.write(
      "plugins/exit.ts",
      `${HEAD}export default plugin({ deliver() { process.exit(0); } });`,
    );
    await site.scenario.write(
      "plugins/throw.ts",
      `${HEAD}export default plugin({\n  deliver() {\n    throw new Error("boom");\n  },\n});\n`,
    );
    await site.job("drift", ['plugin = "exit"', 'plugins = "throw"']);
    const { exit, stderr } = await site.run("run", "drift", "--wait");
    expect(exit).toBe(1);
    expect(stderr).toContain("exit: it called process.exit(0)");
    expect(stderr).toMatch(/throw: boom \(\/.*\/plugins\/throw\.ts:4:\d+\)/);
  });

  test("refuses one that everybody can write to", async () => {
    await using site = await siteWith();
    const path = await site.scenario.write("plugins/loose.ts", `${HEAD}export default 1;`);
    await chmod(path, 0o666);
    await site.job("drift", ['plugin = "loose"']);
    const { stderr } = await site.run("run", "drift", "--wait");
    expect(stderr).toContain(`mend it with: chmod o-w ${path}`);
  });
});
