import { describe, expect, test } from "bun:test";
import { FatalError, RetryError } from "../../src/sdk/failure.ts";
import { ensureOk, stepFetch } from "../../src/sdk/http.ts";

/** What a response of a status becomes. */
function answered(status: number, headers: Record<string, string> = {}): unknown {
  const response = new Response("taken", { status, headers });
  try {
    return ensureOk(response) === response;
  } catch (error) {
    return error;
  }
}

describe("ensureOk()", () => {
  test("gives back what is good", () => {
    expect([200, 201, 204].map((status) => ensureOk(new Response(null, { status })).ok)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("says what is of no use, what may be tried when, and what is unknown", () => {
    for (const status of [400, 401, 404, 422]) expect(answered(status)).toBeInstanceOf(FatalError);
    for (const status of [408, 425, 429, 503]) {
      expect(answered(status)).toMatchObject({ name: "RetryError", afterMs: 60_000 });
    }
    expect(answered(429, { "retry-after": "7" })).toMatchObject({ afterMs: 7_000 });
    expect(answered(429, { "retry-after": "99999999999" })).toMatchObject({ afterMs: 86_400_000 });
    const down = answered(500);
    expect(down instanceof FatalError || down instanceof RetryError).toBe(false);
    expect((down as Error).message).toBe("the service answers HTTP 500");
  });

  test("reckons a date by the clock of the service", () => {
    const date = "Sun, 29 Nov 2015 12:00:00 GMT";
    const later = "Sun, 29 Nov 2015 12:00:30 GMT";
    expect(answered(503, { date, "retry-after": later })).toMatchObject({ afterMs: 30_000 });
    expect(answered(503, { "retry-after": later })).toMatchObject({ afterMs: 60_000 });
  });
});

describe("stepFetch()", () => {
  const lost = () => Promise.reject(new TypeError("Cannot reach a.example"));
  const failure = (method: string | undefined, idempotent: boolean, attempt = 1) =>
    stepFetch(lost, { key: "k", attempt })("http://a.example/", {
      ...(method === undefined ? {} : { method }),
      idempotent,
    }).catch((error: unknown) => error);

  test("sends the step's key where that is wanted", async () => {
    const keys: (string | null)[] = [];
    const send = (_: string | URL, init: RequestInit) => {
      keys.push(new Headers(init.headers).get("idempotency-key"));
      return Promise.resolve(new Response("ok"));
    };
    const fetch = stepFetch(send, { key: "hunt/1/ticket", attempt: 1 });
    await fetch("http://a.example/", { method: "POST", idempotent: true });
    await fetch("http://a.example/", { method: "POST" });
    expect(keys).toEqual(["hunt/1/ticket", null]);
  });

  test("says that what may be sent twice may be tried again, later each time", async () => {
    expect(await failure(undefined, false)).toMatchObject({ name: "RetryError", afterMs: 1_000 });
    expect(await failure("PUT", false, 4)).toMatchObject({ name: "RetryError", afterMs: 8_000 });
    expect(await failure("POST", true, 99)).toMatchObject({ name: "RetryError", afterMs: 300_000 });
    // Nobody knows whether it was done.
    expect(await failure("POST", false)).toMatchObject({ name: "TypeError" });
  });
});
