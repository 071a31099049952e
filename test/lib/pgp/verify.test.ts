import { describe, expect, test } from "bun:test";
import { parsePublicKeys, verifySignature } from "../../../src/lib/pgp/verify.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY, recorded } from "../../support/keys.ts";

const tokens = recorded<{ token: string; signed: string; keyid: string }>("tokens.jsonl");
const first = tokens[0] ?? { token: "", signed: "", keyid: "" };
const line = first.token.slice(first.token.lastIndexOf(";") + 1);
const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
const publicKeys = parsePublicKeys(keyFile("keys/pubring.gpg"));

function judge(signature: string, text = first.signed) {
  return verifySignature({ text, signature, publicKeys });
}

/** The line of a packet with a checksum that is wrong, which shows only at its end (V2). */
function lineOf(bytes: Uint8Array): string {
  return `${bytes.toBase64()}=AAAA`;
}

/** The checksum of RFC 4880, section 6.1, bit by bit. */
function checksumOf(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return Buffer.from([crc >> 16, crc >> 8, crc]).toString("base64");
}

const corrupt = { kind: "bad", message: "openpgp: invalid data: armor invalid" } as const;

describe("parsePublicKeys()", () => {
  test("takes the public parts of a secret ring", () => {
    const keys = parsePublicKeys(keyFile("keys/secring.gpg"));
    const primaries = [...new Set(keys.map(({ primaryFingerprint }) => primaryFingerprint))];
    expect(primaries).toEqual([RUNNER_KEY, LOCKED_KEY]);
  });

  test("leaves out keys that cannot verify", () => {
    expect(parsePublicKeys(keyFile("rings/ed25519/pub.asc"))).toEqual([]);
    const [subkey, ...others] = parsePublicKeys(keyFile("rings/certonly/pub.asc"));
    expect(subkey?.key.fingerprint).toBe("90213ACA7E590237A99B79E7F40543741F7CD873");
    expect(others).toEqual([]);
  });
});

describe("verifySignature()", () => {
  test("accepts the text as a string or as bytes, by public keys or by a secret ring", async () => {
    const good = { kind: "good", fingerprint: RUNNER_KEY } as const;
    expect(await judge(line)).toEqual(good);
    const bytes = new TextEncoder().encode(first.signed);
    expect(
      await verifySignature({
        text: bytes,
        signature: line,
        publicKeys: parsePublicKeys(keyFile("keys/secring.gpg")),
      }),
    ).toEqual(good);
  });

  test("refuses another text", async () => {
    expect(await judge(line, `${first.signed} `)).toEqual({
      kind: "bad",
      message: "openpgp: invalid signature: hash tag doesn't match",
    });
  });

  test("refuses a signature by a key that it does not know", async () => {
    const others = parsePublicKeys(keyFile("rings/rsa1024/pub.asc"));
    const unknown = { kind: "bad", message: "openpgp: signature made by unknown entity" } as const;
    expect(
      await verifySignature({ text: first.signed, signature: line, publicKeys: others }),
    ).toEqual(unknown);
    expect(await judge("=twTO")).toEqual(unknown);
    // The end of the line is reached, so that its checksum is looked at.
    const damaged = `${line.slice(0, line.lastIndexOf("="))}=AAAA`;
    expect(
      await verifySignature({ text: first.signed, signature: damaged, publicKeys: others }),
    ).toEqual(corrupt);
  });

  test("refuses an RSA value of another length than the modulus (V1)", async () => {
    // Two bytes of header length, then ... the bit count stands 258 bytes before the end.
    const longer = new Uint8Array([...packet, 0]);
    longer[2] = (longer[2] ?? 0) + 1;
    const at = packet.length - 258;
    longer.set([0x08, 0x08, 0, ...packet.subarray(at + 2)], at);
    expect(await judge(lineOf(longer))).toEqual({
      kind: "bad",
      message: "openpgp: invalid signature: RSA verification failure",
    });
  });

  test("does not look at the checksum, nor behind the first known signature (V2)", async () => {
    expect(await judge(lineOf(packet))).toHaveProperty("kind", "good");
    expect(await judge(`${line.slice(0, line.lastIndexOf("="))}=`)).toHaveProperty("kind", "good");
    expect(await judge(lineOf(new Uint8Array([...packet, 1, 2, 3])))).toHaveProperty(
      "kind",
      "good",
    );
  });

  test("refuses every changed byte of the signature", async () => {
    for (let at = 0; at < packet.length; at++) {
      const changed = packet.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const verdict = await judge(lineOf(changed));
      // The bit count may vary as long as it means the same number of bytes.
      const isBitCount = at === packet.length - 257;
      if (verdict.kind === "good" && !isBitCount) throw new Error(`byte ${at} changes nothing`);
    }
  });

  const broken: readonly (readonly [why: string, line: string, message: string])[] = [
    ["nothing", "", "EOF"],
    ["no base64", "wsBc!BAA=AAAA", "illegal base64 data at input byte 4"],
    ["cut base64", "wsBcB=AAAA", "unexpected EOF"],
    ["a cut packet", "wsBcBAAB=AAAA", corrupt.message],
    ["a cut packet without a checksum", "wsBcBAAB=", corrupt.message],
    ["a cut packet with the checksum of the whole", `wsBcBAAB${line.slice(-5)}`, corrupt.message],
    [
      "a cut packet with a checksum of its own",
      `wsBcBAAB=${checksumOf(Uint8Array.fromBase64("wsBcBAAB"))}`,
      "unexpected EOF",
    ],
    ["no packet", "AAAA=AAAA", "openpgp: invalid data: tag byte does not have MSB set"],
    ["another packet", "tAFh=AAAA", "openpgp: invalid data: non signature packet found"],
  ];
  for (const [why, signature, message] of broken) {
    test(`refuses ${why}`, async () => {
      expect(await judge(signature)).toEqual({ kind: "bad", message });
    });
  }
});
