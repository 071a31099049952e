// The main job, end to end, by the program as it is shipped.
import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { eventually } from "../support/binary.ts";
import { lifeSeconds } from "../support/patience.ts";
import { ACTION, Site } from "../support/site.ts";

describe.concurrent("mig-runner run JOB --wait", () => {
  test("posts once, keeps every command once and gives the plugin exactly the result's bytes", async () => {
    await using site = await Site.create({ locked: true });
    await site.scenario.plugin("keep", `cat > "${site.scenario.path("kept")}"`);
    await site.job("drift", ['plugin = "keep"']);
    const { exit, stdout, stderr } = await site.run("run", "drift", "--wait");
    expect(stderr).not.toContain("s3cret");
    expect({ exit, stdout }).toMatchObject({ exit: 0 });
    expect(stdout).toContain("5 of 5 commands");
    const posts = site.sandbox.requests().filter(({ method }) => method === "POST");
    expect(posts.length).toBe(1);
    expect(site.sandbox.actions().length).toBe(1);
    const { text, document } = await site.result("drift");
    expect(document).toMatchObject({ name: "drift", plugin: "keep" });
    expect(document.action.name).toBe("mig-runner: drift");
    expect(new Set(document.commands.map(({ id }) => id)).size).toBe(5);
    expect(await site.scenario.read("kept")).toBe(text);
  });

  test("writes its files for the owner alone, and leaves no record in flight", async () => {
    await using site = await Site.create();
    await site.job("drift");
    await site.run("run", "drift", "--wait");
    const [path = ""] = await site.results("drift");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(site.scenario.path("journal.db")).mode & 0o777).toBe(0o600);
    expect(statSync(site.scenario.path("runners/drift/results")).mode & 0o777).toBe(0o700);
    const { id } = (await site.result("drift")).document.action;
    expect(existsSync(site.scenario.path(`runners/drift/inflight/${id}.json`))).toBe(false);
  });

  test("names the job that was meant", async () => {
    await using site = await Site.create();
    await site.job("compliance");
    const { exit, stderr } = await site.run("run", "complaince");
    expect(exit).toBe(9);
    expect(stderr).toContain('Cannot run job "complaince": there is none');
    expect(stderr).toContain('did you mean "compliance"?');
  });
});

describe.concurrent("mig-runner --once --wait", () => {
  test("runs what is due, and leaves it run: the next pass has nothing to do", async () => {
    await using site = await Site.create();
    await site.job("due", ['schedule = "* * * * *"']);
    await site.job("later");
    expect((await site.run("--once", "--wait")).exit).toBe(0);
    expect((await site.result("due")).document.commands.length).toBe(5);
    expect(await site.results("later")).toEqual([]);
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("tries a failing plugin once, exits 1, and the next pass delivers", async () => {
    await using site = await Site.create();
    const flag = site.scenario.path("mended");
    await site.scenario.plugin("moody", `cat > /dev/null; test -e "${flag}"`);
    await site.job("due", ['schedule = "* * * * *"', 'plugin = "moody"']);
    const first = await site.run("--once", "--wait");
    expect(first.exit).toBe(1);
    expect(first.stderr).toContain("moody");
    await site.scenario.write("mended", "");
    await site.scenario.write("runners/due/entity.cfg", "");
    const second = await site.run("--once", "--wait");
    expect(second.stderr).toContain("moody: wrote");
  });

  test("sends without waiting when the job is sendonly", async () => {
    await using site = await Site.create();
    await site.job("send", ['schedule = "* * * * *"', "sendonly"]);
    expect((await site.run("--once", "--wait")).exit).toBe(0);
    expect(site.sandbox.actions().length).toBe(1);
    expect(await site.results("send")).toEqual([]);
  });

  test("keeps the other jobs running when one is broken, and exits 1", async () => {
    await using site = await Site.create();
    await site.job("good", ['schedule = "* * * * *"']);
    await site.job("broken", ['schedule = "61 * * * *"']);
    await site.job("torn", [], "{");
    const { exit, stderr } = await site.run("--once", "--wait");
    expect(exit).toBe(1);
    expect(stderr).toContain("syntax error in minute field: '61'");
    expect(stderr).toContain("unexpected end of JSON input");
    expect((await site.result("good")).document.commands.length).toBe(5);
  });
});

describe.concurrent("the daemon", () => {
  test("fires by the schedule, collects, delivers, and stops in order", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("keep", `cat > "${site.scenario.path("kept")}"`);
    await site.job("often", ['schedule = "*/2 * * * * * *"', 'plugin = "keep"']);
    const daemon = site.start();
    await daemon.prints(/often: will run at .* \+0000 UTC \(in /);
    await daemon.prints(/keep: wrote \d+ bytes to plugin/);
    daemon.signal("SIGTERM");
    const { exit, stderr } = await daemon.ended();
    expect(exit).toBe(0);
    expect(stderr).toContain("signal, exiting");
    expect(stderr).toContain("runner exiting due to notification");
  });

  test("takes up added, changed and removed jobs without a restart", async () => {
    await using site = await Site.create();
    const daemon = site.start();
    await daemon.prints(/results processing routine started/);
    await site.job("late");
    await daemon.prints(/added entity late/);
    await site.job("late", ['expiry = "2s"']);
    await daemon.prints(/late: asked to terminate, stopping/);
    await rm(site.scenario.path("runners/late"), { recursive: true });
    await daemon.prints(/removed entity late/);
  });

  test("collects what was in flight when it was killed, posted once", async () => {
    await using site = await Site.create();
    await site.job("drift", [`expiry = "${lifeSeconds(3)}s"`]);
    const first = site.start();
    await first.prints(/added entity drift/);
    expect((await site.run("run", "drift")).exit).toBe(0);
    await first.prints(/drift: action marked as inflight/);
    await first.kill();
    const second = site.start();
    await second.prints(/drift\/\d+: fetched results, 5 commands returned/);
    await eventually(async () => ((await site.results("drift")).length === 1 ? true : null));
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("adopts the original's in-flight records, and sets an empty one aside (I9)", async () => {
    await using site = await Site.create();
    await site.job("drift", ["plugin = keep"]);
    await site.scenario.plugin("keep", `cat > "${site.scenario.path("kept")}"`);
    await site.run("run", "drift");
    const [action] = site.sandbox.actions();
    const record = await site.scenario.read(`runners/drift/inflight/${action?.id}.json`);
    for (const name of ["journal.db", "journal.db-wal", "journal.db-shm"]) {
      await rm(site.scenario.path(name), { force: true });
    }
    await site.scenario.write("runners/drift/inflight/7.json", "");
    const daemon = site.start();
    await daemon.prints(/7\.json\.bad/);
    await daemon.prints(/keep: wrote/);
    const { document } = await site.result("drift");
    expect(document.action).toEqual(JSON.parse(record).action);
    expect(document.commands.length).toBe(5);
    expect(await site.scenario.read("runners/drift/inflight/7.json.bad")).toBe("");
  });

  test("does not collect and deliver again what the original has, swapped back and forth (I9)", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    await scenario.plugin("keep", `echo "$MIG_RUNNER_DELIVERY_KEY" >> "${scenario.path("kept")}"`);
    await site.job("drift", ["plugin = keep"]);
    for (const _ of [1, 2]) expect((await site.run("run", "drift")).exit).toBe(0);
    // The original collects one of them: it writes the result and removes its record.
    const [taken, left] = site.sandbox.actions();
    const record = `runners/drift/inflight/${taken?.id}.json`;
    const { action } = JSON.parse(await scenario.read(record));
    const document = { action, commands: [], name: "drift", plugin: "keep" };
    const result = `runners/drift/results/20260102/${taken?.id}.json`;
    await scenario.write(result, JSON.stringify(document));
    await rm(scenario.path(record));
    const daemon = site.start();
    await daemon.prints(/keep: wrote/);
    await daemon.prints(new RegExp(`${taken?.id} was collected by another runner`));
    daemon.signal("SIGTERM");
    await daemon.ended();
    expect(await scenario.read("kept")).toBe(`drift/${left?.id}/keep\n`);
    expect(JSON.parse(await scenario.read(result))).toEqual(document);
    const status = JSON.parse((await site.run("status", "--json")).stdout);
    expect(status).toMatchObject({ inFlight: [], undelivered: [], unreadable: [] });
    expect((await site.run("redeliver", `${taken?.id}`)).exit).toBe(0);
    expect(await scenario.read("kept")).toContain(`drift/${taken?.id}/keep`);
  });

  test("refuses a second runner on its directory", async () => {
    await using site = await Site.create();
    const daemon = site.start();
    await daemon.prints(/results processing routine started/);
    const { exit, stderr } = await site.run("--once");
    expect(exit).toBe(75);
    expect(stderr).toContain(`another mig-runner (process ${daemon.pid}`);
  });

  test("collects a job whose directory was removed in flight", async () => {
    await using site = await Site.create();
    await site.job("gone");
    const daemon = site.start();
    await daemon.prints(/added entity gone/);
    await site.run("run", "gone");
    await rm(site.scenario.path("runners/gone"), { recursive: true });
    await daemon.prints(/wrote results for/);
    expect((await site.result("gone")).document.commands.length).toBe(5);
  });
});

describe.concurrent("an API that misbehaves", () => {
  const cases: readonly [what: string, fault: string, life: number][] = [
    ["drops the connection after it took the action (I3)", "drop-after@create/once", 4],
    ["refuses the first token", "401/once", 2],
    ["breaks down on the first post", "500@create/once", 14],
    ["answers HTML to the first two searches", "html@search/first2", 2],
    ["cuts the first page in the middle", "cut@search/once", 2],
    ["repeats its pages", "repeat-page@search", 2],
  ];
  for (const [what, fault, life] of cases) {
    test(`${what}: posted once, collected whole`, async () => {
      await using site = await Site.create({ sandbox: { faults: [fault] } });
      await site.job("quick", [`expiry = "${lifeSeconds(life)}s"`]);
      const { exit, stderr } = await site.run("run", "quick", "--wait");
      expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
      expect(site.sandbox.actions().length).toBe(1);
      const { document } = await site.result("quick");
      expect(new Set(document.commands.map(({ id }) => id)).size).toBe(5);
      expect(document.commands.length).toBe(5);
    });
  }

  test("gives up a refused action with the API's own words", async () => {
    await using site = await Site.create();
    await site.job("long", ["retries = 0"], ACTION.replace(/status=[^"]*/, "x".repeat(2_049)));
    const { exit, stdout } = await site.run("run", "long", "--wait");
    expect(exit).toBe(1);
    expect(stdout).toContain("2048");
    expect(site.sandbox.actions().length).toBe(0);
  });
});
