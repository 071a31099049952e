import { describe, expect, test } from "bun:test";
import { history } from "../../src/cli/history.ts";
import { advanceDelivery } from "../../src/journal/inflight.ts";
import { Directory, THEN } from "../support/verb.ts";

/** The delivery of the only result is given up. */
async function giveUp(directory: Directory): Promise<void> {
  await directory.remember((transaction) => {
    const [delivery] = transaction.dueDeliveries(THEN, 1);
    if (delivery === undefined) throw new Error("nothing is delivered");
    const event = { kind: "failed", error: "exit status 3", nextAt: null } as const;
    transaction.saveDelivery(advanceDelivery(delivery, event, THEN));
  });
}

describe("history", () => {
  test("has nothing to tell where nothing has worked, and makes no journal", async () => {
    await using directory = await Directory.create();
    expect(await directory.call(history, [])).toMatchObject({
      exit: 0,
      out: "no runs: nothing has worked here yet\n",
    });
    expect(await directory.call(history, ["--json"])).toMatchObject({ exit: 0, out: "" });
    expect(await Bun.file(directory.at("journal.db")).exists()).toBe(false);
  });

  test("shows the runs, the latest fire time first, with what came of them", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 7, ["slack"]);
    await directory.posted("weekly", 8);
    await giveUp(directory);
    const { exit, out } = await directory.call(history, []);
    expect(exit).toBe(0);
    const [first, second] = out.split("\n");
    expect(first).toMatch(/^ {2}2 {2}weekly .* so far +open +manual$/);
    expect(second).toMatch(/^ {2}1 {2}nightly .* open +manual; 1 of 2 commands; slack did not/);
    expect(out).toContain("exit status 3");
  });

  test("answers one line of JSON a run, with what it is made of", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 7, ["slack"]);
    await directory.posted("weekly", 8);
    const lines = (await directory.call(history, ["--json"])).out.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({
      run: 1,
      job: "nightly",
      cause: "manual",
      firesAt: "1970-01-01T00:00:00.007Z",
      startedAt: null,
      endedAt: null,
      state: "open",
      error: null,
      steps: [],
      actions: [{ actionId: 7, step: "", state: "collected", agents: 2, commands: { success: 1 } }],
      deliveries: [{ plugin: "slack", state: "pending", attempts: 0, error: null }],
    });
  });

  test("chooses by job, by what failed, by time and by number", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 7, ["slack"]);
    await giveUp(directory);
    for (const id of [8, 9]) await directory.posted("weekly", id);
    const runs = async (...words: readonly string[]) =>
      (await directory.call(history, [...words, "--json"])).out
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).run);
    expect(await runs()).toEqual([3, 2, 1]);
    expect(await runs("nightly")).toEqual([1]);
    expect(await runs("--failed")).toEqual([1]);
    expect(await runs("weekly", "--failed")).toEqual([]);
    expect(await runs("-n", "2")).toEqual([3, 2]);
    expect(await runs("--since", "1970-01-01T00:00:00.008Z")).toEqual([3, 2]);
    expect(await runs("--since", "7d")).toEqual([]);
    expect((await directory.call(history, ["-n", "1"])).out).toContain("-n 10 shows more");
  });

  test("shows all of one run, by its number or by its action's", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 6019583, ["slack"]);
    await giveUp(directory);
    for (const word of ["1", "6019583"]) {
      const { out } = await directory.call(history, [word]);
      expect(out).toStartWith("run 1 of nightly (manual): open\n");
      expect(out).toMatch(/\n1 action\n {2}action 6019583 .*collected.*1 of 2 commands/);
      expect(out).toMatch(/\n1 delivery\n {2}slack {2}action 6019583 {2}dead .*exit status 3/);
    }
    const { out } = await directory.call(history, ["1", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ run: 1, deliveries: [{ state: "dead" }] });
  });

  test("names the nearest job, and says what it takes", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.posted("weekly", 8);
    const thrown = async (...words: readonly string[]) =>
      (await directory.call(history, words)).thrown;
    expect(await thrown("nihgtly")).toContain('did you mean "nightly"?');
    expect(await thrown("4711")).toContain('Cannot show run "4711": the journal has none');
    expect(await thrown("a", "b")).toBe("history takes one JOB or RUN at the most");
    expect(await thrown("--since", "yesterday")).toContain("or how long ago it is, such as 36h");
    expect((await directory.call(history, ["nightly"])).out).toBe("no runs\n");
  });
});
