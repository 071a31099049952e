// Go's JSON against JavaScript's own, on values on which the two agree.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeJson, encodeJson, type JsonValue } from "../../src/lib/go/json.ts";
import { compareUtf8, decodeUtf8 } from "../../src/lib/go/utf8.ts";

type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

const plain = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: "binary" }),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: "binary", maxLength: 6 }), tie("value"), { maxKeys: 5 }),
  ) as fc.Arbitrary<Plain>,
})).value;

/** The same value in the form that decodeJson() gives. */
function toMaps(value: Plain): JsonValue {
  if (Array.isArray(value)) return value.map(toMaps);
  if (value === null || typeof value !== "object") return value;
  return new Map(Object.entries(value).map(([key, part]) => [key, toMaps(part)]));
}

function decode(text: string): JsonValue {
  return decodeJson(new TextEncoder().encode(text));
}

describe("decodeJson()", () => {
  test("reads what JSON.stringify() writes", () => {
    fc.assert(
      fc.property(plain, (value) => {
        // JSON.stringify() drops the sign of a negative zero.
        const written: Plain = JSON.parse(JSON.stringify(value));
        expect(decode(JSON.stringify(value, null, 1))).toEqual(toMaps(written));
      }),
    );
  });

  test("undoes encodeJson()", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(decode(encodeJson(toMaps(value)))).toEqual(toMaps(value));
      }),
    );
  });

  test("accepts and refuses the same texts as JSON.parse()", () => {
    const pieces = fc.constantFrom(
      ..."{}[]:,",
      '"',
      "\\",
      "\\u00e9",
      "1",
      "-",
      "e",
      ".",
      "0",
      "tru",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.constantFrom("true", "null", '"a"', " "))),
        (parts) => {
          const text = parts.join("");
          expect(accepts(() => decode(text))).toBe(accepts(() => JSON.parse(text)));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

describe("encodeJson()", () => {
  test("writes text that JSON.parse() reads as the same value", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(JSON.parse(encodeJson(toMaps(value)))).toEqual(value);
      }),
    );
  });

  test("writes nothing that HTML or JavaScript would read as more than text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        expect(encodeJson(value)).not.toMatch(/[<>&\u2028\u2029\n]/);
      }),
    );
  });
});

describe("decodeUtf8()", () => {
  test("agrees with TextDecoder on valid bytes, and keeps the others apart", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.uint8Array({ maxLength: 12 }),
        (text, noise) => {
          expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
          const broken = decodeUtf8(Uint8Array.of(...noise, 0x7c));
          // Each byte gives a character or a part of one, and none swallows the bar after it.
          expect(broken.endsWith("|")).toBe(true);
          expect(Buffer.from(broken).length).toBeGreaterThanOrEqual(noise.length + 1);
        },
      ),
    );
  });
});

describe("compareUtf8()", () => {
  test("is the order of the bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 4 });
    fc.assert(
      fc.property(text, text, (left, right) => {
        const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right));
        expect(Math.sign(compareUtf8(left, right))).toBe(bytes);
      }),
    );
  });
});
