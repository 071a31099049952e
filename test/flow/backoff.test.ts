import { describe, expect, test } from "bun:test";
import { backoffMs, COLLECT_BACKOFF, DELIVERY_BACKOFF } from "../../src/flow/backoff.ts";

const plain = { firstMs: 1_000, capMs: 8_000, failuresMax: null };

describe("backoffMs()", () => {
  test("doubles from the first wait up to the cap", () => {
    const waits = [1, 2, 3, 4, 5, 60].map((failures) => backoffMs(plain, failures, 0.999_999));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test("spreads the wait over its upper half", () => {
    expect(backoffMs(plain, 2, 0)).toBe(1_000);
    expect(backoffMs(plain, 2, 0.5)).toBe(1_500);
  });

  test("ends deliveries, and never ends collects (I4)", () => {
    expect(backoffMs(DELIVERY_BACKOFF, 30, 0)).toBeNull();
    expect(backoffMs(DELIVERY_BACKOFF, 29, 0)).not.toBeNull();
    expect(backoffMs(COLLECT_BACKOFF, 1_000_000, 0)).toBe(150_000);
  });
});
