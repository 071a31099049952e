import { describe, expect, test } from "bun:test";
import { Repeated } from "../../../src/lib/json/repeated.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe("Repeated", () => {
  test("knows nothing at first, not even nothing", () => {
    const known = new Repeated("none");
    expect(known.endAt(bytesOf("{}"), 0)).toBe(-1);
    expect(known.endAt(bytesOf(""), 0)).toBe(-1);
    expect(known.value).toBe("none");
  });

  test("finds the bytes that it remembers, wherever they stand", () => {
    const known = new Repeated(0);
    known.remember(bytesOf('x{"a":1}y'), { from: 1, to: 8 }, 7);
    expect(known.endAt(bytesOf('{"a":1},'), 0)).toBe(7);
    expect(known.endAt(bytesOf('[[{"a":1}'), 2)).toBe(9);
    expect(known.value).toBe(7);
  });

  test("takes nothing else for them", () => {
    const known = new Repeated(0);
    known.remember(bytesOf('{"a":1}'), { from: 0, to: 7 }, 7);
    for (const text of ['{"a":2}', '{"a":1', '["a":1}', "{", ""]) {
      expect(known.endAt(bytesOf(text), 0)).toBe(-1);
    }
  });

  test("keeps a copy: what happens to the chunk later does not matter", () => {
    const known = new Repeated(0);
    const chunk = bytesOf("{}");
    known.remember(chunk, { from: 0, to: 2 }, 1);
    chunk.fill(0x20);
    expect(known.endAt(bytesOf("{}"), 0)).toBe(2);
  });
});
