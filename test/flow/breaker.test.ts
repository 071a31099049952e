import { describe, expect, test } from "bun:test";
import { ApiHealth, admits, afterRequest, CLOSED } from "../../src/flow/breaker.ts";

const failed = (times: number, now: number) => {
  let breaker = CLOSED;
  for (let index = 0; index < times; index++) breaker = afterRequest(breaker, false, now);
  return breaker;
};

describe("afterRequest() and admits()", () => {
  test("stay closed for two failures in a row", () => {
    expect(admits(failed(2, 0), 0)).toBe("all");
  });

  test("open at the third, and let one probe through after the wait", () => {
    const open = failed(3, 10_000);
    expect(admits(open, 10_001)).toBe("none");
    expect(open.probeAt).toBe(12_000);
    expect(admits(open, 12_000)).toBe("one");
  });

  test("wait longer after each failed probe, up to a minute", () => {
    expect(failed(4, 0).probeAt).toBe(4_000);
    expect(failed(100, 0).probeAt).toBe(60_000);
  });

  test("let a probe through when the clock was set back to long before its time", () => {
    const open = failed(100, 3_600_000);
    expect(admits(open, 3_600_001)).toBe("none");
    expect(admits(open, 0)).toBe("one");
  });

  test("close at the first answer", () => {
    expect(afterRequest(failed(9, 0), true, 1)).toEqual(CLOSED);
  });
});

describe("ApiHealth", () => {
  test("knows whether the API answered the last time, and since when it does not", () => {
    const api = new ApiHealth();
    expect([api.isUp, api.downSince]).toEqual([null, undefined]);
    api.asked(false, 1_000);
    api.asked(false, 2_000);
    expect([api.isUp, api.downSince, api.admits(2_000)]).toEqual([false, 1_000, "all"]);
    api.asked(true, 3_000);
    expect([api.isUp, api.downSince]).toEqual([true, null]);
  });

  test("waits for its probe, and for none whose time has come (I7)", () => {
    const api = new ApiHealth();
    for (let failures = 0; failures < 3; failures++) api.asked(false, 1_000);
    expect([api.nextAt(1_000), api.admits(1_000)]).toEqual([3_000, "none"]);
    expect([api.nextAt(3_000), api.admits(3_000)]).toEqual([null, "one"]);
  });
});
