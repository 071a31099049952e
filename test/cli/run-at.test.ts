import { describe, expect, test } from "bun:test";
import { audit } from "../../src/cli/audit.ts";
import { drop } from "../../src/cli/drop.ts";
import { history } from "../../src/cli/history.ts";
import { next } from "../../src/cli/next.ts";
import { pause } from "../../src/cli/pause.ts";
import { run } from "../../src/cli/run.ts";
import { status } from "../../src/cli/status.ts";
import { Directory } from "../support/verb.ts";

const LATER = "2098-01-02T03:00:00Z";

async function directoryWith(...lines: readonly string[]): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly", ['timezone = "UTC"', ...lines]);
  return directory;
}

describe("run --at", () => {
  test("is kept, and told by status, history, next and the audit log", async () => {
    await using directory = await directoryWith();
    const asked = await directory.call(run, ["nightly", "--at", LATER]);
    expect([asked.thrown, asked.exit]).toEqual(["", 0]);
    expect(asked.out).toMatch(
      /^run 1 of nightly starts 2098-01-02 03:00:00 \(in \d+d\w*\); mig-runner drop 1 gives it up\n/,
    );
    expect(asked.out).toContain("\nwarning: no mig-runner works on the directory");
    const text = (await directory.call(status, [])).out;
    expect(text).toMatch(
      /\n1 run to start later\n {2}nightly {2}run 1 {2}2098-01-02 03:00:00 {2}in /,
    );
    const told = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(told.asked).toEqual([
      {
        job: "nightly",
        runId: 1,
        notBeforeAt: "2098-01-02T03:00:00.000Z",
        params: null,
        note: null,
      },
    ]);
    expect(told.jobs[0].lastRun).toBe(null);
    const [record] = (await directory.call(history, ["--json"])).out.split("\n");
    expect(JSON.parse(record ?? "")).toMatchObject({
      run: 1,
      job: "nightly",
      cause: "manual",
      state: "requested",
      startedAt: null,
      notBeforeAt: "2098-01-02T03:00:00.000Z",
    });
    expect((await directory.call(history, [])).out).toMatch(/requested {2}manual; starts in \d+d/);
    expect((await directory.call(history, ["1"])).out).toMatch(/asked for +2098-01-02 03:00:00/);
    expect((await directory.call(audit, [])).out).toContain("run 1 at 2098-01-02T03:00:00.000Z");
    const fires = await directory.call(next, [
      "nightly",
      "--from",
      "2098-01-01T12:00:00Z",
      "-n",
      "1",
    ]);
    expect(fires.out.split("\n").slice(0, 2)).toEqual([
      "2098-01-02T03:00:00Z  Thu  in 15h",
      "2098-01-02T03:00:00Z  Thu  in 15h  run 1, asked for by hand",
    ]);
    const json = await directory.call(next, ["nightly", "--json"]);
    expect(JSON.parse(json.out).asked).toEqual([{ at: "2098-01-02T03:00:00Z", run: 1 }]);
  });

  test("takes no fire time from the schedule, also where two are asked for at one", async () => {
    await using directory = await directoryWith();
    await directory.call(run, ["nightly", "--at", LATER]);
    const second = await directory.call(run, ["nightly", "--at", LATER, "--json"]);
    const { firesAt, ...asked } = JSON.parse(second.out);
    expect(asked).toMatchObject({ run: 2, notBeforeAt: "2098-01-02T03:00:00.000Z", by: null });
    expect(Date.parse(firesAt)).toBeGreaterThan(Date.parse(LATER));
  });

  test("is shown by next of a job that has no schedule", async () => {
    await using directory = await Directory.create();
    await directory.write("runners/hunt/job.ts", HUNT);
    expect((await directory.call(next, ["hunt"])).thrown).toContain("it has no schedule");
    await directory.call(run, ["hunt", "--at", LATER]);
    const { out } = await directory.call(next, ["hunt"]);
    expect(out).toMatch(/^2098-01-02 03:00:00 {2}in \w+ {2}run 1, asked for by hand\n$/);
    expect(JSON.parse((await directory.call(next, ["hunt", "--json"])).out).asked).toEqual([
      { at: "2098-01-02T03:00:00.000Z", run: 1 },
    ]);
  });

  test("runs in spite of a pause, which it tells of", async () => {
    await using directory = await directoryWith();
    await directory.call(pause, ["nightly", "--why", "works"]);
    const { out } = await directory.call(run, ["nightly", "--at", "3h"]);
    expect(out).toMatch(
      /\nwarning: held at that time \(paused by .+: works\): it runs all the same/,
    );
  });

  test("is given up by drop: no last run, no failure to be told of", async () => {
    await using directory = await directoryWith();
    await directory.call(run, ["nightly", "--at", LATER]);
    const dropped = await directory.call(drop, ["1"]);
    expect([dropped.exit, dropped.out]).toEqual([0, "nightly: run 1 is given up\n"]);
    const told = JSON.parse((await directory.call(status, ["--json"])).out);
    expect([told.asked, told.jobs[0].lastRun]).toEqual([[], null]);
    expect((await directory.call(history, ["1"])).out).toContain("failed: given up by an operator");
    expect((await directory.call(next, ["nightly"])).out).not.toContain("run 1");
  });

  test.each([
    [["--at", "2001-01-01T00:00:00Z"], "flag -at is over already: a time to come is wanted"],
    [["--at", "0s"], "flag -at is over already: a time to come is wanted"],
    [["--at", "tomorrow"], 'invalid value "tomorrow" for flag -at: a time such as'],
    [["--at", ""], 'flag needs an argument: -at is followed by ""'],
    [["--at", "-3h"], 'invalid value "-3h" for flag -at: a time such as'],
  ])("asks for nothing with %j", async (words, why) => {
    await using directory = await directoryWith();
    const { exit, thrown } = await directory.call(run, ["nightly", ...words]);
    expect([exit, thrown]).toEqual([null, expect.stringContaining(why)]);
    expect((await directory.call(history, [])).out).toMatch(/^no runs/);
  });

  test("waits for its time, and is seen to its end, with --wait", async () => {
    await using directory = await Directory.create();
    await directory.write("runners/hunt/job.ts", HUNT);
    const ran = await directory.call(run, ["hunt", "--at", "1500us", "--wait"]);
    expect([ran.thrown, ran.exit, ran.out]).toEqual(["", 0, "run 1: done, 1 step\n"]);
    const record = JSON.parse((await directory.call(history, ["1", "--json"])).out);
    expect(Date.parse(record.startedAt)).toBeGreaterThanOrEqual(Date.parse(record.notBeforeAt));
  });
});

const HUNT = `import { job } from "mig-runner";

export default job({}, async (run) => {
  await run.step("look", () => 1);
});
`;
