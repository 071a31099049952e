import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  encodeJson,
  encodeString,
  JsonError,
  jsonOf,
  parseJson,
  plainOf,
} from "../../src/sandbox/json.ts";

interface Vector {
  id: string;
  class: string;
  text?: string;
  text_base64?: string;
  canonical?: string;
}

/** The API gets text, and no job nests thousands deep: these two classes do not apply. */
const OTHERS = new Set(["invalid-utf8", "depth"]);
const vectors: Vector[] = readFileSync(
  new URL("../golden/json/vectors.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line))
  .filter((vector: Vector) => !OTHERS.has(vector.class));

function errorOf(text: string): string {
  try {
    return `no error: ${encodeJson(parseJson(text))}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("parseJson() and encodeJson()", () => {
  test("agree with Go's encoding/json on every value, and on what is none", () => {
    const wrong = vectors.filter(({ text, text_base64, canonical }) => {
      const source = text ?? Buffer.from(text_base64 ?? "", "base64").toString();
      try {
        return encodeJson(parseJson(source)) !== canonical;
      } catch (error) {
        return canonical !== undefined || !(error instanceof JsonError);
      }
    });
    console.log(`golden sandbox json: ${vectors.length - wrong.length} of ${vectors.length}`);
    expect(wrong.map(({ id }) => id)).toEqual([]);
    expect(vectors.length).toBeGreaterThan(280);
  });

  test("complain in Go's words about what is common", () => {
    expect(errorOf("")).toBe("unexpected end of JSON input");
    expect(errorOf('{"a":1')).toBe("unexpected end of JSON input");
    expect(errorOf('["a')).toBe("unexpected end of JSON input");
    expect(errorOf("{a}")).toBe("invalid character 'a' looking for beginning of object key string");
    expect(errorOf('{"a";1}')).toBe("invalid character ';' after object key");
    expect(errorOf('{"a":1;}')).toBe("invalid character ';' after object key:value pair");
    expect(errorOf("[1 2]")).toBe("invalid character '2' after array element");
    expect(errorOf("1 2")).toBe("invalid character '2' after top-level value");
    expect(errorOf('"\\x"')).toBe("invalid character 'x' in string escape code");
    expect(errorOf("1e400")).toBe(
      "json: cannot unmarshal number 1e400 into Go value of type float64",
    );
    expect(errorOf("[".repeat(20_000))).toBe("exceeded max depth");
  });

  test("keep the order of members when asked to", () => {
    expect(encodeJson(parseJson('{"b":{"d":1,"c":2},"a":3}'), "given")).toBe(
      '{"b":{"d":1,"c":2},"a":3}',
    );
  });

  test("sort keys by UTF-8 bytes", () => {
    expect(encodeJson(parseJson('{"\ue000":1,"\u{1f600}":2,"b":3,"a":4}'))).toBe(
      '{"a":4,"b":3,"\ue000":1,"\u{1f600}":2}',
    );
  });
});

describe("encodeString()", () => {
  test("escapes as Go 1.19 does, without a short form for backspace and form feed", () => {
    expect(encodeString('<&>"\\\n\r\t\b\f\u2028\u007f')).toBe(
      '"\\u003c\\u0026\\u003e\\"\\\\\\n\\r\\t\\u0008\\u000c\\u2028\u007f"',
    );
  });
});

describe("jsonOf() and plainOf()", () => {
  test("turn plain values into Json and back, without undefined members", () => {
    const plain = { a: [1, null, { b: "c" }], d: undefined, e: true };
    expect(plainOf(jsonOf(plain))).toEqual({ a: [1, null, { b: "c" }], e: true });
    expect(encodeJson(jsonOf(undefined))).toBe("null");
  });
});
