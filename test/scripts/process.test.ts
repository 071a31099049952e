// Process: a tool's output arrives whole and in lines, and a tool that hangs is ended.
import { describe, expect, test } from "bun:test";
import { root, runTool } from "../../scripts/process.ts";

const shell = (script: string) => ["/bin/sh", "-c", script] as const;
const timeMaxMs = 30_000;

describe("runTool()", () => {
  test("hands over both streams line by line, also a last line without a newline", async () => {
    const seen: string[] = [];
    const answer = await runTool({
      argv: shell("echo one; echo two >&2; printf 'thr'; printf 'ee'; exit 3"),
      timeMaxMs,
      onLine: (line) => seen.push(line),
    });
    expect(answer.exit).toBe(3);
    expect(answer.lines.toSorted()).toEqual(["one", "three", "two"]);
    expect(seen).toEqual([...answer.lines]);
  });

  test("runs in the top folder, without colours and without an input", async () => {
    const { lines } = await runTool({
      argv: shell('pwd; echo "$NO_COLOR$X"; cat'),
      env: { X: "x" },
      timeMaxMs,
    });
    expect(lines).toEqual([root, "1x"]);
  });

  test("ends a tool that takes too long, and says so", async () => {
    const answer = await runTool({ argv: ["/bin/sleep", "600"], timeMaxMs: 20 });
    expect(answer.exit).toBeNull();
    expect(answer.lines).toEqual(["/bin/sleep: ended after 0.02 s"]);
  });

  test("rejects when there is no such tool", async () => {
    await expect(runTool({ argv: ["/no/such/tool"], timeMaxMs })).rejects.toThrow("ENOENT");
  });
});
