import { describe, expect, test } from "bun:test";
import { DAY_MS, HOUR_MS, limitText, MINUTE_MS, SECOND_MS, spanText } from "../src/time.ts";

describe("spanText()", () => {
  test("has the two largest units, days for what is long", () => {
    expect(spanText(0)).toBe("0s");
    expect(spanText(999)).toBe("0s");
    expect(spanText(MINUTE_MS + 5 * SECOND_MS)).toBe("1m5s");
    expect(spanText(10_948 * HOUR_MS + 13 * MINUTE_MS)).toBe("456d4h");
    expect(spanText(2 * DAY_MS + 5 * SECOND_MS)).toBe("2d");
  });
});

describe("limitText()", () => {
  test("is written as in a configuration, and counts days beside it", () => {
    expect(limitText(400)).toBe("400ms");
    expect(limitText(1_500)).toBe("1s500ms");
    expect(limitText(10 * MINUTE_MS)).toBe("10m");
    expect(limitText(90 * MINUTE_MS)).toBe("1h30m");
    expect(limitText(DAY_MS)).toBe("24h");
    expect(limitText(49 * DAY_MS)).toBe("1176h (49 days)");
    expect(limitText(0)).toBe("0s");
  });
});
