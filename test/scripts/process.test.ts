// Process: a tool's output arrives whole and in lines, and a tool that hangs is ended.
import { describe, expect, test } from "bun:test";
import { root, runTool } from "../../scripts/process.ts";

const shell = (script: string) => ["/bin/sh", "-c", script] as const;

describe("runTool()", () => {
  test("hands over both streams line by line, also a last line without a newline", async () => {
    const seen: string[] = [];
    const answer = await runTool({
      argv: shell("echo one; echo two >&2; printf 'thr'; printf 'ee'; exit 3"),
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
    });
    expect(lines).toEqual([root, "1x"]);
  });

  test("ends a tool that is silent for too long, and says so", async () => {
    const answer = await runTool({ argv: ["/bin/sleep", "600"], silenceMaxMs: 20 });
    expect(answer.exit).toBeNull();
    expect(answer.lines).toEqual(["/bin/sleep: ended, it had printed nothing for 0.02 s"]);
  });

  test("rejects when there is no such tool", async () => {
    await expect(runTool({ argv: ["/no/such/tool"] })).rejects.toThrow("ENOENT");
  });
});
