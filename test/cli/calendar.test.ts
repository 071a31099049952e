import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { calendar } from "../../src/cli/calendar.ts";
import { gnupgHome, hasGpg } from "../support/gnupg.ts";
import { homeOf, keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { callVerb, Directory, type VerbOptions, type VerbOutcome } from "../support/verb.ts";

let host: Directory;
let ring: string;

beforeAll(async () => {
  host = await Directory.create();
  await host.job("nightly", ["minsigners = 2", 'signing = "calendar"', "timezone = UTC"]);
  ring = await host.write("public.gpg", keyFile("keys/pubring.gpg"));
});

afterAll(() => host[Symbol.asyncDispose]());

let made = 0;

/** A calendar of the job, as the host asks for it. */
async function request(...flags: readonly string[]): Promise<string> {
  const path = host.at(`${made++}.calendar`);
  const words = ["request", "nightly", "-o", path, "--windows", "3", ...flags];
  const { exit, thrown } = await host.call(calendar, words);
  expect([exit, thrown]).toEqual([0, ""]);
  return path;
}

/** What a person types, on a machine that knows the keys and no runner. */
function sign(
  path: string,
  flags: readonly string[],
  options: VerbOptions = {},
): Promise<VerbOutcome> {
  const environment = { XDG_STATE_HOME: host.at("state"), MIGPGPPASSPHRASE: RUNNER_PASSPHRASE };
  const words = ["sign", path, "--home", host.at("keys"), ...flags];
  return callVerb(calendar, words, { environment, ...options });
}

const byAnn = ["--key", RUNNER_KEY, "--confirm", "nightly"];
const byBob = ["--key", LOCKED_KEY, "--confirm", "nightly"];

function verify(path: string, ...flags: readonly string[]): Promise<VerbOutcome> {
  return callVerb(calendar, ["verify", path, "--keyring", ring, ...flags]);
}

describe.skipIf(!hasGpg())(
  `calendar sign with GnuPG 2${hasGpg() ? "" : " (there is no gpg)"}`,
  () => {
    test("signs each window through gpg-agent, with a key that mig-runner never reads", async () => {
      using home = gnupgHome([`${homeOf()}/secring.gpg`]);
      const path = await request("--windows", "2");
      // gpg-agent has the keys: in the home is no file that mig-runner could sign with.
      expect(existsSync(`${home.path}/secring.gpg`)).toBe(false);
      const environment = { XDG_STATE_HOME: host.at("state"), PATH: process.env.PATH };
      const words = ["sign", path, "--home", home.path, ...byAnn];
      expect(await callVerb(calendar, words, { environment })).toMatchObject({
        exit: 0,
        out: expect.stringMatching(/signed by 1; 1 signer missing/),
      });
      expect(await sign(path, byBob)).toMatchObject({ exit: 0 });
      expect(await verify(path)).toMatchObject({ exit: 0 });
    });
  },
);

describe("calendar", () => {
  test("is requested on the host, signed by two on others, and verified", async () => {
    const path = await request();
    expect(await verify(path)).toMatchObject({
      thrown: expect.stringMatching(
        /^Cannot verify calendar ".*": it is signed by no one, 2 are needed/,
      ),
    });
    expect(await sign(path, byAnn)).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/3 windows, signed by 1; 1 signer missing/),
    });
    expect(await sign(path, byBob)).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/signed by 2; on the host: mig-runner calendar install FILE$/m),
    });
    const { exit, out } = await verify(path);
    expect(exit).toBe(0);
    expect(out).toMatch(/^every signature of 3 windows by 2 signers holds$/m);
    const { valid, signers, windows } = JSON.parse((await verify(path, "--json")).out);
    expect([valid, windows]).toEqual([true, 3]);
    expect(signers.map(({ fingerprint }: { fingerprint: string }) => fingerprint)).toEqual([
      RUNNER_KEY,
      LOCKED_KEY,
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("is shown in plain words before it is signed, and what is new against the last one", async () => {
    const first = await sign(await request(), byAnn, {
      environment: { XDG_STATE_HOME: host.at("fresh") },
    });
    expect(first.out).toMatch(/agents +those that match status='online'$/m);
    expect(first.out).toMatch(/told to +timedrift: tells its time, and how far its clock is off$/m);
    expect(first.out).toMatch(/^ +"drift": "5s"$/m);
    expect(first.out).toMatch(/how often +3 times$/m);
    expect(first.out).toMatch(/hours +in UTC 03h \(3\)$/m);
    expect(first.out).toMatch(/^No calendar of this job was signed here before\.$/m);
    const again = await sign(await request(), byAnn, {
      environment: { XDG_STATE_HOME: host.at("fresh") },
    });
    expect(again.out).toMatch(/signed here last, number 1: only the times are new$/m);
    const action =
      '{"target":"name=\'a\'","operations":[{"module":"agentdestroy","parameters":{"pid":1}}]}';
    await host.job("nightly", ["minsigners = 1", "timezone = UTC"], action);
    const other = await sign(await request(), byAnn, {
      environment: { XDG_STATE_HOME: host.at("fresh") },
    });
    expect(other.out).toMatch(/^ {2}target: was status='online', is name='a'$/m);
    expect(other.out).toMatch(/^ {2}needed signers: was 2, is 1$/m);
    expect(other.out).toMatch(/^ {2}operation 1: was timedrift .*, is agentdestroy \{"pid":1\}$/m);
    expect(other.out).toMatch(/agentdestroy: ENDS an agent/);
    await host.job("nightly", ["minsigners = 2", 'signing = "calendar"', "timezone = UTC"]);
  });

  test("asks for the name of the job, and signs nothing without it", async () => {
    const path = await request();
    const before = readFileSync(path, "utf8");
    const asked = ["--key", RUNNER_KEY];
    expect((await sign(path, asked, { stdin: ["nightly"] })).thrown).toBe("");
    writeFileSync(path, before);
    for (const stdin of [["nightl"], [""], [], ["yes", "nightly"]]) {
      expect((await sign(path, asked, { stdin })).thrown).toBe(
        `Cannot sign calendar: "${stdin[0] ?? ""}" is not the name of the job (type nightly, or use --confirm nightly)`,
      );
    }
    expect((await sign(path, [...asked, "--confirm", "x"])).thrown).toMatch(/"x" is not the name/);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test("is not written over what another person has signed meanwhile", async () => {
    const path = await request();
    const unsigned = readFileSync(path);
    await sign(path, byBob);
    const byOther = readFileSync(path, "utf8");
    writeFileSync(path, unsigned);
    const stdin = {
      *[Symbol.iterator]() {
        writeFileSync(path, byOther);
        yield "nightly";
      },
    };
    expect((await sign(path, ["--key", RUNNER_KEY], { stdin })).thrown).toMatch(
      /^Cannot save calendar ".*": another program has changed it meanwhile/,
    );
    expect(readFileSync(path, "utf8")).toBe(byOther);
    expect((await sign(path, byAnn)).out).toMatch(/signed by 2; on the host/);
  });

  test("is refused by the key that has signed it, and for a key that is not there", async () => {
    const path = await request();
    await sign(path, byAnn);
    expect((await sign(path, byAnn)).thrown).toMatch(
      /^Cannot sign calendar ".*": it is signed by the key D350/,
    );
    expect((await sign(path, ["--key", "nobody", "--confirm", "nightly"])).thrown).toMatch(
      /^.*Cannot sign with key "nobody": Signer 'nobody' not found/,
    );
  });

  test("is practised with throw-away keys, which change nothing of the file", async () => {
    const path = await request();
    const before = readFileSync(path, "utf8");
    for (const _ of [1, 2]) {
      const rehearsed = await callVerb(calendar, [
        "sign",
        path,
        "--rehearse",
        "--confirm",
        "nightly",
      ]);
      expect(rehearsed.thrown).toBe("");
    }
    expect(readFileSync(path, "utf8")).toBe(before);
    const copy = `${path}.rehearsal`;
    const own = await callVerb(calendar, ["verify", copy, "--keyring", `${copy}.gpg`]);
    expect(own.out).toMatch(/by 2 signers holds$/m);
    expect((await verify(copy)).thrown).toMatch(/of one of its signers is not in /);
  });

  test("is refused when it was changed, in words or in JSON", async () => {
    const path = await request();
    await sign(path, byAnn);
    await sign(path, byBob);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/"sequence":1/, '"sequence":2'));
    expect((await verify(path)).thrown).toMatch(
      /^Cannot verify calendar ".*": the signature over the whole calendar by the key D350.* does not hold/,
    );
    const { exit, out } = await verify(path, "--json");
    expect([exit, JSON.parse(out).valid]).toEqual([1, false]);
    writeFileSync(path, text.slice(0, -100));
    expect((await verify(path)).thrown).toMatch(/it is cut: its end is missing/);
    expect((await sign(path, byAnn)).thrown).toMatch(/^Cannot sign calendar ".*": it is cut/);
    expect((await verify(host.at("nothing"))).thrown).toMatch(
      /"[^"]*nothing" cannot be read: no such file/,
    );
  });

  test("is not requested over a file that is there, nor of what cannot be signed ahead", async () => {
    const path = await request();
    const again = await host.call(calendar, ["request", "nightly", "-o", path, "--windows", "1"]);
    expect(again.thrown).toMatch(/^Cannot make ".*": it is there already/);
    const wanted = async (job: string, ...flags: readonly string[]) =>
      (await host.call(calendar, ["request", job, "-o", host.at("new"), ...flags])).thrown;
    expect(await wanted("nightl", "--windows", "1")).toMatch(/did you mean "nightly"/);
    expect(await wanted("nightly")).toBe("calendar request needs --until TIME or --windows N");
    expect(await wanted("nightly", "--windows", "1", "--lead", "soon")).toMatch(/flag -lead/);
    expect(await wanted("nightly", "--until", "2020-01-01T00:00:00Z")).toMatch(
      /^.*Cannot request a calendar of job "nightly": the job does not fire before 2020-01-01T00:00:00Z/,
    );
    expect(existsSync(host.at("new"))).toBe(false);
  });

  test("says what it takes", async () => {
    const said = async (...words: readonly string[]) => (await callVerb(calendar, words)).thrown;
    expect(await said()).toMatch(
      /^calendar takes request, sign, verify, install, show, diff, withdraw$/,
    );
    expect(await said("sing")).toBe('calendar cannot sing: did you mean "sign"?');
    expect(await said("sign")).toBe("calendar sign takes one FILE");
    expect(await said("sign", "a", "b")).toBe("calendar sign takes one FILE");
    expect(await said("sign", "a")).toBe("calendar sign needs --key ID, or --rehearse");
    expect(await said("verify", "a")).toBe("calendar verify needs --keyring FILE");
    expect(await said("request", "j", "--windows", "1")).toBe("calendar request needs -o FILE");
  });
});
