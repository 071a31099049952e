// The runner directory while the program works in it: what an operator does to it, what the
// original left in it, and what it must survive.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { rename, rm, symlink } from "node:fs/promises";
import { eventually } from "../support/binary.ts";
import { ACTION, ended, Site } from "../support/site.ts";

/** A site with one action of job drift in flight, and no journal: as the original left it. */
async function leftBehind(lines: readonly string[] = []): Promise<Site & { actionId: number }> {
  const site = await Site.create();
  await site.job("drift", lines);
  ended(await site.run("run", "drift"));
  for (const name of ["journal.db", "journal.db-wal", "journal.db-shm"]) {
    await rm(site.scenario.path(name), { force: true });
  }
  const actionId = site.sandbox.actions()[0]?.id ?? 0;
  return Object.assign(site, { actionId });
}

const INFLIGHT = "runners/drift/inflight";

describe.concurrent("an in-flight record of the original (I9)", () => {
  test("under another name is collected, and the file set aside; the original crashes", async () => {
    await using site = await leftBehind();
    const { scenario, actionId } = site;
    await rename(
      scenario.path(`${INFLIGHT}/${actionId}.json`),
      scenario.path(`${INFLIGHT}/backup.json~`),
    );
    const { stderr } = ended(await site.run("--once", "--wait"));
    expect(stderr).toContain("backup.json~.bad");
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  for (const [what, cut] of Object.entries({ empty: 0, torn: 200 })) {
    test(`that is ${what} is set aside and reported, once; the original crashes`, async () => {
      await using site = await leftBehind();
      const { scenario } = site;
      const text = await scenario.read(`${INFLIGHT}/${site.actionId}.json`);
      await scenario.write(`${INFLIGHT}/7.json`, text.slice(0, cut));
      const first = ended(await site.run("--once", "--wait"));
      expect(first.stderr).toMatch(/\[err\] drift: .*7\.json\.bad/);
      expect((await site.result("drift")).document.commands.length).toBe(5);
      expect(existsSync(scenario.path("runners/results"))).toBe(false);
      const second = ended(await site.run("--once", "--wait"));
      expect(second.stderr).not.toContain("7.json");
    });
  }

  test("is collected beside records in every broken form, each told once and kept", async () => {
    await using site = await leftBehind();
    const { scenario, actionId } = site;
    const sound = await scenario.read(`${INFLIGHT}/${actionId}.json`);
    const { action } = JSON.parse(sound);
    const named = (changes: object) => JSON.stringify({ action: { ...action, ...changes } });
    const forms = {
      "null.json": "null",
      "list.json": "[]",
      "text.json": '"action"',
      "blank.json": " \n",
      "zeros.json": "\0".repeat(4_096),
      "without-action.json": "{}",
      "action-null.json": '{"action":null}',
      "without-id.json": named({ id: undefined }),
      "id-zero.json": named({ id: 0 }),
      "id-negative.json": named({ id: -7 }),
      "id-text.json": named({ id: "7" }),
      "id-large.json": named({ id: 2 ** 60 }),
      "time.json": named({ id: 8, expireafter: "yesterday" }),
      "deep.json": '{"action":'.repeat(100_000),
      "html.json": "<html>404</html>",
      "torn.json": sound.slice(0, -1),
      "name\nwith a line.json": "{",
    };
    for (const [name, text] of Object.entries(forms)) {
      await scenario.write(`${INFLIGHT}/${name}`, text);
    }
    await scenario.write("outside.json", sound);
    await symlink(scenario.path("outside.json"), scenario.path(`${INFLIGHT}/9.json`));
    await symlink("nowhere", scenario.path(`${INFLIGHT}/10.json`));
    const { stderr } = ended(await site.run("--once", "--wait"));
    expect((await site.result("drift")).document.commands.length).toBe(5);
    expect(site.sandbox.actions().length).toBe(1);
    const names = readdirSync(scenario.path(INFLIGHT));
    const aside = Object.keys(forms).map((name) => `${name}.bad`);
    expect(names.toSorted()).toEqual([...aside, "10.json", "9.json"].toSorted());
    for (const name of aside) {
      const shown = name.replaceAll("\n", "\\n");
      expect([shown, stderr.includes(shown)]).toEqual([shown, true]);
    }
    // The original's own text, which a link may lead to, is as it was.
    expect(await scenario.read("outside.json")).toBe(sound);
    const again = ended(await site.run("--once", "--wait"));
    expect(again.stderr).not.toContain(".json");
  });

  test("is found beside a directory and behind a job whose inflight is a file", async () => {
    await using site = await leftBehind();
    await site.scenario.write(`${INFLIGHT}/sub/note`, "");
    await site.job("a");
    await site.scenario.write("runners/a/inflight", "");
    await site.run("--once", "--wait");
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  test("of a job without entity.cfg is collected and goes to the plugin it names", async () => {
    await using site = await leftBehind(['plugin = "keep"']);
    const { scenario } = site;
    await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
    await rm(scenario.path("runners/drift/entity.cfg"));
    const { stderr } = await site.run("--once", "--wait");
    expect(stderr).toContain("runners/drift/entity.cfg: no such file or directory");
    expect(await scenario.read("kept")).toBe((await site.result("drift")).text);
  });

  test("goes to the plugin that the job names now", async () => {
    await using site = await leftBehind(['plugin = "gone"']);
    const { scenario } = site;
    await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
    await site.job("drift", ['plugin = "keep"']);
    ended(await site.run("--once", "--wait"));
    expect(await scenario.read("kept")).toBe((await site.result("drift")).text);
  });

  test("is written for a way back to the original, and removed when it is collected", async () => {
    await using site = await Site.create();
    await site.job("drift");
    ended(await site.run("run", "drift"));
    const { id } = site.sandbox.actions()[0] ?? {};
    const record = JSON.parse(await site.scenario.read(`${INFLIGHT}/${id}.json`));
    expect(record).toMatchObject({ commands: null, name: "drift", plugin: "", action: { id } });
    ended(await site.run("--once", "--wait"));
    expect(readdirSync(site.scenario.path(INFLIGHT))).toEqual([]);
  });
});

describe.concurrent("a job of the daemon", () => {
  const SECONDLY = 'schedule = "* * * * * * *"';

  test("stops when its entity.cfg is removed; the original goes on with it", async () => {
    await using site = await Site.create();
    await site.job("often", [SECONDLY, "sendonly"]);
    const daemon = await site.daemon();
    await daemon.prints(/often: launched action/);
    await rm(site.scenario.path("runners/often/entity.cfg"));
    await daemon.prints(/\[err\] often: .*entity.cfg: no such file or directory/);
    const count = site.sandbox.actions().length;
    const { lines } = daemon;
    await site.job("marker");
    await daemon.prints(/added entity marker/);
    expect(site.sandbox.actions().length - count).toBeLessThanOrEqual(1);
    expect(lines.filter((line) => /often: .*no such file/.test(line)).length).toBe(1);
  });

  test("takes a changed action.json at its next launch", async () => {
    await using site = await Site.create();
    await site.job("often", [SECONDLY, "sendonly"]);
    const daemon = await site.daemon();
    await daemon.prints(/often: launched action/);
    const target = "name='another.example'";
    await site.scenario.write(
      "runners/often/action.json",
      JSON.stringify({ ...JSON.parse(ACTION), target }),
    );
    await eventually(() => (site.sandbox.actions().at(-1)?.target === target ? true : null));
  });

  test("that fails to launch once is launched at its next time; the original drops it", async () => {
    await using site = await Site.create({ sandbox: { faults: ["500@create/first3"] } });
    await site.job("often", [SECONDLY, "sendonly", "retries = 0", 'expiry = "1s"']);
    const daemon = await site.daemon();
    await daemon.prints(/often: (Cannot post|Cannot find) action/);
    await daemon.prints(/often: launched action/);
    expect(daemon.lines.join("\n")).not.toContain("removed");
  });

  test("that fires every second keeps no other job's result waiting", async () => {
    await using site = await Site.create();
    await site.job("often", [SECONDLY]);
    await site.job("drift");
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await daemon.prints(/drift\/\d+: fetched results, 5 commands returned/);
    await daemon.prints(/often\/\d+: fetched results, 5 commands returned/);
  });

  test("that never comes posts nothing, however long it waits (I7)", async () => {
    await using site = await Site.create();
    for (const [job, schedule] of Object.entries({
      february: "0 0 30 2 *",
      wrapped: "* * * * fri-mon",
      gone: "* * * * * 2001",
      panics: "5-1 * * * *",
    })) {
      await site.job(job, [`schedule = "${schedule}"`]);
    }
    await site.job("often", [SECONDLY, "sendonly"]);
    const daemon = await site.daemon();
    await eventually(() => (site.sandbox.actions().length >= 3 ? true : null));
    const names = site.sandbox.actions().map(({ name }) => name);
    expect(new Set(names)).toEqual(new Set(["mig-runner: often"]));
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("is collected although its directory was renamed", async () => {
    await using site = await Site.create();
    await site.job("drift");
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await rename(site.scenario.path("runners/drift"), site.scenario.path("runners/moved"));
    await daemon.prints(/wrote results for/);
    expect((await site.result("drift")).document.commands.length).toBe(5);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("is not fired for a time that passed while no daemon ran; that is on record", async () => {
    await using site = await Site.create();
    await site.job("often", [SECONDLY, "sendonly"]);
    const first = await site.daemon();
    await first.prints(/often: launched action/);
    await first.kill();
    const before = site.sandbox.actions().length;
    const second = await site.daemon();
    await second.prints(/often: launched action/);
    expect(site.sandbox.actions().length).toBeGreaterThan(before);
    const names = site.sandbox.actions().map(({ id }) => id);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe.concurrent("a plugin", () => {
  const scripts: Readonly<Record<string, readonly [script: string, said: RegExp]>> = {
    "that ends with 3": ["cat > /dev/null; exit 3", /odd: exit status 3; trying again in \d+ s/],
    "that is killed": ["kill -9 $$", /odd: signal: killed; trying again in \d+ s/],
  };
  for (const [what, [script, said]] of Object.entries(scripts)) {
    test(`${what} is tried again, which the original does not`, async () => {
      await using site = await Site.create();
      await site.scenario.plugin("odd", script);
      await site.job("drift", ['plugin = "odd"']);
      const { exit, stderr } = await site.run("run", "drift", "--wait");
      expect(exit).toBe(1);
      expect(stderr).toMatch(said);
    });
  }

  test("that does not read its input is as good as one that does", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("lazy", "exit 0");
    await site.job("drift", ['plugin = "lazy"']);
    ended(await site.run("run", "drift", "--wait"));
  });

  test("says in the log what it prints, line by line", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("loud", "cat > /dev/null; echo to out; echo to error >&2");
    await site.job("drift", ['plugin = "loud"']);
    const { stderr } = ended(await site.run("run", "drift", "--wait"));
    expect(stderr).toMatch(/loud: to out\n/);
    expect(stderr).toMatch(/loud: to error\n/);
  });

  test("that does not end is ended with all that it started", async () => {
    await using site = await Site.create({
      client: ['plugintimeout = "1s"', 'plugingrace = "500ms"'],
    });
    const child = site.scenario.path("child");
    await site.scenario.plugin(
      "stuck",
      `trap "" TERM; sleep 300 & echo $! > "${child}"; wait; wait`,
    );
    await site.job("drift", ['plugin = "stuck"']);
    const { exit, stderr } = await site.run("run", "drift", "--wait");
    expect(exit).toBe(1);
    expect(stderr).toMatch(/results error for drift: stuck: .*its time limit of 1s passed/);
    const pid = Number(await site.scenario.read("child"));
    await eventually(() => (existsSync(`/proc/${pid}/exe`) ? null : true));
  });

  test("that is a link to a program is run, one that is a directory is not", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    await scenario.plugin("real", `cat > "${scenario.path("kept")}"`);
    await scenario.write("plugins/folder/.keep", "");
    await symlink("real", scenario.path("plugins/link"));
    await site.job("drift", ['plugin = "link"']);
    const { stderr } = ended(await site.run("run", "drift", "--wait"));
    expect(stderr).toContain("plugins: registering link");
    expect(stderr).toContain("plugins: skipping folder: ");
    expect(await scenario.read("kept")).toBe((await site.result("drift")).text);
  });
});
