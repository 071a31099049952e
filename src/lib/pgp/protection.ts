// Protection: secret numbers behind a passphrase (RFC 4880 sections 3.7 and 5.5.3), for the ciphers
// that every runtime has. They are encrypted in cipher feedback mode and proven by a SHA1 digest
// (usage 254), or in older keys by a sum of two bytes (usage 255), which the original reads too.
import { createCipheriv, createHash } from "node:crypto";
import { joinBytes } from "./numbers.ts";
import { Cursor } from "./packets.ts";
import { HASH_NAMES } from "./signature.ts";

/** What came of opening: the numbers as stored, or why not. */
export type Opened =
  | { readonly kind: "open"; readonly numbers: Uint8Array }
  | { readonly kind: "wrong passphrase" }
  /** Another cipher, or another way to make a key from a passphrase. */
  | { readonly kind: "unknown protection" };

interface Cipher {
  readonly keyLength: number;
  readonly blockLength: number;
  /** A mode of node:crypto whose first block is the plain cipher, on Bun and on Deno. */
  readonly mode: string;
}

/** By OpenPGP's number of the cipher. */
const CIPHERS: Readonly<Record<number, Cipher>> = {
  2: { keyLength: 24, blockLength: 8, mode: "des-ede3-cbc" },
  7: { keyLength: 16, blockLength: 16, mode: "aes-128-ecb" },
  8: { keyLength: 24, blockLength: 16, mode: "aes-192-ecb" },
  9: { keyLength: 32, blockLength: 16, mode: "aes-256-ecb" },
};

/**
 * Opens the protected part of a secret key.
 *
 * @param bytes From the usage byte to the end of the packet.
 * @throws {PacketError} "unexpected EOF".
 */
export function openProtected(bytes: Uint8Array, passphrase: string): Opened {
  const cursor = new Cursor(bytes);
  const usage = cursor.integer(1);
  const cipher = CIPHERS[cursor.integer(1)];
  if ((usage !== 254 && usage !== 255) || cipher === undefined) {
    return { kind: "unknown protection" };
  }
  const key = deriveKey(cursor, { passphrase, length: cipher.keyLength });
  if (key === null) return { kind: "unknown protection" };
  const start = cursor.take(cipher.blockLength);
  const clear = decryptFeedback(cursor.rest(), { cipher, key, start });
  const proofLength = usage === 254 ? 20 : 2;
  const numbers = clear.subarray(0, -proofLength);
  const proof = usage === 254 ? sha1(numbers) : sumOf(numbers);
  return clear.length > proofLength && proof.toHex() === clear.subarray(-proofLength).toHex()
    ? { kind: "open", numbers }
    : { kind: "wrong passphrase" };
}

function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(bytes).digest());
}

function sumOf(bytes: Uint8Array): Uint8Array {
  const sum = bytes.reduce((total, byte) => (total + byte) & 0xffff, 0);
  return new Uint8Array([sum >> 8, sum & 0xff]);
}

const HASHED_AT_ONCE = 65_536;

/** String to key (RFC 4880 section 3.7.1): simple, salted, or salted and repeated. */
function deriveKey(
  cursor: Cursor,
  { passphrase, length }: { readonly passphrase: string; readonly length: number },
): Uint8Array | null {
  const type = cursor.integer(1);
  const hash = HASH_NAMES[cursor.integer(1)];
  if (hash === undefined || ![0, 1, 3].includes(type)) return null;
  const salt = type === 0 ? new Uint8Array() : cursor.take(8);
  const once = joinBytes(salt, new TextEncoder().encode(passphrase));
  const total = Math.max(type === 3 ? repeatedLength(cursor.integer(1)) : 0, once.length);
  const copies = Math.ceil(Math.min(total, HASHED_AT_ONCE) / Math.max(once.length, 1));
  const text = joinBytes(...Array.from({ length: copies }, () => once));
  const parts: Uint8Array[] = [];
  for (let made = 0; made < length; made += parts.at(-1)?.length ?? length) {
    const digest = createHash(hash).update(new Uint8Array(parts.length));
    for (let left = total; left > 0; left -= text.length) digest.update(text.subarray(0, left));
    parts.push(new Uint8Array(digest.digest()));
  }
  return joinBytes(...parts).subarray(0, length);
}

/** RFC 4880 section 3.7.1.3. */
function repeatedLength(coded: number): number {
  return (16 + (coded & 15)) << ((coded >> 4) + 6);
}

/** Cipher feedback: each block is masked with the encrypted block before it. */
function decryptFeedback(
  bytes: Uint8Array,
  how: { readonly cipher: Cipher; readonly key: Uint8Array; readonly start: Uint8Array },
): Uint8Array {
  const { blockLength, mode } = how.cipher;
  const zero = mode.endsWith("ecb") ? null : new Uint8Array(blockLength);
  const clear = new Uint8Array(bytes);
  let previous = how.start;
  for (let at = 0; at < bytes.length; at += blockLength) {
    const mask = createCipheriv(mode, how.key, zero).update(previous);
    const block = bytes.subarray(at, at + blockLength);
    for (const [index, byte] of block.entries()) clear[at + index] = byte ^ (mask[index] ?? 0);
    previous = block;
  }
  return clear;
}
