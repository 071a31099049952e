import { describe, expect, test } from "bun:test";
import { encodeValue, parsePlain, TooLarge } from "../../../src/lib/json/plain.ts";

describe("encodeValue()", () => {
  test("encodes what JSON holds", () => {
    const shared = { a: 1 };
    for (const value of [null, true, "x", 0, -0.5, [], {}, [1, [2]], { a: { b: [null] } }]) {
      expect(JSON.parse(encodeValue(value) ?? "")).toEqual(value);
    }
    expect(encodeValue(undefined)).toBeNull();
    expect(encodeValue({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(encodeValue(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
    // The same object twice is no circle.
    expect(encodeValue([shared, shared])).toBe('[{"a":1},{"a":1}]');
  });

  class Host {
    readonly name = "web1";
  }
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const refused: readonly [unknown, string][] = [
    [Number.NaN, "it is NaN"],
    [{ a: [1, Number.POSITIVE_INFINITY] }, "at .a[1] is Infinity"],
    [{ when: new Date(0) }, "at .when is a Date"],
    [new Map(), "it is a Map"],
    [{ seen: new Set([1]) }, "at .seen is a Set"],
    [[undefined], "at [0] is undefined"],
    [{ count: 1n }, "at .count is a bigint"],
    [{ call: () => 1 }, "at .call is a function"],
    [Symbol("x"), "it is a symbol"],
    [{ host: new Host() }, "at .host is a Host"],
    [circle, "at .self contains itself"],
  ];
  for (const [value, message] of refused) {
    test(`refuses what would come back changed: ${message}`, () => {
      expect(() => encodeValue(value)).toThrow(message);
    });
  }
});

describe("parsePlain()", () => {
  test("takes what can be kept, and no number that cannot", () => {
    expect(parsePlain('{"a":[1e308,-0.5],"b":"1e999"}')).toEqual({ a: [1e308, -0.5], b: "1e999" });
    for (const text of ["1e999", "[-1e999]", '{"a":{"b":1e400}}']) {
      expect(() => parsePlain(text)).toThrow(TooLarge);
    }
    expect(() => parsePlain("web1")).toThrow(SyntaxError);
  });
});
