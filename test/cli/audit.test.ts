import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { audit } from "../../src/cli/audit.ts";
import { calendar } from "../../src/cli/calendar.ts";
import { drop } from "../../src/cli/drop.ts";
import { actorOf } from "../../src/cli/record.ts";
import { Directory } from "../support/verb.ts";

/** A directory in which three runs of a job were given up. */
async function decided(): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly", ["timezone = UTC"]);
  for (const actionId of [101, 102, 103]) {
    await directory.posted("nightly", actionId);
    expect((await directory.call(drop, [`${actionId}`])).thrown).toBe("");
  }
  return directory;
}

describe("audit", () => {
  test("shows what was decided, by whom, and the log of the runner has the head", async () => {
    await using directory = await decided();
    const { out } = await directory.call(audit, []);
    expect(out.trimEnd().split("\n").length).toBe(3);
    expect(out).toMatch(/^1 +\d{4}-.* +drop nightly +collect of action 101$/m);
    const { out: json } = await directory.call(audit, ["-n", "1", "--json"]);
    const row = JSON.parse(json);
    expect(row).toMatchObject({
      id: 3,
      deed: "drop",
      subject: "nightly",
      actor: actorOf({ environment: {} }),
    });
    expect(readFileSync(directory.at("runner.log"), "utf8")).toContain(`head ${row.hash}`);
  });

  test("verifies the log against a head and a calendar, and finds what was done to it", async () => {
    await using directory = await decided();
    const { head, sound, rows } = JSON.parse(
      (await directory.call(audit, ["verify", "--json"])).out,
    );
    expect([sound, rows]).toEqual([true, 3]);
    const file = directory.at("nightly.calendar");
    const request = ["request", "nightly", "--windows", "2", "-o", file];
    expect((await directory.call(calendar, request)).thrown).toBe("");
    expect(JSON.parse(readFileSync(file, "utf8")).audit).toBe(head);
    const both = ["verify", "--head", head, "--calendar", file];
    expect(await directory.call(audit, both)).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/^3 rows, sound; compared with --head and the calendar /),
    });
    directory.meddle("DELETE FROM audit WHERE id = 3");
    expect((await directory.call(audit, ["verify"])).exit).toBe(0);
    for (const flags of [
      ["--head", head],
      ["--calendar", file],
    ]) {
      const { exit, out } = await directory.call(audit, ["verify", ...flags]);
      expect([exit, out]).toEqual([1, expect.stringMatching(/is gone: the tail was cut off$/m)]);
    }
    directory.meddle("UPDATE audit SET actor = 'nobody' WHERE id = 1");
    const { exit, out } = await directory.call(audit, ["verify"]);
    expect([exit, out]).toEqual([
      1,
      expect.stringMatching(/^error: row 1 \(drop nightly, .*\) was changed$/m),
    ]);
  });

  test("says what it takes, and that nothing was decided yet", async () => {
    await using directory = await Directory.create();
    await directory.remember(() => undefined);
    expect((await directory.call(audit, [])).out).toBe("nothing was done by hand here yet\n");
    expect((await directory.call(audit, ["check"])).thrown).toBe("audit takes no word but verify");
    expect((await directory.call(audit, ["verify", "--head", "x"])).thrown).toMatch(
      /64 hexadecimal digits/,
    );
  });
});

test("who calls is the user of the system, with who has sudo", () => {
  const user = actorOf({ environment: {} });
  expect(user).not.toBe("");
  expect(actorOf({ environment: { SUDO_USER: "ann" } })).toBe(`${user} by sudo of ann`);
});
