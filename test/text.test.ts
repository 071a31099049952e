// Text: what is shown of somebody else's words, and where they are cut.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  cutText,
  firstBytes,
  firstOf,
  LINE_SIZE_MAX,
  shownLine,
  shownLines,
  visible,
  visibleJson,
  wideEncoding,
} from "../src/text.ts";

/** Every kind of character that must not reach a terminal, by its code point. */
const UNSAFE = [
  0x00, 0x07, 0x08, 0x0a, 0x0b, 0x0d, 0x1b, 0x7f, 0x80, 0x85, 0x9b, 0x9d, 0xad, 0x61c, 0x200b,
  0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xdfff, 0xd800, 0xfeff,
  0xfff9, 0xe0001, 0xe007f,
];

describe("visible()", () => {
  test("leaves text of any language alone", () => {
    const text = "größe 数据 😀 👩‍💻 ❤️ عربى می‌خواهم हिन्दी \t tab \\ \"'";
    expect(visible(text)).toBe(text);
  });

  test("shows each unsafe character as Go's %q does", () => {
    expect(visible("\x00\x07\n\r\x1b\x7f\x85\x9b\u2029")).toBe(
      "\\x00\\x07\\n\\r\\x1b\\x7f\\u0085\\u009b\\u2029",
    );
    expect(visible("a\u202eb\ud800c\u{e0001}")).toBe("a\\u202eb\\ud800c\\U000e0001");
    for (const code of UNSAFE) {
      expect(visible(String.fromCodePoint(code))).toMatch(/^\\(?:[nr]|[xuU][0-9a-f]+)$/);
    }
  });

  test("shows every character that Unicode calls a control, a separator or a half", () => {
    const codes = Array.from({ length: 0x11_00_00 }, (_, code) => code);
    const isUnsafe = (text: string): boolean => /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(text);
    const unsafe = codes.map((code) => String.fromCodePoint(code)).filter(isUnsafe);
    expect(unsafe.length).toBeGreaterThan(2_048);
    expect(unsafe.filter((text) => text !== "\t" && visible(text) === text)).toEqual([]);
  });

  test("keeps what it is told to", () => expect(visible("a\nb\r", "\n")).toBe("a\nb\\r"));

  test("changes nothing when it is done twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(visible(visible(text))).toBe(visible(text));
      }),
    );
  });
});

describe("shownLine()", () => {
  test("is one line of whole characters whatever is given, and bounded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = shownLine(text);
        expect(line.isWellFormed()).toBe(true);
        expect(line).not.toMatch(/[^\P{Cc}\t]|[\u2028-\u202e\u2066-\u2069\u200e\u200f]/u);
      }),
    );
    const long = shownLine("x".repeat(20_000_000));
    expect(long).toBe(`${"x".repeat(LINE_SIZE_MAX - 1)}…`);
  });

  test("drops the end of a line, and only that", () => {
    expect(shownLine("a \n\r\n")).toBe("a ");
    expect(shownLine("\n")).toBe("");
  });
});

describe("shownLines()", () => {
  test("has as many lines as it was given", () => {
    expect(shownLines(["done\nplugin x: delivered", "b"])).toBe("done\\nplugin x: delivered\nb\n");
  });
});

describe("visibleJson()", () => {
  test("is the same value without anything unsafe in its text", () => {
    const value = {
      [`k${String.fromCodePoint(...UNSAFE)}`]: String.fromCodePoint(...UNSAFE, 0x41),
    };
    const text = visibleJson(JSON.stringify(value));
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(JSON.parse(visibleJson(json))).toEqual(JSON.parse(json));
      }),
    );
  });
});

describe("firstOf()", () => {
  test("never ends in half a character", () => {
    expect([firstOf("a😀b", 2), firstOf("a😀b", 3), firstOf("a😀b", 4)]).toEqual([
      "a",
      "a😀",
      "a😀b",
    ]);
    expect([firstOf("😀", 1), firstOf("😀", 0), firstOf("", 0)]).toEqual(["", "", ""]);
  });
});

describe("cutText()", () => {
  test("says that there was more, within the size", () => {
    expect(cutText("abc", 3)).toBe("abc");
    expect(cutText("abcd", 3)).toBe("ab…");
    expect(cutText("a😀cd", 3)).toBe("a…");
  });
});

describe("firstBytes()", () => {
  test("ends before a character that does not fit whole", () => {
    const cut = (text: string, size: number) => new TextDecoder().decode(firstBytes(text, size));
    expect([cut("aé", 2), cut("aé", 3), cut("a€b", 3), cut("😀x", 3), cut("😀x", 4)]).toEqual([
      "a",
      "aé",
      "a",
      "",
      "😀",
    ]);
  });

  test("is always a beginning of the text, and as much as fits", () => {
    const strict = new TextDecoder("utf-8", { fatal: true });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(40), (raw, size) => {
        const text = raw.toWellFormed();
        const bytes = firstBytes(text, size);
        expect(bytes.length).toBeLessThanOrEqual(size);
        expect(text).toStartWith(strict.decode(bytes));
        const whole = new TextEncoder().encode(text).length;
        if (whole > size) expect(bytes.length).toBeGreaterThan(size - 4);
      }),
    );
  });
});

describe("wideEncoding()", () => {
  test("knows UTF-16 and UTF-32, with a mark or without one", () => {
    const text = '[runner]\ndirectory = "/srv/mig"\n';
    const little = Buffer.from(text, "utf16le");
    const big = Buffer.from(little).swap16();
    const wide = Buffer.concat(
      [...text].map((letter) => Buffer.from([letter.charCodeAt(0), 0, 0, 0])),
    );
    expect(wideEncoding(little)).toBe("UTF-16");
    expect(wideEncoding(big)).toBe("UTF-16");
    expect(wideEncoding(Buffer.concat([Buffer.from([0xff, 0xfe]), little]))).toBe("UTF-16");
    expect(wideEncoding(Buffer.concat([Buffer.from([0xfe, 0xff]), big]))).toBe("UTF-16");
    expect(wideEncoding(wide)).toBe("UTF-32");
    expect(wideEncoding(Buffer.concat([Buffer.from([0xff, 0xfe, 0, 0]), wide]))).toBe("UTF-32");
  });

  test("is nothing for all other bytes", () => {
    for (const text of ["", "a", "\0", "[runner]\0\n", "\ufeff[runner]", "J\u00e9r\u00f4me"]) {
      expect(wideEncoding(Buffer.from(text))).toBeNull();
      expect(wideEncoding(Buffer.from(text, "latin1"))).toBeNull();
    }
  });
});
