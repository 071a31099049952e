import { describe, expect, test } from "bun:test";
import { mkdir, rm, symlink } from "node:fs/promises";
import { redeliver } from "../../src/cli/redeliver.ts";
import { lockDirectory } from "../../src/edge/lock.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Directory } from "../support/verb.ts";

/** A directory with the job `nightly` and its plugin `keep`, which stores what it gets. */
async function furnish(): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly", ['plugin = "keep"']);
  await directory.plugin("keep", `cat >> "${directory.at("kept")}"`);
  return directory;
}

function kept(directory: Directory): Promise<string> {
  return Bun.file(directory.at("kept")).text();
}

/** What the journal says of the deliveries of an action. */
async function deliveries(directory: Directory, actionId: number) {
  const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
  try {
    const action = journal.actionById(actionId);
    const rows = action === null ? [] : journal.deliveriesOf(action.id);
    return { action, rows, run: action === null ? null : journal.run(action.runId) };
  } finally {
    await journal.close();
  }
}

describe("redeliver", () => {
  test("gives the stored bytes to the plugin now, when nobody works on the directory", async () => {
    await using directory = await furnish();
    const { resultPath } = await directory.collected("nightly", 8, ["keep"]);
    const { exit, out } = await directory.call(redeliver, ["8"]);
    expect([exit, out]).toEqual([0, "nightly: action 8: plugin keep: delivered\n"]);
    expect(await kept(directory)).toBe(await Bun.file(resultPath ?? "").text());
    const { action, run } = await deliveries(directory, 8);
    expect([action?.state, run?.state]).toEqual(["settled", "done"]);
  });

  test("delivers a settled result once more, under the same key (I6)", async () => {
    await using directory = await furnish();
    await directory.collected("nightly", 8, ["keep"]);
    await directory.call(redeliver, ["8"]);
    const before = await deliveries(directory, 8);
    const { exit } = await directory.call(redeliver, ["8"]);
    expect(exit).toBe(0);
    const after = await deliveries(directory, 8);
    expect(after.rows.map(({ key }) => key)).toEqual(before.rows.map(({ key }) => key));
    expect((await kept(directory)).split('{"action"').length - 1).toBe(2);
  });

  test("finds the newest result of a job that was removed", async () => {
    await using directory = await furnish();
    await directory.result("flown", 7);
    const { exit, out } = await directory.call(redeliver, ["flown", "--plugin", "keep"]);
    expect([exit, out]).toEqual([0, "flown: action 7: plugin keep: delivered\n"]);
  });

  test("takes over a result file that the journal does not know", async () => {
    await using directory = await furnish();
    await directory.result("nightly", 7);
    const { exit, out } = await directory.call(redeliver, ["7", "--json"]);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toEqual({
      job: "nightly",
      actionId: 7,
      resultPath: directory.at("runners/nightly/results/20260102/7.json"),
      by: null,
      deliveries: [{ plugin: "keep", state: "delivered", error: null }],
    });
    const { action, run } = await deliveries(directory, 7);
    expect(action?.completeness).toEqual({
      fetched: 2,
      sent: null,
      counters: null,
      statuses: { success: 1, timeout: 1 },
      strays: 0,
    });
    expect([action?.state, run?.cause, run?.state]).toEqual(["settled", "adopted", "done"]);
  });

  test("takes the newest result of a job", async () => {
    await using directory = await furnish();
    await directory.collected("nightly", 8, ["keep"]);
    await directory.result("nightly", 9);
    const { out } = await directory.call(redeliver, ["nightly", "--json"]);
    expect(JSON.parse(out).actionId).toBe(9);
    await rm(directory.at("runners/nightly/results/20260102/9.json"));
    await rm(directory.at("journal.db"));
    await directory.collected("nightly", 8, ["keep"]);
    const again = await directory.call(redeliver, ["nightly", "--json"]);
    expect(JSON.parse(again.out).actionId).toBe(8);
  });

  test("goes to another plugin when one is named", async () => {
    await using directory = await furnish();
    await directory.plugin("other", `echo other > "${directory.at("kept")}"`);
    await directory.collected("nightly", 8, ["keep"]);
    const { exit, out } = await directory.call(redeliver, ["8", "--plugin", "other"]);
    expect([exit, out]).toEqual([0, "nightly: action 8: plugin other: delivered\n"]);
    expect(await kept(directory)).toBe("other\n");
  });

  test("ends with 1 when the plugin fails, and leaves it to the next mig-runner", async () => {
    await using directory = await furnish();
    await directory.plugin("keep", "echo no >&2; exit 3");
    await directory.collected("nightly", 8, ["keep"]);
    const { exit, out } = await directory.call(redeliver, ["8"]);
    expect(exit).toBe(1);
    expect(out).toContain("plugin keep: pending: ");
    const { rows } = await deliveries(directory, 8);
    expect(rows[0]?.state).toBe("pending");
    expect(rows[0]?.attempts).toBe(1);
  });

  test("leaves the delivery to the mig-runner that works on the directory", async () => {
    await using directory = await furnish();
    await directory.collected("nightly", 8, ["keep"]);
    // This process stands for the daemon. Its id may be that of another process elsewhere, so that
    // no signal is sent: the journal says what there is to do.
    const signals: string[] = [];
    const heard = () => void signals.push("SIGHUP");
    process.on("SIGHUP", heard);
    const lock = await lockDirectory(directory.path);
    try {
      const { exit, out } = await directory.call(redeliver, ["8"]);
      const who = `mig-runner (process ${process.pid})`;
      expect([exit, out]).toEqual([0, `nightly: action 8: ${who} delivers it to keep\n`]);
      expect((await deliveries(directory, 8)).rows[0]?.state).toBe("pending");
      expect(await Bun.file(directory.at("kept")).exists()).toBe(false);
      expect(signals).toEqual([]);
    } finally {
      process.off("SIGHUP", heard);
      lock.release();
    }
  });

  test("cannot be led out of the results", async () => {
    await using directory = await furnish();
    await directory.write("secret/20260102/7.json", '{"action":{"id":7},"commands":[]}');
    await mkdir(directory.at("runners/nightly/results"), { recursive: true });
    await symlink(
      directory.at("secret/20260102"),
      directory.at("runners/nightly/results/20260102"),
    );
    for (const word of ["7", "../secret/20260102/7", "nightly/../..", "nightly"]) {
      const { exit, thrown } = await directory.call(redeliver, [word]);
      expect(exit).toBeNull();
      expect(thrown).toContain("Cannot redeliver ");
    }
  });

  test("says what is missing", async () => {
    await using directory = await furnish();
    await directory.job("silent");
    await directory.posted("nightly", 5);
    const gone = await directory.collected("nightly", 6, ["keep"]);
    await rm(gone.resultPath ?? "");
    await directory.result("silent", 4);
    await directory.write("runners/nightly/results/20260102/3.json", '{"action":{"id":3},"comm');
    const say = async (...argv: string[]) => (await directory.call(redeliver, argv)).thrown;
    expect(await say()).toBe("redeliver takes one ACTIONID or JOB");
    expect(await say("5")).toContain('Cannot redeliver action "5": it is still in flight');
    expect(await say("6")).toContain('Cannot redeliver action "6": its result is gone');
    expect(await say("4")).toContain('job "silent" has no plugin (name one with --plugin)');
    expect(await say("3")).toContain("it is not a result: it ends after");
    expect(await say("99")).toContain('Cannot redeliver action "99": it has no result file');
    expect(await say("nightl")).toContain('did you mean "nightly"?');
    expect(await say("8", "--plugin", "kep")).toContain('Cannot deliver to plugin "kep": unable');
  });
});
