import { describe, expect, test } from "bun:test";
import {
  crc24,
  encodeFullNumber,
  encodeNumber,
  encodeSignature,
  encodeSignatureLine,
  hashedPart,
  hashSuffix,
  parseSignature,
} from "../../../src/lib/pgp/signature.ts";
import { readLine, recorded } from "../../support/keys.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

describe("hashedPart()", () => {
  test("is a binary SHA256 signature with its time in seconds and its issuer", () => {
    const part = hashedPart({
      algorithm: 1,
      createdAt: 0x6b046384 * 1000 + 999,
      issuerKeyId: "9A01586A9B6BA62F",
    });
    // The first bytes of a recorded signature.
    expect(part.toHex()).toBe("04000108001005026b04638409109a01586a9b6ba62f");
  });
});

describe("hashSuffix()", () => {
  test("ends with the version, 255, and the length", () => {
    expect(hashSuffix(new Uint8Array(22)).subarray(22).toHex()).toBe("04ff00000016");
  });
});

describe("encodeNumber()", () => {
  test("has no leading zeros, and the count of bits", () => {
    expect(encodeNumber(hex("01 ff")).toHex()).toBe("000901ff");
    expect(encodeNumber(hex("00 00 80")).toHex()).toBe("000880");
    expect(encodeNumber(hex("00")).toHex()).toBe("0000");
  });
});

describe("encodeFullNumber()", () => {
  test("has the length of the modulus, and counts whole bytes", () => {
    expect(encodeFullNumber(hex("01 ff"), 4).toHex()).toBe("0020000001ff");
    expect(encodeFullNumber(hex("00 00 01 ff"), 4).toHex()).toBe("0020000001ff");
    expect(() => encodeFullNumber(hex("01 02 03"), 2)).toThrow("longer than the modulus");
  });
});

describe("encodeSignature()", () => {
  const hashed = hex("04000108001005026b04638409109a01586a9b6ba62f");
  const encode = (length: number): string =>
    encodeSignature({ hashed, digest: hex("6baa99"), numbers: [new Uint8Array(length)] }).toHex();

  test("has a header of the new format, and no unhashed subpackets", () => {
    expect(encode(4)).toBe(`c21e${hashed.toHex()}00006baa00000000`);
  });

  test("writes longer lengths in two and in five bytes", () => {
    expect(encode(258)).toStartWith("c2c05c04");
    expect(encode(9_000)).toStartWith("c2ff0000234204");
  });
});

describe("crc24()", () => {
  test("has the check value of its definition", () => {
    expect(crc24(new TextEncoder().encode("123456789"))).toBe(0x21cf02);
    expect(crc24(new Uint8Array())).toBe(0xb704ce);
  });
});

describe("encodeSignatureLine()", () => {
  test("writes the recorded lines from their packets", () => {
    for (const { token } of recorded<{ token: string }>("tokens.jsonl")) {
      const line = token.slice(token.lastIndexOf(";") + 1);
      const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
      expect(encodeSignatureLine(packet)).toBe(line);
    }
  });
});

describe("parseSignature()", () => {
  test("reads version 4 and version 3", () => {
    const lines = recorded<{ name: string; token: string }>("acceptance.jsonl");
    const byName = (name: string) => {
      const token = lines.find((line) => line.name === name)?.token ?? "";
      return readLine(token.slice(token.lastIndexOf(";") + 1));
    };
    const four = byName("gpg2 SHA512");
    expect(four).toMatchObject({ version: 4, type: 0, algorithm: 1, hash: 10 });
    expect(four.issuerKeyId).toBe("285DFD81C99D9E4A");
    const three = byName("gpg1 v3 sig");
    expect(three).toMatchObject({ version: 3, type: 0, algorithm: 1, hash: 8 });
    expect(three.createdAt).toBe(Date.parse("2026-11-23T16:09:25Z"));
  });

  const HEAD = "04 00 01 08";
  const TIME = "05 02 6b046384";
  const cases: readonly (readonly [why: string, body: string, message: string])[] = [
    ["another version", "05", "unsupported feature: signature packet version 5"],
    ["another algorithm", "04 00 16 08 0000 0000", "unsupported feature: public key algorithm 22"],
    ["another hash", "04 00 01 07 0000 0000", "unsupported feature: hash function 7"],
    ["no time", `${HEAD} 0000 0000 0000`, "invalid data: no creation time in signature"],
    [
      "an unhashed time",
      `${HEAD} 0000 0006 ${TIME} 0000`,
      "invalid data: signature creation time in non-hashed area",
    ],
    ["a bad time", `${HEAD} 0003 02 02 6b`, "invalid data: signature creation time not four bytes"],
    ["an empty subpacket", `${HEAD} 0001 00`, "invalid data: zero length signature subpacket"],
    ["a cut subpacket", `${HEAD} 0002 0509`, "invalid data: signature subpacket truncated"],
    ["a bad issuer", `${HEAD} 0003 02 10 6b`, "invalid data: issuer subpacket with bad length"],
    [
      "a critical subpacket of its own",
      `${HEAD} 0003 02 e4 00`,
      "unsupported feature: unknown critical signature subpacket type 100",
    ],
    [
      "a bad key lifetime",
      `${HEAD} 0002 01 09`,
      "invalid data: key expiration subpacket with bad length",
    ],
    ["empty key flags", `${HEAD} 0002 01 1b`, "invalid data: empty key flags subpacket"],
    ["a version 3 of other length", "03 06", "unsupported feature: invalid hashed material length"],
  ];
  for (const [why, body, message] of cases) {
    test(`refuses ${why}`, () => {
      expect(() => parseSignature(hex(body))).toThrow(`openpgp: ${message}`);
    });
  }

  test("refuses a packet that is cut anywhere", () => {
    const whole = hex(`${HEAD} 0006 ${TIME} 000a 0910 0102030405060708 abcd 0009 01ff`);
    expect(parseSignature(whole).numbers.map((number) => number.toHex())).toEqual(["01ff"]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSignature(whole.subarray(0, length))).toThrow("unexpected EOF");
    }
  });
});
