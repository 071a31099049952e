import { describe, expect, test } from "bun:test";
import { retryAfter } from "../../../src/lib/http/retry-after.ts";

const now = Date.UTC(2026, 10, 23, 15, 56, 19, 250);
const DAY = 86_400_000;

describe("retryAfter()", () => {
  test("reads seconds", () => {
    expect(retryAfter("120", now)).toBe(120_000);
    expect(retryAfter(" 0 ", now)).toBe(0);
    expect(retryAfter("1.5", now)).toBe(1_500);
    expect(retryAfter("0.0001", now)).toBe(1);
  });

  test("reads the three forms of an HTTP date", () => {
    expect(retryAfter("Mon, 23 Nov 2026 15:56:49 GMT", now)).toBe(29_750);
    expect(retryAfter("Monday, 23-Nov-26 15:56:49 GMT", now)).toBe(29_750);
    expect(retryAfter("Mon Nov 23 15:56:49 2026", now)).toBe(29_750);
    expect(retryAfter("Tue Dec  1 15:56:49 2026", now)).toBe(DAY);
  });

  test("asks for nothing after a time that has passed", () => {
    expect(retryAfter("Mon, 23 Nov 2026 15:00:00 GMT", now)).toBe(0);
    expect(retryAfter("Thu, 01 Jan 1970 00:00:00 GMT", now)).toBe(0);
    expect(retryAfter("Sunday, 06-Nov-94 08:49:37 GMT", now)).toBe(0);
  });

  test("waits a day at most", () => {
    const endless = ["86401", "99999999999", "9".repeat(400), "9007199254740993.5"];
    const far = ["Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 24 Nov 2026 15:56:20 GMT"];
    for (const value of [...endless, ...far]) expect(retryAfter(value, now)).toBe(DAY);
  });

  test("is a whole number whatever the clock says", () => {
    for (const clock of [0, -1, 8.64e15, now + 0.5]) {
      const wait = retryAfter("Mon, 23 Nov 2026 15:56:49 GMT", clock);
      expect(wait).toBe(Math.ceil(wait ?? Number.NaN));
      expect(wait).toBeWithin(0, DAY + 1);
    }
  });

  test("is null without a time", () => {
    const none = [null, undefined, "", " ", "soon", "-5", "5.5.1", "+5", "1e9", "0x10", "NaN"];
    const odd = ["Infinity", "120s", "120, 120", "Mon, 23 Foo 2026 15:56:49 GMT", "٣"];
    const dates = ["Mon, 23 Nov 2026 15:56:49 CET", "Mon, 23 Nov 2026 1:2 GMT", "May 5, 2030"];
    expect([...none, ...odd, ...dates].filter((value) => retryAfter(value, now) !== null)).toEqual(
      [],
    );
  });
});
