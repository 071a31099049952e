import { describe, expect, test } from "bun:test";
import { keyOf, readKey } from "../../../src/edge/results/names.ts";

describe("keyOf()", () => {
  test("begins with the day, and gives no two results one name", () => {
    const [one, other] = [keyOf("drift", "20261130", 7), keyOf("drift", "20261130", 7)];
    expect(one).toMatch(/^20261130\/drift\/7\.[0-9a-f]{16}\.json$/);
    expect(other).not.toBe(one);
    expect(keyOf("drift", "20261130", { first: 7, last: 9 })).toMatch(/\/7-9\.[0-9a-f]{16}\.json$/);
  });

  test.each(["a b", "ü", "x&y<z", "a%2fb", "..x", "q?#"])("keeps the job %j in one part", (job) => {
    const key = keyOf(job, "20261130", 7);
    expect(key).toMatch(/^[\w./%~!*'()-]+$/);
    expect(key.split("/").length).toBe(3);
    expect(readKey(key)).toEqual({ date: "20261130", job, actionId: 7 });
  });

  test.each([
    ["..", "20261130", 7],
    ["", "20261130", 7],
    ["a", "2026-11-30", 7],
    ["a", "20261130", 0],
    ["a", "20261130", 1.5],
  ])("refuses %j, %j, %j", (job, date, id) => {
    expect(() => keyOf(job, date, id)).toThrow("it is no job, date and id");
  });
});

describe("readKey()", () => {
  test("of several actions it is the first that a result belongs to", () => {
    const key = keyOf("drift", "20261130", { first: 7, last: 9 });
    expect(readKey(key)).toEqual({ date: "20261130", job: "drift", actionId: 7 });
  });

  test.each([
    "20261130/drift/7.json",
    "20261130/drift/7.0123456789abcdef.tmp",
    "drift/20261130/7.0123456789abcdef.json",
    "20261130/a/b/7.0123456789abcdef.json",
    "20261130/%zz/7.0123456789abcdef.json",
    "backup.tar",
  ])("leaves %j to others", (key) => {
    expect(readKey(key)).toBe(null);
  });
});
