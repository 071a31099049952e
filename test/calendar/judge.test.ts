import { describe, expect, test } from "bun:test";
import * as openpgp from "openpgp";
import type { Calendar, Window } from "../../src/calendar/file.ts";
import { judgeCalendar, keysOf } from "../../src/calendar/judge.ts";
import { PUBLIC_RING, REQUESTED, refusalOf, requested, signedBy } from "../support/calendars.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY } from "../support/keys.ts";

const keys = keysOf([PUBLIC_RING]);
const options = { keys, keyring: "ring.gpg", minSigners: 1, now: REQUESTED };
const judge = (calendar: Calendar, changes: Partial<typeof options> = {}) =>
  judgeCalendar(calendar, { ...options, ...changes });
const refused = (calendar: Calendar, changes: Partial<typeof options> = {}): Promise<string> =>
  refusalOf(() => judge(calendar, changes));

/** A key ring entry with its key changed. */
function keyring(fingerprint: string, change: { revoked?: boolean; expiresAt?: number | null }) {
  const entry = keys.get(fingerprint);
  if (entry === undefined) throw new Error("there is no such key");
  const primary = { ...entry.primary, ...change };
  return new Map([...keys, [fingerprint, { ...entry, primary }]]);
}

describe("the signatures of a calendar", () => {
  test("hold when every person has signed every window and the whole", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const signers = await judge(signed);
    expect(signers.map(({ fingerprint }) => fingerprint)).toEqual([RUNNER_KEY, LOCKED_KEY]);
    expect(signers.map(({ signedAt }) => signedAt)).toEqual([REQUESTED, REQUESTED]);
  });

  test("are too few for the calendar, or for the job", async () => {
    expect(await refused(requested())).toBe("it is signed by no one, 2 are needed");
    const one = await signedBy(requested(), ["ann"]);
    expect(await refused(one)).toBe("it is signed by 1 key, 2 are needed");
    const enough = await signedBy(requested({ minSigners: 1 }), ["ann"]);
    expect(await refused(enough)).toBe("");
    expect(await refused(enough, { minSigners: 3 })).toBe("it is signed by 1 key, 3 are needed");
  });

  test("must be by keys that are known, not revoked and not expired", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const without = new Map([...keys].filter(([fingerprint]) => fingerprint !== LOCKED_KEY));
    expect(await refused(signed, { keys: without })).toBe(
      `the key ${LOCKED_KEY} of one of its signers is not in ring.gpg`,
    );
    expect(await refused(signed, { keys: keyring(RUNNER_KEY, { revoked: true }) })).toBe(
      `the key ${RUNNER_KEY} of one of its signers is revoked`,
    );
    expect(await refused(signed, { keys: keyring(RUNNER_KEY, { expiresAt: REQUESTED }) })).toBe(
      `the key ${RUNNER_KEY} of one of its signers expired at 2027-03-01T12:00:00Z`,
    );
    expect(await refused(signed, { keys: keyring(RUNNER_KEY, { expiresAt: REQUESTED + 1 }) })).toBe(
      "",
    );
  });

  test("are by a key that is revoked, wherever in the ring that stands", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [ann] = await openpgp.readPrivateKeys({ binaryKeys: keyFile("keys/secring.gpg") });
    if (ann?.getFingerprint().toUpperCase() !== RUNNER_KEY) throw new Error("another key is first");
    const { publicKey } = await openpgp.revokeKey({ key: ann, format: "binary" });
    for (const rings of [
      [publicKey, PUBLIC_RING],
      [PUBLIC_RING, publicKey],
    ]) {
      expect(await refused(signed, { keys: keysOf(rings) })).toBe(
        `the key ${RUNNER_KEY} of one of its signers is revoked`,
      );
    }
  });

  test("are by keys of their own: one key is not two people", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [ann, bob] = [RUNNER_KEY, LOCKED_KEY].map((fingerprint) => keys.get(fingerprint));
    if (ann === undefined || bob === undefined) throw new Error("there is no such key");
    const shared = `the keys ${RUNNER_KEY} and ${LOCKED_KEY} of two signers share the key `;
    for (const subkeys of [ann.subkeys, [ann.primary]]) {
      const both = new Map([...keys, [LOCKED_KEY, { ...bob, subkeys }]]);
      expect(await refused(signed, { keys: both })).toBe(`${shared}${subkeys[0]?.keyId}`);
    }
  });

  test("cannot be moved: to another window, signer, job or time", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [first, second, third] = signed.windows as [Window, Window, Window];
    const swapped = [
      { ...first, signatures: second.signatures },
      { ...second, signatures: first.signatures },
      third,
    ];
    expect(await refused({ ...signed, windows: swapped })).toMatch(
      /^the signature of window 1 \(2027-03-02T03:00:00Z\) by the key D350.* does not hold/,
    );
    const crossed = [{ ...first, signatures: first.signatures.toReversed() }, second, third];
    expect(await refused({ ...signed, windows: crossed })).toMatch(/was made by another key/);
    const later = [{ ...first, firesAt: first.firesAt + 60_000 }, second, third];
    expect(await refused({ ...signed, windows: later })).toMatch(
      /^the signature over the whole calendar by the key D350.* does not hold/,
    );
    for (const change of [{ sequence: 2 }, { minSigners: 1 }, { previous: "ab".repeat(32) }]) {
      expect(await refused({ ...signed, ...change })).toMatch(/^the signature over the whole/);
    }
    expect(await refused({ ...signed, windows: [first, second] })).toMatch(
      /^the signature over the whole/,
    );
    const other = await signedBy(requested({ job: "other" }), ["ann", "bob"]);
    expect(await refused({ ...signed, windows: other.windows })).toMatch(
      /^the signature of window 1/,
    );
    const [ann, bob] = signed.signers;
    if (ann === undefined || bob === undefined) throw new Error("there are two");
    const traded = [{ ...ann, manifest: bob.manifest }, bob];
    expect(await refused({ ...signed, signers: traded })).toMatch(/was made by another key/);
  });

  test("are refused in another spelling, and when they cannot be read", async () => {
    const signed = await signedBy(requested({ minSigners: 1 }), ["ann"]);
    const [first, ...rest] = signed.windows as [Window, ...Window[]];
    const [line = ""] = first.signatures;
    const spelled = (other: string) =>
      refused({ ...signed, windows: [{ ...first, signatures: [other] }, ...rest] });
    const end = line.lastIndexOf("=");
    for (const other of [
      "",
      "=",
      "AAAA",
      line.slice(0, -5),
      `${line.slice(0, end)}=AAAA`,
      `${line}\n`,
    ]) {
      expect(await spelled(other)).toMatch(/ cannot be read$/);
    }
    const packet = Uint8Array.fromBase64(line.slice(0, end));
    packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 1;
    expect(await spelled(`${packet.toBase64()}${line.slice(end)}`)).toMatch(/ cannot be read$/);
  });

  test("must be of a time that can be", async () => {
    const late = await signedBy(requested(), ["ann", "bob"], REQUESTED + 600_000);
    expect(await refused(late)).toMatch(
      /was made at 2027-03-01T12:10:00Z, 10m ahead of this clock$/,
    );
    expect(await refused(late, { now: REQUESTED + 300_000 })).toBe("");
    const early = await signedBy(requested(), ["ann", "bob"], REQUESTED - 240_000);
    expect(await refused(early)).toBe("");
    const before = { ...early, requestedAt: REQUESTED + 120_000 };
    expect(await refused(before)).toMatch(/was made 6m before it was requested$/);
  });

  test("are not there yet while somebody is at it", async () => {
    const signed = await signedBy(requested(), ["ann", "bob"]);
    const [ann, bob] = signed.signers;
    if (ann === undefined || bob === undefined) throw new Error("there are two");
    expect(await refused({ ...signed, signers: [ann, { ...bob, manifest: null }] })).toBe(
      `the key ${LOCKED_KEY} has not signed it to its end`,
    );
  });
});
