import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { calendar } from "../../src/cli/calendar.ts";
import { check } from "../../src/cli/check.ts";
import { run } from "../../src/cli/run.ts";
import { status } from "../../src/cli/status.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { ACTION, callVerb, Directory } from "../support/verb.ts";

/** Host A, which holds public keys alone. */
let host: Directory;
/** The machines of two people, which know keys and no runner. */
let [ann, bob]: Directory[] = [];
let made = 0;

const TWO = ["minsigners = 2", 'signing = "calendar"', "timezone = UTC"];

beforeEach(async () => {
  [host, ann, bob] = (await Promise.all([1, 2, 3].map(() => Directory.create()))) as [
    Directory,
    Directory,
    Directory,
  ];
  await host.write("investigators.gpg", keyFile("keys/pubring.gpg"));
  await host.write("keys/secring.gpg", "");
  await host.config("[calendar]", `keyring = "${host.at("investigators.gpg")}"`);
  await host.job("nightly", TWO);
});

afterEach(async () => {
  for (const directory of [host, ann, bob]) await directory?.[Symbol.asyncDispose]();
});

const onHost = (...words: readonly string[]) => host.call(calendar, words);

async function request(...flags: readonly string[]): Promise<string> {
  const path = host.at(`${made++}.calendar`);
  const { thrown } = await onHost("request", "nightly", "-o", path, "--windows", "3", ...flags);
  expect(thrown).toBe("");
  return path;
}

/** Carries the file to a person, who signs it, and back. */
async function signBy(who: "ann" | "bob", path: string): Promise<string> {
  const [there, key] = who === "ann" ? [ann, RUNNER_KEY] : [bob, LOCKED_KEY];
  if (there === undefined) throw new Error("there is no such machine");
  const copy = await there.write("to-sign.calendar", readFileSync(path));
  const environment = { XDG_STATE_HOME: there.at("state"), MIGPGPPASSPHRASE: RUNNER_PASSPHRASE };
  const words = ["sign", copy, "--home", there.at("keys"), "--key", key, "--confirm", "nightly"];
  const { thrown } = await callVerb(calendar, words, { environment });
  expect(thrown).toBe("");
  writeFileSync(path, readFileSync(copy));
  return path;
}

async function signed(...flags: readonly string[]): Promise<string> {
  return await signBy("bob", await signBy("ann", await request(...flags)));
}

/** What the host says against it, after which nothing is installed. */
async function refusal(path: string, ...flags: readonly string[]): Promise<string> {
  const before = installed();
  const { thrown } = await onHost("install", path, ...flags);
  expect(installed()).toEqual(before);
  return thrown;
}

function installed(): readonly unknown[] {
  const journal = openJournal({ path: host.at("journal.db") });
  try {
    const rows = journal.calendars(9);
    return rows.map((row) => ({ ...row, windows: journal.windows(row.id, 0, 99) }));
  } finally {
    void journal.close();
  }
}

describe("a calendar that two people have signed", () => {
  test("is installed on a host without a private key, shown, and withdrawn", async () => {
    const path = await signed();
    const { exit, out } = await onHost("install", path);
    expect(exit).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `^nightly: installed calendar 1: 3 windows, the last .*, signed by ${RUNNER_KEY}, ${LOCKED_KEY}$`,
        "m",
      ),
    );
    expect(readFileSync(host.at("runner.log"), "utf8")).toMatch(
      /nightly: installed calendar 1: 3 windows/,
    );
    expect(installed()).toMatchObject([
      { job: "nightly", sequence: 1, minSigners: 2, state: "installed" },
    ]);
    const shown = await onHost("show", "nightly");
    expect(shown.out).toMatch(/^ {2}agents +those that match status='online'$/m);
    expect(shown.out).toMatch(/^ {2}left +3 of 3 windows, the last /m);
    const { left, signers, windows } = JSON.parse((await onHost("show", "nightly", "--json")).out);
    expect([left, signers, windows.length]).toEqual([3, [RUNNER_KEY, LOCKED_KEY], 3]);
    expect(await onHost("diff", "nightly")).toMatchObject({ exit: 0 });
    const gone = await onHost("withdraw", "nightly");
    expect(gone.out).toMatch(/^nightly: withdrew calendar 1, 3 windows left of it; what MIG has/);
    expect(installed()).toEqual([]);
    expect((await onHost("withdraw", "nightly")).thrown).toMatch(/none is installed/);
    expect((await onHost("show", "nightly")).thrown).toMatch(
      /none is installed.*calendar request nightly/,
    );
  });

  test("is followed by the next one only, which was requested after it", async () => {
    const first = await signed();
    const twin = await signed("--lead", "1m");
    await onHost("install", first);
    expect(await refusal(first)).toMatch(/its number is 1, wanted 2: number 1 was installed last/);
    expect(await refusal(twin)).toMatch(/its number is 1, wanted 2/);
    const second = await signed();
    expect(JSON.parse(readFileSync(second, "utf8")).sequence).toBe(2);
    await onHost("withdraw", "nightly");
    expect((await onHost("install", second)).thrown).toBe("");
    expect(installed()).toMatchObject([{ sequence: 2, state: "installed" }]);
  });
});

describe("a calendar is refused by the host, which stays as it was,", () => {
  test("when it is signed by too few, for the job as it is now", async () => {
    const path = await request();
    expect(await refusal(path)).toMatch(
      /^.*Cannot install calendar ".*": it is signed by no one, 2 are needed/,
    );
    await signBy("ann", path);
    expect(await refusal(path)).toMatch(/it is signed by 1 key, 2 are needed/);
    await signBy("bob", path);
    await host.job("nightly", ["minsigners = 3", 'signing = "calendar"', "timezone = UTC"]);
    expect(await refusal(path)).toMatch(/it is signed by 2 keys, 3 are needed/);
  });

  test("when a signer is unknown, or nobody says who may sign", async () => {
    const path = await signed();
    const other = await host.write("other.gpg", new Uint8Array());
    expect(await refusal(path, "--keyring", other)).toMatch(
      /of one of its signers is not in .*other\.gpg/,
    );
    chmodSync(host.at("investigators.gpg"), 0o666);
    expect(await refusal(path)).toMatch(/^Cannot read keyring ".*": every user can write/);
    await host.config();
    expect(await refusal(path)).toMatch(/no keyring says who may sign .*set \[calendar\] keyring/);
    expect(await refusal(path, "--keyring", host.at("nothing"))).toMatch(
      /Cannot read keyring ".*nothing": no such file/,
    );
  });

  test("when the job is another, or is gone", async () => {
    const path = await signed();
    await host.job("nightly", TWO, ACTION.replace("online", "idle"));
    expect(await refusal(path)).toMatch(/the job's action has changed since it was requested/);
    await host.job("nightly", [
      "minsigners = 2",
      'signing = "calendar"',
      'timezone = "Asia/Tokyo"',
    ]);
    expect(await refusal(path)).toMatch(/is no fire time of the job's schedule|action has changed/);
    await host.job("nightly", TWO);
    writeFileSync(path, readFileSync(path, "utf8").replace('"job":"nightly"', '"job":"weekly"'));
    expect(await refusal(path)).toMatch(/Cannot install a calendar of job "weekly": there is none/);
  });

  test("when it was changed or cut", async () => {
    const path = await signed();
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"minSigners":2', '"minSigners":1'));
    expect(await refusal(path)).toMatch(
      /the signature over the whole calendar by the key .* does not hold/,
    );
    writeFileSync(path, text.slice(0, 900));
    expect(await refusal(path)).toMatch(/it is cut: its end is missing/);
    writeFileSync(
      path,
      text.replace(/"signatures":\["./, (head) => head.slice(0, -1).concat("x")),
    );
    expect(await refusal(path)).toMatch(/the signature of window 1 .* cannot be read/);
  });
});

test("diff tells what of a job is not what was signed", async () => {
  await onHost("install", await signed());
  await host.job(
    "nightly",
    ["minsigners = 3", 'signing = "calendar"', "timezone = UTC"],
    ACTION.replace("online", "idle"),
  );
  const { exit, out } = await onHost("diff", "nightly");
  expect(exit).toBe(1);
  expect(out).toMatch(/^ {2}target: signed status='online', now status='idle'$/m);
  expect(out).toMatch(/^ {2}signers: signed by 2, the job wants 3 now$/m);
  await host.job("nightly", TWO, ACTION.replace("5s", "6s"));
  const { differences } = JSON.parse((await onHost("diff", "nightly", "--json")).out);
  expect(differences).toEqual([
    expect.stringMatching(/^action: it is another; what was signed is posted/),
  ]);
  await host.job("nightly", [...TWO, "expiry = 90s"]);
  const later = JSON.parse((await onHost("diff", "nightly", "--json")).out);
  expect(later.differences).toEqual(["expiry: signed 5m, now 1m30s"]);
});

describe("what a host says of jobs that are signed ahead", () => {
  test("status tells how far each calendar reaches, and warns", async () => {
    await host.job("live");
    const none = await host.call(status, []);
    expect(none.out).toMatch(
      /^signed ahead\n {2}nightly +no calendar +warning: none is installed/m,
    );
    await onHost("install", await signed());
    const { jobs } = JSON.parse((await host.call(status, ["--json"])).out);
    const [live, nightly] = jobs;
    expect(live).toMatchObject({ job: "live", calendar: null });
    expect(nightly.calendar).toMatchObject({ sequence: 1, left: 3, all: 3 });
    expect(nightly.calendar.warning).toMatch(/^3 windows are left, for /);
    expect((await host.call(status, [])).out).toMatch(/nightly +3 of 3 windows +until /);
  });

  test("check tells what can be signed ahead and what not, and asks for no key that is not used", async () => {
    await host.write(
      ".migrc",
      '[api]\nurl = "http://127.0.0.1:1/api/v1/"\n[gpg]\nuseapikeyauth = "k"\n',
    );
    await host.job("hand", ['signing = "calendar"', "expiry = 48h"]);
    const { out } = await host.call(check, []);
    expect(out).not.toMatch(/keyid|Cannot sign with/);
    expect(out).toMatch(
      /Cannot sign job "hand" ahead: its expiry of 48h0?.* is longer than the 24h/,
    );
    expect(out).toMatch(/^nightly +calendar +can be signed ahead$/m);
    expect(out).toMatch(/warning: .*nightly\/entity\.cfg: calendar: none is installed/);
    await host.job("hand", ['signing = "live"', "expiry = 48h"]);
    const { mistakes, ahead } = JSON.parse((await host.call(check, ["--json"])).out);
    // One job is signed live: now the key is used.
    expect(mistakes.map(({ code }: { code: string }) => code)).toContain("KEYRING");
    expect(ahead).toContainEqual({ job: "nightly", signing: "calendar", can: true, reason: null });
    expect(ahead).toContainEqual(
      expect.objectContaining({ job: "hand", signing: "live", can: false }),
    );
  });

  test("check says when the action is not the one that was signed", async () => {
    await onHost("install", await signed());
    await host.job("nightly", TWO, ACTION.replace("5s", "6s"));
    expect((await host.call(check, [])).out).toMatch(
      /warning: .*calendar: the action is not the one that was signed: mig-runner calendar diff nightly/,
    );
  });

  test("run is refused, with what to do", async () => {
    const { thrown } = await host.call(run, ["nightly"]);
    expect(thrown).toMatch(
      /Cannot dispatch job "nightly": it is signed ahead, for its fire times only/,
    );
  });
});
