import { describe, expect, test } from "bun:test";
import * as openpgp from "openpgp";
import { actionOf, templateHash, windowBody } from "../../src/calendar/action.ts";
import { type Calendar, decodeCalendar, encodeCalendar } from "../../src/calendar/file.ts";
import { signCalendar } from "../../src/calendar/sign.ts";
import { parseTemplate } from "../../src/mig/action.ts";
import {
  keyOf,
  PUBLIC_RING,
  REQUESTED,
  refusalOf,
  requested,
  signedBy,
  TEMPLATE,
} from "../support/calendars.ts";
import { bytesOf, LOCKED_KEY, RUNNER_KEY } from "../support/keys.ts";

const none = async (): Promise<void> => {};

/** Whether openpgp, which shares no code with ours, takes a signature in one line. */
async function holds(text: string, line: string): Promise<boolean> {
  const verificationKeys = await openpgp.readKeys({ binaryKeys: PUBLIC_RING });
  const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
  const signature = await openpgp.readSignature({ binarySignature: packet });
  const message = await openpgp.createMessage({ binary: bytesOf(text) });
  const date = new Date(REQUESTED + 1_000);
  const { signatures } = await openpgp.verify({ message, signature, verificationKeys, date });
  return (await signatures[0]?.verified.catch(() => false)) ?? false;
}

describe("signing a calendar", () => {
  test("gives each window a signature of each person, over the text that MIG verifies", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    expect(signed.signers.map(({ fingerprint }) => fingerprint)).toEqual([RUNNER_KEY, LOCKED_KEY]);
    const { operations } = JSON.parse(signed.action);
    // Put together by hand, as the agents do: 2027-03-02 02:58 and 04:00 in Unix seconds.
    const text =
      "name=mig-runner: sshd;target=status='online';validfrom=1803956280;" +
      `expireafter=%!s(int64=1803960000);operations=${JSON.stringify(operations)};`;
    const lines = signed.windows[0]?.signatures ?? [];
    expect(lines.length).toBe(2);
    for (const line of lines) expect(await holds(text, line)).toBe(true);
    expect(await holds(text.replace("1803960000", "1772424001"), lines[0] ?? "")).toBe(false);
  });

  test("posts a window as its action with all signatures", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [window] = signed.windows;
    if (window === undefined) throw new Error("there is no window");
    const posted = JSON.parse(windowBody(actionOf(signed), window));
    expect(posted).toMatchObject({
      name: "mig-runner: sshd",
      validfrom: "2027-03-02T02:58:00Z",
      expireafter: "2027-03-02T04:00:00Z",
      pgpsignatures: window.signatures,
      syntaxversion: 2,
    });
  });

  test("goes on where it was interrupted", async () => {
    const calendar = requested({ count: 90 });
    const key = await keyOf("ann");
    let kept: Calendar = calendar;
    const cut = async (partly: Calendar, windows: number): Promise<void> => {
      kept = decodeCalendar(bytesOf(encodeCalendar(partly)));
      if (windows >= 64) throw new Error("the power went");
    };
    const first = signCalendar(calendar, { key, now: REQUESTED, signed: cut });
    expect(first).rejects.toThrow("the power went");
    await first.catch(() => {});
    expect(kept.windows.filter(({ signatures }) => signatures.length > 0).length).toBe(64);
    let asked = 0;
    const counting = {
      ...key,
      sign(text: Uint8Array) {
        asked++;
        return key.sign(text);
      },
    };
    const whole = await signCalendar(kept, { key: counting, now: REQUESTED, signed: none });
    expect(whole).toEqual(await signedBy(calendar, ["ann"]));
    // The 26 windows that were left, and the whole.
    expect(asked).toBe(27);
  });

  test("waits for the person who has begun", async () => {
    const calendar = requested();
    const key = await keyOf("ann");
    let kept: Calendar = calendar;
    const cut = async (partly: Calendar): Promise<void> => {
      kept = partly;
      throw new Error("the power went");
    };
    await signCalendar(calendar, { key, now: REQUESTED, signed: cut }).catch(() => {});
    expect(await refusalOf(() => signedBy(kept, ["bob"]))).toBe(
      `the key ${RUNNER_KEY} has not signed it to its end`,
    );
  });

  test("is refused a second time by the same key", async () => {
    expect(await refusalOf(() => signedBy(requested(), ["ann", "ann"]))).toBe(
      `it is signed by the key ${RUNNER_KEY} already`,
    );
  });

  test("is refused when it is over, or when a clock is off", async () => {
    const later = Date.UTC(2027, 2, 4, 4, 0, 0);
    expect(await refusalOf(() => signedBy(requested(), ["ann"], later))).toBe(
      "all its windows have passed, the last at 2027-03-04T04:00:00Z",
    );
    expect(await refusalOf(() => signedBy(requested(), ["ann"], later - 1_000))).toBe("");
    const early = REQUESTED - 5 * 60_000 - 1_000;
    expect(await refusalOf(() => signedBy(requested(), ["ann"], early))).toBe(
      "it was requested at 2027-03-01T12:00:00Z, 5m1s from now",
    );
  });

  test("is refused when its action is not what it says", async () => {
    const calendar = requested();
    const other = (action: string) => refusalOf(() => signedBy({ ...calendar, action }, ["ann"]));
    const { action } = calendar;
    expect(await other("{}")).toMatch(/^its action was changed/);
    expect(await other("{")).toMatch(/^its action is none/);
    expect(await other(action.replace("online", "idle"))).toBe(
      "its template hash is not that of its action",
    );
    expect(await other(action.replace("mig-runner: sshd", "mig-runner: other"))).toBe(
      'its action is named "mig-runner: other", which is not that of job "sshd"',
    );
    const packed = /"parameters":"([^"]*)"/.exec(action)?.[1] ?? "";
    expect(await other(action.replace(packed, packed.slice(4)))).toMatch(
      /^the parameters of operation 1 cannot be unpacked/,
    );
  });
});

describe("the hash of a template", () => {
  test("is the same before and after it is compressed, and another for another action", () => {
    const named = JSON.stringify({ ...JSON.parse(TEMPLATE), name: "mig-runner: sshd" });
    const plain = parseTemplate(bytesOf(named.replace("}]}", '}],"syntaxversion":2}')));
    expect(templateHash({ ...plain, syntaxversion: 2n })).toBe(requested().template);
    const other = parseTemplate(bytesOf(named.replace("/etc/ssh", "/etc")));
    expect(templateHash({ ...other, syntaxversion: 2n })).not.toBe(requested().template);
  });
});
