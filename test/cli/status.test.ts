import { describe, expect, test } from "bun:test";
import { status } from "../../src/cli/status.ts";
import { lockDirectory } from "../../src/edge/lock.ts";
import { advanceDelivery } from "../../src/journal/inflight.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import type { RunView } from "../../src/view/overview.ts";
import { describeRun } from "../../src/view/runs.ts";
import { Directory, THEN } from "../support/verb.ts";

describe("status", () => {
  test("shows the jobs of a directory that nobody has worked on yet", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['timezone = "UTC"']);
    const { exit, out } = await directory.call(status, []);
    expect(exit).toBe(0);
    expect(out).toStartWith(`${directory.path}: no mig-runner works on it\n\n1 job\n  nightly  `);
  });

  test("takes no words, which would seem to choose jobs", async () => {
    await using directory = await Directory.create();
    expect((await directory.call(status, ["nightly"])).thrown).toBe("status takes no words");
  });

  test("makes no journal", async () => {
    await using directory = await Directory.create();
    await directory.call(status, []);
    expect(await Bun.file(directory.at("journal.db")).exists()).toBe(false);
  });

  test("tells which rows of the journal cannot be read, and all the others (I8)", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.posted("nightly", 7);
    await directory.posted("nightly", 8);
    directory.meddle("UPDATE action SET action_id = 9007199254740992 WHERE id = 1");
    directory.meddle("UPDATE run SET fires_at = 9007199254740993 WHERE id = 1");
    const { exit, out } = await directory.call(status, ["--json"]);
    expect(exit).toBe(0);
    const told = JSON.parse(out);
    expect(told.unreadable).toEqual([
      expect.stringContaining("run 1 (nightly): its fires_at is 9007199254740993, wanted"),
      expect.stringContaining("action 1 (nightly): its action_id is 9007199254740992, wanted"),
    ]);
    expect(told.inFlight).toMatchObject([{ actionId: 8 }]);
    const text = await directory.call(status, []);
    expect(text.out).toContain(
      "2 rows of the journal cannot be read, see journal verify\n  run 1 ",
    );
  });

  test("shows what agents and plugins said in its place, bounded, whatever it is", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const evil = "\x1b[2Jdone\nnightly: plugin splunk: delivered \u202etxt\u009b";
    await directory.collected("nightly", 8, ["slack"]);
    await directory.remember((transaction) => {
      const [delivery] = transaction.dueDeliveries(THEN, 1);
      if (delivery === undefined) throw new Error("nothing is delivered");
      const event = { kind: "failed", error: evil, nextAt: null } as const;
      transaction.saveDelivery(advanceDelivery(delivery, event, THEN));
    });
    const statuses = { [evil]: 1, ["x".repeat(1_000_000)]: 2, success: 3 };
    const told = JSON.stringify({ fetched: 6, sent: 6, counters: null, statuses, strays: 0 });
    directory.meddle(`UPDATE action SET completeness = '${told}' WHERE action_id = 8`);
    const { out } = await directory.call(status, []);
    expect(out).toContain("\\x1b[2Jdone\\nnightly: plugin splunk");
    expect(out).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e]/u);
    expect(out.split("\n").filter((line) => line.startsWith("nightly:"))).toEqual([]);
    expect(out.length).toBeLessThan(5_000);
    const json = await directory.call(status, ["--json"]);
    expect(JSON.parse(json.out).undelivered[0].error).toBe(evil);
  });

  test("needs no client configuration and shows no secret", async () => {
    await using directory = await Directory.create();
    await directory.config('passphrase = "t0p-s3cret"');
    await directory.write(".migrc", "broken");
    const { exit, out, error } = await directory.call(status, ["--json"]);
    expect(exit).toBe(0);
    expect(out + error).not.toContain("t0p-s3cret");
  });

  test("tells what is in flight, what waits for a plugin and what is broken", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.job("broken", ["expiry = soon"]);
    await directory.posted("nightly", 7);
    await directory.collected("nightly", 8, ["slack"]);
    await directory.remember((transaction) => {
      const [delivery] = transaction.dueDeliveries(THEN, 1);
      if (delivery === undefined) throw new Error("no delivery");
      const event = { kind: "failed", error: "exit status 1", nextAt: null } as const;
      const begun = advanceDelivery(delivery, { kind: "begun", nextAt: THEN }, THEN);
      transaction.saveDelivery(advanceDelivery(begun, event, THEN));
      const times = { firstAt: THEN, lastAt: THEN, recordedAt: THEN };
      const missed = { job: "nightly", ...times, count: 1, reason: "it was not run in time" };
      transaction.insertMissed(missed);
      transaction.insertMissed({ ...missed, job: "each-second", count: 13_500 });
    });
    const { exit, out } = await directory.call(status, ["--json"]);
    expect(exit).toBe(0);
    const told = JSON.parse(out);
    expect(told.holder).toBeNull();
    expect(told.counts).toEqual({ inFlight: 1, undelivered: 1 });
    expect(told.inFlight[0]).toMatchObject({ job: "nightly", actionId: 7, state: "posted" });
    expect(told.inFlight[0].expireAt).toBe("2026-01-02T03:04:05.000Z");
    expect(told.undelivered[0]).toMatchObject({
      actionId: 8,
      plugin: "slack",
      state: "dead",
      attempts: 1,
      error: "exit status 1",
    });
    expect(told.missed).toMatchObject([
      { job: "each-second", count: 13_500, isAtLeast: true },
      { job: "nightly", count: 1, isAtLeast: false },
    ]);
    const [broken, nightly] = told.jobs;
    expect(broken.errors[0]).toContain("entity.cfg:3");
    expect(broken.nextAt).toBeNull();
    expect(nightly.lastRun.firesAt).toBe("1970-01-01T00:00:00.008Z");
    const { out: text } = await directory.call(status, []);
    for (const part of [
      "1 mistake in broken jobs",
      "1 action in flight\n  nightly  action 7  expires",
      "1 result undelivered\n  nightly  action 8  slack  given up  1x exit status 1",
      "missed fire times",
    ]) {
      expect(text).toContain(part);
    }
    expect(text.replace(/\s+/g, " ")).toContain(
      "at least 13500 fire times: it was not run in time",
    );
    for (const line of text.split("\n")) {
      if (!line.includes(directory.path)) expect(line.length).toBeLessThanOrEqual(100);
    }
  });

  test("tells of workflow runs that are paused, why, and what they wait for", async () => {
    await using directory = await Directory.create();
    await directory.remember((transaction) => {
      const order = { job: "flow", firesAt: THEN, cause: "manual", source: "hash" } as const;
      const run = transaction.insertRun(order, "paused", THEN);
      if (run === null) throw new Error("no run");
      transaction.saveRun({ ...run, note: 'the journal has step "a", the code asks for "b"' });
      const step = { runId: run.id, name: "ticket", kind: "step", digest: "d", nextAt: THEN };
      transaction.insertStep({ ...step, kind: "step" });
    });
    const { out } = await directory.call(status, []);
    expect(out).toContain("1 workflow run not ended\n  run 1 flow paused since ");
    expect(out.replace(/\s+/g, " ")).toContain('the journal has step "a", the code asks for "b"');
    expect(out).toContain("    ticket  step begun  now");
    const told = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(told.workflows[0]).toMatchObject({ runId: 1, job: "flow", state: "paused" });
  });

  test("names the process that works on the directory", async () => {
    await using directory = await Directory.create();
    const lock = await lockDirectory(directory.path);
    try {
      const { out } = await directory.call(status, ["--json"]);
      expect(JSON.parse(out).holder).toBe(process.pid);
    } finally {
      lock.release();
    }
  });

  test("still shows the jobs when the journal is damaged, and ends with 1 (I10)", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.write("journal.db", "this is no database ".repeat(100));
    const { exit, out } = await directory.call(status, []);
    expect(exit).toBe(1);
    expect(out).toContain("1 job\n  nightly");
    expect(out.replace(/\s+/g, " ")).toContain("it is damaged (run `mig-runner journal verify`");
  });
});

describe("describeRun()", () => {
  const action = { name: "n", actionId: 7, resultPath: null, sweepAt: null, error: null };
  const completeness = { fetched: 78, sent: 80, counters: null, statuses: {}, strays: 0 };
  const run: RunView = {
    firesAt: 0,
    cause: "schedule",
    state: "done",
    endedAt: 0,
    note: null,
    deliveries: [],
    warnings: [],
    asks: [],
    actions: [{ ...action, state: "settled", completeness }],
  };
  const at = 60_000;

  test("counts from the end of a run, which may have taken long", () => {
    expect(describeRun({ ...run, endedAt: at - 1000 }, at)).toStartWith("done 1s ago");
    const failed = { ...run, endedAt: at - 1000, state: "failed", note: "no key" } as const;
    expect(describeRun(failed, at)).toBe("failed 1s ago: no key");
  });

  test("says how much of a result came", () => {
    expect(describeRun(run, at)).toBe("done 1m ago, 78 of 80 commands");
  });

  test("says how the agents answered when not all of them did", () => {
    const statuses = { success: 75, expired: 3 };
    const some = { ...run, actions: [{ ...action, state: "settled", completeness }] } as const;
    const [one] = some.actions;
    const told = { ...some, actions: [{ ...one, completeness: { ...completeness, statuses } }] };
    expect(describeRun(told, at)).toBe("done 1m ago, 78 of 80 commands (75 success, 3 expired)");
  });

  test("warns of what its results lack", () => {
    const warnings = ["no command succeeded", "2 commands have no final status yet"];
    expect(describeRun({ ...run, warnings }, at)).toBe(
      "done 1m ago, 78 of 80 commands; warning: no command succeeded" +
        "; warning: 2 commands have no final status yet",
    );
  });

  test("says why a run failed", () => {
    const failed = { ...run, state: "failed", note: "no key" } as const;
    expect(describeRun(failed, at)).toBe("failed 1m ago: no key");
  });

  test("says what an open run waits for", () => {
    const open = (state: "planned" | "posted" | "collected"): RunView => ({
      ...run,
      state: "open",
      actions: [{ ...action, state, completeness: null }],
    });
    expect(describeRun(open("planned"), at)).toBe("being posted since 1m");
    expect(describeRun(open("posted"), at)).toBe("in flight since 1m");
    expect(describeRun(open("collected"), at)).toBe("running since 1m");
    const delivery = { plugin: "slack", state: "pending", attempts: 1, error: "full" } as const;
    const pending = { ...open("collected"), deliveries: [delivery] };
    expect(describeRun(pending, at)).toBe("being delivered since 1m, 1 undelivered");
    const dead = { ...pending, deliveries: [{ ...delivery, state: "dead" } as const] };
    expect(describeRun(dead, at)).toBe("not delivered since 1m, 1 undelivered");
    // A workflow at work on something that is no action.
    expect(describeRun({ ...run, state: "open", actions: [] }, at)).toBe("running since 1m");
    const swept = { ...action, state: "collected", completeness, sweepAt: 90_000 } as const;
    expect(describeRun({ ...run, state: "open", actions: [swept] }, at)).toBe(
      "waiting for late answers since 1m",
    );
    expect(describeRun({ ...run, state: "requested" }, at)).toBe("asked for 1m ago");
  });
});

test("status says what was set for a run that has not ended, also in JSON", async () => {
  await using directory = await Directory.create();
  const journal = openJournal({ path: directory.at("journal.db") });
  await journal.write((to) => {
    const params = JSON.stringify({ sha256: "ab12", days: 3, hosts: ["a b"] });
    const order = { job: "hunt", firesAt: 1, cause: "manual", source: "h", params } as const;
    to.insertRun(order, "open", 1);
    to.insertSource("h", "x");
    const body = { template: null, expiryMs: 1, agentsMax: null, plugins: [], seed: 9 };
    to.insertBody({ runId: 1, ...body, begunAt: 1, nextAt: null });
  });
  await journal.close();
  const plain = await directory.call(status, []);
  expect(plain.out).toContain("sha256=ab12");
  expect(plain.out).toContain("days=3");
  const { out } = await directory.call(status, ["--json"]);
  const { workflows } = JSON.parse(out) as { workflows: { params: unknown }[] };
  expect(workflows.map(({ params }) => params)).toEqual([
    { sha256: "ab12", days: 3, hosts: ["a b"] },
  ]);
});
