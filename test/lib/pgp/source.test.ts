import { describe, expect, test } from "bun:test";
import { type HeldKey, matchKeys } from "../../../src/lib/pgp/source.ts";

function held(fingerprint: string, changes: Partial<HeldKey> = {}): HeldKey {
  return {
    fingerprint,
    primaryFingerprint: fingerprint,
    userIds: ["Ann Lee (work) <ann@example.net>"],
    algorithm: "RSA 2048",
    createdAt: 0,
    expiresAt: null,
    secret: "plain",
    problem: null,
    advice: null,
    canSign: true,
    ...changes,
  };
}

const ANN = held("AAAA0000AAAA0000AAAA0000AAAA0000DEADBEEF");
const BOB = held("BBBB0000BBBB0000BBBB0000BBBB0000CAFEF00D", { userIds: ["bob@example.net"] });
const SUB = held("CCCC0000CCCC0000CCCC0000CCCC0000DEADBEEF", {
  primaryFingerprint: BOB.fingerprint,
  userIds: BOB.userIds,
});

function found(keyId: string, keys: readonly HeldKey[] = [ANN, BOB]): string[] {
  return matchKeys(keyId, keys).map(({ fingerprint }) => fingerprint);
}

describe("matchKeys()", () => {
  test("takes fingerprints and key ids in all the ways that people write them", () => {
    const forms = [
      ANN.fingerprint,
      ANN.fingerprint.toLowerCase(),
      `0x${ANN.fingerprint}`,
      `0X${ANN.fingerprint.slice(-16)}`,
      " AAAA 0000 AAAA 0000 AAAA  0000 AAAA 0000 DEAD BEEF\n",
      "deadbeef",
      "AAAA0000DEADBEEF",
      `${ANN.fingerprint}!`,
    ];
    for (const form of forms) expect([form, found(form)]).toEqual([form, [ANN.fingerprint]]);
  });

  test("takes whole user ids, names and addresses in any case", () => {
    const forms = [
      "Ann Lee (work) <ann@example.net>",
      "ANN@example.net",
      "<ann@example.net>",
      "ann lee",
    ];
    for (const form of forms) expect([form, found(form)]).toEqual([form, [ANN.fingerprint]]);
    expect(found("bob@example.net")).toEqual([BOB.fingerprint]);
  });

  test("takes no part of a name or of an id: it could mean another key tomorrow", () => {
    for (const form of ["", " ", "Ann", "ann@", "example.net", "BEEF", "ADBEEF", "0x", "!"]) {
      expect([form, found(form)]).toEqual([form, []]);
    }
  });

  test("finds both keys of a short id, and one of the long one", () => {
    expect(found("DEADBEEF", [ANN, SUB])).toEqual([ANN.fingerprint, SUB.fingerprint]);
    expect(found("CCCC0000DEADBEEF", [ANN, SUB])).toEqual([SUB.fingerprint]);
  });

  test("means the primary key by a name", () => {
    expect(found("bob@example.net", [SUB, BOB])).toEqual([BOB.fingerprint]);
  });

  test("counts a key once that is there twice, and prefers the one with a secret part", () => {
    const publicAnn = held(ANN.fingerprint, { secret: "missing", canSign: false });
    expect(matchKeys(ANN.fingerprint, [publicAnn, ANN])).toEqual([ANN]);
    expect(matchKeys(ANN.fingerprint, [ANN, ANN])).toEqual([ANN]);
    expect(matchKeys(ANN.fingerprint, [publicAnn])).toEqual([publicAnn]);
  });

  test("passes over a public key of the same name", () => {
    const old = held(`0${ANN.fingerprint.slice(1)}`, { secret: "missing", canSign: false });
    expect(found("ann@example.net", [old, ANN])).toEqual([ANN.fingerprint]);
  });
});
