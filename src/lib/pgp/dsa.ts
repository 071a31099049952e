// DSA: signatures by DSA keys, for which no library works on Bun and Deno alike.
import { createHmac } from "node:crypto";
import { bitLength, inverseModulo, joinBytes, powerModulo, toBytes, toNumber } from "./numbers.ts";

/** The numbers of a DSA key; `x` is the secret one. */
export interface DsaKey {
  readonly p: bigint;
  readonly q: bigint;
  readonly g: bigint;
  readonly x: bigint;
}

/**
 * The numbers r and s of a signature (FIPS 186-4 section 4.6). The secret nonce is derived from
 * the key and the digest (RFC 6979), so no weak randomness can give the key away.
 *
 * @param digest SHA256 of what is signed; its leftmost bits count when q is shorter.
 */
export function signDsa(key: DsaKey, digest: Uint8Array): readonly [r: bigint, s: bigint] {
  const { p, q, g, x } = key;
  const hash = leftmost(digest, q);
  for (const nonce of nonces(key, hash)) {
    const r = powerModulo(g, nonce, p) % q;
    const s = (inverseModulo(nonce, q) * (hash + x * r)) % q;
    if (r !== 0n && s !== 0n) return [r, s];
  }
  throw new Error("unreachable: nonces never end");
}

/** The leftmost bits of a byte string, as many as q has. */
function leftmost(bytes: Uint8Array, q: bigint): bigint {
  const surplus = bytes.length * 8 - bitLength(q);
  return surplus > 0 ? toNumber(bytes) >> BigInt(surplus) : toNumber(bytes);
}

/** RFC 6979 section 3.2. */
function* nonces({ q, x }: DsaKey, hash: bigint): Generator<bigint> {
  const length = Math.ceil(bitLength(q) / 8);
  const seed = joinBytes(toBytes(x, length), toBytes(hash % q, length));
  let key: Uint8Array = new Uint8Array(32);
  let value: Uint8Array = new Uint8Array(32).fill(1);
  for (const mark of [0, 1]) {
    key = hmac(key, joinBytes(value, new Uint8Array([mark]), seed));
    value = hmac(key, value);
  }
  for (;;) {
    const parts: Uint8Array[] = [];
    while (parts.length * 32 < length) {
      value = hmac(key, value);
      parts.push(value);
    }
    const nonce = leftmost(joinBytes(...parts), q);
    if (nonce > 0n && nonce < q) yield nonce;
    key = hmac(key, joinBytes(value, new Uint8Array([0])));
    value = hmac(key, value);
  }
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}
