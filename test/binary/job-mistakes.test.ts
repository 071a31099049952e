// Mistakes in jobs: each stops its own job only, and is told with its place and its remedy.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmdirSync } from "node:fs";
import { chmod, symlink } from "node:fs/promises";
import { ACTION, Host } from "../support/site.ts";

const MINUTELY = 'schedule = "* * * * *"';

/** A job that should not run, and the lines that say so; JOB stands for its directory. */
interface Broken {
  /** Lines of entity.cfg below its header. */
  readonly entity?: readonly string[];
  readonly action?: string;
  /** Other files instead of those. */
  readonly files?: Readonly<Record<string, string>>;
  readonly says: readonly string[];
}

function changed(members: object): string {
  return JSON.stringify({ ...JSON.parse(ACTION), ...members });
}

const TEMPLATE = "JOB/action.json:1:1: Cannot read the action template: ";
const POST = "launchAction() -> JOB/action.json: Cannot post the action: ";

const BROKEN: Readonly<Record<string, Broken>> = {
  "an unknown key": {
    entity: [MINUTELY, 'expirey = "5m"'],
    says: [
      'JOB/entity.cfg:3:1: can\'t store data at section "configuration", variable "expirey" ' +
        "(Did you mean expiry?)",
    ],
  },
  "several at once": {
    entity: ['schedule = "61 * * * *"', 'expiry = "5 minutes"', 'plugn = "x"'],
    says: [
      "JOB/entity.cfg:2:12: bad cron expression: syntax error in minute field: '61' ",
      'JOB/entity.cfg:3:10: bad expiry: time: unknown unit " minutes" in duration "5 minutes" ' +
        "(Write a duration such as 90s, 10m or 1h30m (there is no unit of days))",
      'JOB/entity.cfg:4:1: can\'t store data at section "configuration", variable "plugn" ' +
        "(Did you mean plugin?)",
    ],
  },
  "no schedule": {
    entity: ['expiry = "5m"'],
    says: ['JOB/entity.cfg: missing schedule (Set schedule, for example to "0 */4 * * *")'],
  },
  "a schedule with seconds in six fields": {
    entity: ['schedule = "0 30 10 * * *"'],
    says: [
      "JOB/entity.cfg:2:12: bad cron expression: syntax error in hour field: '30' " +
        '(Six fields end with a year; if it begins with seconds, write "0 30 10 * * * *")',
    ],
  },
  "an expiry beyond the limit of the scheduler": {
    entity: [MINUTELY, 'expiry = "1200h"'],
    says: [
      'JOB/entity.cfg:3:10: Cannot set expiry to "1200h": it is too long, ' +
        "at most 1176h (49 days) is possible",
    ],
  },
  "an expiry of nothing": {
    entity: [MINUTELY, 'expiry = "0s"'],
    says: ['JOB/entity.cfg:3:10: Cannot set expiry to "0s": it must be above 0'],
  },
  "a plugin outside plugins/": {
    entity: [MINUTELY, 'plugin = "../keep"'],
    says: [
      'JOB/entity.cfg:3:10: Cannot use plugin "../keep": the name has a slash in it ' +
        "(Name a file of the plugins directory)",
    ],
  },
  "no entity.cfg": {
    files: { "action.json": ACTION },
    says: [
      "JOB: stat JOB/entity.cfg: no such file or directory " +
        "(A job is defined by entity.cfg, entity.toml or job.ts in its directory)",
    ],
  },
  "two definitions": {
    files: { "entity.cfg": "[configuration]\n", "entity.toml": "" },
    says: ["entity.cfg and entity.toml define it, exactly one of them may"],
  },
  "no action.json": {
    files: { "entity.cfg": `[configuration]\n${MINUTELY}\n` },
    says: ["JOB/action.json: ", "no such file or directory"],
  },
  "an empty action.json": { action: "", says: [`${TEMPLATE}unexpected end of JSON input`] },
  "a comma too many": {
    action: '{\n  "target": "x",\n}',
    says: [
      "JOB/action.json:3:1: Cannot read the action template: invalid character '}' looking for " +
        "beginning of object key string (Remove the comma before the closing brace)",
    ],
  },
  "a number that no float64 holds": {
    action: ACTION.replace('"drift":""', '"drift":1e400'),
    says: ["cannot unmarshal number 1e400"],
  },
  "a time that is none": {
    action: changed({ validfrom: "" }),
    says: ["Leave validfrom and expireafter out; write other times as 2026-01-02T03:04:05Z"],
  },
  "an action without operations": {
    action: changed({ operations: undefined }),
    says: [
      `${POST}it has no operations ` +
        '(Give "operations" at least one object with a "module" and its "parameters")',
    ],
  },
  "an action with an empty list of operations": {
    action: changed({ operations: [] }),
    says: [`${POST}it has no operations`],
  },
  "an action without a target": {
    action: changed({ target: undefined, targt: "status='online'" }),
    says: [
      `${POST}its target is empty ` +
        '(Set "target" to a condition over the agents, such as "status=\'online\'")',
    ],
  },
  "entity.toml with a fault of TOML": {
    files: { "entity.toml": `${MINUTELY}\nexpiry = 5m\n`, "action.json": ACTION },
    says: ["JOB/entity.toml:2:"],
  },
  "entity.toml with an unknown key and a wrong type": {
    files: { "entity.toml": `${MINUTELY}\nexpirey = "5m"\nplugin = 5\n`, "action.json": ACTION },
    says: [
      'JOB/entity.toml:2:1: can\'t store data at section "configuration", variable "expirey" ' +
        "(Did you mean expiry?)",
      "JOB/entity.toml:3:1: Cannot use [configuration] plugin: a whole number is set, ",
    ],
  },
};

/** A job that runs, and what is said when it is loaded. */
const DOUBTFUL: Readonly<Record<string, { entity: readonly string[]; says: string }>> = {
  "never comes": { entity: ['schedule = "0 0 30 2 *"'], says: 'will never run: "0 0 30 2 *"' },
  "ended with a year gone by": {
    entity: ['schedule = "0 0 1 1 * 2001"'],
    says: "will never run",
  },
  "begins with seconds in six fields": {
    entity: ['schedule = "0 */5 * * * *"'],
    says: 'If it begins with seconds, write "0 */5 * * * * *", which fires next at ',
  },
  "wraps around hours": {
    entity: ['schedule = "0 22-2 * * *"'],
    says:
      "entity.cfg:2:12: In the hour field " +
      '"22-2" counts down and matches nothing; write "22-23,0-2"',
  },
  "wraps around minutes, at which the original panics": {
    entity: ['schedule = "5-1 * * * *"'],
    says: 'In the minute field "5-1" counts down and matches nothing; write "5-59,0-1"',
  },
  "goes to Sunday as 7": {
    entity: ['schedule = "0 0 * * 5-7"'],
    says: 'In the day-of-week field "5-7" is read as friday to sunday; the original took no day',
  },
  "goes to Sunday by name": {
    entity: ['schedule = "0 0 * * sat-sun"'],
    says: '"sat-sun" is read as saturday to sunday; the original took no day',
  },
  "pads a month with a zero": {
    entity: ['schedule = "0 0 1 06 *"'],
    says: 'In the month field "06" is read as 6; the original took month 0',
  },
  "pads a weekday with a zero": {
    entity: ['schedule = "0 0 * * 01"'],
    says: 'In the day-of-week field "01" is read as 1; the original took sunday',
  },
  "loses its end to a comment": {
    entity: ["schedule = 0 0 * * 5#3"],
    says:
      "entity.cfg:2:12: the value of schedule ends where a comment begins inside it: " +
      "put it in quotes to keep it whole",
  },
  "names a plugin that is nearly there": {
    entity: [MINUTELY, 'plugin = "keeep"'],
    says: 'plugin "keeep": unable to locate plugin "keeep" (nearest: "keep")',
  },
  "names a plugin that is not executable": {
    entity: [MINUTELY, 'plugin = "plain"'],
    says: 'plugin "plain": not executable, mend it with: chmod +x DIR/plugins/plain',
  },
  "names a plugin that every user can write to": {
    entity: [MINUTELY, 'plugin = "open"'],
    says: 'plugin "open": every user can write to it (mode 0777), mend it with: chmod o-w DIR/plug',
  },
};

/** Job names without blanks: the description is for people. */
const nameOf = (what: string): string => what.replace(/[^a-z0-9]+/gi, "-");

async function entityJob(host: Host, job: string, lines: readonly string[], action = ACTION) {
  const entity = `${["[configuration]", ...lines].join("\n")}\n`;
  await host.scenario.job(job, { "entity.cfg": entity, "action.json": action });
}

/** Lines by the job that they are about. */
type Said = (job: string) => readonly string[];

function saidBy(stderr: string, host: Host): Said {
  const lines = stderr.replaceAll(host.scenario.directory, "DIR").split("\n");
  return (job) =>
    lines
      .filter((line) => line.includes(`] ${job}: `))
      .map((line) => line.replace(/^.*?- - - \[(\w+)\] [^:]*: /, "[$1] "))
      .map((line) => line.replaceAll(`DIR/runners/${job}`, "JOB"));
}

describe("a mistake in a job", () => {
  let said: Said = () => [];
  let exit: number | null = null;

  beforeAll(async () => {
    await using host = await Host.create();
    for (const [what, { entity = [MINUTELY], action, files }] of Object.entries(BROKEN)) {
      const job = nameOf(what);
      if (files === undefined) await entityJob(host, job, entity, action);
      else await host.scenario.job(job, files);
    }
    const outcome = await host.run("--once");
    exit = outcome.exit;
    said = saidBy(outcome.stderr, host);
  });

  for (const [what, { says }] of Object.entries(BROKEN)) {
    test(`is told with its place and its remedy: ${what}`, () => {
      const errors = said(nameOf(what)).filter((line) => line.startsWith("[err]"));
      for (const text of says) expect(errors.join("\n")).toContain(text);
      // One line a mistake: those that are told in parts are so in this table only.
      expect(errors.length).toBeLessThanOrEqual(says.length);
    });
  }

  test("makes --once end with 1", () => expect(exit).toBe(1));
});

describe("a doubtful job is loaded with a warning when its schedule or plugin", () => {
  let said: Said = () => [];
  const site: { host?: Host } = {};
  afterAll(() => site.host?.[Symbol.asyncDispose]());

  beforeAll(async () => {
    const host = await Host.create();
    site.host = host;
    const { scenario } = host;
    await scenario.plugin("keep", "cat > /dev/null");
    await scenario.plugin("open", "cat > /dev/null");
    await chmod(scenario.path("plugins/open"), 0o777);
    await scenario.write("plugins/plain", "#!/bin/sh\n");
    for (const [what, { entity }] of Object.entries(DOUBTFUL)) {
      await entityJob(host, nameOf(what), entity);
    }
    const daemon = await host.daemon();
    for (const what of Object.keys(DOUBTFUL)) {
      await daemon.prints(new RegExp(`\\[warning\\] ${nameOf(what)}: `));
    }
    daemon.signal("SIGTERM");
    said = saidBy((await daemon.ended()).stderr, host);
  });

  for (const [what, { says }] of Object.entries(DOUBTFUL)) {
    test(what, () => {
      const warnings = said(nameOf(what)).filter((line) => line.startsWith("[warning]"));
      expect(warnings.join("\n")).toContain(says);
    });
  }
});

describe.concurrent("the directory of jobs", () => {
  test("may hold files and links, which are no jobs, and hidden jobs, which are", async () => {
    await using host = await Host.create();
    const { scenario } = host;
    await host.job("plain");
    await host.job(".hidden");
    await scenario.write("elsewhere/entity.cfg", `[configuration]\n${MINUTELY}\n`);
    await scenario.write("elsewhere/action.json", ACTION);
    await symlink(scenario.path("elsewhere"), scenario.path("runners/linked"));
    await scenario.write("runners/notes.txt", "");
    const { exit, stderr } = await host.run("--once");
    expect(stderr).toContain("added entity plain");
    expect(stderr).toContain("added entity .hidden");
    expect(stderr).not.toMatch(/linked|notes/);
    expect(exit).toBe(0);
  });

  test("may hold a directory whose name is no UTF-8, which is told", async () => {
    await using host = await Host.create();
    const name = Buffer.from([...Buffer.from(host.scenario.path("runners/odd")), 0xff]);
    mkdirSync(name);
    await host.job("plain");
    const { exit, stderr } = await host.run("--once");
    rmdirSync(name);
    expect(exit).toBe(1);
    expect(stderr).toContain(
      'Cannot load job "odd\ufffd": the name of its directory is no UTF-8 (Rename the directory, ',
    );
    expect(stderr).toContain("added entity plain");
  });

  test("may hold names that would break or forge lines: each is refused, shown in one line", async () => {
    await using host = await Host.create();
    const forged = "plain: delivered to splunk";
    const odd = [`new\n${forged}`, "esc\x1b[2J", "tab\tbed", "back\\slash", "turn\u202ednuor"];
    for (const name of [...odd, "x".repeat(250)]) await host.job(name);
    await host.job("plain");
    const said = await Promise.all(
      [
        ["--once"],
        ["check"],
        ["status"],
        ["run", odd[0] ?? ""],
        ["show", odd[1] ?? ""],
        ["status", "--json"],
        ["check", "--json"],
        ["completion", "jobs"],
      ].map((words) => host.run(...words)),
    );
    for (const { stdout, stderr } of said) {
      const lines = `${stdout}${stderr}`.split("\n");
      expect(lines.filter((line) => /[^\P{Cc}\t]|[\u202a-\u202e]/u.test(line))).toEqual([]);
      expect(lines.filter((line) => line.startsWith(forged))).toEqual([]);
    }
    const [once, check, status, run, , statusJson, checkJson, completion] = said;
    for (const text of [once?.stderr, check?.stdout]) {
      expect(text?.match(/Cannot load job ".*": the name of its directory /g)?.length).toBe(6);
      expect(text?.match(/\(Rename the directory, /g)?.length).toBe(6);
      expect(text).toContain('Cannot load job "new\\nplain: delivered');
    }
    expect(once?.stderr).toContain("added entity plain");
    expect(status?.stdout).toContain("6 mistakes in broken jobs");
    expect([run?.exit, run?.stderr.includes("Rename the directory")]).toEqual([9, true]);
    const names = JSON.parse(statusJson?.stdout ?? "").jobs.map(({ job }: { job: string }) => job);
    expect(names).toContain(odd[0]);
    expect(JSON.parse(checkJson?.stdout ?? "").mistakes.length).toBeGreaterThanOrEqual(6);
    expect(completion?.stdout).toBe("plain\n");
  });

  test("may hold a broken job, which is tried again when one of its files changes", async () => {
    await using host = await Host.create();
    await host.job("torn", [], "{");
    const daemon = await host.daemon();
    await daemon.prints(/\[err\] torn: .*unexpected end of JSON input/);
    await host.job("torn");
    await daemon.prints(/added entity torn/);
  });
});
