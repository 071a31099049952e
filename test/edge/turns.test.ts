import { describe, expect, test } from "bun:test";
import { nextTurn, pause } from "../../src/edge/turns.ts";

describe("nextTurn()", () => {
  test("lets all promises that are ready go on first", async () => {
    const order: string[] = [];
    const turn = nextTurn().then(() => order.push("turn"));
    await Promise.resolve().then(() => Promise.resolve().then(() => order.push("promise")));
    await turn;
    expect(order).toEqual(["promise", "turn"]);
  });
});

describe("pause()", () => {
  test("waits for real time", async () => {
    const begunAt = performance.now();
    await pause(5);
    expect(performance.now() - begunAt).toBeGreaterThan(3);
  });
});
