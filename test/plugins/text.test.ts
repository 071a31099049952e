// Text: other people's JSON as texts that services take, whatever it is.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cutBytes, cutText, encodeJson, lineOf, textOf } from "../../plugins/lib/text.ts";

const FAMILY = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
const HALF = "\ud83d";
const anyText = fc.string({ unit: "binary", maxLength: 60 });
/** With halves of characters in it, which `fc.string` does not make. */
const anyUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
  .map((units) => String.fromCharCode(...units));

describe("textOf()", () => {
  test("gives a text of whatever JSON holds", () => {
    expect(textOf("a")).toBe("a");
    expect(textOf(`a${HALF}`)).toBe("a\ufffd");
    expect(textOf({ toString: 1, valueOf: 2 })).toBe('{"toString":1,"valueOf":2}');
    expect(textOf([{ toString: null }, null, 1e21])).toBe('[{"toString":null},null,1e+21]');
    expect(textOf(undefined)).toBe("");
    expect(textOf(JSON.parse('{"__proto__":{"toJSON":1}}'))).toBe('{"__proto__":{"toJSON":1}}');
  });

  test("does not throw where JSON is nested without an end", () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 60_000; depth++) deep = [deep];
    expect(typeof textOf(deep)).toBe("string");
  });
});

describe("encodeJson()", () => {
  test("leaves no half of a character in values and names, and all else as it is", () => {
    fc.assert(
      fc.property(fc.dictionary(anyUnits, anyUnits), (members) => {
        const text = encodeJson(members);
        const whole = Object.entries(members).map(([key, value]) => [
          key.toWellFormed(),
          value.toWellFormed(),
        ]);
        expect(JSON.parse(text)).toEqual(Object.fromEntries(whole));
        expect(text).not.toMatch(/(?<!\\)(?:\\\\)*\\ud[89a-f]/);
      }),
    );
  });

  test("keeps a text that only looks like an escape", () => {
    expect(encodeJson(["\\ud800", "\\\\ud800"])).toBe(JSON.stringify(["\\ud800", "\\\\ud800"]));
  });
});

describe("cutText()", () => {
  test("cuts before a character that does not fit, however many parts it has", () => {
    expect(cutText("abcdef", 6)).toBe("abcdef");
    expect(cutText("abcdef", 5)).toBe("abcd…");
    for (const length of [3, 5, 8, 9]) expect(cutText(`a${FAMILY}bc`, length)).toBe("a…");
    expect(cutText(`a${FAMILY}bcd`, 11)).toBe(`a${FAMILY}b…`);
    expect(cutText("e\u0301e\u0301e\u0301", 4)).toBe("e\u0301…");
    expect(cutText(HALF, 5)).toBe("\ufffd");
  });

  test("never is longer than it may be, and never ends in half a character", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, anyUnits), fc.integer({ min: 1, max: 50 }), (text, max) => {
        const cut = cutText(text, max);
        expect(cut.length).toBeLessThanOrEqual(max);
        expect(cut.isWellFormed()).toBe(true);
        const begin = cut.endsWith("…") && cut !== text.toWellFormed() ? cut.slice(0, -1) : cut;
        expect(text.toWellFormed().startsWith(begin)).toBe(true);
      }),
    );
  });

  test("cuts one endless character too", () => {
    expect(cutText(`e${"\u0301".repeat(5_000)}`, 100).length).toBeLessThanOrEqual(100);
  });
});

describe("cutBytes()", () => {
  test("never is of more bytes than it may be, and never ends in half a character", () => {
    expect(cutBytes("aé😀", 7)).toBe("aé😀");
    expect(cutBytes("aé😀b", 7)).toBe("aé…");
    fc.assert(
      fc.property(fc.oneof(anyText, anyUnits), fc.integer({ min: 3, max: 90 }), (text, max) => {
        const cut = cutBytes(text, max);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        expect(Buffer.from(cut).toString()).toBe(cut);
        const begin = cut.endsWith("…") && cut !== text.toWellFormed() ? cut.slice(0, -1) : cut;
        expect(text.toWellFormed().startsWith(begin)).toBe(true);
      }),
    );
  });
});

describe("lineOf()", () => {
  test("makes one line of what has ends of lines, controls and turns of the direction", () => {
    expect(lineOf("  a\r\n\tb\u2028c\u0085d\u001b[2Je\u0000 \u202ef ", 50)).toBe("a b c d [2Je f");
    expect(lineOf(" \n ", 50)).toBe("");
    expect(lineOf("ab cd", 4)).toBe("ab …");
  });

  test("looks at no more of an endless text than it needs", () => {
    expect(lineOf(`${"\n".repeat(50_000_000)}x`, 10)).toBe("…");
  });
});
