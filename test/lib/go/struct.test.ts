import { describe, expect, test } from "bun:test";
import {
  ANY,
  BOOL,
  BYTES,
  FLOAT,
  INT,
  omitEmpty,
  RAW,
  slice,
  struct,
  TEXT,
  TIME,
  type Type,
  UINT16,
  unmarshal,
} from "../../../src/lib/go/struct.ts";

// The same rules on MIG's own structs, as Go applies them: test/golden/signing/structs.jsonl.
interface Part {
  readonly word: string;
  readonly deep: readonly number[] | null;
}

const PART: Type<Part> = struct("test.Part", {
  word: omitEmpty(TEXT),
  deep: omitEmpty(slice(FLOAT)),
});
const WHOLE = struct<{ readonly mask: string; readonly parts: readonly Part[] | null }>(
  "test.Whole",
  { mask: TEXT, parts: slice(PART) },
);

function read<Value>(type: Type<Value>, text: string): Value {
  return unmarshal(type, new TextEncoder().encode(text));
}

function rewrite<Value>(type: Type<Value>, text: string): string {
  return type.encode(read(type, text));
}

describe("unmarshal()", () => {
  test("names the whole path to a value of the wrong type", () => {
    expect(() => read(WHOLE, '{"parts":[{"deep":["x"]}]}')).toThrow(
      "json: cannot unmarshal string into Go struct field Part.parts.deep of type float64",
    );
    expect(() => read(WHOLE, '{"parts":[3]}')).toThrow(
      "json: cannot unmarshal number into Go struct field Whole.parts of type test.Part",
    );
    expect(() => read(WHOLE, "[]")).toThrow(
      "json: cannot unmarshal array into Go value of type test.Whole",
    );
  });

  test("reports the first mistake of type, but a bad time before any of them", () => {
    const type = struct<{ a: string; b: string; t: unknown }>("test.T", {
      a: TEXT,
      b: TEXT,
      t: TIME as Type<unknown>,
    });
    expect(() => read(type, '{"b":1,"a":2}')).toThrow("T.b of type string");
    expect(() => read(type, '{"b":1,"t":"x"}')).toThrow('parsing time "\\"x\\""');
  });
});

describe("struct()", () => {
  test("finds members in any case, with the two letters that fold into ASCII", () => {
    expect(read(WHOLE, '{"MA\u017F\u212A":"x"}').mask).toBe("x");
    expect(read(WHOLE, '{"mask ":"x","m\u0131sk":"y"}').mask).toBe("");
  });

  test("writes members in its own order and leaves out empty ones that it may", () => {
    expect(rewrite(WHOLE, '{"parts":[{"deep":[],"word":""},{"word":"w"}]}')).toBe(
      '{"mask":"","parts":[{},{"word":"w"}]}',
    );
  });

  test("merges a repeated member into what the first one left", () => {
    expect(rewrite(PART, '{"word":"a","deep":[1,2],"word":null,"deep":[null]}')).toBe(
      '{"word":"a","deep":[1]}',
    );
  });
});

describe("slice()", () => {
  test("brings back elements that a shorter list had hidden", () => {
    const lists = '"parts":[{"word":"a"},{"word":"b"}],"parts":[{}],"parts":[{},{},{}]';
    expect(rewrite(WHOLE, `{${lists}}`)).toBe('{"mask":"","parts":[{"word":"a"},{"word":"b"},{}]}');
  });

  test("forgets them after an empty list or null", () => {
    for (const between of ["[]", "null"]) {
      const lists = `"parts":[{"word":"a"}],"parts":${between},"parts":[{}]`;
      expect(rewrite(WHOLE, `{${lists}}`)).toBe('{"mask":"","parts":[{}]}');
    }
  });

  test("tells a list that is empty from one that is absent", () => {
    expect(rewrite(slice(TEXT), "[]")).toBe("[]");
    expect(rewrite(slice(TEXT), "null")).toBe("null");
    expect(rewrite(slice(TEXT), "[null]")).toBe('[""]');
  });
});

describe("BYTES", () => {
  test("reads base64 and lists of numbers", () => {
    expect(rewrite(BYTES, '"QUI="')).toBe('"QUI="');
    expect(rewrite(BYTES, "[65,66]")).toBe('"QUI="');
    expect(rewrite(BYTES, "null")).toBe("null");
    expect(() => read(BYTES, "[256]")).toThrow(
      "json: cannot unmarshal number 256 into Go value of type uint8",
    );
    expect(() => read(BYTES, '"Q"')).toThrow("illegal base64 data at input byte 0");
    expect(() => read(BYTES, "true")).toThrow(
      "cannot unmarshal bool into Go value of type []uint8",
    );
  });
});

describe("INT and UINT16", () => {
  test("keep all 64 bits", () => {
    expect(rewrite(INT, "-9223372036854775808")).toBe("-9223372036854775808");
    expect(() => read(INT, "9223372036854775808")).toThrow("number 9223372036854775808 into");
  });

  test("take plain digits only", () => {
    for (const text of ["1.0", "1e2"]) {
      expect(() => read(INT, text)).toThrow(`cannot unmarshal number ${text} into Go value`);
    }
    expect(read(INT, "-0")).toBe(0n);
    expect(() => read(UINT16, "-0")).toThrow("cannot unmarshal number -0 into Go value");
    expect(() => read(UINT16, "65536")).toThrow("of type uint16");
  });
});

describe("FLOAT, BOOL and TEXT", () => {
  test("leave the value alone for null", () => {
    expect([read(FLOAT, "null"), read(BOOL, "null"), read(TEXT, "null")]).toEqual([0, false, ""]);
  });

  test("refuse other kinds and numbers out of range", () => {
    expect(() => read(FLOAT, "1e400")).toThrow("number 1e400 into Go value of type float64");
    expect(() => read(FLOAT, '"1"')).toThrow("string into Go value of type float64");
    expect(() => read(BOOL, "1")).toThrow("number into Go value of type bool");
    expect(() => read(TEXT, "{}")).toThrow("object into Go value of type string");
  });
});

describe("ANY and RAW", () => {
  test("take any value", () => {
    expect(rewrite(ANY, '{"b":[1.0,-0],"a":null}')).toBe('{"a":null,"b":[1,-0]}');
    expect(rewrite(RAW, ' {"b": 1.0} ')).toBe('{"b": 1.0}');
    expect(() => read(ANY, "[1e400]")).toThrow("into Go value of type float64");
  });
});
