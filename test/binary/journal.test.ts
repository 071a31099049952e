// The journal as operators and disks treat it: put back, removed, overwritten, killed beside.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { ended, Site } from "../support/site.ts";

describe.concurrent("a backup of the journal", () => {
  test("put back with cp after a kill is a named error, and comes back by journal restore", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    await site.job("drift");
    ended(await site.run("run", "drift", "--wait"));
    const copy = scenario.path("copy.db");
    ended(await site.run("journal", "backup", copy));
    const daemon = await site.daemon();
    ended(await site.run("run", "drift", "--wait"));
    await daemon.kill();
    expect(existsSync(scenario.path("journal.db-wal"))).toBe(true);
    await copyFile(copy, scenario.path("journal.db"));
    for (const words of [[], ["--once"], ["run", "drift"], ["redeliver", "drift"]]) {
      const { stderr } = ended(await site.run(...words), 9);
      expect(stderr).toContain("another file was put in its place, beside the log of the old");
      expect(stderr).toContain("mig-runner journal restore FILE");
    }
    const status = ended(await site.run("status"), 1);
    expect(status.stdout.replaceAll(/\s+/g, " ")).toContain("another file was put in its place");
    ended(await site.run("journal", "restore", copy));
    ended(await site.run("journal", "verify"));
    const again = await site.daemon();
    ended(await site.run("run", "drift", "--wait"));
    again.signal("SIGTERM");
    ended(await again.ended());
  });
});

describe.concurrent("a journal that is gone under a daemon", () => {
  for (const [what, lose] of [
    ["removed", (path: string) => rm(path)],
    ["overwritten", (path: string, copy: string) => copyFile(copy, path)],
  ] as const) {
    test(`by being ${what} ends a daemon by name before it posts, and a start too, until it is put back`, async () => {
      await using site = await Site.create();
      const { scenario } = site;
      await site.job("drift");
      ended(await site.run("run", "drift", "--wait"));
      const copy = scenario.path("copy.db");
      ended(await site.run("journal", "backup", copy));
      const daemon = await site.daemon();
      ended(await site.run("run", "drift", "--wait"));
      const posted = site.sandbox.actions().length;
      await lose(scenario.path("journal.db"), copy);
      const { stderr } = ended(await daemon.ended(), 9);
      expect(stderr).toContain(`it was ${what} while mig-runner worked on it`);
      expect(stderr).toContain("journal restore FILE");
      ended(await site.run("--once"), 9);
      expect(site.sandbox.actions().length).toBe(posted);
      ended(await site.run("journal", "restore", copy));
      ended(await site.run("--once"));
    });
  }
});
