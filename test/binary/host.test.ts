// The host that the program runs on: a full disk, a read-only one, somebody else on the directory.
import { describe, expect, test } from "bun:test";
import { rename, rm } from "node:fs/promises";
import { eventually } from "../support/binary.ts";
import { damagePage, writeLargeJournal } from "../support/large-journal.ts";
import { canMount, fill, mountMemory, mountReadOnly } from "../support/mount.ts";
import { ended, Host, Site } from "../support/site.ts";
import { canTrace, failSyncs } from "../support/trace.ts";

const MOUNTS = "needs a user who may mount";

describe.concurrent("a full disk", () => {
  const title = "ends the start with 9 and says what to do";
  test.skipIf(!canMount)(canMount ? title : `${title} (${MOUNTS})`, async () => {
    await using host = await Host.create();
    const { scenario } = host;
    using disk = mountMemory(scenario.path("small"), { size: "64k" });
    await scenario.write("small/plugins/.keep", "");
    await scenario.write("small/runners/.keep", "");
    await fill(disk.path);
    const text = await scenario.read("runner.cfg");
    await scenario.write("runner.cfg", text.replace(/directory = "[^"]*"/, 'directory = "small"'));
    const { exit, stderr } = await host.run();
    // A service manager tries it again.
    expect(exit).toBe(75);
    expect(stderr).toContain('error: small/runner.lock: Cannot lock "small/runner.lock": ');
    expect(stderr).toMatch(
      /disk is full \(Free space there\)|no space left on device \(Free space/,
    );
  });

  const later = "delays a collect and loses nothing: it is made when there is room again";
  test.skipIf(!canMount)(canMount ? later : `${later} (${MOUNTS})`, async () => {
    await using site = await Site.create();
    const { scenario } = site;
    await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
    await site.job("drift", ['plugin = "keep"']);
    using disk = mountMemory(scenario.path("runners/drift/results"), { size: "64k" });
    const free = await fill(disk.path);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    const said = await daemon.prints(/results error for drift/);
    expect(said).toContain("no space left on device");
    expect(said).toContain("trying again in");
    await free();
    await daemon.prints(/keep: wrote \d+ bytes to plugin/);
    const { text, document } = await site.result("drift");
    expect(document.commands.length).toBe(5);
    expect(await scenario.read("kept")).toBe(text);
    expect(site.sandbox.actions().length).toBe(1);
  });

  const journal = "in which nothing can be journaled posts nothing (I1)";
  test.skipIf(!canMount)(canMount ? journal : `${journal} (${MOUNTS})`, async () => {
    await using site = await Site.create();
    const { scenario } = site;
    using disk = mountMemory(scenario.path("state"), { size: "8m" });
    const text = await scenario.read("runner.cfg");
    await scenario.write("runner.cfg", `${text}[journal]\npath = "${disk.path}/journal.db"\n`);
    await site.job("often", ['schedule = "* * * * * * *"']);
    const daemon = await site.daemon();
    await daemon.prints(/often: launched action/);
    const free = await fill(disk.path);
    const said = await daemon.prints(/\[(err|crit)\].*(full|no space)/);
    expect(said).toContain("journal");
    const posted = site.sandbox.actions().length;
    await daemon.prints(/\[(err|crit)\].*(full|no space)/);
    expect(site.sandbox.actions().length).toBe(posted);
    await free();
    await eventually(() => (site.sandbox.actions().length > posted ? true : null));
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });
});

describe.concurrent("a disk that does not keep what is written", () => {
  const title = "ends the daemon with 1, and the next start goes on (I1)";
  const reason = "needs strace";
  test.skipIf(!canTrace)(canTrace ? title : `${title} (${reason})`, async () => {
    await using site = await Site.create();
    await site.job("often", ['schedule = "* * * * * * *"']);
    const daemon = await site.daemon();
    await daemon.prints(/often: launched action/);
    {
      using _broken = await failSyncs(daemon.pid);
      const { stderr } = ended(await daemon.ended(), 1);
      expect(stderr).toContain("the disk did not keep what was written (look at the disk");
    }
    await site.job("often");
    // What was planned and not kept for certain is looked for, and may have expired unposted.
    await site.run("--once", "--wait");
    expect((await site.results("often")).length).toBe(site.sandbox.actions().length);
    ended(await site.run("journal", "verify"));
  });
});

describe.concurrent("a large journal with a damaged page", () => {
  test("ends the daemon with 9 soon after its start, and names the way out (I10)", async () => {
    await using host = await Host.create();
    const path = host.scenario.path("journal.db");
    await writeLargeJournal(path);
    const sound = await host.daemon();
    sound.signal("SIGTERM");
    ended(await sound.ended());
    damagePage(path);
    const { stderr } = ended(await host.start().ended(), 9);
    expect(stderr).toContain(`the journal "${path}": it is damaged`);
    expect(stderr).toContain("`mig-runner journal salvage`");
  });
});

describe.concurrent("a read-only disk", () => {
  const title = "ends the start with 9 and says what to do";
  test.skipIf(!canMount)(canMount ? title : `${title} (${MOUNTS})`, async () => {
    await using host = await Host.create();
    using _disk = mountReadOnly(host.scenario.directory);
    const { exit, stderr } = await host.run();
    expect(exit).toBe(9);
    expect(stderr).toContain("read-only file system");
    expect(stderr).toContain("(Mount the file system for writing, or move the runner directory)");
  });

  const later = "under results/ delays a collect until it can be written to";
  test.skipIf(!canMount)(canMount ? later : `${later} (${MOUNTS})`, async () => {
    await using site = await Site.create();
    await site.job("drift");
    const results = site.scenario.path("runners/drift/results");
    using disk = mountMemory(results, { size: "64k", readOnly: true });
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    const said = await daemon.prints(/results error for drift/);
    expect(said).toContain("read-only file system");
    disk.unmount();
    await daemon.prints(/wrote results for \d+ to /);
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });
});

describe.concurrent("a results path that is taken", () => {
  test("by a file delays the collect until it is out of the way", async () => {
    await using site = await Site.create();
    await site.job("drift");
    await site.scenario.write("runners/drift/results", "");
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    expect(await daemon.prints(/results error for drift/)).toContain("not a directory");
    await rm(site.scenario.path("runners/drift/results"));
    await daemon.prints(/wrote results for \d+ to /);
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });
});

describe.concurrent("a second mig-runner", () => {
  test("begins when the first was killed", async () => {
    await using host = await Host.create();
    await (await host.daemon()).kill();
    ended(await host.run("--once"));
  });
});

describe.concurrent("runners/", () => {
  test("that is gone for a while does not end the daemon, as it did the original", async () => {
    await using host = await Host.create();
    const job = {
      "entity.cfg": '[configuration]\nschedule = "0 0 1 1 *"\n',
      "action.json": '{"target":"id=1","operations":[{"module":"timedrift","parameters":{}}]}',
    };
    await host.scenario.job("first", job);
    const daemon = await host.daemon();
    await daemon.prints(/added entity first/);
    const folder = host.scenario.path("runners");
    await rename(folder, `${folder}.away`);
    await daemon.prints(/runnerScan\(\) -> open .*: no such file or directory/);
    await rename(`${folder}.away`, folder);
    await host.scenario.job("later", job);
    await daemon.prints(/added entity later/);
  });
});
