import { describe, expect, test } from "bun:test";
import { createCipheriv, createHash } from "node:crypto";
import { openProtected } from "../../../src/lib/pgp/protection.ts";

const NUMBERS = Uint8Array.fromHex("000901ff0010abcd");
const SALT = "0102030405060708";

/** A protected part as old programs wrote it: AES128, a checksum of two bytes. */
function protect(specifier: string, key: Uint8Array): Uint8Array {
  const sum = NUMBERS.reduce((total, byte) => total + byte, 0);
  const start = Buffer.alloc(16, 7);
  const cipher = createCipheriv("aes-128-cfb", key, start);
  const clear = Buffer.concat([NUMBERS, Uint8Array.of(sum >> 8, sum & 0xff)]);
  return Buffer.concat([Buffer.from(`ff07${specifier}`, "hex"), start, cipher.update(clear)]);
}

function sha1(text: string, prefix = ""): Uint8Array {
  return createHash("sha1")
    .update(Buffer.from(prefix, "hex"))
    .update(text)
    .digest()
    .subarray(0, 16);
}

describe("openProtected()", () => {
  test("opens a key that is proven by a checksum, with each kind of specifier", () => {
    const repeated = Buffer.concat([Buffer.from(SALT, "hex"), Buffer.from("old")]);
    // Coded count 0 is 1024 bytes: 93 times 11 bytes, and one more.
    const thousand = Buffer.concat(Array.from({ length: 94 }, () => repeated)).subarray(0, 1024);
    const cases = [
      protect("0002", sha1("old")),
      protect(`0102${SALT}`, sha1("old", SALT)),
      protect(`0302${SALT}00`, createHash("sha1").update(thousand).digest().subarray(0, 16)),
    ];
    for (const bytes of cases) {
      const opened = openProtected(bytes, "old");
      expect(opened).toHaveProperty("kind", "open");
      if (opened.kind === "open") expect(opened.numbers.toHex()).toBe(NUMBERS.toHex());
      expect(openProtected(bytes, "new")).toEqual({ kind: "wrong passphrase" });
    }
  });

  test("leaves other ciphers and specifiers to others", () => {
    const other = { kind: "unknown protection" } as const;
    expect(openProtected(Uint8Array.fromHex(`fe030302${SALT}60`), "x")).toEqual(other);
    expect(openProtected(Uint8Array.fromHex(`fe070402${SALT}60`), "x")).toEqual(other);
    expect(openProtected(Uint8Array.fromHex(`fd070302${SALT}60`), "x")).toEqual(other);
  });

  test("says when the packet is cut", () => {
    expect(() => openProtected(Uint8Array.fromHex(`fe070302${SALT}60`), "x")).toThrow(
      "unexpected EOF",
    );
  });
});
