// Interned: a text that was met before is the same text, and no other bytes are taken for it.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Interned } from "../../../src/lib/json/interned.ts";

const textOf = (names: Interned, text: string): string | null => {
  const bytes = Buffer.from(`<${text}>`);
  return names.textAt(bytes, 1, bytes.length - 1);
};

describe("Interned", () => {
  test("answers with the text of the bytes, whatever was met before", () => {
    const names = new Interned();
    // Few letters, so that many texts share a place.
    const text = fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, (each) => {
        expect(textOf(names, each)).toBe(each.includes("é") ? null : each);
      }),
      { numRuns: 500 },
    );
  });

  test("leaves long texts, empty ones and other letters than ASCII to the decoder", () => {
    const names = new Interned();
    expect(textOf(names, "sixteen letters!")).toBe("sixteen letters!");
    expect(textOf(names, "seventeen letters")).toBeNull();
    expect(textOf(names, "")).toBeNull();
    expect(textOf(names, "nämn")).toBeNull();
  });
});
