import { describe, expect, test } from "bun:test";
import {
  type Calendar,
  decodeCalendar,
  encodeCalendar,
  hashOf,
  type Window,
} from "../../src/calendar/file.ts";
import { refusalOf, requested, signedBy } from "../support/calendars.ts";
import { bytesOf } from "../support/keys.ts";

const decode = (text: string): Calendar => decodeCalendar(bytesOf(text));
const refused = (text: string): Promise<string> => refusalOf(() => decode(text));

/** The text of a calendar in which something was replaced. */
function replaced(from: string | RegExp, to: string): string {
  const text = encodeCalendar(requested());
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  return changed;
}

/** A calendar whose windows are these. */
function withWindows(change: (windows: readonly Window[]) => readonly Window[]): string {
  const calendar = requested();
  return encodeCalendar({ ...calendar, windows: change(calendar.windows) });
}

describe("the file of a calendar", () => {
  test("is read back as it was written, signed or not", async () => {
    const calendar = requested();
    expect(decode(encodeCalendar(calendar))).toEqual(calendar);
    const signed = await signedBy(calendar, ["ann", "bob"]);
    expect(decode(encodeCalendar(signed))).toEqual(signed);
  });

  test("has a line a window, with its three times", () => {
    const lines = encodeCalendar(requested()).split("\n");
    expect(lines).toContain(
      '{"firesAt":"2027-03-02T03:00:00Z","validFrom":"2027-03-02T02:58:00Z",' +
        '"expireAfter":"2027-03-02T04:00:00Z","signatures":[]},',
    );
  });

  test("takes at most 1,000 bytes a window and signer", async () => {
    const signed = await signedBy(requested({ count: 60 }), ["ann"]);
    expect(encodeCalendar(signed).length).toBeLessThan(60 * 1_000);
  });

  test("keeps its hash when it is signed", async () => {
    const calendar = requested();
    expect(hashOf(await signedBy(calendar, ["ann"]))).toBe(hashOf(calendar));
    expect(hashOf({ ...calendar, sequence: 2 })).not.toBe(hashOf(calendar));
    expect(hashOf({ ...calendar, windows: calendar.windows.slice(1) })).not.toBe(hashOf(calendar));
  });
});

describe("a calendar is refused", () => {
  test("when it is empty, cut or no JSON", async () => {
    const text = encodeCalendar(requested());
    expect(await refused("")).toBe("the file is empty");
    expect(await refused(text.slice(0, -40))).toBe("it is cut: its end is missing");
    expect(await refused(text.slice(0, 500))).toBe("it is cut: its end is missing");
    expect(await refused("hello")).toBe("it was changed: it is no JSON");
    expect(await refused(replaced('"job"', "job"))).toBe("it was changed: it is no JSON");
    expect(await refusalOf(() => decodeCalendar(new Uint8Array([0xff, 0xfe])))).toBe(
      "it was changed: it is no UTF-8",
    );
  });

  test("when it is something else, or of another version", async () => {
    expect(await refused("[]\n")).toBe("it is no calendar of mig-runner");
    expect(await refused('{"name":"an action"}')).toBe("it is no calendar of mig-runner");
    expect(await refused(replaced('"version":1', '"version":2'))).toBe(
      "its format is version 2, this mig-runner knows 1",
    );
  });

  test("when it is not understood whole", async () => {
    expect(await refused(replaced('"job"', '"extra":1,\n"job"'))).toBe(
      "it is not understood: extra is a member that this mig-runner does not know",
    );
    expect(await refused(replaced('"sequence":1', '"sequence":0'))).toMatch(
      /^it is not understood: sequence must be a whole number/,
    );
    expect(await refused(replaced("03:00:00Z", "03:00"))).toBe(
      "it is not understood: windows[0].firesAt must be a time such as 2026-01-02T03:04:05Z",
    );
    expect(await refused(replaced('"minSigners":2,\n', ""))).toMatch(/minSigners/);
  });

  test("when one byte of it was written otherwise", async () => {
    expect(await refused(replaced('"sequence":1', '"sequence": 1'))).toBe(
      "it was changed: line 4 is not as mig-runner writes it",
    );
    expect(await refused(replaced("2027-03-02T03", "2027-02-30T03"))).toMatch(/^it was changed/);
    expect(await refused(`\ufeff${encodeCalendar(requested())}`)).toMatch(/^it was changed/);
    expect(await refused(encodeCalendar(requested()).replaceAll("\n", "\r\n"))).toMatch(
      /^it was changed/,
    );
    expect(await refused(replaced('"job":"sshd"', '"job":"x",\n"job":"sshd"'))).toMatch(
      /^it was changed/,
    );
  });

  test("when it is too large", async () => {
    const huge = new Uint8Array(64 * 1024 * 1024 + 1);
    expect(await refusalOf(() => decodeCalendar(huge))).toMatch(/^it is too large: 67108865 bytes/);
    const [first] = requested().windows as [Window];
    const many = Array.from({ length: 20_001 }, (_, index) => {
      const at = first.firesAt + index * 2_000;
      return { firesAt: at, validFrom: at, expireAfter: at + 1_000, signatures: [] };
    });
    expect(await refused(withWindows(() => many))).toBe(
      "it is too large: 20001 windows, at most 20000 are signed",
    );
  });

  test("without a window, with one twice, in a wrong order, or with two that overlap", async () => {
    expect(await refused(withWindows(() => []))).toBe("it has no window");
    expect(await refused(withWindows(([first]) => [first, first] as Window[]))).toBe(
      "window 2 at 2027-03-02T03:00:00Z is not later than the one before it",
    );
    expect(await refused(withWindows((all) => all.toReversed()))).toMatch(/is not later than/);
    const wider = (window: Window, index: number): Window =>
      index === 0 ? { ...window, expireAfter: Date.UTC(2027, 2, 3, 2, 59) } : window;
    expect(await refused(withWindows((all) => all.map(wider)))).toBe(
      "window 2 overlaps the one before it: it is valid from 2027-03-03T02:58:00Z, that one " +
        "until 2027-03-03T02:59:00Z",
    );
  });

  test("when a window is not valid at its fire time", async () => {
    const over = (window: Window): Window => ({ ...window, expireAfter: window.firesAt });
    expect(await refused(withWindows((all) => all.map(over)))).toBe(
      "window 1 is not valid at its fire time 2027-03-02T03:00:00Z",
    );
  });

  test("when a window is longer than MIG can keep an action", async () => {
    const day = 24 * 3_600_000;
    const lead = (days: number) => requested({ count: 1, leadMs: days * day });
    expect(await refusalOf(() => lead(49))).toBe("");
    expect(await refusalOf(() => lead(50))).toBe(
      "window 1 is valid for more than 49 days, and MIG delivers no such action",
    );
  });

  test("when no job can have its name", async () => {
    for (const name of ["", " sshd", "ss\u202ehd", "sshd\0", "\ud800", "s".repeat(129), "a\nb"]) {
      const text = encodeCalendar({ ...requested(), job: name });
      expect(await refused(text)).toBe(
        "it is not understood: job must be a name that a job can have",
      );
    }
  });

  test("when it reaches further than 90 days", async () => {
    const late = Date.UTC(2027, 4, 30, 12, 0, 1);
    const far = { firesAt: late, validFrom: late, expireAfter: late + 60_000, signatures: [] };
    expect(await refused(withWindows((all) => [...all, far]))).toBe(
      "its last window, 2027-05-30T12:00:01Z, is more than 90 days after it was requested",
    );
    const just = late - 1_000;
    const near = { ...far, firesAt: just, validFrom: just };
    expect(await refused(withWindows((all) => [...all, near]))).toBe("");
  });

  test("with more signatures than the API has room for", async () => {
    const signed = await signedBy(requested(), ["ann"]);
    const [line = ""] = signed.windows[0]?.signatures ?? [];
    const signers = Array.from({ length: 11 }, (_, index) => ({
      fingerprint: `${index}`.padStart(40, "A"),
      manifest: line,
    }));
    const of = (count: number): string =>
      encodeCalendar({
        ...signed,
        signers: signers.slice(0, count),
        windows: signed.windows.map((window) => ({
          ...window,
          signatures: Array.from({ length: count }, () => line),
        })),
      });
    // Ten signatures of an RSA key of 2,048 bits have room, as the real API has shown.
    expect(await refused(of(10))).toBe("");
    expect(await refused(of(11))).toMatch(/^it has 11 signers|characters of signatures/);
  });

  test("with a key twice, or a signature that is missing or belongs to nobody", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [ann, bob] = signed.signers as [Calendar["signers"][0], Calendar["signers"][0]];
    expect(await refused(encodeCalendar({ ...signed, signers: [ann, ann] }))).toBe(
      `it is signed twice by the key ${ann.fingerprint}`,
    );
    expect(await refused(encodeCalendar({ ...signed, signers: [ann] }))).toBe(
      "window 1 has a signature of no signer",
    );
    const without = (index: number) =>
      signed.windows.map((window, at) =>
        at === index ? { ...window, signatures: window.signatures.slice(0, 1) } : window,
      );
    expect(await refused(encodeCalendar({ ...signed, windows: without(1) }))).toBe(
      "the signature of signer 2 over window 2 is missing",
    );
    const first = { ...ann, manifest: null };
    expect(await refused(encodeCalendar({ ...signed, signers: [first, bob] }))).toBe(
      "the signature of signer 1 over the whole is missing",
    );
  });
});
