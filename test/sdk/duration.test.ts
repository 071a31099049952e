import { expect, test } from "bun:test";
import * as v from "valibot";
import { isDuration } from "../../src/sdk/index.ts";
import { readParams } from "../../src/workflow/params.ts";

test("isDuration() knows what a run can wait for", () => {
  for (const text of ["0", "90s", "1.5h", "1h30m", "250ms", "2h5m10s"]) {
    expect({ text, is: isDuration(text) }).toEqual({ text, is: true });
  }
  for (const value of ["", "10", "1d", "10 m", "m10", "-5m", "soon", 600, null, undefined, {}]) {
    expect({ value, is: isDuration(value) }).toEqual({ value, is: false });
  }
});

test("isDuration() makes a parameter a duration, and refuses another text before a run", () => {
  const params = v.object({ wait: v.pipe(v.string(), v.guard(isDuration, "wanted 10m")) });
  expect(readParams(params, { wait: "36h" }, true)).toEqual({
    kind: "sound",
    json: '{"wait":"36h"}',
  });
  expect(readParams(params, { wait: "1d" }, true)).toEqual({
    kind: "broken",
    problems: ['Cannot set parameter wait to "1d": wanted 10m (wanted string)'],
  });
});
