import { describe, expect, test } from "bun:test";
import { decodeFrame, encodeLine, LineReader, openChannel } from "../../src/edge/channel.ts";

describe("LineReader", () => {
  test("cuts lines wherever the pieces end", () => {
    const text = "one\ntwo\n\nthree\nrest";
    for (let size = 1; size <= text.length; size++) {
      const reader = new LineReader();
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size)
        lines.push(...reader.add(text.slice(at, at + size)));
      expect(lines).toEqual(["one", "two", "", "three"]);
    }
  });

  test("tells of a line that is longer than any may be, and forgets it with its end", () => {
    const reader = new LineReader();
    const piece = "x".repeat(16 * 1024 * 1024);
    for (let count = 0; count < 4; count++) reader.add(piece);
    expect(reader.isOverfull).toBe(false);
    reader.add("x");
    expect(reader.isOverfull).toBe(true);
    reader.add("\n");
    expect(reader.isOverfull).toBe(false);
  });
});

describe("decodeFrame()", () => {
  test.each([
    [["message", { a: 1 }], { kind: "message", message: { a: 1 } }],
    [["message"], { kind: "message", message: null }],
    [["ready"], { kind: "ready" }],
    [
      ["failed", { message: "m", stack: "s" }],
      { kind: "failed", failure: { message: "m", stack: "s" } },
    ],
  ])("reads %j", (frame, expected) => {
    expect(decodeFrame(encodeLine(frame).trimEnd())).toEqual(expected as never);
  });

  test.each(["", "null", "3", "{}", "[]", '["failed"]', '["failed",null]', '["other",1]', "{"])(
    "takes %j for no message",
    (line) => {
      expect(decodeFrame(line)).toEqual({ kind: "message", message: null });
    },
  );
});

describe("openChannel()", () => {
  test("is for workers: what is sent elsewhere is lost", () => {
    expect(typeof openChannel().send).toBe("function");
  });
});
