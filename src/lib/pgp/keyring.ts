// Keyring: the keys of an OpenPGP key ring, public or secret, as far as signing needs them.
//
//   ring ─▶ entries: primary key, user ids, subkeys ─▶ each with flags, expiry, secret part
//
// Owns:     the format, and what the MIG API holds against a key.
// Not here: files, passphrases, choosing a key (lib/pgp/). Self-signatures are read, not verified:
//           who can write the ring can also replace the key.
import { createHash } from "node:crypto";
import type { Instant } from "../../time.ts";
import { bitLength, toNumber } from "./numbers.ts";
import { Cursor, dearmor, type Packet, PacketError, parsePackets, TAG } from "./packets.ts";
import { ALGORITHM, parseSignature, type Signature } from "./signature.ts";

/** Curves that the API can verify (RFC 6637 section 11), as WebCrypto names them. */
export type Curve = "P-256" | "P-384" | "P-521";

/** What a key is made of in public. */
export type PublicNumbers =
  | { readonly kind: "rsa"; readonly n: bigint; readonly e: bigint }
  | {
      readonly kind: "dsa";
      readonly p: bigint;
      readonly q: bigint;
      readonly g: bigint;
      readonly y: bigint;
    }
  /** `point` is 4, x, y. */
  | { readonly kind: "ecdsa"; readonly curve: Curve; readonly point: Uint8Array }
  | { readonly kind: "other" };

/** Where the secret part of a key is. */
export type SecretPart =
  /** A public key. */
  | { readonly kind: "none" }
  /** GnuPG's mark for "kept elsewhere": an offline primary key, or one on a card. */
  | { readonly kind: "stub" }
  /** The secret numbers in the clear, as stored. */
  | { readonly kind: "plain"; readonly numbers: Uint8Array }
  /** Behind a passphrase: the packet's body, and where its protection begins. */
  | { readonly kind: "locked"; readonly body: Uint8Array; readonly start: number };

/** A primary key or a subkey. */
export interface RingKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The last 16 digits of the fingerprint. */
  readonly keyId: string;
  /** OpenPGP's number of the algorithm; see ALGORITHM. */
  readonly algorithm: number;
  /** For people, such as "RSA 2048" or "ECDSA P-256". */
  readonly algorithmName: string;
  readonly createdAt: Instant;
  readonly numbers: PublicNumbers;
  readonly secret: SecretPart;
  /** Key flags of the newest self-signature, or null when it has none: the key may do anything. */
  readonly flags: number | null;
  /** Null: never. The MIG API does not look at it. */
  readonly expiresAt: Instant | null;
  readonly revoked: boolean;
}

/** A primary key with all that belongs to it. */
export interface RingEntry {
  readonly primary: RingKey;
  readonly userIds: readonly string[];
  readonly subkeys: readonly RingKey[];
}

export interface Keyring {
  readonly entries: readonly RingEntry[];
  /** Why reading stopped early or left a key out, in Go's words; null when all was read. */
  readonly damage: string | null;
}

/**
 * Reads a key ring, armored or binary, public or secret. Never throws: a key that cannot be read
 * is left out, and `damage` says why.
 */
export function parseKeyring(bytes: Uint8Array): Keyring {
  const { packets, damage } = parsePackets(dearmor(bytes));
  const entries: RingEntry[] = [];
  let draft: EntryDraft | null = null;
  let broken = damage;
  for (const packet of packets) {
    if (packet.tag === TAG.publicKey || packet.tag === TAG.secretKey) {
      if (draft !== null) entries.push(finishEntry(draft));
      draft = null;
    }
    try {
      draft = addPacket(packet, draft);
    } catch (error) {
      if (!(error instanceof PacketError)) throw error;
      broken ??= error.message;
    }
  }
  if (draft !== null) entries.push(finishEntry(draft));
  return { entries, damage: broken };
}

interface KeyDraft {
  readonly key: RingKey;
  readonly signatures: Signature[];
}

interface EntryDraft {
  readonly primary: KeyDraft;
  readonly userIds: string[];
  readonly subkeys: KeyDraft[];
}

function addPacket(packet: Packet, draft: EntryDraft | null): EntryDraft | null {
  const { tag, body } = packet;
  if (tag === TAG.publicKey || tag === TAG.secretKey) {
    const key = parseKey(body, { isSecret: tag === TAG.secretKey });
    return { primary: { key, signatures: [] }, userIds: [], subkeys: [] };
  }
  if (draft === null) return null;
  if (tag === TAG.publicSubkey || tag === TAG.secretSubkey) {
    const key = parseKey(body, { isSecret: tag === TAG.secretSubkey });
    draft.subkeys.push({ key, signatures: [] });
  } else if (tag === TAG.userId) {
    draft.userIds.push(new TextDecoder().decode(body));
  } else if (tag === TAG.signature) {
    const signature = readableSignature(body);
    if (signature?.issuerKeyId === draft.primary.key.keyId) {
      (draft.subkeys.at(-1) ?? draft.primary).signatures.push(signature);
    }
  }
  return draft;
}

/** Signatures of other people may use anything: what cannot be read is no self-signature. */
function readableSignature(body: Uint8Array): Signature | null {
  try {
    return parseSignature(body);
  } catch (error) {
    if (error instanceof PacketError) return null;
    throw error;
  }
}

function isCertification(type: number): boolean {
  return type >= 0x10 && type <= 0x13;
}

function finishEntry(draft: EntryDraft): RingEntry {
  return {
    primary: finishKey(draft.primary, { isBinding: isCertification, revocation: 0x20 }),
    userIds: draft.userIds,
    subkeys: draft.subkeys.map((subkey) =>
      finishKey(subkey, { isBinding: (type) => type === 0x18, revocation: 0x28 }),
    ),
  };
}

function finishKey(
  draft: KeyDraft,
  types: { readonly isBinding: (type: number) => boolean; readonly revocation: number },
): RingKey {
  const { key, signatures } = draft;
  const newest = signatures
    .filter(({ type }) => types.isBinding(type))
    .reduce<Signature | null>(
      (best, next) => (best === null || next.createdAt >= best.createdAt ? next : best),
      null,
    );
  const lifetime = newest?.keyLifetimeSeconds ?? null;
  return {
    ...key,
    flags: newest?.keyFlags ?? null,
    expiresAt: lifetime === null ? null : key.createdAt + lifetime * 1000,
    revoked: signatures.some(({ type }) => type === types.revocation),
  };
}

function parseKey(body: Uint8Array, { isSecret }: { readonly isSecret: boolean }): RingKey {
  const cursor = new Cursor(body);
  const version = cursor.integer(1);
  if (version !== 4) throw new PacketError(`openpgp: unsupported feature: key version ${version}`);
  const createdAt = cursor.integer(4) * 1000;
  const algorithm = cursor.integer(1);
  const { numbers, name } = parsePublicNumbers(cursor, algorithm);
  const known = numbers.kind !== "other" || cursor.offset > 6;
  const publicPart = body.subarray(0, isSecret && known ? cursor.offset : body.length);
  const fingerprint = fingerprintOf(publicPart);
  return {
    fingerprint,
    keyId: fingerprint.slice(-16),
    algorithm,
    algorithmName: name,
    createdAt,
    numbers,
    secret: isSecret ? parseSecretPart(body, cursor) : { kind: "none" },
    flags: null,
    expiresAt: null,
    revoked: false,
  };
}

/** RFC 4880 section 12.2. */
function fingerprintOf(publicPart: Uint8Array): string {
  const head = new Uint8Array([0x99, publicPart.length >> 8, publicPart.length & 0xff]);
  return createHash("sha1").update(head).update(publicPart).digest("hex").toUpperCase();
}

interface ReadNumbers {
  readonly numbers: PublicNumbers;
  readonly name: string;
}

function parsePublicNumbers(cursor: Cursor, algorithm: number): ReadNumbers {
  const next = (): bigint => toNumber(cursor.number());
  if (algorithm >= 1 && algorithm <= 3) {
    const [n, e] = [next(), next()];
    return { numbers: { kind: "rsa", n, e }, name: `RSA ${bitLength(n)}` };
  }
  if (algorithm === ALGORITHM.dsa) {
    const [p, q, g, y] = [next(), next(), next(), next()];
    return { numbers: { kind: "dsa", p, q, g, y }, name: `DSA ${bitLength(p)}` };
  }
  if (algorithm === 16) {
    const [p] = [next(), next(), next()];
    return { numbers: { kind: "other" }, name: `Elgamal ${bitLength(p ?? 0n)}` };
  }
  if (algorithm === 18 || algorithm === ALGORITHM.ecdsa || algorithm === 22) {
    return parseCurvePoint(cursor, algorithm);
  }
  const native = NATIVE_KEYS[algorithm];
  if (native !== undefined) cursor.take(native.length);
  return { numbers: { kind: "other" }, name: native?.name ?? `algorithm ${algorithm}` };
}

/** Algorithms whose public part has a fixed length (RFC 9580 section 5.5.5). */
const NATIVE_KEYS: Readonly<Record<number, { readonly name: string; readonly length: number }>> = {
  25: { name: "X25519", length: 32 },
  26: { name: "X448", length: 56 },
  27: { name: "Ed25519", length: 32 },
  28: { name: "Ed448", length: 57 },
};

/** Object identifiers of curves (RFC 6637 section 11, RFC 9580 section 9.2). */
const CURVES: Readonly<Record<string, string>> = {
  "2a8648ce3d030107": "P-256",
  "2b81040022": "P-384",
  "2b81040023": "P-521",
  "2b06010401da470f01": "Ed25519",
  "2b060104019755010501": "Curve25519",
  "2b2403030208010107": "brainpoolP256r1",
  "2b240303020801010b": "brainpoolP384r1",
  "2b240303020801010d": "brainpoolP512r1",
  "2b8104000a": "secp256k1",
};

function isCurve(name: string): name is Curve {
  return name === "P-256" || name === "P-384" || name === "P-521";
}

function parseCurvePoint(cursor: Cursor, algorithm: number): ReadNumbers {
  const oid = cursor.take(cursor.integer(1)).toHex();
  const curve = CURVES[oid] ?? `curve ${oid}`;
  const point = cursor.number();
  if (algorithm === 18) {
    // ECDH tells how to wrap keys; it is public too.
    cursor.take(cursor.integer(1));
    return { numbers: { kind: "other" }, name: `ECDH ${curve}` };
  }
  if (algorithm === 22) return { numbers: { kind: "other" }, name: curve };
  const numbers: PublicNumbers = isCurve(curve)
    ? { kind: "ecdsa", curve, point }
    : { kind: "other" };
  return { numbers, name: `ECDSA ${curve}` };
}

function parseSecretPart(body: Uint8Array, cursor: Cursor): SecretPart {
  const start = cursor.offset;
  const usage = cursor.integer(1);
  if (usage === 0) return { kind: "plain", numbers: cursor.rest() };
  if (usage >= 253) {
    // Usage 253 has one more byte before the string-to-key part: the mode of encryption.
    cursor.take(usage === 253 ? 2 : 1);
    // 101 is GnuPG's own string-to-key type; it says that there is no secret.
    if (cursor.integer(1) === 101) return { kind: "stub" };
  }
  return { kind: "locked", body, start };
}

const FLAG_SIGN = 0x02;

/** True when the key's flags let it sign data; a key without flags may do anything. */
export function maySign(key: RingKey): boolean {
  return key.flags === null || (key.flags & FLAG_SIGN) !== 0;
}

/** True when signatures by this kind of key can be made and checked at all. */
export function hasSigningAlgorithm(key: RingKey): boolean {
  return key.numbers.kind !== "other" && key.algorithm !== 2;
}

/**
 * Why the MIG API cannot verify signatures by this key; null when it can. An expired key is no
 * problem for it, and for the original neither.
 *
 * @see test/golden/keyrings/vectors.json, member `verify`.
 */
export function verifyProblem(key: RingKey): string | null {
  if (!hasSigningAlgorithm(key)) {
    return (
      `the MIG API cannot verify ${key.algorithmName} keys, only RSA, DSA and ECDSA ` +
      `(openpgp: unsupported feature: public key type: ${key.algorithm})`
    );
  }
  if (key.revoked) return "the key is revoked, and the MIG API refuses its signatures";
  if (!maySign(key)) {
    return (
      "its key flags allow no signing of data, and the MIG API refuses its signatures " +
      "(openpgp: signature made by unknown entity)"
    );
  }
  return null;
}
