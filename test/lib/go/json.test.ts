import { describe, expect, test } from "bun:test";
import {
  decodeJson,
  encodeJson,
  encodeNumber,
  encodeText,
  toValue,
} from "../../../src/lib/go/json.ts";
import { parseJson } from "../../../src/lib/go/syntax.ts";

function decode(text: string) {
  return decodeJson(new TextEncoder().encode(text));
}

describe("decodeJson()", () => {
  test("makes maps of objects, in which no key is special", () => {
    expect(decode('{"__proto__":1,"10":2,"9":3}')).toEqual(
      new Map([
        ["__proto__", 1],
        ["10", 2],
        ["9", 3],
      ]),
    );
  });

  test("lets the last of repeated keys win, whole", () => {
    expect(decode('{"a":{"x":1},"a":{"y":2}}')).toEqual(new Map([["a", new Map([["y", 2]])]]));
  });

  test("refuses numbers that a float cannot hold, the first one by name", () => {
    expect(() => decode('[1,{"a":-1e400},1e999]')).toThrow(
      "json: cannot unmarshal number -1e400 into Go value of type float64",
    );
    expect(decode("1e-400")).toBe(0);
  });
});

describe("toValue()", () => {
  test("tells about each number that is too large, and goes on", () => {
    const seen: string[] = [];
    const root = parseJson(new TextEncoder().encode("[1e400,[2,-1e400]]"));
    expect(toValue(root, ({ digits }) => seen.push(digits))).toEqual([null, [2, null]]);
    expect(seen).toEqual(["1e400", "-1e400"]);
  });
});

describe("encodeJson()", () => {
  test("sorts keys by their UTF-8 bytes", () => {
    expect(encodeJson(decode('{"b":1,"a":[],"10":{},"9":0,"B":null}'))).toBe(
      '{"10":{},"9":0,"B":null,"a":[],"b":1}',
    );
  });

  test("goes as deep as decodeJson()", () => {
    const deep = '{"a":['.repeat(5_000) + "]}".repeat(5_000);
    expect(encodeJson(decode(deep))).toBe(deep);
  });
});

describe("encodeNumber()", () => {
  test("keeps the sign of a negative zero", () => {
    expect(encodeNumber(-0)).toBe("-0");
    expect(encodeNumber(1e21)).toBe("1e+21");
    expect(encodeNumber(1e-7)).toBe("1e-7");
  });

  test("refuses what JSON has no number for", () => {
    expect(() => encodeNumber(Number.NaN)).toThrow("JSON has no number NaN");
  });
});

describe("encodeText()", () => {
  test("escapes HTML, line separators and controls, with short forms for \\n \\r \\t only", () => {
    expect(encodeText('<>&\u2028\u2029"\\/')).toBe('"\\u003c\\u003e\\u0026\\u2028\\u2029\\"\\\\/"');
    expect(encodeText("\b\f\n\r\t\0\x1f")).toBe('"\\u0008\\u000c\\n\\r\\t\\u0000\\u001f"');
    expect(encodeText("\x7f\x80\x9f\xa0é😀")).toBe('"\x7f\x80\x9f\xa0é😀"');
  });

  test("replaces halves of surrogate pairs", () => {
    expect(encodeText("a\ud800b")).toBe('"a\uFFFDb"');
  });
});
