// Settings: what the shipped plugins take from the configuration.
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { duration } from "../../plugins/lib/settings.ts";

describe("duration()", () => {
  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["600h", 86_400_000],
    ["999999h", 86_400_000],
  ])("takes %s for %d ms", (text, ms) => {
    expect(v.parse(duration("1s"), text)).toBe(ms);
  });

  test.each(["", "0s", "-1s", "1d", "1e3s", "9999999s", "s"])("refuses %p", (text) => {
    expect(v.safeParse(duration("1s"), text).success).toBe(false);
  });
});
