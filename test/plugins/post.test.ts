// Post: one request of the shipped plugins, on a listener that misbehaves in every way.
import { describe, expect, test } from "bun:test";
import { itemKey, pause, post, waitBefore } from "../../plugins/lib/post.ts";
import { openFetch } from "../../src/edge/plugins/fetch.ts";
import { openHttp } from "../../src/lib/http/client.ts";
import { Listener, type Reply } from "../support/shipped.ts";

const never = new AbortController().signal;

function contextOf(signal: AbortSignal = never) {
  const fetch = openFetch(
    () =>
      openHttp({
        skipVerifyCert: false,
        environment: {},
        connectTimeoutMs: 5_000,
        headersTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        exchangeTimeoutMs: 5_000,
        connectionsMax: 8,
      }),
    signal,
  );
  return { fetch, signal };
}

async function tryPost(replies: readonly Reply[], { path = "/in", timeoutMs = 5_000 } = {}) {
  await using listener = await Listener.open(replies);
  const posted = await post(contextOf(), { url: listener.url + path, body: "{}", timeoutMs });
  return { posted, heard: listener.heard, url: listener.url };
}

const AT_ONCE = { "Retry-After": "0" };

describe("post()", () => {
  test("hands over what a service that took it says", async () => {
    const { posted } = await tryPost([{ status: 201, body: "thanks" }]);
    expect(posted).toEqual({ kind: "taken", status: 201, text: "thanks" });
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("tries again after %d", async (status) => {
    const { heard, posted } = await tryPost([{ status, headers: AT_ONCE }, { status: 200 }]);
    expect(posted.kind).toBe("taken");
    expect(heard.length).toBe(2);
  });

  test("gives up after three tries, with what the service said", async () => {
    const { heard, posted, url } = await tryPost([
      { status: 500, headers: AT_ONCE, body: "  out of\n memory " },
    ]);
    expect(heard.length).toBe(3);
    const message = `${url} answered 500: out of memory`;
    expect(posted).toEqual({ kind: "failed", message, status: 500, retryAfterMs: 0 });
  });

  test.each([401, 403, 404, 410])("does not try again after %d", async (status) => {
    const { heard, posted } = await tryPost([{ status }]);
    expect(posted).toMatchObject({ kind: "failed", status });
    expect(heard.length).toBe(1);
  });

  test.each([400, 413, 422])("calls %d a refusal of the content", async (status) => {
    const { heard, posted } = await tryPost([{ status, body: "why" }]);
    expect(posted).toMatchObject({ kind: "refused", status, text: "why" });
    expect(heard.length).toBe(1);
  });

  test("tries again on a new connection when one is cut", async () => {
    const { heard, posted } = await tryPost([{ action: "close" }, { status: 200 }]);
    expect(posted.kind).toBe("taken");
    expect(heard.length).toBe(2);
  });

  test("says so when no answer comes in time", async () => {
    const { posted, url } = await tryPost([{ action: "hang" }], { timeoutMs: 60 });
    const message = `${url} did not answer within 0.06 s`;
    expect(posted).toEqual({ kind: "failed", message, status: null, retryAfterMs: 0 });
  });

  test("waits as long as it is asked to, if that is short", async () => {
    const before = performance.now();
    const { heard, posted } = await tryPost([
      { status: 429, headers: { "Retry-After": "1" } },
      { status: 200 },
    ]);
    expect(posted.kind).toBe("taken");
    expect(heard.length).toBe(2);
    expect(performance.now() - before).toBeGreaterThan(990);
  });

  test("passes a long pause on instead of waiting", async () => {
    const { heard, posted } = await tryPost([{ status: 429, headers: { "Retry-After": "90" } }]);
    expect(posted).toMatchObject({ kind: "failed", status: 429, retryAfterMs: 90_000 });
    expect(heard.length).toBe(1);
  });

  test.each(["99999999999", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"])(
    "takes a pause of %p for one of a day, and keeps the reason",
    async (pause) => {
      const reply = { status: 503, headers: { "Retry-After": pause }, body: "closed" };
      const { posted, url } = await tryPost([reply]);
      expect(posted).toMatchObject({
        message: `${url} answered 503: closed`,
        retryAfterMs: 86_400_000,
      });
    },
  );

  test.each(["-1", "soon", "0x10", "1e9", "NaN", "Fri, 20 Nov 2015 09:00:00 GMT"])(
    "takes a pause of %p for none",
    async (pause) => {
      const { posted } = await tryPost([{ status: 500, headers: { "Retry-After": pause } }]);
      expect(posted).toMatchObject({ kind: "failed", retryAfterMs: 0 });
    },
  );

  test("repeats itself where 307 and 308 of the same service say, and nowhere else", async () => {
    const there = await tryPost([
      { status: 307, headers: { Location: "/there" } },
      { status: 308, headers: { Location: "/here" } },
      { status: 200 },
    ]);
    expect(there.heard.map(({ body, method, path }) => [method, path, body])).toEqual([
      ["POST", "/in", "{}"],
      ["POST", "/there", "{}"],
      ["POST", "/here", "{}"],
    ]);
    const elsewhere = await tryPost([
      { status: 307, headers: { Location: "http://other.invalid/" } },
    ]);
    expect(elsewhere.heard.length).toBe(1);
    expect(elsewhere.posted).toMatchObject({ kind: "failed", status: 307 });
    const circle = await tryPost([{ status: 307, headers: { Location: "/in" } }]);
    expect(circle.heard.length).toBe(4);
  });

  test("names the origin alone: paths and users may be secrets", async () => {
    await using listener = await Listener.open([{ status: 404 }]);
    const url = listener.url.replace("//", "//user:s3cret@");
    const order = { url: `${url}/services/s3cret`, body: "{}", timeoutMs: 5_000 };
    const posted = await post(contextOf(), order);
    expect(posted).toMatchObject({ message: `${listener.url} answered 404` });
    expect(listener.heard[0]?.headers.authorization).toStartWith("Basic ");
    const dead = await post(contextOf(), {
      ...order,
      url: "http://user:s3cret@127.0.0.1:1/s3cret",
    });
    expect(JSON.stringify(dead)).not.toContain("s3cret");
  });

  test("does not read an endless answer to its end", async () => {
    const { posted } = await tryPost([{ status: 200, body: "x".repeat(9 * 1024 * 1024) }]);
    expect(posted.kind).toBe("taken");
    expect((posted as { text: string }).text.length).toBeLessThan(5 * 1024 * 1024);
  });

  test("ends with the delivery", async () => {
    await using listener = await Listener.open([{ action: "hang" }]);
    const stop = new AbortController();
    const order = { url: listener.url, body: "{}", timeoutMs: 5_000 };
    const posting = post(contextOf(stop.signal), order);
    stop.abort(new Error("the runner is stopping"));
    await expect(posting).rejects.toThrow("the runner is stopping");
  });
});

describe("pause()", () => {
  test("ends early when the delivery does", async () => {
    const stop = new AbortController();
    const pausing = pause(60_000, stop.signal);
    stop.abort(new Error("over"));
    await expect(pausing).rejects.toThrow("over");
    await expect(pause(60_000, stop.signal)).rejects.toThrow("over");
  });
});

describe("waitBefore()", () => {
  test("doubles, unless the service named a pause", () => {
    expect([2, 3, 4].map((attempt) => waitBefore(attempt, 0))).toEqual([250, 500, 1_000]);
    expect(waitBefore(3, 7_000)).toBe(7_000);
  });
});

describe("itemKey()", () => {
  test("is of characters that a header can hold, and short", () => {
    expect(itemKey("nightly/7/elastic", "42")).toBe("nightly/7/elastic/42");
    expect(itemKey("nächtlich\n/7", "hôte\ud800")).toMatch(/^[\x21-\x7e]+$/);
    expect(itemKey("x".repeat(300), "1")).toMatch(/^[0-9a-f]{64}$/);
    expect(itemKey("x".repeat(300), "1")).not.toBe(itemKey("x".repeat(300), "2"));
  });
});
