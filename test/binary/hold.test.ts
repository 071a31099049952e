// Hold: several mig-runners that want the same directory at the same time.
import { describe, expect, test } from "bun:test";
import { patience } from "../support/patience.ts";
import { ended, Host, Site } from "../support/site.ts";

/** Life of an action during which another process is started, also on a busy machine. */
function lasting(quietMs: number): string {
  return `expiry = "${Math.ceil(patience(quietMs) / 1_000)}s"`;
}

describe.concurrent("two mig-runner run --wait without a daemon", () => {
  test("both see their action through, also the one that came second", async () => {
    await using site = await Site.create();
    await site.job("first", [lasting(5_000)]);
    await site.job("second", [lasting(6_000)]);
    const first = site.start("run", "first", "--wait");
    await first.prints(/launched action/);
    const second = site.start("run", "second", "--wait");
    // The first one posts it at once, although it stays only for its own.
    await first.prints(/second: launched action/);
    expect((await first.ended()).exit).toBe(0);
    const { exit, stdout } = await second.ended();
    expect([exit, stdout]).toEqual([0, expect.stringContaining("5 of 5 commands")]);
  });

  test("go on with what one of them left when it was killed", async () => {
    await using site = await Site.create();
    await site.job("drift", [lasting(5_000)]);
    await site.job("other", [lasting(5_000)]);
    const first = site.start("run", "drift", "--wait");
    await first.prints(/launched action/);
    const second = site.start("run", "other", "--wait");
    await first.prints(/other: launched action/);
    await first.kill();
    ended(await second.ended());
  });
});

describe.concurrent("a daemon", () => {
  test("takes the directory over from a run that only waits, which sees its end all the same", async () => {
    await using site = await Site.create();
    await site.job("drift", [lasting(8_000)]);
    const run = site.start("run", "drift", "--wait");
    await run.prints(/launched action/);
    const daemon = await site.daemon();
    await daemon.prints(/waiting up to 15 s for another mig-runner \(process \d+, run drift\)/);
    await daemon.prints(/fetching results for drift/);
    ended(await run.ended());
  });

  test("does not keep a run that waits for a result which its plugin refuses for good", async () => {
    await using site = await Site.create();
    await site.job("drift", ['plugin = "refuse"']);
    await site.scenario.write(
      "plugins/refuse.ts",
      'import { Fatal, plugin } from "mig-runner";\n' +
        'export default plugin({ deliver() { throw new Fatal("not wanted"); } });\n',
    );
    await site.daemon();
    const { exit, stdout } = await site.run("run", "drift", "--wait");
    expect([exit, stdout]).toEqual([1, expect.stringContaining("plugin refuse: dead: not wanted")]);
  });

  test("ends with 0 when it is told to stop while it waits for another", async () => {
    await using host = await Host.create();
    await host.daemon();
    const second = host.start();
    await second.prints(/waiting up to 15 s/);
    second.signal("SIGTERM");
    ended(await second.ended());
  });
});

test("a second daemon or pass waits for a while, then ends with a status that is tried again", async () => {
  await using host = await Host.create();
  const daemon = await host.daemon();
  const outcomes = await Promise.all([host.run(), host.run("--once")]);
  for (const { exit, stderr } of outcomes) {
    expect(exit).toBe(75);
    const who = `Cannot start: another mig-runner (process ${daemon.pid}, daemon) works on`;
    expect(stderr).toContain(who);
    expect(stderr).toContain("(Wait until it has ended or stop it, or give this one a directory");
  }
});
