// Ownership: what other users of the host can write is neither run nor signed nor believed, by a
// runner of root and by one of another user.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, chown, link, mkdir, rename, rm, symlink } from "node:fs/promises";
import { eventually, type Outcome, type StartOptions } from "../support/binary.ts";
import { ACTION, ended, Host, Site } from "../support/site.ts";
import { give, isRoot, STRANGER } from "../support/users.ts";

/** The user who runs mig-runner where it is not root. */
const MIG = { uid: 23_456, gid: 23_457 } as const;

const EVIL = 'import { writeFileSync } from "node:fs"; writeFileSync("DIR/evil", "was here");\n';
const JOB = 'import { job } from "mig-runner";\n';

/** A host with a job of each kind, all of which work. */
async function furnished(): Promise<Host> {
  const host = await Host.create();
  const { scenario } = host;
  await host.job("table", ['plugin = "keep"']);
  await scenario.plugin("keep", "cat > /dev/null");
  await scenario.write("runners/program/lib/help.ts", "export const expiry = '2s';\n");
  const body = 'import { expiry } from "./lib/help.ts";\nexport default job({ expiry });\n';
  await scenario.job("program", { "job.ts": `${JOB}${body}`, "action.json": ACTION });
  return host;
}

function said({ stdout, stderr }: Outcome, host: Host): string {
  return `${stdout}${stderr}`.replaceAll(host.scenario.directory, "DIR");
}

/** What is said of files that were opened to everybody, and how the program then ends. */
interface Opened {
  readonly jobs: readonly string[];
  readonly open: readonly string[];
  readonly exit: number;
  readonly says: readonly string[];
}

const OPENED: Readonly<Record<string, Opened>> = {
  "the runner directory, with all that is in it": {
    jobs: [],
    open: [""],
    exit: 9,
    says: ['every user can write to the folder "DIR" (mode 0777) (chmod o-w DIR)'],
  },
  "what concerns all jobs": {
    jobs: [],
    open: ["runners", "home", "home/.gnupg"],
    exit: 9,
    says: [
      '"DIR/runners": every user can write to it (mode 0777) (chmod o-w DIR/runners)',
      'config "DIR/home/.migrc": every user can write to the folder "DIR/home" (mode 0777)',
    ],
  },
  "files and folders of jobs, each of which costs only itself (I8)": {
    jobs: ["good"],
    open: [
      "runners/folder",
      "runners/action/action.json",
      "runners/program/job.ts",
      "runners/helped/lib",
    ],
    exit: 1,
    says: [
      'job file "DIR/runners/folder/entity.cfg": every user can write to the folder',
      'job file "DIR/runners/action/action.json": every user can write to it (mode 0666)',
      'module "DIR/runners/program/job.ts": every user can write to it (mode 0666)',
      'module "DIR/runners/helped/lib/help.ts": every user can write to the folder "DIR/runners/h',
    ],
  },
};

describe.concurrent("what everybody can write to is refused:", () => {
  for (const [what, { jobs, open, exit, says }] of Object.entries(OPENED)) {
    test(what, async () => {
      await using host = await Host.create();
      const { scenario } = host;
      for (const job of ["good", "folder", "action"]) await host.job(job);
      await scenario.write("runners/helped/lib/help.ts", "export const expiry = '2s';\n");
      for (const [job, head] of [
        ["program", "const expiry = '2s';\n"],
        ["helped", 'import { expiry } from "./lib/help.ts";\n'],
      ] as const) {
        const body = `${JOB}${head}export default job({ expiry });\n`;
        await scenario.job(job, { "job.ts": body, "action.json": ACTION });
      }
      for (const name of open) {
        await chmod(scenario.path(name), /\.(?:json|ts)$/.test(name) ? 0o666 : 0o777);
      }
      const once = await host.run("--once");
      for (const text of says) expect(said(once, host)).toContain(text);
      expect(once.exit).toBe(exit);
      const added = said(once, host).match(/added entity \w+/g) ?? [];
      expect([...added]).toEqual(jobs.map((job) => `added entity ${job}`));
      const check = await host.run("check");
      for (const text of says) expect(said(check, host)).toContain(text);
      expect(check.exit).toBe(1);
      const status = said(await host.run("status"), host).replaceAll(/\n +/g, " ");
      const told = says.filter((text) => text.includes("DIR/runners"));
      for (const text of told) expect(status).toContain(text);
      if (open[0] === "") expect(status).toContain('"DIR": every user can write to it (mode 0777)');
    });
  }
});

test("a job that is refused is told once, runs when it is mended, and harms no other (I8)", async () => {
  await using site = await Site.create();
  const { scenario } = site;
  await site.job("good");
  await site.job("loose");
  const path = scenario.path("runners/loose");
  await chmod(path, 0o777);
  const daemon = await site.daemon();
  await daemon.prints(/added entity good/);
  const told = await daemon.prints(/loose: .*Cannot trust/);
  expect(told).toContain(`(chmod o-w ${path})`);
  // Each scan looks again: three of them, to see that it is told once.
  for (let scan = 0; scan < 3; scan++) {
    const lines = daemon.lines.length;
    daemon.signal("SIGHUP");
    await eventually(() => (daemon.lines.length > lines ? true : null));
  }
  expect(daemon.lines.filter((line) => /loose: .*Cannot trust/.test(line)).length).toBe(1);
  await chmod(path, 0o755);
  daemon.signal("SIGHUP");
  await daemon.prints(/added entity loose/);
  expect((await site.run("run", "loose", "--wait")).exit).toBe(0);
});

test("an action that is opened to others while a daemon runs is not signed", async () => {
  await using site = await Site.create();
  await site.job("table");
  const daemon = await site.daemon();
  await daemon.prints(/added entity table/);
  const path = site.scenario.path("runners/table/action.json");
  await chmod(path, 0o666);
  const outcome = await site.run("run", "table");
  expect(said(outcome, site)).toContain("(chmod o-w DIR/runners/table/action.json)");
  expect(outcome.exit).toBe(9);
  expect(site.sandbox.actions()).toEqual([]);
});

test("a package that others can have written is not loaded, whatever loads it", async () => {
  await using host = await Host.create();
  const { scenario } = host;
  const evil = EVIL.replace("DIR", scenario.directory);
  await scenario.write("runners/node_modules/p/package.json", '{"main":"p.js"}');
  await scenario.write("runners/node_modules/p/p.js", 'module.exports = require("q");');
  const common = evil.replace(/import (.*?) from (.*?);/, "const $1 = require($2);");
  await scenario.write("runners/node_modules/q/index.js", common);
  await scenario.write("runners/node_modules/m/index.mjs", evil);
  await scenario.write("runners/node_modules/m/package.json", '{"exports":"./index.mjs"}');
  for (const name of ["p", "m"]) {
    const text = `${JOB}import "${name}";\nexport default job({});\n`;
    await scenario.job(name, { "job.ts": text, "action.json": ACTION });
  }
  for (const name of ["q/index.js", "m/index.mjs"]) {
    await chmod(scenario.path(`runners/node_modules/${name}`), 0o666);
  }
  const once = said(await host.run("--once"), host);
  for (const name of ["q/index.js", "m/index.mjs"]) {
    expect(once).toContain(`Cannot trust package "DIR/runners/node_modules/${name}"`);
  }
  expect(existsSync(scenario.path("evil"))).toBe(false);
});

test("a folder that everybody can write to is no reason when it is sticky, as /tmp is", async () => {
  await using host = await furnished();
  for (const name of ["home", "runners", "plugins"]) {
    await chmod(host.scenario.path(name), 0o1777);
  }
  const { exit, stderr } = await host.run("--once");
  expect(stderr).not.toContain("Cannot trust");
  expect(exit).toBe(0);
});

describe.concurrent("a plugin that everybody can write to gets no result:", () => {
  test.each([
    ["the program", "plugins/keep", 0o777],
    ["the folder", "plugins", 0o777],
    ["where a link leads", "opt/keep", 0o777],
    ["the folder where a link leads", "opt", 0o777],
  ])("%s", async (_, open, mode) => {
    await using site = await Site.create();
    const { scenario } = site;
    await site.job("table", ['plugin = "keep"']);
    await scenario.plugin("keep", `cat > ${scenario.path("got")}`);
    if (open.startsWith("opt")) {
      await mkdir(scenario.path("opt"));
      await rename(scenario.path("plugins/keep"), scenario.path("opt/keep"));
      await symlink(scenario.path("opt/keep"), scenario.path("plugins/keep"));
    }
    await chmod(scenario.path(open), mode);
    const outcome = await site.run("run", "table", "--wait");
    expect(said(outcome, site)).toContain(`mend it with: chmod o-w DIR/${open}`);
    expect(existsSync(scenario.path("got"))).toBe(false);
    await chmod(scenario.path(open), 0o755);
    ended(await site.run("redeliver", "table"));
    expect(await scenario.read("got")).toContain('"commands"');
  });
});

describe.skipIf(!isRoot)("beside another user of the host", () => {
  const as = { root: {}, mig: { user: MIG } } as const satisfies Record<string, StartOptions>;

  test.each(["root", "mig"] as const)(
    "a runner of %s runs its own files and root's",
    async (who) => {
      await using site = await Site.create();
      const { scenario } = site;
      await site.job("table", ['plugin = "keep"']);
      await scenario.plugin("keep", `cat > ${scenario.path("results.json")}`);
      if (who === "mig") {
        give(scenario.directory, MIG);
        // As packages install them.
        await chown(scenario.path("runners/table/action.json"), 0, 0);
        await chown(scenario.path("plugins"), 0, MIG.gid);
      }
      // Group-writable folders of the runner's own group are how some hosts work today.
      for (const name of ["runners", "runners/table", "plugins"]) {
        await chmod(scenario.path(name), 0o775);
      }
      const outcome = await site.runIn(as[who], "run", "table", "--wait");
      expect(said(outcome, site)).not.toContain("annot trust");
      expect(outcome.exit).toBe(0);
      expect(await scenario.read("results.json")).toContain('"commands"');
      expect((await site.runIn(as[who], "check")).stdout).toContain("no mistakes\n");
    },
  );

  test.each(["root", "mig"] as const)("a runner of %s runs no new job of another", async (who) => {
    await using host = await furnished();
    const { scenario } = host;
    if (who === "mig") give(scenario.directory, MIG);
    await chmod(scenario.path("runners"), 0o1777);
    await scenario.job("evil", {
      "job.ts": `${JOB}${EVIL.replace("DIR", scenario.directory)}export default job({});\n`,
      "action.json": ACTION,
    });
    give(scenario.path("runners/evil"), STRANGER);
    const once = await host.runIn(as[who], "--once");
    expect(said(once, host)).toMatch(
      /evil: .*Cannot trust module .* the folder "DIR\/runners\/evil" belongs to user 12345/,
    );
    expect(said(once, host)).toContain("added entity table");
    expect(once.exit).toBe(1);
    for (const verb of ["check", "status", "next"]) await host.runIn(as[who], verb);
    expect(existsSync(scenario.path("evil"))).toBe(false);
  });

  test.each(["root", "mig"] as const)("a runner of %s takes no file of another", async (who) => {
    await using host = await furnished();
    const { scenario } = host;
    if (who === "mig") give(scenario.directory, MIG);
    expect((await host.runIn(as[who], "--once")).exit).toBe(0);
    const owner = who === "root" ? "root" : String(MIG.uid);
    // One that cannot be read at all would hide the others.
    await chmod(scenario.path("home/.gnupg/secring.gpg"), 0o644);
    const all = ["runner.cfg", "home/.migrc", "home/.gnupg/secring.gpg"].concat([
      "runners",
      "journal.db",
      "runner.lock",
    ]);
    const jobs = ["runners/table/action.json", "runners/program/lib/help.ts"];
    for (const [names, exit] of [
      [all, 9],
      [jobs, 1],
    ] as const) {
      for (const name of names) await chown(scenario.path(name), STRANGER.uid, STRANGER.gid);
      const once = await host.runIn(as[who], "--once");
      for (const name of names) {
        expect(said(once, host)).toContain(`(chown ${owner} DIR/${name}`);
        await chown(scenario.path(name), 0, 0);
        await chown(scenario.path(name), who === "mig" ? MIG.uid : 0, 0);
      }
      expect(once.exit).toBe(exit);
    }
  });

  test("a runner refuses what a group of others can write to, with the chmod that mends it", async () => {
    await using host = await furnished();
    const { scenario } = host;
    give(scenario.directory, MIG);
    await chown(scenario.path("runners/table"), MIG.uid, STRANGER.gid);
    await chmod(scenario.path("runners/table"), 0o775);
    const once = await host.runIn(as.mig, "--once");
    expect(said(once, host)).toContain(
      'group 12346 can write to the folder "DIR/runners/table" (mode 0775) (chmod g-w DIR/runners/table)',
    );
    expect(once.exit).toBe(1);
  });

  test("a record in flight of another user is not believed, and stays where it is", async () => {
    await using host = await furnished();
    const { scenario } = host;
    const record = await scenario.write("runners/table/inflight/7.json", '{"action":{"id":7}}');
    await chown(record, STRANGER.uid, 0);
    const once = await host.run("--once");
    expect(said(once, host)).toMatch(
      /Cannot adopt .*7\.json": it belongs to user 12345.*chown root/,
    );
    expect(await scenario.read("runners/table/inflight/7.json")).toContain('"id":7');
    await rm(record);
    await link(await scenario.write("own.json", '{"action":{"id":7}}'), record);
    await chmod(scenario.path("runners/table/inflight"), 0o777);
    expect(said(await host.run("--once"), host)).toContain(
      "(chmod o-w DIR/runners/table/inflight)",
    );
  });

  test("root looks at a directory of the user who runs mig-runner, and runs no code of theirs", async () => {
    await using host = await furnished();
    const { scenario } = host;
    await scenario.write(
      "runners/program/job.ts",
      `${JOB}${EVIL.replace("DIR", scenario.directory)}export default job({});\n`,
    );
    give(scenario.directory, MIG);
    const status = await host.run("status");
    const text = said(status, host).replaceAll(/\n +/g, " ");
    expect(text).toContain(
      "belongs to user 23456, mig-runner runs as root (chown root DIR, or run mig-runner as user 23456)",
    );
    expect(text).toMatch(/\n?table +\d{4}-/);
    expect(text).toMatch(/program +broken/);
    const check = said(await host.run("check"), host);
    expect(check).toContain("or run mig-runner as user 23456");
    expect((await host.run("--once")).exit).toBe(9);
    expect(existsSync(scenario.path("evil"))).toBe(false);
  });
});
