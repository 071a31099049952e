// Output: lines of a plugin, cut and counted.
import { describe, expect, test } from "bun:test";
import { closeSync, writeSync } from "node:fs";
import { LINE_CHARACTERS_MAX, LINES_MAX, LineSplitter, openOutput } from "../../src/edge/output.ts";
import { eventually } from "../support/binary.ts";

function split(...pieces: readonly (string | Uint8Array)[]): readonly string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.add(Buffer.from(piece));
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  test("joins what came in pieces, also within a character", () => {
    const text = Buffer.from("één\ntwee\n");
    expect(split(text.subarray(0, 1), text.subarray(1, 6), text.subarray(6))).toEqual([
      "één",
      "twee",
    ]);
  });

  test("passes on a last line without an end, and empty lines", () => {
    expect(split("one\n\r\n\nlast")).toEqual(["one", "", "", "last"]);
    expect(split("")).toEqual([]);
  });

  test("cuts a long line, however it came, in bounded memory", () => {
    const kept = `${"x".repeat(LINE_CHARACTERS_MAX)}…`;
    expect(split("x".repeat(100_000), "x".repeat(100_000), "\nnext\n")).toEqual([kept, "next"]);
    const exact = "y".repeat(LINE_CHARACTERS_MAX);
    expect(split(`${exact}\n`)).toEqual([exact]);
  });

  test("cuts between characters", () => {
    const [odd = "", even = ""] = split(`x${"😀".repeat(5_000)}\n${"😀".repeat(5_000)}\n`);
    expect(odd).toBe(`x${"😀".repeat(LINE_CHARACTERS_MAX / 2 - 1)}…`);
    expect(even).toBe(`${"😀".repeat(LINE_CHARACTERS_MAX / 2)}…`);
  });

  test("counts the lines that it leaves out", () => {
    const lines = split("line\n".repeat(LINES_MAX + 7));
    expect(lines).toHaveLength(LINES_MAX + 1);
    expect(lines.at(-1)).toBe("7 more lines were left out");
  });

  test("shows undecodable bytes as such", () => {
    expect(split(Buffer.from([0x61, 0xff, 0x62, 0x0a]))).toEqual(["a\ufffdb"]);
    expect(split(Buffer.from([0x61, 0xc3]))).toEqual(["a\ufffd"]);
  });
});

describe("openOutput()", () => {
  test("reads while the writer writes more than a pipe holds", async () => {
    const lines: string[] = [];
    const output = await openOutput((line) => lines.push(line));
    if (output === null) throw new Error("no pipe");
    writeSync(output.writeFd, "one\n".repeat(10));
    await eventually(() => (lines.length === 10 ? true : null));
    writeSync(output.writeFd, "more");
    closeSync(output.writeFd);
    output.drain();
    output.close(10);
    expect(lines.at(-1)).toBe("more");
  });

  test("goes on reading after it was let go, for as long as was said", async () => {
    const lines: string[] = [];
    const output = await openOutput((line) => lines.push(line));
    if (output === null) throw new Error("no pipe");
    output.drain();
    output.close(10_000);
    writeSync(output.writeFd, "late\n");
    await eventually(() => (lines.length === 1 ? true : null));
    closeSync(output.writeFd);
  });

  test("ends a writer that will not end", async () => {
    const output = await openOutput(() => {});
    if (output === null) throw new Error("no pipe");
    output.close(1);
    const error = await eventually(() => {
      try {
        writeSync(output.writeFd, "x");
        return null;
      } catch (thrown) {
        return thrown;
      }
    });
    expect(String(error)).toContain("EPIPE");
    closeSync(output.writeFd);
  });
});
