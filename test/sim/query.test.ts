import { describe, expect, test } from "bun:test";
import {
  encodeParameters,
  nextPageQuery,
  parseFloatText,
  parseForm,
  parseSearch,
} from "../../src/sim/query.ts";

const now = Date.parse("2026-11-23T15:37:45.486Z");

describe("parseForm()", () => {
  test("decodes as Go does: plus signs, escapes, UTF-8, repeated names", () => {
    const { values, error } = parseForm("a=1+2%2B3&b=%C3%A9&a=4&c&=d&e=x=y");
    expect(error).toBeNull();
    expect(Object.fromEntries(values)).toEqual({
      a: ["1 2+3", "4"],
      b: ["é"],
      c: [""],
      "": ["d"],
      e: ["x=y"],
    });
  });

  test("reports the first mistake and leaves the pair out", () => {
    expect(parseForm("a=%zz&b=%2&c=1")).toEqual({
      values: new Map([["c", ["1"]]]),
      error: 'invalid URL escape "%zz"',
    });
    expect(parseForm("a=1;b=2").error).toBe("invalid semicolon separator in query");
    expect(parseForm("a=%2").error).toBe('invalid URL escape "%2"');
  });
});

describe("parseFloatText()", () => {
  test.each([
    ["1", 1],
    ["1.9", 1.9],
    ["2.8061838278987e13", 28_061_838_278_987],
    [".5", 0.5],
    ["-1", -1],
    ["NaN", Number.NaN],
    ["-inf", -Infinity],
    ["abc", null],
    ["", null],
    [" 1", null],
    ["0x10", null],
    ["1e400", null],
  ])("reads %p as %p", (text, value) => {
    expect(parseFloatText(text)).toEqual(value);
  });
});

describe("parseSearch()", () => {
  const search = (query: string) => parseSearch(parseForm(query), now);

  test("has the original's defaults", () => {
    expect(encodeParameters(search("").parameters)).toBe(
      '{"actionid":"∞","actionname":"%","after":"2022-05-18T15:37:45.486Z","agentid":"∞",' +
        '"agentname":"%","agentversion":"%","before":"2031-05-31T15:37:45.486Z","commandid":"∞",' +
        '"foundanything":false,"investigatorid":"∞","investigatorname":"%","limit":100,' +
        '"loaderid":"∞","loadername":"%","manifestid":"∞","manifestname":"%","offset":0,' +
        '"report":"","status":"%","target":"","threatfamily":"%","type":"action"}',
    );
  });

  test("stops at the first parameter that it cannot read", () => {
    expect(search("limit=abc").error).toBe("parseSearchParameters()-> invalid limit parameter");
    expect(search("after=today").error).toBe(
      "parseSearchParameters()-> after date not in RFC3339 format",
    );
    expect(search("foundanything=perhaps").error).toContain("must be true or false");
    expect(search("report=x").error).toContain("report not implemented");
  });

  test("knows whether foundanything was asked for", () => {
    expect(search("foundanything=FALSE")).toMatchObject({ hasFound: true, error: null });
    expect(search("type=command").hasFound).toBe(false);
  });

  test("has parameters that JSON cannot hold", () => {
    expect(encodeParameters(search("limit=NaN").parameters)).toBeNull();
  });
});

describe("nextPageQuery()", () => {
  test("is the recorded address of the next page", () => {
    const { parameters } = parseSearch(
      parseForm("type=command&limit=37&offset=37&actionid=28061838278987"),
      now,
    );
    expect(nextPageQuery(parameters)).toBe(
      "type=command&after=2022-05-18T15:37:45Z&before=2031-05-31T15:37:45Z" +
        "&actionid=28061838278987&limit=37&offset=74",
    );
  });

  test("escapes wildcards its own way", () => {
    const { parameters } = parseSearch(parseForm("actionname=a%25b%2Bc*"), now);
    expect(nextPageQuery(parameters)).toContain("&actionname=a%25b%25c%25&limit=100&offset=100");
  });
});
