import { describe, expect, test } from "bun:test";
import { encodeJson } from "../../src/lib/go/json.ts";
import { encodeOrdered, jsonOf, parseJson, plainOf } from "../../src/sim/json.ts";

describe("encodeOrdered()", () => {
  test("keeps the order of members, as a Go struct has them", () => {
    expect(encodeOrdered(parseJson('{"b":{"d":1,"c":2},"a":3}'))).toBe('{"b":{"d":1,"c":2},"a":3}');
  });
});

describe("jsonOf() and plainOf()", () => {
  test("turn plain values into Json and back, without undefined members", () => {
    const plain = { a: [1, null, { b: "c" }], d: undefined, e: true };
    expect(plainOf(jsonOf(plain))).toEqual({ a: [1, null, { b: "c" }], e: true });
    expect(encodeJson(jsonOf(undefined))).toBe("null");
  });
});
