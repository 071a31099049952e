// Unfit files: a FIFO, a device or a file with a hole under a name that is read. Whatever it is,
// the program ends, says what it is, and goes on with what it does not concern.
import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Host } from "../support/site.ts";

type Kind = "a FIFO" | "/dev/zero" | "a hole of a terabyte";

const TERABYTE = 2 ** 40;

/** Puts something else in place of a file. */
async function spoil(path: string, kind: Kind): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  if (kind === "a FIFO") execFileSync("mkfifo", ["-m", "600", path]);
  if (kind === "/dev/zero") await symlink("/dev/zero", path);
  if (kind !== "a hole of a terabyte") return;
  await writeFile(path, "", { mode: 0o600 });
  await truncate(path, TERABYTE);
}

/** What is said of each kind. */
const SAID: Readonly<Record<Kind, string>> = {
  "a FIFO": "it is not a regular file",
  "/dev/zero": "it is not a regular file",
  "a hole of a terabyte": `it has ${TERABYTE} bytes, at most `,
};

const KINDS = Object.keys(SAID) as Kind[];

describe.concurrent("the program ends for", () => {
  for (const kind of KINDS) {
    test.each(["runner.cfg", "home/.migrc", "home/.gnupg/secring.gpg"])(
      `${kind} as %p`,
      async (name) => {
        await using host = await Host.create();
        await host.job("table");
        await spoil(host.scenario.path(name), kind);
        for (const argv of [["check"], ["--once"]]) {
          const { exit, stdout, stderr } = await host.run(...argv);
          expect(`${stdout}${stderr}`).toContain(SAID[kind]);
          expect(exit).toBe(argv[0] === "check" ? 1 : 9);
        }
      },
    );

    test(`${kind} as a file of a job, and goes on with the others`, async () => {
      await using host = await Host.create();
      const { scenario } = host;
      for (const job of ["good", "entity", "action", "program"]) await host.job(job);
      await rm(scenario.path("runners/program/entity.cfg"));
      await spoil(scenario.path("runners/action/action.json"), kind);
      await spoil(scenario.path("runners/entity/entity.cfg"), kind);
      await spoil(scenario.path("runners/program/job.ts"), kind);
      await spoil(scenario.path("runners/good/inflight/7.json"), kind);
      const once = await host.run("--once");
      expect(once.exit).toBe(1);
      expect(once.stderr.match(/added entity \w+/g)).toEqual(["added entity good"]);
      const check = await host.run("check");
      expect(check.exit).toBe(1);
      // Of records, unlike of a job's files, no link is followed.
      const names = ["action.json", "entity.cfg", "job.ts"];
      for (const name of kind === "/dev/zero" ? names : [...names, "7.json"]) {
        expect(check.stdout).toMatch(new RegExp(`/${name}[^\\n]*${SAID[kind]}`));
      }
    });
  }

  test("a FIFO as a plugin or as the journal", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    await host.job("table", ['plugin = "fifo"']);
    await spoil(scenario.path("plugins/fifo"), "a FIFO");
    const told = (await host.run("check")).stdout;
    expect(told).toContain(`${scenario.path("plugins/fifo")} is not a regular file`);
    await spoil(scenario.path("journal.db"), "a FIFO");
    for (const [verb, exit] of [
      ["check", 1],
      ["status", 1],
      ["--once", 9],
    ] as const) {
      const outcome = await host.run(verb);
      expect(`${outcome.stdout}${outcome.stderr}`.replaceAll(/\n +/g, " ")).toContain(
        `Cannot use the journal "${scenario.path("journal.db")}": it is not a regular file`,
      );
      expect(outcome.exit).toBe(exit);
    }
  });
});
