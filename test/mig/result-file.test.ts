import { describe, expect, test } from "bun:test";
import { readStoredResult } from "../../src/mig/result-file.ts";

const ACTION =
  '{"id":7,"name":"mig-runner: a","expireafter":"2026-01-02T03:04:05Z",' +
  '"pgpsignatures":["one"],"counters":{"sent":3}}';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

function document(commands: string, plugin = "print"): string {
  return `{"action":${ACTION},"commands":${commands},"name":"a","plugin":"${plugin}"}`;
}

const commands =
  '[{"id":1,"status":"success","results":[{"commands":[{}]}]},' +
  '{"id":2,"status":"timeout","action":{"commands":[1]}}]';

describe("readStoredResult()", () => {
  for (const size of [1, 7, 10_000]) {
    test(`reads a result in pieces of ${size} bytes`, async () => {
      const stored = await readStoredResult(inPieces(document(commands), size));
      expect(stored).toMatchObject({
        plugin: "print",
        commands: 2,
        statuses: { success: 1, timeout: 1 },
        action: { actionId: 7, name: "mig-runner: a", signatures: ["one"] },
      });
      expect(stored.action.expireAt).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
      expect(new TextDecoder().decode(stored.actionBytes)).toBe(ACTION);
    });
  }

  test("reads a result without commands or plugin", async () => {
    const stored = await readStoredResult(inPieces(document("[]", ""), 50));
    expect([stored.commands, stored.plugin]).toEqual([0, ""]);
  });

  for (const [what, text, message] of [
    ["a torn file", document(commands).slice(0, 200), "it is not a result: it ends after"],
    ["an empty file", "", "it is not a result: it is empty"],
    ["an in-flight record", document("null"), "it was never collected"],
    ["something else", '{"commands":[]}', "it is not a result: it has no action"],
    [
      "an action without an id",
      '{"action":{},"commands":[]}',
      "it is not a result: Cannot read the",
    ],
  ] as const) {
    test(`refuses ${what}`, () => {
      expect(readStoredResult(inPieces(text, 64))).rejects.toThrow(message);
    });
  }
});
