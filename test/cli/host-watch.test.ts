import { describe, expect, test } from "bun:test";
import { HostWatch, hostStates } from "../../src/cli/host-watch.ts";
import type { Config } from "../../src/config/config.ts";
import { openWorld } from "../support/world.ts";

const CONFIG = {
  api: { url: "https://api.test/" },
  targets: new Map(),
  blackouts: [],
  client: { delayResultsMs: 0 },
  cluster: { name: "a", leaseMs: 10_000 },
  notify: { plugins: [], on: null, repeatMs: null },
  retention: {},
  timezone: null,
} as unknown as Config;

/** Two hosts that see one journal. */
function openSite() {
  const { journal } = openWorld();
  const rest = () => Promise.resolve();
  const clock = { now: () => 0, sleep: rest, until: rest };
  const lines: string[] = [];
  const problems = new Map<string, string>();
  const hosts = [
    { name: "a", instance: "a/1", draining: false, silent: 0 },
    { name: "b", instance: "b/1", draining: false, silent: 0 },
  ];
  const open = (name: string, changes: Partial<Config> = {}) => {
    const files = new Map([["nightly", "one"]]);
    let reads = 0;
    const unfit: string[] = [];
    const member = {
      hosts,
      clockAheadMs: 0 as number | null,
      isNamed: true,
      speaks: () => name === "a",
      unfit,
      journal: { unfit: () => unfit },
    };
    const watch = new HostWatch({
      member,
      journal,
      clock,
      config: { ...CONFIG, ...changes, cluster: { ...CONFIG.cluster, name } } as Config,
      spool: {
        scan: () =>
          Promise.resolve(
            [...files].map(([job, text]) => ({
              job,
              path: `/${job}`,
              files: [{ name: "entity.cfg", mtimeMs: 0, size: text.length, inode: text.length }],
            })),
          ),
        read(job) {
          reads++;
          return Promise.resolve(new TextEncoder().encode(files.get(job)));
        },
      },
      log: { emit: (level, line) => void lines.push(`${level} ${line}`) },
      problem: () => Promise.resolve(problems.get(name) ?? null),
    });
    return { files, member, watch, reads: () => reads };
  };
  const [a, b] = [open("a"), open("b")];
  const look = async () => {
    for (const { watch } of [a, b, a]) await watch.look();
  };
  return { journal, lines, hosts, problems, open, a, b, look };
}

describe("HostWatch", () => {
  test("says nothing of hosts that are alike, and reads a file once", async () => {
    const { a, journal, lines, look } = openSite();
    await look();
    const { setAt } = journal.stateAt("", "jobs of host a") ?? {};
    await look();
    expect(lines).toEqual([]);
    expect(a.reads()).toBe(1);
    expect(journal.stateAt("", "jobs of host a")?.setAt).toBe(setAt ?? -1);
  });

  test("says nothing of itself under a name that another process has", async () => {
    const { a, journal, look } = openSite();
    await look();
    const said = journal.stateAt("", "jobs of host a")?.value;
    a.member.isNamed = false;
    a.files.set("weekly", "w");
    await look();
    expect(journal.stateAt("", "jobs of host a")?.value).toBe(said);
    a.member.isNamed = true;
    await look();
    expect(journal.stateAt("", "jobs of host a")?.value).toContain("weekly");
  });

  test("tells once of a job that lies on one host only, and when it is right again", async () => {
    const { a, b, lines, look } = openSite();
    a.files.set("weekly", "w");
    await look();
    await look();
    const hint = "put the same files on all hosts; mig-runner cluster status lists what differs";
    const line = `warning cluster: job weekly is not on b (${hint})`;
    // Each host has its own log.
    expect(lines).toEqual([line, line]);
    b.files.set("weekly", "w");
    await look();
    expect(lines.slice(2)).toEqual([
      "notice cluster: jobs: right again",
      "notice cluster: jobs: right again",
    ]);
  });

  test("tells of a host that cannot use the results of all, and when it can again", async () => {
    const { lines, look, problems } = openSite();
    problems.set("b", "the folder is not mounted");
    await look();
    const message = "b can neither write results nor deliver them: the folder is not mounted";
    const hint = "they wait; if that takes long: mig-runner cluster drain b";
    expect(lines).toContain(`warning cluster: ${message} (${hint})`);
    problems.clear();
    await look();
    expect(lines.at(-1)).toBe("notice cluster: b results: right again");
  });

  test("sees a file that was changed, whatever else it is called", async () => {
    const { b, journal, hosts, look } = openSite();
    await look();
    const before = hostStates(journal, hosts)[1]?.jobs;
    b.files.set("nightly", "another");
    await look();
    expect(hostStates(journal, hosts)[1]?.jobs).not.toEqual(before ?? null);
  });

  test("notes its clock in whole seconds, and none of less than five", async () => {
    const { a, journal, hosts, look } = openSite();
    const clock = () => hostStates(journal, hosts)[0]?.note?.clockMs;
    for (const [ahead, noted] of [
      [4_999, 0],
      [-4_999, 0],
      [5_400, 5_000],
      [-300_600, -301_000],
      [null, 0],
    ] as const) {
      a.member.clockAheadMs = ahead;
      await look();
      expect(clock()).toBe(noted);
    }
  });

  test("compares what must be alike, without the passwords in it", async () => {
    const { open, journal, hosts, a } = openSite();
    const api = { url: "https://other.test/", skipVerifyCert: false };
    await a.watch.look();
    await open("b", { api }).watch.look();
    const [one, two] = hostStates(journal, hosts);
    expect(Object.keys(one?.note?.config ?? {})).toEqual(Object.keys(two?.note?.config ?? {}));
    const differing = Object.entries(one?.note?.config ?? {}).filter(
      ([name, digest]) => two?.note?.config[name] !== digest,
    );
    expect(differing.map(([name]) => name)).toEqual(["[api] url"]);
    const named = { url: "https://ann:secret@api.test/", skipVerifyCert: false };
    await open("b", { api: named }).watch.look();
    expect(hostStates(journal, hosts)[1]?.note).toEqual(one?.note ?? null);
  });

  test("forgets nothing of a host that is silent, but tells it", async () => {
    const { hosts, look, lines } = openSite();
    await look();
    const [, second] = hosts;
    if (second !== undefined) second.silent = 3_600_000;
    await look();
    expect(lines[0]).toStartWith("warning cluster: host b is not heard of any more");
  });

  test("tells once what keeps it from looking, and nothing of a look that its end has cut off", async () => {
    const { a, lines, journal } = openSite();
    const ended = new AbortController();
    const looks = [1, 2, 3];
    journal.write = () => {
      looks.pop();
      if (looks.length === 0) ended.abort();
      return Promise.reject(new Error(looks.length === 0 ? "it is closed" : "it is down"));
    };
    await a.watch.lookUntil(ended.signal);
    expect(lines).toEqual(["warning cluster: cannot compare the hosts: it is down"]);
  });

  test("tells of rows that a host cannot read", async () => {
    const { b, lines, look } = openSite();
    b.member.unfit.push("run 7: datatype mismatch");
    await look();
    const text = "b cannot read rows of the journal: run 7: datatype mismatch";
    expect(lines.filter((line) => line.startsWith(`warning cluster: ${text} (`))).not.toEqual([]);
    b.member.unfit.pop();
    await look();
    expect(lines.at(-1)).toBe("notice cluster: b rows: right again");
  });
});
