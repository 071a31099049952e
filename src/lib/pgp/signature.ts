// Signature: OpenPGP signature packets, and the one line that MIG sends them as.
//
// Owns:     the bytes of a signature: what is hashed after the text, the packet, the line.
// Not here: hashing and the private key (lib/pgp/), judging a signature (lib/pgp/verify.ts).
//
// The API's library does not pad RSA values, and its RSA check insists on the modulus length: a
// signature whose number lost its leading zero bytes is refused. So an RSA number is always
// written in full here, as the original does.
import type { Instant } from "../../time.ts";
import { joinBytes } from "./numbers.ts";
import { Cursor, lengthAfter, structural, TAG, unsupported } from "./packets.ts";

/** Public-key algorithms that the API can verify (RFC 4880 section 9.1, RFC 6637). */
export const ALGORITHM = { rsa: 1, rsaSign: 3, dsa: 17, ecdsa: 19 } as const;

/** The hash of every signature that we make (RFC 4880 section 9.4). */
const SHA256_ID = 8;

/** Names of hash functions, as node:crypto has them, by their OpenPGP number. */
export const HASH_NAMES: Readonly<Record<number, string>> = {
  1: "md5",
  2: "sha1",
  3: "ripemd160",
  8: "sha256",
  9: "sha384",
  10: "sha512",
  11: "sha224",
};

/** Who signs, and when. */
export interface SignatureHead {
  /** The key's algorithm. See ALGORITHM. */
  readonly algorithm: number;
  /** Written in whole seconds, rounded down. */
  readonly createdAt: Instant;
  /** 16 hexadecimal digits. */
  readonly issuerKeyId: string;
}

/**
 * The part of a version 4 signature that is hashed after the text: a binary signature by SHA256
 * with two subpackets, creation time and issuer, as the original writes it.
 *
 * @see RFC 4880 section 5.2.3; test/golden/keyrings holds the original's bytes.
 */
export function hashedPart({ algorithm, createdAt, issuerKeyId }: SignatureHead): Uint8Array {
  const bytes = new Uint8Array(22);
  bytes.set([4, 0, algorithm, SHA256_ID, 0, 16, 5, 2]);
  new DataView(bytes.buffer).setUint32(8, Math.floor(createdAt / 1000));
  bytes.set([9, 16], 12);
  bytes.set(Uint8Array.fromHex(issuerKeyId), 14);
  return bytes;
}

/** What is hashed last: the hashed part and its length (RFC 4880 section 5.2.4). */
export function hashSuffix(hashed: Uint8Array): Uint8Array {
  const trailer = new Uint8Array(6);
  trailer.set([4, 0xff]);
  new DataView(trailer.buffer).setUint32(2, hashed.length);
  return joinBytes(hashed, trailer);
}

/** A multiprecision integer without leading zeros (RFC 4880 section 3.2). */
export function encodeNumber(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? new Uint8Array() : bytes.subarray(start);
  const bits = digits.length === 0 ? 0 : digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
  return joinBytes(new Uint8Array([bits >> 8, bits & 0xff]), digits);
}

/**
 * A number in its full length, with leading zeros and the bit count of whole bytes, as the
 * original writes an RSA signature.
 *
 * @param length Bytes of the modulus. The number may be shorter, never longer.
 */
export function encodeFullNumber(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length > length) throw new RangeError("the signature is longer than the modulus");
  const encoded = new Uint8Array(2 + length);
  new DataView(encoded.buffer).setUint16(0, length * 8);
  encoded.set(bytes, 2 + length - bytes.length);
  return encoded;
}

/** The parts of a version 4 signature. */
export interface SignatureParts {
  /** From the version byte up to the end of the hashed subpackets. */
  readonly hashed: Uint8Array;
  /** Unhashed subpackets with the two bytes of their length. @default none */
  readonly unhashed?: Uint8Array;
  /** The digest of the text and the suffix; its first two bytes are written. */
  readonly digest: Uint8Array;
  /** The numbers as they are written, in the order of the algorithm. */
  readonly numbers: readonly Uint8Array[];
}

/** A signature packet with a header of the new format (RFC 4880 section 4.2.2). */
export function encodeSignature(parts: SignatureParts): Uint8Array {
  const unhashed = parts.unhashed ?? new Uint8Array(2);
  const body = joinBytes(parts.hashed, unhashed, parts.digest.subarray(0, 2), ...parts.numbers);
  return joinBytes(new Uint8Array([0xc0 | TAG.signature]), encodeLength(body.length), body);
}

function encodeLength(length: number): Uint8Array {
  if (length < 192) return new Uint8Array([length]);
  if (length < 8384) {
    return new Uint8Array([((length - 192) >> 8) + 192, (length - 192) & 0xff]);
  }
  const bytes = new Uint8Array(5);
  bytes[0] = 255;
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

/** The checksum of OpenPGP armor (RFC 4880 section 6.1), 24 bits. */
export function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc;
}

/** A packet as MIG sends it: base64 in one line, `=`, and the checksum in base64. */
export function encodeSignatureLine(packet: Uint8Array): string {
  const crc = crc24(packet);
  const checksum = new Uint8Array([crc >> 16, (crc >> 8) & 0xff, crc & 0xff]);
  return `${packet.toBase64()}=${checksum.toBase64()}`;
}

/** A signature packet, read. */
export interface Signature {
  readonly version: 3 | 4;
  /** 0 binary, 1 text, 0x10 to 0x13 certifications, 0x18 subkey binding, 0x20 revocation. */
  readonly type: number;
  readonly algorithm: number;
  /** See HASH_NAMES. */
  readonly hash: number;
  readonly createdAt: Instant;
  /** 16 upper-case hexadecimal digits. */
  readonly issuerKeyId: string | null;
  /** Key flags (RFC 4880 section 5.2.3.21), or null without that subpacket. */
  readonly keyFlags: number | null;
  /** How long after its own creation the key expires; null: never. */
  readonly keyLifetimeSeconds: number | null;
  /** What is hashed after the text. */
  readonly suffix: Uint8Array;
  /** Version 4: the hashed part as it stands; empty for version 3. */
  readonly hashed: Uint8Array;
  /** Version 4: the unhashed subpackets with their length; empty for version 3. */
  readonly unhashed: Uint8Array;
  /** The first two bytes of the digest. */
  readonly digestStart: Uint8Array;
  /** The bytes of the numbers, as stored. */
  readonly numbers: readonly Uint8Array[];
}

/**
 * Reads the body of a signature packet.
 *
 * @throws {PacketError} With the text of Go's openpgp library, for all that it refuses.
 */
export function parseSignature(body: Uint8Array): Signature {
  const cursor = new Cursor(body);
  const version = cursor.integer(1);
  if (version === 4) return parseVersion4(body, cursor);
  if (version === 2 || version === 3) return parseVersion3(cursor);
  throw unsupported(`signature packet version ${version}`);
}

function parseVersion3(cursor: Cursor): Signature {
  if (cursor.integer(1) !== 5) throw unsupported("invalid hashed material length");
  const suffix = cursor.take(5);
  const time = new DataView(suffix.buffer, suffix.byteOffset).getUint32(1);
  const issuerKeyId = cursor.take(8).toHex().toUpperCase();
  const algorithm = cursor.integer(1);
  if (algorithm === ALGORITHM.ecdsa || numberCount(algorithm) === 0) {
    throw unsupported(`public key algorithm ${algorithm}`);
  }
  const hash = knownHash(cursor.integer(1));
  const none = new Uint8Array();
  return {
    version: 3,
    type: suffix[0] ?? 0,
    algorithm,
    hash,
    createdAt: time * 1000,
    issuerKeyId,
    keyFlags: null,
    keyLifetimeSeconds: null,
    suffix,
    hashed: none,
    unhashed: none,
    digestStart: cursor.take(2),
    numbers: takeNumbers(cursor, algorithm),
  };
}

function parseVersion4(body: Uint8Array, cursor: Cursor): Signature {
  const type = cursor.integer(1);
  const algorithm = cursor.integer(1);
  if (numberCount(algorithm) === 0) throw unsupported(`public key algorithm ${algorithm}`);
  const hash = knownHash(cursor.integer(1));
  const found: Subpackets = {};
  readSubpackets(cursor.take(cursor.integer(2)), { hashed: true, found });
  const hashed = body.subarray(0, cursor.offset);
  readSubpackets(cursor.take(cursor.integer(2)), { hashed: false, found });
  const unhashed = body.subarray(hashed.length, cursor.offset);
  if (found.time === undefined) throw structural("no creation time in signature");
  return {
    version: 4,
    type,
    algorithm,
    hash,
    createdAt: found.time * 1000,
    issuerKeyId: found.issuer ?? null,
    keyFlags: found.flags ?? null,
    keyLifetimeSeconds: found.lifetime ?? null,
    suffix: hashSuffix(hashed),
    hashed,
    unhashed,
    digestStart: cursor.take(2),
    numbers: takeNumbers(cursor, algorithm),
  };
}

function numberCount(algorithm: number): number {
  if (algorithm === ALGORITHM.rsa || algorithm === ALGORITHM.rsaSign) return 1;
  return algorithm === ALGORITHM.dsa || algorithm === ALGORITHM.ecdsa ? 2 : 0;
}

function takeNumbers(cursor: Cursor, algorithm: number): Uint8Array[] {
  return Array.from({ length: numberCount(algorithm) }, () => cursor.number());
}

function knownHash(id: number): number {
  if (HASH_NAMES[id] === undefined) throw unsupported(`hash function ${id}`);
  return id;
}

interface Subpackets {
  time?: number;
  issuer?: string;
  flags?: number;
  lifetime?: number;
}

/** Subpackets that Go knows; it refuses any other that is marked critical. */
const KNOWN_SUBPACKETS = new Set([2, 3, 9, 11, 16, 21, 22, 25, 27, 29, 30, 32]);

function readSubpackets(
  bytes: Uint8Array,
  { hashed, found }: { readonly hashed: boolean; readonly found: Subpackets },
): void {
  const cursor = new Cursor(bytes);
  while (cursor.left > 0) {
    const length = lengthAfter(cursor.integer(1), cursor);
    if (length === 0) throw structural("zero length signature subpacket");
    if (length > cursor.left) throw structural("signature subpacket truncated");
    const kind = cursor.integer(1);
    const content = new Cursor(cursor.take(length - 1));
    readSubpacket({ type: kind & 0x7f, critical: kind > 0x7f, hashed, content }, found);
  }
}

interface Subpacket {
  readonly type: number;
  readonly critical: boolean;
  readonly hashed: boolean;
  readonly content: Cursor;
}

function readSubpacket(subpacket: Subpacket, found: Subpackets): void {
  const { type, critical, hashed, content } = subpacket;
  if (type === 2) {
    if (!hashed) throw structural("signature creation time in non-hashed area");
    if (content.left !== 4) throw structural("signature creation time not four bytes");
    found.time = content.integer(4);
  } else if (type === 16) {
    if (content.left !== 8) throw structural("issuer subpacket with bad length");
    found.issuer = content.rest().toHex().toUpperCase();
  } else if (type === 9 && hashed) {
    if (content.left !== 4) throw structural("key expiration subpacket with bad length");
    const lifetime = content.integer(4);
    if (lifetime > 0) found.lifetime = lifetime;
  } else if (type === 27 && hashed) {
    if (content.left === 0) throw structural("empty key flags subpacket");
    found.flags = content.integer(1);
  } else if (critical && !KNOWN_SUBPACKETS.has(type)) {
    throw unsupported(`unknown critical signature subpacket type ${type}`);
  }
}
