// Checksum: the oldest protection of secret keys that the original reads (RFC 4880 section 5.5.3,
// usage 255): encrypted in cipher feedback mode, proven by a sum of two bytes.
import { createCipheriv, createHash } from "node:crypto";
import { joinBytes } from "../../mig/numbers.ts";
import { Cursor } from "../../mig/packets.ts";
import { HASH_NAMES } from "../../mig/signature.ts";
import { KeyProblem } from "./problem.ts";

interface Cipher {
  readonly keyLength: number;
  readonly blockLength: number;
  /** A mode of node:crypto whose first block is the plain cipher, on Bun and on Deno. */
  readonly mode: string;
}

const CIPHERS: Readonly<Record<number, Cipher>> = {
  2: { keyLength: 24, blockLength: 8, mode: "des-ede3-cbc" },
  7: { keyLength: 16, blockLength: 16, mode: "aes-128-ecb" },
  8: { keyLength: 24, blockLength: 16, mode: "aes-192-ecb" },
  9: { keyLength: 32, blockLength: 16, mode: "aes-256-ecb" },
};

/**
 * The secret numbers in the clear.
 *
 * @param bytes From the usage byte to the end of the packet.
 * @throws {Error} "incorrect key passphrase", or a KeyProblem for a cipher that is not here.
 */
export function openChecksummed(bytes: Uint8Array, passphrase: string): Uint8Array {
  const cursor = new Cursor(bytes.subarray(1));
  const id = cursor.integer(1);
  const cipher = CIPHERS[id];
  if (cipher === undefined) {
    throw new KeyProblem(`it is protected by a two-byte checksum and cipher ${id}`, {
      hint: "protect the key anew, for example by gpg --edit-key and passwd",
    });
  }
  const key = deriveKey(cursor, { passphrase, length: cipher.keyLength });
  const start = cursor.take(cipher.blockLength);
  const clear = decryptFeedback(cursor.rest(), { cipher, key, start });
  const numbers = clear.subarray(0, -2);
  const sum = numbers.reduce((total, byte) => (total + byte) & 0xffff, 0);
  if (sum !== (clear.at(-2) ?? 0) * 256 + (clear.at(-1) ?? 0)) {
    throw new Error("incorrect key passphrase");
  }
  return numbers;
}

/** String to key (RFC 4880 section 3.7.1): simple, salted, or salted and repeated. */
function deriveKey(
  cursor: Cursor,
  { passphrase, length }: { readonly passphrase: string; readonly length: number },
): Uint8Array {
  const type = cursor.integer(1);
  const hash = HASH_NAMES[cursor.integer(1)];
  if (hash === undefined || ![0, 1, 3].includes(type)) {
    throw new KeyProblem(`its passphrase is hashed in an unknown way (${type})`);
  }
  const salt = type === 0 ? new Uint8Array() : cursor.take(8);
  const text = joinBytes(salt, new TextEncoder().encode(passphrase));
  const count = type === 3 ? repeatedLength(cursor.integer(1)) : 0;
  const total = Math.max(count, text.length);
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
