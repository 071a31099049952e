// pgp: laws of the key and signature formats.
import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseKeyring } from "../../src/lib/pgp/keyring.ts";
import { inverseModulo, powerModulo, toBytes, toNumber } from "../../src/lib/pgp/numbers.ts";
import { dearmor, parsePackets } from "../../src/lib/pgp/packets.ts";
import { encodeNumber, encodeSignature, hashedPart } from "../../src/lib/pgp/signature.ts";
import { type OpenedSigner, openSigner } from "../../src/lib/pgp/signer.ts";
import { parsePublicKeys, verifySignature } from "../../src/lib/pgp/verify.ts";
import { clockAt, homeOf, keyFile, RUNNER_KEY, readLine } from "../support/keys.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const positive = fc.bigInt({ min: 1n, max: 2n ** 256n });

describe("numbers", () => {
  test("survive as bytes", () => {
    fc.assert(fc.property(positive, (value) => toNumber(toBytes(value)) === value));
    fc.assert(fc.property(positive, (value) => toNumber(toBytes(value, 40)) === value));
  });

  test("keep Fermat's little theorem, and inverses", () => {
    const prime = 2n ** 127n - 1n;
    const value = fc.bigInt({ min: 1n, max: prime - 1n });
    fc.assert(fc.property(value, (base) => powerModulo(base, prime - 1n, prime) === 1n));
    fc.assert(fc.property(value, (base) => (base * inverseModulo(base, prime)) % prime === 1n));
  });
});

describe("key rings", () => {
  test("of any bytes are read without an exception", () => {
    fc.assert(
      fc.property(bytes(400), (junk) => {
        parseKeyring(junk);
        // A head that promises a secret key.
        parseKeyring(new Uint8Array([0xc5, Math.min(junk.length, 191), 4, ...junk]));
      }),
    );
  });

  test("are the same with armor and without", () => {
    fc.assert(
      fc.property(bytes(300), (body) => {
        const binary = new Uint8Array([0xcd, 0xff, 0, 0, body.length >> 8, body.length, ...body]);
        const label = "PGP PUBLIC KEY BLOCK-----";
        const lines = binary.toBase64().replace(/.{64}/g, "$&\n");
        const armored = `-----BEGIN ${label}\n\n${lines}\n=AAAA\n-----END ${label}\n`;
        expect(dearmor(new TextEncoder().encode(armored)).toHex()).toBe(binary.toHex());
      }),
    );
  });
});

describe("signature packets", () => {
  test("say what was put into them", () => {
    const time = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(time, digest, positive, (seconds, hash, value) => {
        const head = {
          algorithm: 1,
          createdAt: seconds * 1000,
          issuerKeyId: RUNNER_KEY.slice(-16),
        };
        const numbers = [encodeNumber(toBytes(value, 40))];
        const packet = encodeSignature({ hashed: hashedPart(head), digest: hash, numbers });
        expect(parsePackets(packet).damage).toBeNull();
        const read = readLine(`${packet.toBase64()}=`);
        expect(read).toMatchObject({ ...head, version: 4, type: 0, hash: 8 });
        expect(read.numbers.map(toNumber)).toEqual([value]);
        expect(read.digestStart.toHex()).toBe(hash.toHex().slice(0, 4));
      }),
    );
  });
});

describe("signatures", () => {
  const publicKeys = parsePublicKeys(keyFile("keys/pubring.gpg"));
  let signer: OpenedSigner;

  beforeAll(async () => {
    signer = await openSigner({
      home: homeOf(),
      keyId: RUNNER_KEY,
      passphrase: null,
      environment: {},
      clock: clockAt(1_795_449_800_000),
    });
  });

  test("are good for their text and for no other", async () => {
    await fc.assert(
      fc.asyncProperty(bytes(2_000), bytes(20), async (text, more) => {
        const signature = await signer.sign(text);
        const good = await verifySignature({ text, signature, publicKeys });
        expect(good).toEqual({ kind: "good", fingerprint: RUNNER_KEY });
        const other = new Uint8Array([...text, 0, ...more]);
        const bad = await verifySignature({ text: other, signature, publicKeys });
        expect(bad.kind).toBe("bad");
      }),
    );
  });
});
