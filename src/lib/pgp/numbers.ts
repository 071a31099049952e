// Numbers: big integers as OpenPGP stores them, and the arithmetic of public keys.
//
// None of this runs in constant time. It touches secrets only for DSA keys, which no runtime
// library still signs with everywhere, and when a key is opened.

/** The non-negative integer whose big-endian bytes these are. No bytes are 0. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toHex()}`);
}

/**
 * The big-endian bytes of a non-negative integer, padded with zeros at the left to `length`.
 *
 * @param length Bytes of the answer; by default as few as hold the value.
 * @throws {RangeError} If the value does not fit in `length` bytes.
 */
export function toBytes(value: bigint, length?: number): Uint8Array {
  const digits = value === 0n ? "" : value.toString(16);
  const bytes = Uint8Array.fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  if (length === undefined) return bytes;
  if (bytes.length > length) throw new RangeError(`a number is longer than ${length} bytes`);
  const padded = new Uint8Array(length);
  padded.set(bytes, length - bytes.length);
  return padded;
}

/** How many bits the value has without leading zeros; 0 has none. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** `base ** exponent mod modulus`, for a positive modulus and a non-negative exponent. */
export function powerModulo(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n % modulus;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/**
 * The inverse of `value` modulo `modulus`, between 0 and the modulus.
 *
 * @throws {RangeError} If they have a common divisor.
 */
export function inverseModulo(value: bigint, modulus: bigint): bigint {
  let [previous, current] = [modulus, ((value % modulus) + modulus) % modulus];
  let [before, factor] = [0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [before, factor] = [factor, before - quotient * factor];
  }
  if (previous !== 1n) throw new RangeError("a number has no inverse");
  return ((before % modulus) + modulus) % modulus;
}

/** One array after the other, as one array. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
