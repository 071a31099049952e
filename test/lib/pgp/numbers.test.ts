import { describe, expect, test } from "bun:test";
import {
  bitLength,
  inverseModulo,
  joinBytes,
  powerModulo,
  toBytes,
  toNumber,
} from "../../../src/lib/pgp/numbers.ts";

describe("toNumber() and toBytes()", () => {
  test("are big-endian, and 0 has no bytes", () => {
    expect(toNumber(new Uint8Array([1, 2, 3]))).toBe(0x010203n);
    expect(toNumber(new Uint8Array())).toBe(0n);
    expect(toBytes(0x010203n)).toEqual(new Uint8Array([1, 2, 3]));
    expect(toBytes(0n)).toEqual(new Uint8Array());
  });

  test("pad at the left, and refuse what does not fit", () => {
    expect(toBytes(0xabcn, 4)).toEqual(new Uint8Array([0, 0, 0x0a, 0xbc]));
    expect(() => toBytes(0x010000n, 2)).toThrow("longer than 2 bytes");
  });
});

describe("bitLength()", () => {
  test("counts no leading zeros", () => {
    expect([0n, 1n, 255n, 256n, 1n << 2047n].map(bitLength)).toEqual([0, 1, 8, 9, 2048]);
  });
});

describe("powerModulo()", () => {
  test("raises to a power, also to none and modulo 1", () => {
    expect(powerModulo(4n, 13n, 497n)).toBe(445n);
    expect(powerModulo(7n, 0n, 5n)).toBe(1n);
    expect(powerModulo(7n, 3n, 1n)).toBe(0n);
  });
});

describe("inverseModulo()", () => {
  test("gives 1 when multiplied, also for values above the modulus", () => {
    expect(inverseModulo(3n, 11n)).toBe(4n);
    expect(inverseModulo(14n, 11n)).toBe(4n);
    expect(inverseModulo(-8n, 11n)).toBe(4n);
  });

  test("refuses a common divisor", () => {
    expect(() => inverseModulo(6n, 9n)).toThrow("no inverse");
    expect(() => inverseModulo(0n, 9n)).toThrow("no inverse");
  });
});

describe("joinBytes()", () => {
  test("copies its parts in order", () => {
    const first = new Uint8Array([1]);
    const joined = joinBytes(first, new Uint8Array(), new Uint8Array([2, 3]));
    first[0] = 9;
    expect(joined).toEqual(new Uint8Array([1, 2, 3]));
    expect(joinBytes()).toEqual(new Uint8Array());
  });
});
