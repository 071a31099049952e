// Answers that do not end; `bun test/faults/hostile.ts` tries more, a gigabyte each.
import { describe, expect, test } from "bun:test";
import { ANSWERS, refuse } from "../faults/hostile.ts";

/** Of the process, in megabytes: two copies of the largest command, and the runtime. */
const PEAK_MAX = 400;

describe.concurrent("an answer of the API that is", () => {
  for (const [what, wanted] of [
    ["a command that does not end", "one part of it is over 67108864 bytes"],
    ["a list of commands that does not end", "it is over 68157440 bytes"],
    ["lists in a command", "nested over 10000 deep"],
  ] as const) {
    test(`${what} is refused within its limit, and the action stays in flight (I4)`, async () => {
      const answer = ANSWERS[what];
      if (answer === undefined) throw new Error("there is no such answer");
      const { said, sent, peak, kept } = await refuse(answer, { megabytes: 200 });
      expect(said).toContain(wanted);
      expect(kept).toBe(true);
      expect(sent).toBeLessThan(100);
      if (peak !== null) expect(peak).toBeLessThan(PEAK_MAX);
    });
  }
});
