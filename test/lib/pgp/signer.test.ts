import { describe, expect, test } from "bun:test";
import { createCipheriv, createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../../../src/errors.ts";
import { parseKeyring } from "../../../src/lib/pgp/keyring.ts";
import { Cursor, parsePacket, parsePackets } from "../../../src/lib/pgp/packets.ts";
import { openSigner, type SignerOptions } from "../../../src/lib/pgp/signer.ts";
import { parsePublicKeys, verifySignature } from "../../../src/lib/pgp/verify.ts";
import { temporaryFolder } from "../../support/gnupg.ts";
import {
  bytesOf,
  clockAt,
  homeOf,
  keyFile,
  LOCKED_KEY,
  listKeys,
  RUNNER_KEY,
  RUNNER_PASSPHRASE,
  readLine,
  secret,
} from "../../support/keys.ts";

const PLAIN = "2F41C47EEB335B467DF68CDF5BDE7242D084A51A";
const RSA_4096 = "107FEF3CEA53A76F3C22361065BC3D2003623D49";

function open(changes: Partial<SignerOptions> = {}) {
  return openSigner({
    home: homeOf(),
    keyId: RUNNER_KEY,
    passphrase: null,
    clock: clockAt(0),
    environment: {},
    ...changes,
  });
}

async function refusal(changes: Partial<SignerOptions>): Promise<RunnerError> {
  const error = await open(changes).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof RunnerError) return error;
  throw new Error(`not refused, or otherwise: ${String(error)}`);
}

/** A folder with this as secring.gpg, mode 0600. */
function ringFolder(bytes: Uint8Array) {
  const folder = temporaryFolder();
  writeFileSync(join(folder.path, "secring.gpg"), bytes, { mode: 0o600 });
  return folder;
}

const packetOf = (tag: number, body: Uint8Array): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(0xc0 | tag, 0xff, 0, 0, body.length >> 8, body.length & 0xff),
    body,
  ]);

describe("openSigner()", () => {
  test("opens an exported secret key, armored or not, and says where it is", async () => {
    for (const ring of ["armored", "rsa4096"]) {
      const home = join(homeOf(ring), "secring.gpg");
      const signer = await open({ home, keyId: RSA_4096 });
      expect(signer).toMatchObject({ fingerprint: RSA_4096, path: home, problem: null });
    }
  });

  test("refuses a key file that everybody may write to, with the chmod that mends it", async () => {
    using folder = ringFolder(keyFile("rings/gpg2rsa/secring.gpg"));
    const path = join(folder.path, "secring.gpg");
    for (const home of [folder.path, path]) {
      chmodSync(path, 0o666);
      const error = await refusal({ home, keyId: PLAIN });
      expect(error.code).toBe("KEYRING");
      expect(error.message).toBe(
        `Cannot sign with key "${PLAIN}": ${path} cannot be trusted: ` +
          "every user can write to it (mode 0666)",
      );
      expect(error.detail.hint).toBe(`chmod o-w ${path}`);
      chmodSync(path, 0o600);
      expect(await open({ home, keyId: PLAIN })).toHaveProperty("fingerprint", PLAIN);
    }
  });

  test("says what is missing when there is no folder, no key, or a folder for a file", async () => {
    using folder = temporaryFolder();
    const none = await refusal({ home: join(folder.path, "none") });
    expect(none.message).toEndWith(`there is no file or folder ${join(folder.path, "none")}`);
    const empty = await refusal({ home: folder.path });
    expect(empty.message).toEndWith(`there are no secret keys in ${folder.path}`);
    expect(empty.detail.path).toBe(folder.path);
    mkdirSync(join(folder.path, "secring.gpg"));
    const directory = await refusal({ home: folder.path });
    expect(directory.message).toContain("secring.gpg cannot be read: ");
  });

  test("lists the keys, the nearest first, when none is meant", async () => {
    const wrong = `${LOCKED_KEY.slice(0, 38)}00`;
    const error = await refusal({ keyId: wrong });
    expect(error.message).toContain(`Cannot sign with key "${wrong}": Signer '${wrong}' not found`);
    expect(error.detail.hint).toStartWith(
      `it holds ${LOCKED_KEY} (Runner Passphrase <runner-pp@localhost>), ${RUNNER_KEY}`,
    );
    const misspelt = await refusal({ keyId: "runnr-pp@localhost" });
    expect(misspelt.detail.hint).toStartWith(`it holds ${LOCKED_KEY}`);
  });

  test("asks for a fingerprint when a name means two keys", async () => {
    using folder = ringFolder(
      Buffer.concat([
        keyFile("rings/rsapp1/secring.gpg"),
        renamed(keyFile("rings/gpg2rsa/secring.gpg"), "rsapp1"),
      ]),
    );
    const error = await refusal({ home: folder.path, keyId: "rsapp1" });
    expect(error.message).toContain("it means 2 keys of ");
    expect(error.detail.hint).toContain("use the fingerprint of one: 27EAFAF7BE507353A56F860F");
    expect(await open({ home: folder.path, keyId: PLAIN })).toHaveProperty("fingerprint", PLAIN);
  });

  test("signs by a subkey when its id is given, in the name of the primary key", async () => {
    const subkey = "90213ACA7E590237A99B79E7F40543741F7CD873";
    for (const ring of ["certonly", "stub"]) {
      const signer = await open({ home: homeOf(ring), keyId: subkey.slice(-16) });
      expect(signer).toMatchObject({ fingerprint: subkey, problem: null });
      const signature = await signer.sign(bytesOf("x"));
      const publicKeys = parsePublicKeys(keyFile(`rings/${ring}/pub.asc`));
      expect(await verifySignature({ text: "x", signature, publicKeys })).toEqual({
        kind: "good",
        fingerprint: "380A5AEAB0261DAFCE39DE569A01586A9B6BA62F",
      });
    }
  });

  test("refuses an encryption subkey", async () => {
    const keyId = parseKeyring(keyFile("rings/dsa2048/secring.gpg")).entries[0]?.subkeys[0];
    const error = await refusal({ home: homeOf("dsa2048"), keyId: keyId?.fingerprint ?? "" });
    expect(error.message).toContain("cannot verify Elgamal 2048 keys");
  });

  test("opens a certify-only key as the original, and says what the API answers", async () => {
    const signer = await open({
      home: homeOf("certonly"),
      keyId: "380A5AEAB0261DAFCE39DE569A01586A9B6BA62F",
    });
    expect(signer.problem).toContain("openpgp: signature made by unknown entity");
    expect(signer.advice).toBe("use its subkey 90213ACA7E590237A99B79E7F40543741F7CD873 as keyid");
  });

  test("keeps passphrases out of every message", async () => {
    const error = await refusal({ keyId: LOCKED_KEY, passphrase: secret("not it at all") });
    const shown = [error.message, error.stack, error.detail, String(error.cause)];
    expect(JSON.stringify(shown)).not.toContain("not it at all");
    expect(error.detail.hint).toBe(
      "correct passphrase in [client] of runner.cfg, or MIGPGPPASSPHRASE",
    );
  });

  test("places a problem where the key id or the passphrase is set, else at the keys", async () => {
    const places = {
      keyId: { path: "/home/mig/.migrc", line: 4, column: 11 },
      passphrase: { path: "/etc/mig/runner.cfg", line: 7, column: 14 },
    };
    const unknown = await refusal({ keyId: `${LOCKED_KEY.slice(0, 38)}00`, places });
    expect(unknown.detail).toMatchObject(places.keyId);
    const wrong = await refusal({ keyId: LOCKED_KEY, passphrase: secret("not it"), places });
    expect(wrong.detail).toMatchObject(places.passphrase);
    const missing = await refusal({ home: "/nowhere", places });
    expect(missing.detail.path).toBe("/nowhere");
  });

  test("says of an expired key when it expired, and signs by it as MIG takes it", async () => {
    const keyId = "59955241B5FDC45FCF54356289B689DA57C6C86F";
    const after = clockAt(Date.UTC(2040, 0, 1));
    const late = await open({ home: homeOf("expired"), keyId, clock: after });
    expect(late.expired).toBe(`the key ${keyId} (expired) expired on 2026-11-23`);
    const early = await open({ home: homeOf("expired"), keyId, clock: clockAt(0) });
    expect(early.expired).toBeNull();
  });

  test("takes an empty passphrase for none", async () => {
    const error = await refusal({ keyId: LOCKED_KEY, passphrase: { reveal: () => "" } });
    expect(error.message).toEndWith("it is locked and no passphrase is set");
    expect(error.detail.hint).toBe("set passphrase in [client] of runner.cfg, or MIGPGPPASSPHRASE");
  });

  test("opens keys protected by a checksum, with an empty passphrase too", async () => {
    for (const passphrase of ["old", ""]) {
      using folder = ringFolder(checksummed(keyFile("rings/gpg2rsa/secring.gpg"), passphrase));
      const wanted = { home: folder.path, keyId: PLAIN };
      const signer = await open({ ...wanted, passphrase: secret(passphrase) });
      const signature = await signer.sign(bytesOf("x"));
      const publicKeys = parsePublicKeys(keyFile("rings/gpg2rsa/pub.asc"));
      expect(await verifySignature({ text: "x", signature, publicKeys })).toHaveProperty(
        "kind",
        "good",
      );
      const wrong = await refusal({ ...wanted, passphrase: secret("wrong") });
      expect(wrong.message).toEndWith("the passphrase does not open it");
    }
  });

  test("refuses a secret part that does not belong to the key", async () => {
    const rings = ["gpg2rsa", "dsa2048", "ecdsa256"] as const;
    for (const ring of rings) {
      using folder = ringFolder(damaged(keyFile(`rings/${ring}/secring.gpg`)));
      const error = await refusal({ home: folder.path, keyId: ring });
      expect(error.message).toEndWith(
        "the secret part of the key does not belong to its public part",
      );
    }
  });

  test("writes the time of the clock at each signature, in whole seconds", async () => {
    let now = 1_795_449_800_000;
    const signer = await open({ clock: { now: () => now } });
    expect(readLine(await signer.sign(bytesOf("x"))).createdAt).toBe(1_795_449_800_000);
    now += 1_999;
    expect(readLine(await signer.sign(bytesOf("x"))).createdAt).toBe(1_795_449_801_000);
  });

  test("reads the ring once: a ring that is replaced later changes nothing", async () => {
    using folder = ringFolder(keyFile("rings/gpg2rsa/secring.gpg"));
    const signer = await open({ home: folder.path, keyId: PLAIN });
    copyFileSync(join(homeOf("garbage"), "secring.gpg"), join(folder.path, "secring.gpg"));
    expect(await signer.sign(bytesOf("x"))).toStartWith("wsBcBAABCAAQBQ");
  });

  test("makes 5,000 signatures of full length that the API accepts", async () => {
    const signer = await open({ keyId: LOCKED_KEY, passphrase: secret(RUNNER_PASSPHRASE) });
    const publicKeys = parsePublicKeys(keyFile("keys/pubring.gpg"));
    let padded = 0;
    for (let from = 0; from < 5_000; from += 500) {
      const texts = Array.from({ length: 500 }, (_, index) => `action ${from + index}`);
      const signatures = await Promise.all(texts.map((text) => signer.sign(bytesOf(text))));
      for (const [index, text] of texts.entries()) {
        const signature = signatures[index] ?? "";
        const [number] = readLine(signature).numbers;
        if (number?.length !== 256) throw new Error(`"${text}" got ${number?.length} bytes`);
        if (number[0] === 0) padded++;
        const verdict = await verifySignature({ text, signature, publicKeys });
        if (verdict.kind !== "good") throw new Error(`"${text}": ${verdict.message}`);
      }
    }
    // About one in 256; with fixed texts, key and time it is always the same number.
    expect(padded).toBeGreaterThan(5);
  });
});

describe("keySources()", () => {
  test("shows every key with its kind, its owner, and why it is not usable", async () => {
    const [ring] = await listKeys({
      home: homeOf("mix-ed-then-rsa"),
      clock: clockAt(0),
      environment: {},
    });
    expect(ring?.kind).toBe("ring");
    expect(ring?.damage).toBeNull();
    expect(ring?.keys).toMatchObject([
      { userIds: ["ed25519"], algorithm: "Ed25519", secret: "plain", canSign: false },
      { userIds: ["gpg2rsa"], algorithm: "RSA 2048", problem: null, canSign: true },
    ]);
    expect(ring?.keys[0]?.advice).toBe("make an RSA key for MIG");
  });

  test("shows what could not be read", async () => {
    const options = { clock: clockAt(0), environment: {} };
    const [junk] = await listKeys({ ...options, home: homeOf("trailing") });
    expect(junk?.damage).toBe("openpgp: invalid data: tag byte does not have MSB set");
    expect(junk?.keys).toHaveLength(1);
  });

  test("keeps the ring's keys when gpg is missing for the home around it", async () => {
    using folder = ringFolder(keyFile("rings/gpg2rsa/secring.gpg"));
    mkdirSync(join(folder.path, "private-keys-v1.d"));
    const environment = { PATH: folder.path };
    const listings = await listKeys({ home: folder.path, clock: clockAt(0), environment });
    expect(listings.map(({ kind, keys, damage }) => [kind, keys.length, damage])).toEqual([
      ["ring", 1, null],
      ["gnupg", 0, "the program gpg cannot be started"],
    ]);
    const missing = await refusal({ home: folder.path, keyId: "DEADBEEF", environment });
    expect(missing.message).toContain("the program gpg cannot be started");
  });
});

/** The same ring with another user id. */
function renamed(ring: Uint8Array, userId: string): Uint8Array {
  const { packets } = parsePackets(ring);
  return Buffer.concat(
    packets.map(({ tag, body }) => packetOf(tag, tag === 13 ? bytesOf(userId) : body)),
  );
}

/** The same ring, its secret numbers changed in their last digits. */
function damaged(ring: Uint8Array): Uint8Array {
  const { packets } = parsePackets(ring);
  return Buffer.concat(
    packets.map(({ tag, body }) => {
      if (tag !== 5) return packetOf(tag, body);
      const changed = body.slice();
      const [key] = parseKeyring(packetOf(tag, body)).entries;
      const part = key?.primary.secret;
      if (part?.kind !== "plain") throw new Error("the key is locked");
      // The last byte of the first number: its length stands in the first two.
      const bits = (part.numbers[0] ?? 0) * 256 + (part.numbers[1] ?? 0);
      const at = body.length - part.numbers.length + 1 + Math.ceil(bits / 8);
      changed[at] = (changed[at] ?? 0) ^ 2;
      return packetOf(tag, changed);
    }),
  );
}

/** The same ring, its key locked as GnuPG 1.0 did: AES128, and a sum of two bytes. */
function checksummed(ring: Uint8Array, passphrase: string): Uint8Array {
  const { tag, body } = parsePacket(new Cursor(ring));
  const [key] = parseKeyring(ring).entries;
  const part = key?.primary.secret;
  if (part?.kind !== "plain") throw new Error("the key is locked");
  const head = body.subarray(0, body.length - part.numbers.length - 1);
  const start = Buffer.alloc(16, 3);
  const cipherKey = createHash("sha1").update(passphrase).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-cfb", cipherKey, start);
  const specifier = Uint8Array.of(255, 7, 0, 2);
  return packetOf(tag, Buffer.concat([head, specifier, start, cipher.update(part.numbers)]));
}
