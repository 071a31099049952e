import { describe, expect, test } from "bun:test";
import { answersOf, hasAllFailed, shortfalls } from "../../src/flow/shortfall.ts";
import type { Completeness } from "../../src/journal/inflight.ts";

/** A result with so many commands in each status. */
function result(
  statuses: Record<string, number>,
  { listed, sent }: { readonly listed?: number; readonly sent?: number | null } = {},
): Completeness {
  const fetched = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const list = listed === undefined ? {} : { listed };
  return { fetched, sent: sent ?? fetched, counters: null, statuses, strays: 0, ...list };
}

describe("shortfalls()", () => {
  test.each<[string, readonly Completeness[], readonly string[]]>([
    ["nothing that was collected", [], []],
    ["a whole result", [result({ success: 3 })], []],
    ["a result with a failure in it", [result({ success: 3, failed: 1, expired: 1 })], []],
    ["a target that matched nobody", [result({})], ["its target matched no agent"]],
    ["failures alone", [result({ failed: 2, expired: 1 })], ["no command succeeded"]],
    [
      "a command that is on its way",
      [result({ success: 3, sent: 1 })],
      ["1 command has no final status yet"],
    ],
    [
      "commands on their way alone",
      [result({ sent: 2, prepared: 1 })],
      ["no command succeeded", "3 commands have no final status yet"],
    ],
    ["a whole list", [result({ success: 2, failed: 1 }, { listed: 3 })], []],
    [
      "a list some of whose agents are gone",
      [result({ success: 35 }, { listed: 40 })],
      ["35 of the 40 agents that it lists answered, 35 were asked: the others are offline or gone"],
    ],
    [
      "a list some of whose agents are silent",
      [result({ success: 35, expired: 5 }, { listed: 40 })],
      ["35 of the 40 agents that it lists answered"],
    ],
    [
      "a list whose agents are all gone",
      [result({}, { listed: 4 })],
      ["0 of the 4 agents that it lists answered, 0 were asked: the others are offline or gone"],
    ],
    ["an empty list", [result({}, { listed: 0 })], []],
    [
      "a list in parts, beside an action that is none",
      [result({ success: 9 }, { listed: 9 }), result({ success: 1 }, { listed: 3 }), result({})],
      ["10 of the 12 agents that it lists answered, 10 were asked: the others are offline or gone"],
    ],
    [
      "a list with commands that the API counts and did not send",
      [result({ success: 3 }, { listed: 4, sent: 4 })],
      ["3 of the 4 agents that it lists answered"],
    ],
  ])("tells of %s", (_, results, told) => expect(shortfalls(results)).toEqual(told));
});

describe("hasAllFailed()", () => {
  test("is true when there were commands and none was a success", () => {
    expect(hasAllFailed([result({ failed: 3 }), result({ timeout: 1 })])).toBe(true);
    expect(hasAllFailed([result({ failed: 3 }), result({ success: 1 })])).toBe(false);
    expect(hasAllFailed([result({})])).toBe(false);
    expect(hasAllFailed([])).toBe(false);
  });

  test("is false where the statuses were not kept", () => {
    expect(hasAllFailed([{ ...result({}), fetched: 78 }])).toBe(false);
  });
});

describe("answersOf()", () => {
  test("counts what agents have ended, not what the API did", () => {
    const statuses = { success: 1, failed: 2, timeout: 4, cancelled: 8, expired: 16, sent: 32 };
    expect(answersOf(result(statuses))).toBe(15);
  });
});
