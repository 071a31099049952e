// Verify: judges a signature as the MIG API does, which is Go's openpgp library of that time.
//
// Owns:     the order of the checks and their messages, and the arithmetic of verifying.
// Not here: making signatures (lib/pgp/). RSA and DSA are computed here from the formulas, so that
//           the two sides share no arithmetic beyond powers.
//
// V1. An RSA value must have exactly the length of the modulus: leading zeros are never added.
// V2. The checksum of the line is looked at only where its end is reached, which what follows the
//     first known signature is not.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Curve, maySign, type PublicNumbers, parseKeyring, type RingKey } from "./keyring.ts";
import { bitLength, inverseModulo, joinBytes, powerModulo, toNumber } from "./numbers.ts";
import {
  Cursor,
  PacketError,
  parsePacket,
  structural,
  TAG,
  unexpectedEnd,
  unsupported,
} from "./packets.ts";
import { crc24, HASH_NAMES, parseSignature, type Signature } from "./signature.ts";

/** A public key that the API knows. */
export interface PublicKey {
  readonly key: RingKey;
  /** The fingerprint of the primary key: the investigator's. */
  readonly primaryFingerprint: string;
}

/** What became of a signature. */
export type Verdict =
  | {
      readonly kind: "good";
      /** Of the primary key, also when a subkey signed. */
      readonly fingerprint: string;
    }
  | {
      readonly kind: "bad";
      /** In Go's words, such as "openpgp: signature made by unknown entity". */
      readonly message: string;
    };

/**
 * The keys of a key ring that may verify signatures. A secret ring serves as well: only its
 * public parts are used. Keys that are revoked, or whose flags allow no signing, are left out.
 *
 * @param bytes Armored or binary.
 */
export function parsePublicKeys(bytes: Uint8Array): readonly PublicKey[] {
  return parseKeyring(bytes)
    .entries.filter(({ primary }) => !primary.revoked)
    .flatMap(({ primary, subkeys }) =>
      [primary, ...subkeys]
        .filter((key) => key.numbers.kind !== "other" && !key.revoked && maySign(key))
        .map((key) => ({ key, primaryFingerprint: primary.fingerprint })),
    );
}

/** What to judge. */
export interface SignedText {
  readonly text: string | Uint8Array;
  /** Base64 in one line, usually with `=` and a checksum at its end. */
  readonly signature: string;
  readonly publicKeys: readonly PublicKey[];
}

/**
 * Judges a detached signature.
 *
 * @see golang.org/x/crypto/openpgp `CheckDetachedSignature`; test/golden/keyrings.
 */
export async function verifySignature(signed: SignedText): Promise<Verdict> {
  try {
    const fingerprint = await signerOf(signed);
    return { kind: "good", fingerprint };
  } catch (error) {
    if (error instanceof PacketError) return { kind: "bad", message: error.message };
    throw error;
  }
}

async function signerOf({ text, signature: line, publicKeys }: SignedText): Promise<string> {
  const { signature, keys } = knownSignature(decodeLine(line), publicKeys);
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const signed = joinBytes(signedBytes(signature, bytes), signature.suffix);
  const digest = digestOf(signature, signed);
  let reason: PacketError | null = null;
  for (const { key, primaryFingerprint } of keys) {
    reason = await refusalBy(key, { signature, signed, digest });
    if (reason === null) return primaryFingerprint;
  }
  throw reason ?? unknownEntity();
}

function unknownEntity(): PacketError {
  return new PacketError("openpgp: signature made by unknown entity");
}

/** @see pgp/verify.go `reArmorSignature`: what follows the last `=` is the checksum (V2). */
function decodeLine(line: string): Armored {
  const end = line.lastIndexOf("=");
  if (end === -1) throw new PacketError("EOF");
  const digits = line
    .slice(0, end)
    .replace(/[\r\n]/g, "")
    .replace(/=+$/, "");
  const wrong = digits.search(/[^A-Za-z0-9+/]/);
  if (wrong !== -1) throw new PacketError(`illegal base64 data at input byte ${wrong}`);
  if (digits.length % 4 === 1) throw unexpectedEnd();
  const bytes = Uint8Array.fromBase64(digits, { lastChunkHandling: "loose" });
  return { bytes, isWhole: checksumOf(line.slice(end)) === crc24(bytes) };
}

/** What a line holds. */
interface Armored {
  readonly bytes: Uint8Array;
  /** Whether its checksum is right. That is looked at only by who reads to the end. */
  readonly isWhole: boolean;
}

/** Zero where there is none, as in the reader of the original. */
function checksumOf(text: string): number {
  const digits = /^=([A-Za-z0-9+/]{4})$/.exec(text)?.[1] ?? "AAAA";
  return Buffer.from(digits, "base64").readUIntBE(0, 3);
}

interface KnownSignature {
  readonly signature: Signature;
  readonly keys: readonly PublicKey[];
}

/** The first signature whose issuer is known; the ones before it are skipped. */
function knownSignature(
  { bytes, isWhole }: Armored,
  publicKeys: readonly PublicKey[],
): KnownSignature {
  const cursor = new Cursor(bytes);
  while (cursor.left > 0) {
    const { tag, body } = nextPacket(cursor, isWhole);
    if (tag !== TAG.signature) throw structural("non signature packet found");
    const signature = parseSignature(body);
    if (signature.issuerKeyId === null) throw structural("signature doesn't have an issuer");
    const keys = publicKeys.filter(({ key }) => key.keyId === signature.issuerKeyId);
    if (keys.length > 0) return { signature, keys };
  }
  throw isWhole ? unknownEntity() : brokenArmor();
}

/** Who reads on at the end of a damaged line learns that it is damaged. */
function nextPacket(cursor: Cursor, isWhole: boolean): ReturnType<typeof parsePacket> {
  try {
    return parsePacket(cursor);
  } catch (error) {
    if (!isWhole && error instanceof PacketError && error.message === unexpectedEnd().message) {
      throw brokenArmor();
    }
    throw error;
  }
}

function brokenArmor(): PacketError {
  return new PacketError("openpgp: invalid data: armor invalid");
}

/** A text signature covers the text with every line end as CR LF (RFC 4880 section 5.2.1). */
function signedBytes({ type }: Signature, bytes: Uint8Array): Uint8Array {
  if (type === 0) return bytes;
  if (type !== 1) throw unsupported(`unsupported signature type: ${type}`);
  const lone = bytes.filter((byte, at) => byte === 10 && bytes[at - 1] !== 13).length;
  const converted = new Uint8Array(bytes.length + lone);
  let to = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 10 && bytes[at - 1] !== 13) converted[to++] = 13;
    converted[to++] = byte;
  }
  return converted;
}

/** Go's own numbers of hash functions that the API is built without. */
const MISSING_HASHES: Readonly<Record<string, number>> = { ripemd160: 9 };

function digestOf({ hash }: Signature, signed: Uint8Array): Uint8Array {
  const name = HASH_NAMES[hash] ?? "";
  const missing = MISSING_HASHES[name];
  if (missing !== undefined) throw unsupported(`hash not available: ${missing}`);
  return new Uint8Array(createHash(name).update(signed).digest());
}

interface Claim {
  readonly signature: Signature;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly digest: Uint8Array;
}

async function refusalBy(key: RingKey, claim: Claim): Promise<PacketError | null> {
  const { signature, digest } = claim;
  if (!signature.digestStart.every((byte, at) => byte === digest[at])) {
    return new PacketError("openpgp: invalid signature: hash tag doesn't match");
  }
  if (key.algorithm !== signature.algorithm) {
    const why = "public key and signature use different algorithms";
    return new PacketError(`openpgp: invalid argument: ${why}`);
  }
  if (await isTrue(key.numbers, claim)) return null;
  const name = { rsa: "RSA", dsa: "DSA", ecdsa: "ECDSA", other: "" }[key.numbers.kind];
  return new PacketError(`openpgp: invalid signature: ${name} verification failure`);
}

async function isTrue(key: PublicNumbers, claim: Claim): Promise<boolean> {
  const [first = new Uint8Array(), second = new Uint8Array()] = claim.signature.numbers;
  const { digest } = claim;
  switch (key.kind) {
    case "rsa":
      return isRsa(key, { value: first, hash: claim.signature.hash, digest });
    case "dsa":
      return isDsa(key, { r: toNumber(first), s: toNumber(second), digest });
    case "ecdsa":
      return await isEcdsa(key, { r: first, s: second, claim });
    case "other":
      return false;
  }
}

/** What precedes the digest in a PKCS #1 block (RFC 8017 section 9.2), by OpenPGP hash number. */
const DIGEST_PREFIXES: Readonly<Record<number, string>> = {
  1: "3020300c06082a864886f70d020505000410",
  2: "3021300906052b0e03021a05000414",
  8: "3031300d060960864801650304020105000420",
  9: "3041300d060960864801650304020205000430",
  10: "3051300d060960864801650304020305000440",
  11: "302d300d06096086480165030402040500041c",
};

function isRsa(
  { n, e }: { readonly n: bigint; readonly e: bigint },
  claim: { readonly value: Uint8Array; readonly hash: number; readonly digest: Uint8Array },
): boolean {
  const length = Math.ceil(bitLength(n) / 8);
  const prefix = Uint8Array.fromHex(DIGEST_PREFIXES[claim.hash] ?? "");
  const padding = length - prefix.length - claim.digest.length - 3;
  const value = toNumber(claim.value);
  // V1.
  if (claim.value.length !== length || padding < 8 || value >= n) return false;
  const marks = [new Uint8Array([0, 1]), new Uint8Array(padding).fill(0xff), new Uint8Array(1)];
  return powerModulo(value, e, n) === toNumber(joinBytes(...marks, prefix, claim.digest));
}

/** FIPS 186-4 section 4.7. The library takes whole bytes of the digest, as many as q has. */
function isDsa(
  { p, q, g, y }: Extract<PublicNumbers, { kind: "dsa" }>,
  { r, s, digest }: { readonly r: bigint; readonly s: bigint; readonly digest: Uint8Array },
): boolean {
  if (r <= 0n || r >= q || s <= 0n || s >= q || bitLength(q) % 8 !== 0) return false;
  const inverse = inverseModulo(s, q);
  const hash = toNumber(digest.subarray(0, bitLength(q) / 8));
  const left = powerModulo(g, (hash * inverse) % q, p);
  const right = powerModulo(y, (r * inverse) % q, p);
  return ((left * right) % p) % q === r;
}

const COORDINATE_BYTES: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };

const WEB_HASHES: Readonly<Record<number, string>> = {
  2: "SHA-1",
  8: "SHA-256",
  9: "SHA-384",
  10: "SHA-512",
};

async function isEcdsa(
  { curve, point }: Extract<PublicNumbers, { kind: "ecdsa" }>,
  { r, s, claim }: { readonly r: Uint8Array; readonly s: Uint8Array; readonly claim: Claim },
): Promise<boolean> {
  const length = COORDINATE_BYTES[curve];
  const hash = WEB_HASHES[claim.signature.hash];
  if (hash === undefined || r.length > length || s.length > length) return false;
  const value = new Uint8Array(2 * length);
  value.set(r, length - r.length);
  value.set(s, 2 * length - s.length);
  const parameters = { name: "ECDSA", namedCurve: curve };
  try {
    const raw = joinBytes(point);
    const key = await crypto.subtle.importKey("raw", raw, parameters, false, ["verify"]);
    return await crypto.subtle.verify({ name: "ECDSA", hash }, key, value, claim.signed);
  } catch {
    // The point is not on the curve.
    return false;
  }
}
