import { describe, expect, test } from "bun:test";
import { describeError, nearest, RunnerError } from "../src/errors.ts";

describe("nearest()", () => {
  const keys = ["schedule", "plugin", "expiry", "sendonly", "level"];

  test("finds the word behind a slip of the finger", () => {
    const slips = ["schedul", "shedule", "plugn", "exipry", "levle", "SendOnly"];
    expect(slips.map((slip) => nearest(slip, keys))).toEqual([
      "schedule",
      "schedule",
      "plugin",
      "expiry",
      "level",
      "sendonly",
    ]);
  });

  test("finds a half-typed word", () => {
    expect(nearest("sched", keys)).toBe("schedule");
  });

  test("finds nothing for another word", () => {
    expect(nearest("timezone", keys)).toBeNull();
  });
});

describe("describeError()", () => {
  test("says where, what and how to mend it, as far as it is known", () => {
    const detail = { path: "a/entity.cfg", line: 3, column: 7, hint: "write 5m" };
    const error = new RunnerError("ENTITY", 'Cannot read expiry "5"', detail);
    expect(describeError(error)).toBe('a/entity.cfg:3:7: Cannot read expiry "5" (write 5m)');
    expect(describeError(new RunnerError("API", "no answer"))).toBe("no answer");
  });
});
