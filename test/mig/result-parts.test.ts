import { describe, expect, test } from "bun:test";
import { resultParts } from "../../src/mig/result-parts.ts";

/** The bytes of a text in pieces of a size. */
async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.slice(from, from + size);
}

async function partsOf(text: string, size = text.length || 1): Promise<string[]> {
  const parts: string[] = [];
  for await (const { kind, bytes } of resultParts(pieces(text, size))) {
    parts.push(`${kind} ${new TextDecoder().decode(bytes)}`);
  }
  return parts;
}

const DOCUMENT =
  '{"action":{"id":7,"commands":[{"no":1}]},"commands":[{"id":1,"a":[{}]},{"id":2,"s":"]}é"}],' +
  '"name":"hunt","plugin":"","other":[{"no":2}],"more":{"commands":[{"no":3}]}}';

const PARTS = [
  'action {"id":7,"commands":[{"no":1}]}',
  'command {"id":1,"a":[{}]}',
  'command {"id":2,"s":"]}é"}',
];

describe("resultParts()", () => {
  test("hands out the action and the commands, wherever the chunks are cut", async () => {
    for (let size = 1; size <= DOCUMENT.length; size++) {
      expect(await partsOf(DOCUMENT, size)).toEqual(PARTS);
    }
  });

  test("says where in the file each part begins, wherever the chunks are cut", async () => {
    const bytes = new TextEncoder().encode(DOCUMENT);
    for (let size = 1; size <= DOCUMENT.length; size++) {
      for await (const part of resultParts(pieces(DOCUMENT, size))) {
        const { offset } = part;
        expect(bytes.slice(offset, offset + part.bytes.length)).toEqual(part.bytes.slice());
      }
    }
  });

  test("finds no commands where there are none", async () => {
    expect(await partsOf('{"action":{},"commands":null}')).toEqual(["action {}"]);
    expect(await partsOf('{"commands":[1,"x",null,[{}]]}')).toEqual([]);
    expect(await partsOf("[]")).toEqual([]);
  });

  test("throws when the document is torn, after what came whole", async () => {
    const parts: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { kind } of resultParts(pieces(DOCUMENT.slice(0, 70), 10))) parts.push(kind);
    };
    await expect(read()).rejects.toThrow();
    expect(parts).toEqual(["action", "command"]);
    await expect(partsOf("")).rejects.toThrow();
  });
});
