// State: what operators see of the state of jobs, and how they mend it.
import { describe, expect, test } from "bun:test";
import { audit } from "../../src/cli/audit.ts";
import { state } from "../../src/cli/state.ts";
import { Directory, THEN } from "../support/verb.ts";

/** A job that keeps two values, and one that was removed and keeps one. */
async function keeping(): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("ports");
  await directory.job("fresh");
  await directory.remember((tables) => {
    const set = (job: string, key: string, value: string) =>
      tables.setState({ job, key, value, runId: 7, setAt: THEN });
    set("ports", "known", '["web1"]');
    set("ports", "round", "3");
    set("gone", "seen", '"a\\u001b[2Jb"');
  });
  return directory;
}

describe("state", () => {
  test("lists the jobs that keep something, those that were removed as such", async () => {
    await using directory = await keeping();
    const { exit, out } = await directory.call(state, []);
    expect(exit).toBe(0);
    expect(out.split("\n").map((line) => line.replaceAll(/ +/g, " ").trim())).toEqual([
      "gone 1 key seen the job was removed: state JOB --clear-all forgets it",
      "ports 2 keys known, round",
      "",
    ]);
    const { jobs } = JSON.parse((await directory.call(state, ["--json"])).out);
    expect(jobs).toMatchObject([
      { job: "gone", removed: true, keys: [{ key: "seen", value: "a\u001b[2Jb", runId: 7 }] },
      { job: "ports", removed: false, keys: [{ value: ["web1"] }, { key: "round", value: 3 }] },
    ]);
  });

  test("shows the values of one, with who set them, safe for a terminal", async () => {
    await using directory = await keeping();
    const { out } = await directory.call(state, ["ports"]);
    expect(out.replaceAll(/ +/g, " ")).toMatch(/known \S+ ago by run 7 \["web1"\]\n/);
    expect((await directory.call(state, ["gone"])).out).not.toContain("\u001b");
    expect((await directory.call(state, ["fresh"])).out).toBe("fresh: it keeps nothing\n");
    expect((await directory.call(state, ["prots"])).thrown).toContain("it keeps none");
  });

  test("sets and clears keys, and the audit log has who, what and why", async () => {
    await using directory = await keeping();
    const change = [
      "ports",
      "--clear",
      "round",
      "--set",
      'known=["web1", "a=b"]',
      "--why",
      "moved",
    ];
    const { exit, out } = await directory.call(state, change);
    expect(exit).toBe(0);
    expect(out.replaceAll(/ +/g, " ")).toContain('known now by hand ["web1","a=b"]\n');
    expect(out).not.toContain("round");
    const cleared = await directory.call(state, ["gone", "--clear-all"]);
    expect(cleared).toMatchObject({
      exit: 0,
      out: "gone: it keeps nothing, the job was removed\n",
    });
    const { jobs } = JSON.parse((await directory.call(state, ["--json"])).out);
    expect(jobs).toMatchObject([{ job: "ports", keys: [{ key: "known", runId: null }] }]);
    const told = (await directory.call(audit, [])).out.replaceAll(/\s+/g, " ");
    expect(told).toContain("clear round: moved");
    expect(told).toContain('set known ["web1","a=b"]: moved');
    expect(told).toContain("clear seen");
  });

  test("changes nothing when one of the changes cannot be made", async () => {
    await using directory = await keeping();
    const full = Array.from({ length: 100 }, (_, index) => ["--set", `k${index}=1`]).flat();
    for (const [words, said] of [
      [["ports", "--set", "known=[]", "--clear", "rond"], 'Cannot clear "rond" of job "ports"'],
      [["ports", ...full], "102 are too many"],
      [["prots", "--set", "known=1"], "there is no such job"],
      [["ports", "--set", "known=web1"], "--set known is no JSON; a text has quotes"],
      [["ports", "--set", "known=[1e999]"], "--set known: a number in it is too large"],
      [["ports", "--set", "known=null"], "--clear known forgets a key"],
      [["ports", "--set", "known=1", "--clear", "known"], "is to set known, and to clear it"],
      [["--clear", "known"], "state changes that of one JOB"],
      [["ports", "gone"], "state takes one JOB at the most"],
    ] as const) {
      expect((await directory.call(state, [...words])).thrown).toContain(said);
    }
    const { jobs } = JSON.parse((await directory.call(state, ["ports", "--json"])).out);
    expect(jobs[0].keys).toMatchObject([{ value: ["web1"] }, { value: 3 }]);
  });

  test("shows a value that cannot be read by its key, and clears it", async () => {
    await using directory = await keeping();
    directory.meddle("UPDATE state SET value = 'no json' WHERE key = 'known'");
    expect((await directory.call(state, ["ports"])).out).toContain("known");
    const { out } = await directory.call(state, ["ports", "--clear", "known"]);
    expect(out).toStartWith("ports: 1 key\n");
  });
});
