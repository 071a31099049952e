// Operations doc: the commands of docs/operations.md, run as they stand on a host of the test.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { blocksOf, commandsOf, readPage } from "../support/doc.ts";
import { ended, Site } from "../support/site.ts";

const CONFIG = "/etc/mig/runner.cfg";
const BACKUP = "/var/backups/mig-journal.db";
const blocks = blocksOf(await readPage("docs/operations.md"));

/** The words after the program's name, up to a pipe; without the flag that every call here has. */
function wordsOf(line: readonly string[]): readonly string[] {
  const end = line.indexOf("|");
  const [program, flag, config, ...words] = end < 0 ? line : line.slice(0, end);
  expect([program, flag, config]).toEqual(["mig-runner", "-c", CONFIG]);
  return words;
}

/** What the line of a file on the page gives to the program. */
function callIn(path: string): readonly string[] {
  const code = blocks.find((block) => block.path === path)?.code ?? "";
  const line = code.split("\n").find((text) => text.includes(CONFIG)) ?? "";
  const [, call = ""] = /(mig-runner .*)/.exec(line) ?? [];
  return wordsOf(call.split(" "));
}

describe("docs/operations.md", () => {
  test("has only commands that work", async () => {
    await using site = await Site.create();
    await site.job("sshd-config");
    ended(await site.run("run", "sshd-config"));
    const lines = commandsOf(blocks).map(wordsOf);
    expect(lines.length).toBe(13);
    for (const words of lines) {
      const own = words.map((word) => (word === BACKUP ? site.scenario.path("copy.db") : word));
      ended(await site.run(...own));
    }
    expect(existsSync(site.scenario.path("copy.db"))).toBe(true);
    const { stdout } = ended(await site.run("status", "--json"));
    expect(JSON.parse(stdout)).toMatchObject({ undelivered: [], missed: [] });
  });

  test("starts a daemon by a unit, and a pass by cron", async () => {
    await using site = await Site.create();
    expect(callIn("mig-runner.service")).toEqual([]);
    const daemon = await site.daemon();
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect(callIn("cron.d")).toEqual(["--once"]);
    ended(await site.run(...callIn("cron.d")));
  });
});
