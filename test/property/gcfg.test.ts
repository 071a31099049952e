// gcfg, as laws: what is written is read back, and what is read means what its parts mean.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeGcfg, type GcfgSection } from "../../src/config/encode.ts";
import { parseInteger } from "../../src/config/scalars.ts";
import type { Schema, SettingValue } from "../../src/config/settings.ts";
import { RunnerErrors } from "../../src/errors.ts";
import { parseGcfg } from "../support/settings-file.ts";

const schema: Schema = {
  main: {
    shape: "struct",
    keys: {
      text: { kind: "string" },
      number: { kind: "int64" },
      truth: { kind: "bool" },
      texts: { kind: "list" },
    },
  },
  free: { shape: "free", keys: {} },
};

const options = { path: "x.cfg", schema };

function parse(text: string) {
  return parseGcfg(new TextEncoder().encode(text), options);
}

/** Texts that gcfg can hold: no NUL, no carriage return, no half characters. */
const writable = fc
  .string({ unit: "binary", maxLength: 40 })
  .filter((text) => text.isWellFormed() && !/[\0\r]/.test(text));
const line = writable.filter((text) => text !== "" && !text.includes("\n"));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

describe("encodeGcfg() and readGcfg()", () => {
  test("give back every value that was written", () => {
    fc.assert(
      fc.property(
        writable,
        int64,
        fc.boolean(),
        fc.array(writable),
        (text, number, truth, texts) => {
          const values: [string, SettingValue][] = [
            ["text", text],
            ["number", number],
            ["truth", truth],
            ["texts", texts],
          ];
          const read = parse(encodeGcfg([{ name: "main", subsection: null, values }]));
          const main = read.sections.get("main");
          expect(main?.get("text")?.value).toBe(text);
          expect(main?.get("number")?.value).toBe(number);
          expect(main?.get("truth")?.value).toBe(truth);
          expect(main?.get("texts")?.value ?? []).toEqual(texts);
          expect(read.warnings).toEqual([]);
        },
      ),
    );
  });

  test("give back every name of a subsection", () => {
    fc.assert(
      fc.property(line, (subsection) => {
        const section: GcfgSection = { name: "free", subsection, values: [["key", "value"]] };
        const names = parse(encodeGcfg([section]))
          .subsections.get("free")
          ?.keys();
        expect([...(names ?? [])]).toEqual([subsection]);
      }),
    );
  });
});

/** A piece of a value: how it is written, and what it means. */
interface Piece {
  readonly source: string;
  readonly meaning: string;
}

const ESCAPES: readonly Piece[] = [
  { source: "\\n", meaning: "\n" },
  { source: "\\t", meaning: "\t" },
  { source: '\\"', meaning: '"' },
  { source: "\\\\", meaning: "\\" },
];
const plainCharacter = fc
  .string({ unit: "binary", minLength: 1, maxLength: 1 })
  .filter((text) => text.isWellFormed() && !/[\0\r\n"\\]/.test(text));
const quotedCharacter: fc.Arbitrary<Piece> = fc.oneof(
  { weight: 4, arbitrary: plainCharacter.map((text) => ({ source: text, meaning: text })) },
  { weight: 1, arbitrary: fc.constantFrom(...ESCAPES) },
  // A carriage return is dropped wherever it is.
  { weight: 1, arbitrary: fc.constant({ source: "\r", meaning: "" }) },
);
const quoted: fc.Arbitrary<Piece> = fc.array(quotedCharacter).map((pieces) => ({
  source: `"${pieces.map(({ source }) => source).join("")}"`,
  meaning: pieces.map(({ meaning }) => meaning).join(""),
}));
const bare: fc.Arbitrary<Piece> = plainCharacter
  .filter((text) => !/[ \t;#]/.test(text))
  .map((text) => ({ source: text, meaning: text }));
const continued: fc.Arbitrary<Piece> = fc.constantFrom(
  { source: "\\\n", meaning: "" },
  { source: "\\\r\n", meaning: "" },
);
const blank: fc.Arbitrary<Piece> = fc
  .constantFrom(" ", "\t", "  ")
  .map((text) => ({ source: text, meaning: text }));
const comment = fc.constantFrom("", ";", "# comment", '; "half', "#\\");

describe("readGcfg()", () => {
  test("joins the quoted, bare and continued parts of a value, without its outer blanks", () => {
    const solid = fc.oneof(quoted, bare, continued);
    const inner = fc.array(fc.oneof(solid, blank));
    fc.assert(
      fc.property(solid, inner, solid, comment, (first, middle, last, behind) => {
        const pieces = [first, ...middle, last];
        const source = pieces.map((piece) => piece.source).join("");
        const wanted = pieces.map((piece) => piece.meaning).join("");
        const read = parse(`[main]\ntext = \t${source} \t${behind}\n`);
        expect(read.sections.get("main")?.get("text")?.value).toBe(wanted);
      }),
      { numRuns: 500 },
    );
  });

  test("reads whole numbers as BigInt does, in both bases", () => {
    fc.assert(
      fc.property(int64, (number) => {
        const magnitude = (number < 0n ? -number : number).toString(16);
        const hexadecimal = `${number < 0n ? "-" : ""}0x${magnitude}`;
        expect(parseInteger(String(number), "int")).toBe(BigInt(String(number)));
        expect(parseInteger(hexadecimal, "int")).toBe(number);
      }),
    );
  });

  test("answers any bytes with values or with mistakes that name a line of the file", () => {
    const token = fc.constantFrom(
      "[",
      "]",
      "main",
      "text",
      "=",
      '"',
      "\\",
      ";",
      "\n",
      " ",
      "\r",
      "é",
    );
    const text = fc.array(token, { maxLength: 30 }).map((parts) => parts.join(""));
    const bytes = fc.oneof(
      text.map((source) => new TextEncoder().encode(source)),
      fc.uint8Array({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(bytes, (source) => {
        try {
          parseGcfg(source, options);
        } catch (error) {
          expect(error).toBeInstanceOf(RunnerErrors);
          const lines = source.filter((byte) => byte === 0x0a).length + 1;
          for (const { detail } of (error as RunnerErrors).errors) {
            expect(detail.line).toBeGreaterThanOrEqual(1);
            expect(detail.line).toBeLessThanOrEqual(lines);
            expect(detail.column).toBeGreaterThanOrEqual(1);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
