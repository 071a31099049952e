// Command: one command that is too large for memory costs its own results, and nothing else.
import { describe, expect, test } from "bun:test";
import { readCommand } from "../../../plugins/lib/command.ts";
import { decodeCommand } from "../../../src/edge/plugins/command.ts";
import { answer, command } from "../../support/results.ts";

function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

describe("decodeCommand()", () => {
  test("gives a command as it came, up to what memory holds", () => {
    const sound = command({ host: "a\u2028\u{1f9a0}", results: [answer("x".repeat(9_000_000))] });
    for (const value of [sound, command(), {}, { id: 1e300, results: null }]) {
      expect(decodeCommand(encoded(value)) as unknown).toEqual(value);
    }
  });

  test("leaves out the results of one that would take too much, and says so", () => {
    for (const unit of ["[]", "{}", "0", '""']) {
      const elements = `[${Array(Math.floor(12e6 / (unit.length + 1)))
        .fill(unit)
        .join(",")}]`;
      const text = JSON.stringify(command({ host: "odd", id: 7, results: [answer("@")] }));
      const read = decodeCommand(new TextEncoder().encode(text.replace('"@"', elements)), 100e6);
      const { results, ...others } = read as unknown as Record<string, unknown>;
      const { results: _, ...wanted } = command({ host: "odd", id: 7 }) as Record<string, unknown>;
      expect(others).toEqual(wanted);
      expect(JSON.stringify(results)).toContain("its results were left out: ");
      // No plugin takes it for a sound host.
      expect(readCommand(read).troubles[0]).toContain("operation 1 (file) failed: its results");
    }
  });

  test("keeps what stands behind the results, in whatever order, and no large member", () => {
    const text = `{"results":[[]],"status":"success","agent":{"name":"a"},"id":-1.5e3,"x":"${"y".repeat(2e6)}",
      "action":{"operations":[{"module":"file"}],"z":"${"y".repeat(2e6)}"},"a\\"b":null,"results":{}}`;
    const read = decodeCommand(new TextEncoder().encode(text), 1);
    expect(read as unknown).toMatchObject({
      status: "success",
      agent: { name: "a" },
      id: -1_500,
      x: null,
      action: null,
      'a"b': null,
      results: [{ success: false }],
    });
  });
});
