import { describe, expect, test } from "bun:test";
import {
  type ActionEvent,
  advance,
  advanceDelivery,
  type DeliveryEvent,
} from "../../src/journal/inflight.ts";
import { actionRow, deliveryRow } from "../support/rows.ts";

const NOW = 2_000;
const reply = new TextEncoder().encode('{"id":7}');
const posted: ActionEvent = {
  kind: "posted",
  actionId: 7,
  reply,
  expireAt: 301_000,
  collectAt: 302_000,
};
const collected: ActionEvent = {
  kind: "collected",
  resultPath: "/spool/7.json",
  completeness: { fetched: 2, sent: 2, counters: null, statuses: { success: 2 }, strays: 0 },
  sweepAt: null,
};

describe("advance()", () => {
  test("takes a planned action to posted, due at its collect time", () => {
    const row = advance(actionRow({ failures: 3, error: "refused" }), posted, NOW);
    expect(row).toMatchObject({ state: "posted", actionId: 7, expireAt: 301_000, nextAt: 302_000 });
    expect(row).toMatchObject({ failures: 0, error: null, updatedAt: NOW });
  });

  test("keeps a collected action open until its plugin has the result", () => {
    const row = advance(advance(actionRow(), posted, NOW), collected, NOW);
    expect(row).toMatchObject({ state: "collected", nextAt: null, resultPath: "/spool/7.json" });
    expect(advance(row, { kind: "delivered" }, NOW)).toMatchObject({
      state: "settled",
      body: "",
      reply: null,
    });
  });

  test("settles a collected action at once when its job names no plugin", () => {
    const row = advance(advance(actionRow({ plugins: [] }), posted, NOW), collected, NOW);
    expect(row.state).toBe("settled");
  });

  test("settles a sendonly action when it was sent", () => {
    const row = advance(actionRow({ sendOnly: true }), { kind: "sent", actionId: 7, reply }, NOW);
    expect(row).toMatchObject({ state: "settled", actionId: 7, nextAt: null });
  });

  test("keeps the state of a delayed action and counts the try (I4)", () => {
    const delayed: ActionEvent = { kind: "delayed", nextAt: 9_000, error: "API down" };
    const planned = advance(actionRow(), { ...delayed, maybeSent: false }, NOW);
    expect(planned).toMatchObject({
      state: "planned",
      failures: 1,
      nextAt: 9_000,
      error: "API down",
      maybeSent: false,
    });
    const waiting = advance(advance(actionRow(), posted, NOW), delayed, NOW);
    expect(waiting).toMatchObject({ state: "posted", failures: 1, nextAt: 9_000, maybeSent: true });
  });

  test("fails an action that was refused or has lapsed, with the reason", () => {
    for (const kind of ["refused", "lapsed"] as const) {
      const row = advance(actionRow(), { kind, error: "target is empty" }, NOW);
      expect(row).toMatchObject({ state: "failed", nextAt: null, error: "target is empty" });
    }
  });

  test("refuses a second post of one action (I3)", () => {
    const once = advance(actionRow(), posted, NOW);
    expect(() => advance(once, posted, NOW)).toThrow("posted after posted");
  });

  test("refuses to settle what was never collected (I6)", () => {
    const waiting = advance(actionRow(), posted, NOW);
    expect(() => advance(waiting, { kind: "delivered" }, NOW)).toThrow("delivered after posted");
  });

  test("refuses every event after settled (I4)", () => {
    const settled = actionRow({ state: "settled" });
    const delayed: ActionEvent = { kind: "delayed", nextAt: 1, error: "x" };
    for (const event of [posted, collected, delayed, { kind: "delivered" } as const]) {
      expect(() => advance(settled, event, NOW)).toThrow();
    }
  });
});

describe("advance() with a sweep to come", () => {
  const swept: ActionEvent = { ...collected, sweepAt: 900 } as ActionEvent;
  const waiting = (plugins: readonly string[] = []) =>
    advance(advance(actionRow({ plugins }), posted, NOW), swept, NOW);

  test("keeps a collected action open, with the bytes that the sweep needs", () => {
    expect(waiting()).toMatchObject({ state: "collected", nextAt: 900, reply });
    expect(() => advance(waiting(), { kind: "delivered" }, NOW)).toThrow("delivered after");
  });

  test("moves the sweep while the API is down", () => {
    const event: ActionEvent = { kind: "delayed", nextAt: 9_000, error: "API down" };
    expect(advance(waiting(), event, NOW)).toMatchObject({ state: "collected", nextAt: 9_000 });
  });

  test("takes a better result in its place, and nothing after the sweep", () => {
    const better = advance(waiting(["mail"]), collected, NOW);
    expect(better).toMatchObject({ state: "collected", nextAt: null });
    expect(() => advance(better, collected, NOW)).toThrow("collected after collected");
    const done = advance(waiting(["mail"]), { kind: "swept" }, NOW);
    expect(() => advance(done, { kind: "swept" }, NOW)).toThrow("swept in collected");
    expect(advance(done, { kind: "delivered" }, NOW)).toMatchObject({ state: "settled" });
  });
});

describe("advance() with watched", () => {
  test("looks again later, without a failed try", () => {
    const row = advance(actionRow(), posted, NOW);
    const event: ActionEvent = { kind: "watched", nextAt: 9_000 };
    const late = advance(row, { kind: "delayed", nextAt: 5, error: "x" }, NOW);
    expect(advance(late, event, NOW)).toMatchObject({
      state: "posted",
      nextAt: 9_000,
      failures: 0,
      error: null,
    });
    expect(() => advance(actionRow(), event, NOW)).toThrow("watched in planned");
  });
});

describe("advance() with dropped", () => {
  test("ends what is in flight as a failure with its reason, and forgets its bytes (I4)", () => {
    const event = { kind: "dropped", error: "given up" } as const;
    for (const state of ["planned", "posted"] as const) {
      expect(advance(actionRow({ state, reply: new Uint8Array([1]) }), event, NOW)).toMatchObject({
        state: "failed",
        nextAt: null,
        error: "given up",
        body: "",
        reply: null,
      });
    }
    for (const state of ["collected", "settled", "failed"] as const) {
      expect(() => advance(actionRow({ state }), event, NOW)).toThrow(`dropped in ${state}`);
    }
  });
});

describe("advanceDelivery()", () => {
  test("keeps what a plugin has done until it is over or there is another result", () => {
    const pending = deliveryRow({ updatedAt: 5 });
    const begun = advanceDelivery(pending, { kind: "progress", progress: "[1]" }, NOW);
    expect(begun).toEqual({ ...pending, progress: "[1]" });
    const failed = { kind: "failed", error: "no", nextAt: 9_000 } as const;
    const after = (...events: readonly DeliveryEvent[]) =>
      events.reduce((row, event) => advanceDelivery(row, event, NOW), begun).progress;
    const [again, other] = [{ kind: "redeliver" }, { kind: "redeliver", isNew: true }] as const;
    const dead = { ...failed, nextAt: null };
    for (const events of [[failed], [again], [dead], [dead, again]]) {
      expect([events, after(...events)]).toEqual([events, "[1]"]);
    }
    const final = { ...dead, isFinal: true };
    for (const events of [
      [{ kind: "delivered" }],
      [{ kind: "drop" }],
      [final],
      [other],
      [dead, other],
      [{ kind: "drop" }, again],
    ] as const) {
      expect([events, after(...events)]).toEqual([events, null]);
    }
  });

  test("delivers a pending result", () => {
    const row = advanceDelivery(deliveryRow(), { kind: "delivered" }, NOW);
    expect(row).toMatchObject({ state: "delivered", nextAt: null });
  });

  test("keeps a failed delivery pending while there is a next try (I6)", () => {
    const begun = advanceDelivery(deliveryRow(), { kind: "begun", nextAt: 2_000 }, NOW);
    expect(begun).toMatchObject({ state: "pending", attempts: 1, nextAt: 2_000, error: null });
    const row = advanceDelivery(begun, { kind: "failed", error: "exit 3", nextAt: 9_000 }, NOW);
    expect(row).toMatchObject({ state: "pending", attempts: 1, nextAt: 9_000, error: "exit 3" });
    const again = advanceDelivery(row, { kind: "begun", nextAt: 9_500 }, NOW);
    expect(again).toMatchObject({ state: "pending", attempts: 2, error: "exit 3" });
  });

  test("makes a delivery dead after its last try, and lets it live again", () => {
    const dead = advanceDelivery(
      deliveryRow({ attempts: 30 }),
      { kind: "failed", error: "exit 3", nextAt: null },
      NOW,
    );
    expect(dead).toMatchObject({ state: "dead", attempts: 30, nextAt: null });
    expect(advanceDelivery(dead, { kind: "redeliver" }, NOW)).toMatchObject({
      state: "pending",
      attempts: 0,
      nextAt: NOW,
    });
  });

  test("refuses to drop what was delivered", () => {
    const delivered = deliveryRow({ state: "delivered" });
    expect(() => advanceDelivery(delivered, { kind: "drop" }, NOW)).toThrow("cannot be dropped");
  });
});
