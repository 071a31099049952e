// Edge: laws of the pure parts of the edges, and of files in any pieces.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { LINE_CHARACTERS_MAX, LineSplitter } from "../../src/edge/output.ts";
import { sortByBytes } from "../../src/edge/spool/scan.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { Scratch } from "../support/edge.ts";

/** Cuts a list at the given places, in any order and number. */
function cut(bytes: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length];
  ends.sort((left, right) => left - right);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe("LineSplitter", () => {
  test("gives the same lines however the bytes came", () => {
    const line = fc
      .string({ unit: "grapheme", maxLength: 30 })
      .filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 50 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (given, places) => {
          const lines: string[] = [];
          const splitter = new LineSplitter((each) => lines.push(each));
          const bytes = Buffer.from(given.map((each) => `${each}\n`).join(""));
          for (const piece of cut(bytes, places)) splitter.add(piece);
          splitter.end();
          expect(lines).toEqual(given);
        },
      ),
    );
  });

  test("never passes on more of a line than it may", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.array(fc.nat()), (bytes, places) => {
        const splitter = new LineSplitter((line) => {
          expect(line.length).toBeLessThanOrEqual(LINE_CHARACTERS_MAX + 1);
          expect(line).not.toContain("\n");
        });
        for (const piece of cut(bytes, places)) splitter.add(piece);
        splitter.end();
      }),
    );
  });
});

describe("sortByBytes()", () => {
  test("sorts as a comparison of UTF-8 does", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (names) => {
        const wanted = names.toSorted((left, right) =>
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
        expect(sortByBytes([...names])).toEqual(wanted);
      }),
    );
  });
});

describe("openSpool().createResult()", () => {
  test("writes the bytes that it was given, in any pieces (I5)", async () => {
    using scratch = new Scratch();
    const spool = openSpool({ directory: scratch.path });
    scratch.folder("runners/a");
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 700_000 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (size, places) => {
          const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31) % 253);
          const writer = await spool.createResult("a", "20261123", 7);
          for (const piece of cut(bytes, places)) await writer.write(piece);
          expect((await writer.commit()).bytes).toBe(size);
          const written = readFileSync(spool.resultPath("a", "20261123", 7));
          expect(written.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });
});
