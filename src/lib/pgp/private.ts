// Private: a private key made ready, and the numbers of its signatures.
//
// RSA and ECDSA run in WebCrypto, whose work is done by other threads on Bun and on Deno:
// node:crypto's callback form blocks the event loop on Deno.

import { signDsa } from "./dsa.ts";
import { hasSigningAlgorithm, type RingKey } from "./keyring.ts";
import { bitLength, inverseModulo, joinBytes, powerModulo, toBytes, toNumber } from "./numbers.ts";
import { KeyProblem } from "./problem.ts";
import { encodeFullNumber, encodeNumber } from "./signature.ts";

/** Makes the numbers of one signature, as they are written in the packet. */
export type SignNumbers = (what: {
  /** The text and the signature's suffix. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** SHA256 of `data`. */
  readonly digest: Uint8Array;
}) => Promise<readonly Uint8Array[]>;

/**
 * A function that signs by `key` with SHA256.
 *
 * @param secret From unlock.ts.
 * @throws {KeyProblem} If the secret numbers do not belong to the public ones.
 */
export async function privateKey(
  key: RingKey,
  secret: readonly Uint8Array[],
): Promise<SignNumbers> {
  const [first = 0n, second = 0n, third = 0n] = secret.map(toNumber);
  const { numbers } = key;
  if (hasSigningAlgorithm(key)) {
    if (numbers.kind === "rsa") return rsaKey(numbers, { d: first, p: second, q: third });
    if (numbers.kind === "ecdsa") return ecdsaKey(numbers, first);
    if (numbers.kind === "dsa") return dsaKey({ ...numbers, x: first }, numbers.y);
  }
  throw new KeyProblem(`${key.algorithmName} keys cannot sign for MIG`);
}

function mismatch(): KeyProblem {
  return new KeyProblem("the secret part of the key does not belong to its public part", {
    hint: "export the key again",
  });
}

async function rsaKey(
  { n, e }: { readonly n: bigint; readonly e: bigint },
  { d, p, q }: { readonly d: bigint; readonly p: bigint; readonly q: bigint },
): Promise<SignNumbers> {
  const [dp, dq] = p > 1n && q > 1n ? [d % (p - 1n), d % (q - 1n)] : [0n, 0n];
  if (p * q !== n || (dp * e) % (p - 1n) !== 1n || (dq * e) % (q - 1n) !== 1n) throw mismatch();
  const length = Math.ceil(bitLength(n) / 8);
  const name = "RSASSA-PKCS1-v1_5";
  const numbers = { n, e, d, p, q, dp, dq, qi: inverseModulo(q, p) };
  const texts = Object.entries(numbers).map(([part, value]) => [part, base64Url(value)]);
  const jwk = { kty: "RSA", ...Object.fromEntries(texts) };
  const handle = await importKey(jwk, { name, hash: "SHA-256" });
  return async ({ data }) => {
    const value = new Uint8Array(await crypto.subtle.sign(name, handle, data));
    return [encodeFullNumber(value, length)];
  };
}

const COORDINATE_BYTES = { "P-256": 32, "P-384": 48, "P-521": 66 } as const;

async function ecdsaKey(
  { curve, point }: { readonly curve: keyof typeof COORDINATE_BYTES; readonly point: Uint8Array },
  d: bigint,
): Promise<SignNumbers> {
  const length = COORDINATE_BYTES[curve];
  if (point.length !== 1 + 2 * length || point[0] !== 4 || bitLength(d) > length * 8) {
    throw mismatch();
  }
  const [x, y] = [point.subarray(1, 1 + length), point.subarray(1 + length)];
  const publicPart = { kty: "EC", crv: curve, x: toBase64Url(x), y: toBase64Url(y) };
  const parameters = { name: "ECDSA", namedCurve: curve };
  const handle = await importKey({ ...publicPart, d: base64Url(d, length) }, parameters);
  const how = { name: "ECDSA", hash: "SHA-256" };
  const sign = async (data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign(how, handle, data));
  // Not every runtime compares the two parts when it imports a key.
  const other = await crypto.subtle.importKey("jwk", publicPart, parameters, false, ["verify"]);
  const proof = new Uint8Array(1);
  if (!(await crypto.subtle.verify(how, other, joinBytes(await sign(proof)), proof))) {
    throw mismatch();
  }
  return async ({ data }) => {
    const value = await sign(data);
    return [encodeNumber(value.subarray(0, length)), encodeNumber(value.subarray(length))];
  };
}

async function dsaKey(key: Parameters<typeof signDsa>[0], y: bigint): Promise<SignNumbers> {
  if (key.x === 0n || powerModulo(key.g, key.x, key.p) !== y) throw mismatch();
  return async ({ digest }) => signDsa(key, digest).map((number) => encodeNumber(toBytes(number)));
}

type KeyParameters = {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
};

async function importKey(
  jwk: Readonly<Record<string, string>>,
  parameters: KeyParameters,
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey("jwk", jwk, parameters, false, ["sign"]);
  } catch {
    // The runtime's own words could quote the key.
    throw mismatch();
  }
}

function base64Url(value: bigint, length?: number): string {
  return toBase64Url(toBytes(value, length));
}

function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
