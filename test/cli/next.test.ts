import { describe, expect, test } from "bun:test";
import { next } from "../../src/cli/next.ts";
import { callVerb, Directory } from "../support/verb.ts";

const FROM = ["--from", "2026-03-28T12:00:00Z"];

describe("next", () => {
  test("answers an expression without any configuration", async () => {
    const { exit, out } = await callVerb(next, ["30 2 * * *", "-n", "2", "--tz", "UTC", ...FROM]);
    expect(exit).toBe(0);
    expect(out.split("\n").map((line) => line.slice(0, 20))).toEqual([
      "2026-03-29T02:30:00Z",
      "2026-03-30T02:30:00Z",
      "",
    ]);
  });

  test("answers an expression as JSON, with five fire times by itself", async () => {
    const { out } = await callVerb(next, ["@daily", "--json", "--tz", "Europe/Berlin", ...FROM]);
    const answer = JSON.parse(out);
    expect(answer.next.length).toBe(5);
    expect(answer.next[0]).toBe("2026-03-29T00:00:00+01:00");
    expect(answer.tz).toBe("Europe/Berlin");
  });

  test("takes the fields of an expression as words of their own", async () => {
    const { out } = await callVerb(next, ["0", "3", "1", "1", "1", "-n", "1", "--tz=UTC", ...FROM]);
    expect(out).toStartWith("2027-01-01T03:00:00Z");
  });

  test("says that a schedule never fires, which is no error (I7)", async () => {
    const { exit, out } = await callVerb(next, ["0 0 30 2 *"]);
    expect([exit, out]).toEqual([0, "never\n"]);
    const json = await callVerb(next, ["0 0 30 2 *", "--json"]);
    expect(JSON.parse(json.out).next).toEqual([]);
    expect(json.exit).toBe(0);
  });

  test("takes a word that names a job as that job, in the configuration's zone", async () => {
    await using directory = await Directory.create();
    await directory.config();
    await directory.job("nightly");
    const text = (await Bun.file(directory.runnerConfig).text()).replace(
      "checkdirectory = 60",
      'checkdirectory = 60\ntimezone = "Asia/Tokyo"',
    );
    await directory.write("runner.cfg", text);
    const { out } = await directory.call(next, ["nightly", "-n", "1", ...FROM]);
    expect(out).toStartWith("2026-03-29T03:00:00+09:00");
  });

  test("shows when a spread job really runs", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['spread = "1h"', 'timezone = "UTC"']);
    const { out } = await directory.call(next, ["nightly", "-n", "2", "--json", ...FROM]);
    const [first, second] = JSON.parse(out).next as [string, string];
    expect(first).toStartWith("2026-03-29T03:");
    expect(Date.parse(second) - Date.parse(first)).toBe(86_400_000);
  });

  test("names the job that a half-typed word may mean", async () => {
    await using directory = await Directory.create();
    await directory.job("sshd-config");
    const { thrown } = await directory.call(next, ["sshd-confg"]);
    expect(thrown).toBe(
      'Cannot show when "sshd-confg" fires: it is neither a job nor an expression ' +
        '(did you mean "sshd-config"?)',
    );
  });

  test("tells a word that is neither a job nor an expression from a short expression", async () => {
    const word = await callVerb(next, ["nosuch"]);
    expect(word.thrown).toStartWith(
      'Cannot show when "nosuch" fires: it is neither a job nor an expression (mig-runner status ',
    );
    const short = await callVerb(next, ["0 0 * *"]);
    expect(short.thrown).toContain("missing field(s) (It has 4 of them: ");
  });

  test("tells why the configuration that was named cannot be read", async () => {
    const { thrown } = await callVerb(next, ["-c", "/nowhere/runner.cfg", "nightly"]);
    expect(thrown).toContain("open /nowhere/runner.cfg: no such file or directory");
  });

  test("says of a job with bounds when it begins, ends and has ended", async () => {
    await using directory = await Directory.create();
    const bounds = ["from = 2097-01-01T00:00:00Z", "until = 2097-01-03T00:00:00Z"];
    await directory.job("season", ['timezone = "UTC"', ...bounds]);
    const ask = async (...words: readonly string[]) =>
      (await directory.call(next, ["season", ...words])).out.trimEnd().split("\n");
    expect(await ask("--from", "2096-12-31T00:00:00Z")).toEqual([
      "begins at 2097-01-01T00:00:00Z, in 1d",
      "2097-01-01T03:00:00Z  Tue  in 1d3h",
      "2097-01-02T03:00:00Z  Wed  in 2d3h",
      "never again: its schedule ends at 2097-01-03T00:00:00Z",
    ]);
    expect(await ask("--from", "2097-02-01T00:00:00Z", "--tz", "Asia/Tokyo")).toEqual([
      "never: its schedule has ended at 2097-01-03T09:00:00+09:00",
    ]);
    const [line = ""] = await ask("--json", "-n", "1");
    expect(JSON.parse(line)).toMatchObject({
      next: ["2097-01-01T03:00:00Z"],
      from: "2097-01-01T00:00:00Z",
      until: "2097-01-03T00:00:00Z",
    });
  });

  test("tells what is wrong with a broken job", async () => {
    await using directory = await Directory.create();
    await directory.job("broken", ["expiry = soon"]);
    const { thrown } = await directory.call(next, ["broken"]);
    expect(thrown).toContain("runners/broken/entity.cfg:3");
  });

  test("answers every line of a batch, also after a bad one", async () => {
    const stdin = [
      '{"expr":"0 3 * * *","from":"2026-03-28T12:00:00Z","tz":"UTC","n":1}',
      '{"expr":"no cron"}',
      "",
      '{"expr":"0 0 30 2 *"}',
    ];
    const { exit, out } = await callVerb(next, ["--batch"], { stdin });
    expect(exit).toBe(0);
    expect(out.trimEnd().split("\n")).toEqual([
      '{"next":["2026-03-29T03:00:00Z"]}',
      '{"error":"missing field(s)"}',
      '{"next":[]}',
    ]);
  });

  test("refuses what it cannot count or read", async () => {
    expect((await callVerb(next, [])).thrown).toBe("next takes an EXPR or a JOB");
    expect((await callVerb(next, ["@daily", "-n", "x"])).thrown).toContain('value "x" for flag -n');
    expect((await callVerb(next, ["@daily", "-n", "99999999"])).thrown).toContain("at most");
    const from = await callVerb(next, ["@daily", "--from", "yesterday"]);
    expect(from.thrown).toContain('invalid value "yesterday" for flag -from: a time such as');
  });
});
