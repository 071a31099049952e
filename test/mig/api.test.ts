import { describe, expect, test } from "bun:test";
import type { HttpRequest } from "../../src/lib/ports.ts";
import { type ApiOptions, openApi } from "../../src/mig/api.ts";
import { type FakeAnswer, type FakeHttp, fakeHttp, type Responder } from "../support/fake-http.ts";

const now = Date.UTC(2026, 10, 23, 15, 31, 0);

function setup(respond: Responder | readonly FakeAnswer[], options: Partial<ApiOptions> = {}) {
  const http = fakeHttp(respond);
  let signatures = 0;
  const api = openApi({
    http,
    clock: { now: () => now },
    url: "http://api.test/api/v1/",
    nonce: () => 7,
    signer: { sign: () => Promise.resolve(`sig${++signatures}`) },
    apiKey: null,
    ...options,
  });
  return { api, http };
}

function collection(...entries: (readonly [name: string, value: string])[]): string {
  const items = entries.map(
    ([name, value]) => `{"data":[{"name":${JSON.stringify(name)},"value":${value}}]}`,
  );
  return `{"collection":{"items":[${items}],"error":{}}}`;
}

function failing(message: string): string {
  return `{"collection":{"items":[],"error":{"code":"1","message":${JSON.stringify(message)}}}}`;
}

function action(id: number, signature: string): string {
  const expireafter = "2026-11-23T15:36:00.5Z";
  return JSON.stringify({ id, name: "n", expireafter, pgpsignatures: [signature] });
}

const end = { status: 404, body: failing("no results found") };
const ignore = (): void => {};

function headersOf(request: HttpRequest | undefined): Record<string, string> {
  return Object.fromEntries(request?.headers ?? []);
}

function expectAllRead(http: FakeHttp): void {
  expect(http.open()).toBe(0);
}

describe("create()", () => {
  test("does not take an id that is no safe integer for one: the action is searched for", async () => {
    for (const id of [
      "9007199254740992",
      "18446744073709551615",
      "-1",
      "0",
      "7.5",
      '"7"',
      "1e300",
    ]) {
      const stored = action(7, "s").replace('"id":7', `"id":${id}`);
      const { api } = setup([{ status: 202, body: collection([`action ID ${id}`, stored]) }]);
      const answer = await api.create("{}");
      expect([id, answer]).toMatchObject([id, { kind: "unclear", refusal: false, status: 202 }]);
      expect("message" in answer && answer.message).toContain("HTTP 202: Cannot read the action");
    }
  });

  test("posts the action as a form and gives what the API made of it", async () => {
    const stored = action(28061811146766, "s");
    const { api, http } = setup([
      { status: 202, body: collection(["action ID 28061811146766", stored]) },
    ]);
    expect(await api.create('{"name":"a b&c"}')).toEqual({
      kind: "posted",
      actionId: 28061811146766,
      actionBytes: new TextEncoder().encode(stored),
      expireAt: Date.UTC(2026, 10, 23, 15, 36, 0, 500),
    });
    const [request] = http.requests;
    expect(request?.method).toBe("POST");
    expect(request?.url).toBe("http://api.test/api/v1/action/create/");
    expect(request?.headers).toEqual([
      ["User-Agent", "MIG Client mig-runner"],
      ["Content-Type", "application/x-www-form-urlencoded"],
      ["X-Pgpauthorization", "1;2026-11-23T15:31:00Z;7;sig1"],
    ]);
    expect(new TextDecoder().decode(request?.body)).toBe("action=%7B%22name%22%3A%22a+b%26c%22%7D");
    expectAllRead(http);
  });

  test("tells what was not sent from what may have been", async () => {
    for (const sent of [false, true]) {
      const { api } = setup(() => ({ kind: "unreachable", sent, message: "cut" }));
      expect(await api.create("{}")).toEqual({
        kind: sent ? "unclear" : "unsent",
        refusal: false,
        message: "cut",
        status: null,
        retryAfterMs: null,
      });
    }
  });

  const answers: readonly (readonly [FakeAnswer, object])[] = [
    [
      { status: 202, body: "" },
      { kind: "unclear", status: 202 },
    ],
    [{ status: 202, body: "<html>" }, { kind: "unclear" }],
    [{ status: 202, body: collection() }, { kind: "unclear" }],
    [{ status: 202, body: collection(["action ID 1", "null"]) }, { kind: "unclear" }],
    [{ status: 202, body: collection(["action ID 1", "{}"]) }, { kind: "unclear" }],
    [{ status: 202, body: collection(["action ID 1", '{"id":1}']) }, { kind: "unclear" }],
    [{ status: 202, body: [collection().slice(0, 9)], cut: "cut" }, { kind: "unclear" }],
    [
      { status: 500, body: failing("action target is empty") },
      { kind: "unclear", refusal: true },
    ],
    [
      { status: 500, body: failing("something") },
      { kind: "unclear", refusal: false },
    ],
    [{ status: 502, body: "<h1>Bad Gateway</h1>" }, { kind: "unclear" }],
    [{ status: 304 }, { kind: "unclear" }],
    [{ status: 400 }, { kind: "unsent", refusal: false }],
    [{ status: 408 }, { kind: "unclear", refusal: false }],
    [
      { status: 404, body: "404 page not found" },
      { kind: "unsent", refusal: false },
    ],
    [
      { status: 429, headers: { "retry-after": "30" } },
      { kind: "unsent", status: 429, retryAfterMs: 30_000 },
    ],
    [
      { status: 503, headers: { "retry-after": "5" } },
      { kind: "unclear", retryAfterMs: 5_000 },
    ],
  ];
  for (const [answer, wanted] of answers) {
    const name = `${answer.status} ${String(answer.body ?? "").slice(0, 50)}`;
    test(`takes ${name} for what it is`, async () => {
      const { api, http } = setup([answer]);
      expect(await api.create("{}")).toMatchObject(wanted);
      expectAllRead(http);
    });
  }

  test("says what the API said, on one short line", async () => {
    const { api } = setup([{ status: 500, body: failing(`pq:\n\u0007 ${"x".repeat(5_000)}`) }]);
    const answer = await api.create("{}");
    expect(answer.kind).toBe("unclear");
    if (answer.kind === "posted") return;
    expect(answer.message).toStartWith("HTTP 500: pq: xxx");
    expect(answer.message.length).toBeLessThan(320);
  });

  test("makes a new token once after 401", async () => {
    const posted = { status: 202, body: collection(["action ID 1", action(1, "s")]) };
    const { api, http } = setup([{ status: 401, body: "{}" }, posted, posted]);
    expect(await api.create("{}")).toMatchObject({ kind: "posted" });
    expect(await api.create("{}")).toMatchObject({ kind: "posted" });
    const tokens = http.requests.map((request) => headersOf(request)["X-Pgpauthorization"]);
    expect(tokens.map((token) => token?.slice(-4))).toEqual(["sig1", "sig2", "sig2"]);
    expect(http.requests[1]?.body).toEqual(http.requests[0]?.body as Uint8Array);
    expectAllRead(http);
  });

  test("knows that nothing was posted when the second token is refused too", async () => {
    const refused = { status: 401, body: failing("Valid authentication header not found") };
    const { api, http } = setup([refused, refused]);
    expect(await api.create("{}")).toMatchObject({
      kind: "unsent",
      refusal: false,
      status: 401,
      message:
        "HTTP 401: Valid authentication header not found (something on the way to the API takes " +
        "the token out of the request)",
    });
    expectAllRead(http);
  });

  test("leaves open what became of the repeated POST", async () => {
    const cut = { kind: "unreachable", sent: true, message: "cut" } as const;
    const { api } = setup((request) =>
      headersOf(request)["X-Pgpauthorization"]?.endsWith("sig1") === true ? { status: 401 } : cut,
    );
    expect(await api.create("{}")).toMatchObject({ kind: "unclear", message: "cut" });
  });

  test("says what to write where a redirect led to another origin", async () => {
    const movedTo = "https://api.test";
    const { api, http } = setup([{ status: 401, body: failing("no token"), movedTo }]);
    const answer = await api.create("{}");
    expect(answer).toMatchObject({ kind: "unsent", status: 401 });
    if (answer.kind === "posted") return;
    expect(answer.message).toStartWith("HTTP 401: no token (a redirect led to https://api.test,");
    expect(answer.message).toContain("write it as url in [api]");
    expect(http.requests).toHaveLength(1);
    expectAllRead(http);
  });

  test.each([
    ["99999999999", 86_400_000],
    ["Fri, 31 Dec 9999 23:59:59 GMT", 86_400_000],
    ["-99999999999", null],
    ["1.5", 1_500],
    ["soon", null],
  ])("waits for a Retry-After of %s within a day, and keeps the reason", async (value, wait) => {
    const busy = { status: 503, body: failing("busy"), headers: { "retry-after": value } };
    const { api } = setup([busy]);
    expect(await api.create("{}")).toMatchObject({
      kind: "unclear",
      message: "HTTP 503: busy",
      retryAfterMs: wait,
    });
  });

  test("sends an API key as it is and does not repeat it", async () => {
    const apiKey = { reveal: () => "k3y" };
    const { api, http } = setup([{ status: 401, body: failing("API key failed") }], { apiKey });
    expect(await api.create("{}")).toMatchObject({ kind: "unsent", status: 401 });
    expect(headersOf(http.requests[0])).toMatchObject({ "X-Migapikey": "k3y" });
  });

  test("sends nothing when the key cannot be opened", async () => {
    const signer = { sign: () => Promise.reject(new Error("Cannot open the key: it is locked")) };
    const { api, http } = setup([], { signer });
    expect(await api.create("{}")).toMatchObject({
      kind: "unsent",
      message: "Cannot open the key: it is locked",
    });
    expect(http.requests).toHaveLength(0);
  });
});

describe("commands()", () => {
  const three = collection(
    ["command", '{"id":1}'],
    ["command", '{"id":2}'],
    ["command", "null"],
    ["search parameters", '{"limit":37}'],
  );

  test("asks in the original's words", async () => {
    const { api, http } = setup([end]);
    await api.commands(28061811146768, { offset: 37, limit: 1_000, onCommand: ignore });
    expect(http.requests[0]).toMatchObject({
      method: "GET",
      url:
        "http://api.test/api/v1/search?type=command&limit=1000&offset=37" +
        "&actionid=28061811146768",
    });
    expect(http.requests[0]?.body).toBeUndefined();
    expect(headersOf(http.requests[0])["User-Agent"]).toBe("MIG Client mig-runner-results");
  });

  test("hands out the commands and counts what is none", async () => {
    const { api, http } = setup([{ body: three }]);
    const commands: string[] = [];
    const onCommand = (bytes: Uint8Array) => {
      commands.push(new TextDecoder().decode(bytes));
    };
    expect(await api.commands(1, { offset: 0, limit: 9, onCommand })).toEqual({
      kind: "page",
      commands: 2,
      strays: 1,
      entries: 3,
    });
    expect(commands).toEqual(['{"id":1}', '{"id":2}']);
    expectAllRead(http);
  });

  test("waits until a command is taken before it gives the next or reads on", async () => {
    const events: string[] = [];
    const parts = [three.slice(0, 120), three.slice(120)];
    const body = (function* () {
      for (const part of parts) {
        events.push("read");
        yield part;
      }
    })();
    const { api } = setup([{ body: body as unknown as readonly string[] }]);
    const onCommand = async (bytes: Uint8Array) => {
      const { id } = JSON.parse(new TextDecoder().decode(bytes));
      events.push(`begin ${id}`);
      await Promise.resolve();
      await Promise.resolve();
      events.push(`end ${id}`);
    };
    await api.commands(1, { offset: 0, limit: 9, onCommand });
    expect(events).toEqual(["read", "begin 1", "end 1", "begin 2", "end 2", "read"]);
  });

  test("passes on what its caller throws, and leaves the answer", async () => {
    const { api, http } = setup([{ body: three }, { body: three }]);
    const full = new Error("ENOSPC");
    for (const onCommand of [
      () => Promise.reject(full),
      () => {
        throw full;
      },
    ]) {
      await expect(api.commands(1, { offset: 0, limit: 9, onCommand })).rejects.toBe(full);
    }
    expectAllRead(http);
  });

  const ends: readonly FakeAnswer[] = [
    end,
    { body: failing("no results found") },
    { body: collection() },
    { body: collection(["pagination", '{"limit":37}']) },
    { body: '{"collection":{"items":null}}' },
  ];
  for (const answer of ends) {
    test(`ends at ${answer.status ?? 200} ${String(answer.body).slice(0, 70)}`, async () => {
      const { api, http } = setup([answer]);
      const request = { offset: 0, limit: 9, onCommand: ignore };
      expect(await api.commands(1, request)).toEqual({ kind: "end" });
      expectAllRead(http);
    });
  }

  const failures: readonly (readonly [FakeAnswer, string])[] = [
    [{ body: failing("No results found") }, "HTTP 200: No results found"],
    [{ body: [three.slice(0, -2)] }, "it ends after"],
    [{ body: [three.slice(0, 99)], cut: "the connection was cut" }, "the connection was cut"],
    [{ body: "<html>" }, "HTML"],
    [{ status: 404, body: failing("no results found ") }, "HTTP 404: no results found"],
    [{ status: 404, body: "404 page not found" }, "HTTP 404: 404 page not found"],
    [{ status: 500, body: failing("no results found") }, "HTTP 500: no results found"],
    [{ status: 204 }, "HTTP 204"],
  ];
  for (const [answer, message] of failures) {
    test(`fails at ${answer.status ?? 200} with ${message}`, async () => {
      const { api, http } = setup([answer]);
      const given = await api.commands(1, { offset: 0, limit: 9, onCommand: ignore });
      expect(given).toMatchObject({ kind: "failed", status: answer.status ?? 200 });
      if (given.kind === "failed") expect(given.message).toContain(message);
      expectAllRead(http);
    });
  }

  test("fails without a status when nobody answers", async () => {
    const { api } = setup(() => ({ kind: "unreachable", sent: true, message: "cut" }));
    expect(await api.commands(1, { offset: 0, limit: 9, onCommand: ignore })).toEqual({
      kind: "failed",
      message: "cut",
      status: null,
      retryAfterMs: null,
    });
  });

  test("gives what Retry-After asks for", async () => {
    const { api } = setup([{ status: 429, headers: { "retry-after": "9" } }]);
    const answer = await api.commands(1, { offset: 0, limit: 9, onCommand: ignore });
    expect(answer).toMatchObject({ kind: "failed", retryAfterMs: 9_000 });
  });

  test("makes one token for requests at the same time", async () => {
    const { api, http } = setup(() => end);
    const request = { offset: 0, limit: 9, onCommand: ignore };
    await Promise.all([api.commands(1, request), api.commands(2, request), api.countAgents("x")]);
    const tokens = http.requests.map((asked) => headersOf(asked)["X-Pgpauthorization"]);
    expect(new Set(tokens).size).toBe(1);
  });

  test("is given up within limits when the answer is endless", async () => {
    const endless = ["[", '{"collection":', `{"collection":{"items":[{"data":[{"value":{"a":"`];
    for (const head of endless) {
      let size = 0;
      const body = (function* () {
        yield head;
        for (; size < 200 << 20; size += 1 << 20) yield head.slice(0, 1).repeat(1 << 20);
      })();
      const { api } = setup([{ body: body as unknown as readonly string[] }]);
      const answer = await api.commands(1, { offset: 0, limit: 9, onCommand: ignore });
      expect(answer.kind).toBe("failed");
      expect(size).toBeLessThan(70 << 20);
    }
  });
});

describe("findAction()", () => {
  const wanted = { name: "mig-runner: a_b%c\\d", signature: "wsBc=S1" };

  test("asks for the name and nothing like it", async () => {
    const { api, http } = setup([end]);
    expect(await api.findAction(wanted)).toEqual({ kind: "absent" });
    expect(http.requests[0]?.url).toBe(
      "http://api.test/api/v1/search?type=action" +
        "&actionname=mig-runner%3A+a%5C_b%5C%25c%5C%5Cd&limit=100&offset=0",
    );
  });

  test("finds the action that carries the signature", async () => {
    const bytes = action(5, "wsBc=S1");
    const body = collection(["action", action(6, "other")], ["action", bytes]);
    const { api, http } = setup([{ body }]);
    expect(await api.findAction(wanted)).toEqual({
      kind: "found",
      actionId: 5,
      actionBytes: new TextEncoder().encode(bytes),
      expireAt: Date.UTC(2026, 10, 23, 15, 36, 0, 500),
    });
    expectAllRead(http);
  });

  test("finds it behind actions that cannot be read, and says so of one that may be it", async () => {
    const broken = (id: string, signature: string) =>
      action(5, signature).replace('"id":5', `"id":${id}`);
    for (const id of ["9007199254740992", "-1", "1e300", '"7"']) {
      const body = collection(["action", broken(id, "x")], ["action", action(5, "wsBc=S1")]);
      const { api } = setup([{ body }]);
      expect(await api.findAction(wanted)).toMatchObject({ kind: "found", actionId: 5 });
      const own = setup([{ body: collection(["action", broken(id, "wsBc=S1")]) }]);
      expect(await own.api.findAction(wanted)).toMatchObject({ kind: "failed" });
    }
  });

  test("looks through more pages while they are full, and not for ever", async () => {
    const full = Array.from({ length: 100 }, (_, id) => ["action", action(id + 1, "x")] as const);
    const { api, http } = setup((request) =>
      request.url.endsWith("offset=200")
        ? { body: collection(["action", action(9, "wsBc=S1")]) }
        : { body: collection(...full) },
    );
    expect(await api.findAction(wanted)).toMatchObject({ kind: "found", actionId: 9 });
    expect(http.requests).toHaveLength(3);
    const endless = setup(() => ({ body: collection(...full) }));
    expect(await endless.api.findAction(wanted)).toEqual({ kind: "absent" });
    expect(endless.http.requests).toHaveLength(20);
  });

  test("does not call absent what it could not look for", async () => {
    const faults: readonly FakeAnswer[] = [
      { status: 500, body: failing("x") },
      { status: 404, body: "404 page not found" },
      { body: "<html>" },
      { body: failing("y") },
      { body: collection(["action", '{"id":"x"}']) },
    ];
    for (const fault of faults) {
      const { api } = setup([fault]);
      expect(await api.findAction(wanted)).toMatchObject({ kind: "failed" });
    }
    const { api } = setup(() => ({ kind: "unreachable", sent: false, message: "down" }));
    expect(await api.findAction(wanted)).toEqual({ kind: "failed", message: "down", status: null });
  });
});

describe("countAgents()", () => {
  test("counts the agents that a target stands for", async () => {
    const body = collection(["agent", '{"id":1}'], ["agent", '{"id":2}'], ["pagination", "{}"]);
    const { api, http } = setup([{ body }]);
    expect(await api.countAgents("name='a' AND mode LIKE '%'")).toEqual({
      kind: "counted",
      agents: 2,
      isAtLeast: false,
    });
    expect(http.requests[0]?.url).toBe(
      "http://api.test/api/v1/search?type=agent&limit=100000" +
        "&target=name%3D%27a%27+AND+mode+LIKE+%27%25%27",
    );
  });

  test("counts none when there are none", async () => {
    const { api } = setup([end]);
    expect(await api.countAgents("x")).toMatchObject({ kind: "counted", agents: 0 });
  });

  test("gives the database's own words about a bad target", async () => {
    const message = "Error while finding agents: 'pq: syntax error at or near \"sql\"'";
    const { api } = setup([{ status: 500, body: failing(message) }]);
    expect(await api.countAgents("bogus sql")).toEqual({
      kind: "failed",
      message: `HTTP 500: ${message}`,
      status: 500,
    });
  });
});

describe("mayCreate()", () => {
  test("asks for the form of an action, and posts nothing", async () => {
    const { api, http } = setup([{ body: collection() }]);
    expect(await api.mayCreate()).toEqual({ kind: "allowed" });
    expect(http.requests[0]).toMatchObject({
      method: "GET",
      url: "http://api.test/api/v1/action/create/",
    });
    expectAllRead(http);
  });

  test.each([
    [403, "refused"],
    [404, "absent"],
    [405, "absent"],
    [500, "failed"],
    [302, "failed"],
  ])("takes HTTP %d for %s", async (status, kind) => {
    const { api, http } = setup([{ status, body: failing("x") }]);
    expect(await api.mayCreate()).toMatchObject({ kind, status });
    expectAllRead(http);
  });

  test("takes a refusal for one only after a second token", async () => {
    const no = { status: 401, body: failing("x") };
    const { api, http } = setup([no, no]);
    expect(await api.mayCreate()).toMatchObject({ kind: "refused", status: 401 });
    expect(http.requests).toHaveLength(2);
  });

  test("says what the network did", async () => {
    const { api } = setup(() => ({ kind: "unreachable", sent: false, message: "down" }));
    expect(await api.mayCreate()).toEqual({ kind: "failed", message: "down", status: null });
  });
});
