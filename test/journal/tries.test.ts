import { describe, expect, test } from "bun:test";
import { advance, advanceDelivery } from "../../src/journal/inflight.ts";
import { TRIES_MAX, type Try, withTry } from "../../src/journal/tries.ts";
import { actionRow, deliveryRow } from "../support/rows.ts";

describe("withTry()", () => {
  test("counts what happens again, and keeps when it began and was last", () => {
    let tries: readonly Try[] = [];
    for (const at of [10, 20, 30]) tries = withTry(tries, { what: "post", error: "down" }, at);
    tries = withTry(tries, { what: "collect", error: "down" }, 40);
    expect(tries).toEqual([
      { what: "post", error: "down", count: 3, firstAt: 10, lastAt: 30 },
      { what: "collect", error: "down", count: 1, firstAt: 40, lastAt: 40 },
    ]);
  });

  test("stays small, whatever goes wrong for however long", () => {
    let tries: readonly Try[] = [];
    for (let at = 0; at < 1_000; at++) {
      tries = withTry(tries, { what: "post", error: `${at} ${"x".repeat(5_000)}` }, at);
    }
    expect(tries).toHaveLength(TRIES_MAX);
    expect(tries.at(-1)).toMatchObject({ firstAt: 999, error: expect.stringMatching(/^999 x/) });
    expect(JSON.stringify(tries).length).toBeLessThan(4_000);
  });
});

describe("rows", () => {
  test("keep what was tried in vain when it has succeeded, and when a result was written first", () => {
    const late = advance(actionRow(), { kind: "delayed", nextAt: 9, error: "503" }, 5);
    const reply = new Uint8Array();
    const event = { kind: "posted", actionId: 7, reply, expireAt: 10, collectAt: 11 } as const;
    const posted = advance(late, event, 8);
    expect([posted.error, posted.tries]).toMatchObject([null, [{ what: "post", error: "503" }]]);
    const again = advance(posted, { kind: "delayed", nextAt: 20, error: "cut" }, 12);
    const completeness = { fetched: 0, sent: 0, counters: null, statuses: {}, strays: 0 };
    const came = { kind: "collected", resultPath: "/r", completeness, sweepAt: 50 } as const;
    const collected = advance(again, came, 21);
    const swept = advance(collected, { ...came, sweepAt: null }, 51);
    expect(swept.collectedAt).toBe(21);
    expect(swept.tries.map(({ what }) => what)).toEqual(["post", "collect"]);
  });

  test("keep the tries of a delivery until it is forgotten", () => {
    const begun = advanceDelivery(deliveryRow(), { kind: "begun", nextAt: 9 }, 2);
    const failed = advanceDelivery(begun, { kind: "failed", error: "busy", nextAt: null }, 3);
    const put = advanceDelivery(failed, { kind: "redeliver" }, 4);
    const done = advanceDelivery(put, { kind: "delivered" }, 6);
    expect(done.tries).toEqual([
      { what: "deliver", error: "busy", count: 1, firstAt: 3, lastAt: 3 },
    ]);
  });
});
