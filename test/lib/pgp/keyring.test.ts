import { describe, expect, test } from "bun:test";
import { maySign, parseKeyring, verifyProblem } from "../../../src/lib/pgp/keyring.ts";
import { keyFile } from "../../support/keys.ts";

const secring = (ring: string): Uint8Array => keyFile(`rings/${ring}/secring.gpg`);

function primaries(bytes: Uint8Array): string[] {
  return parseKeyring(bytes).entries.map(({ primary, userIds }) =>
    [primary.algorithmName, primary.secret.kind, ...userIds].join(" "),
  );
}

describe("parseKeyring()", () => {
  test("reads the kinds of keys, and where their secret part is", () => {
    expect(primaries(secring("rsa4096"))).toEqual(["RSA 4096 plain rsa4096"]);
    expect(primaries(secring("dsapp"))).toEqual(["DSA 2048 locked dsapp"]);
    expect(primaries(secring("ecdsa521"))).toEqual(["ECDSA P-521 plain ecdsa521"]);
    expect(primaries(secring("ed25519"))).toEqual(["Ed25519 plain ed25519"]);
    expect(primaries(secring("stub"))).toEqual(["RSA 2048 stub certonly"]);
    expect(primaries(keyFile("rings/rsa1024/pub.asc"))).toEqual(["RSA 1024 none rsa1024"]);
  });

  test("keeps the keys around one that it cannot use", () => {
    expect(primaries(secring("mix-ed-then-rsa"))).toHaveLength(2);
    expect(primaries(secring("mix-pub-first"))).toEqual([
      "RSA 1024 none rsa1024",
      "RSA 4096 plain rsa4096",
    ]);
  });

  test("keeps the keys before junk, and says what the junk is", () => {
    expect(primaries(secring("trailing"))).toEqual(["RSA 4096 plain rsa4096"]);
    expect(parseKeyring(secring("trailing")).damage).toContain("tag byte does not have MSB set");
    expect(parseKeyring(secring("truncated"))).toEqual({ entries: [], damage: "unexpected EOF" });
  });

  test("reads fingerprints, subkeys, flags and expiry", () => {
    const [entry] = parseKeyring(secring("certonly")).entries;
    expect(entry?.primary).toMatchObject({
      fingerprint: "380A5AEAB0261DAFCE39DE569A01586A9B6BA62F",
      keyId: "9A01586A9B6BA62F",
      flags: 1,
      expiresAt: null,
      revoked: false,
    });
    expect(entry?.subkeys.map(({ fingerprint, flags }) => [fingerprint, flags])).toEqual([
      ["90213ACA7E590237A99B79E7F40543741F7CD873", 2],
    ]);
    const [expired] = parseKeyring(secring("expired")).entries;
    // One second after its creation.
    expect(expired?.primary.expiresAt).toBe(1_795_449_723_000);
  });

  test("survives a ring that is cut anywhere or has any byte changed", () => {
    const whole = secring("certonly");
    for (let length = 0; length < whole.length; length += 7) {
      parseKeyring(whole.subarray(0, length));
    }
    for (let at = 0; at < whole.length; at += 3) {
      const changed = whole.slice();
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      parseKeyring(changed);
    }
  });
});

describe("verifyProblem()", () => {
  const problemOf = (ring: string): string | null => {
    const [entry] = parseKeyring(secring(ring)).entries;
    if (entry === undefined) throw new Error(`no key in ${ring}`);
    return verifyProblem(entry.primary);
  };

  test("accepts RSA, DSA and ECDSA keys, also expired ones", () => {
    for (const ring of ["rsa1024", "dsa1024", "ecdsa384", "expired"]) {
      expect(problemOf(ring)).toBeNull();
    }
  });

  test("names Ed25519 and certify-only keys", () => {
    expect(problemOf("ed25519")).toContain("cannot verify Ed25519 keys");
    expect(problemOf("certonly")).toContain("its key flags allow no signing of data");
  });

  test("names a revoked key", () => {
    const [entry] = parseKeyring(secring("rsa1024")).entries;
    if (entry === undefined) throw new Error("no key");
    expect(verifyProblem({ ...entry.primary, revoked: true })).toContain("revoked");
  });
});

describe("maySign()", () => {
  test("lets a key without flags do anything", () => {
    const [entry] = parseKeyring(secring("rsa1024")).entries;
    if (entry === undefined) throw new Error("no key");
    expect([null, 1, 2, 3].map((flags) => maySign({ ...entry.primary, flags }))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});
