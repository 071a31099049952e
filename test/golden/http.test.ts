// http: requests as the original sent them, and what the API answered to each.
import { afterAll, describe, expect, test } from "bun:test";
import { openHttp } from "../../src/lib/http/client.ts";
import { type MigApi, openApi } from "../../src/mig/api.ts";
import { type Exchange, loadExchanges, startReplay } from "../support/replay.ts";

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

/** The API over the real HTTP client, against what was recorded. */
async function replay(scenario: string, { apiKey = "" } = {}) {
  const exchanges = loadExchanges(scenario);
  const server = await startReplay(exchanges);
  const http = openHttp({
    skipVerifyCert: false,
    environment: {},
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 2_000,
    idleTimeoutMs: 2_000,
    exchangeTimeoutMs: 5_000,
    connectionsMax: 4,
  });
  closers.push(() => http.close(), server.close);
  const api = openApi({
    http,
    url: server.url,
    clock: { now: () => Date.UTC(2026, 10, 23, 15, 31) },
    nonce: () => 28061824516102,
    signer: { sign: () => Promise.resolve("wsBc=CRC=") },
    apiKey: apiKey === "" ? null : { reveal: () => apiKey },
  });
  return { api, exchanges, server };
}

/** A request head without what differs from run to run: the port and the token. */
function normal(head: string): string {
  return head
    .replace(/^Host: .*$/m, "Host: HOST")
    .replace(/^Referer: http:\/\/[^/]*/m, "Referer: http://HOST")
    .replace(/^(X-Pgpauthorization: 1;)[^\r]*$/m, "$1…");
}

/** The action that a recorded POST carried, as JSON. */
function actionOf({ request }: Exchange): string {
  return new URLSearchParams(request.body).get("action") ?? "";
}

function actionIdOf({ request }: Exchange): number {
  return Number(/actionid=(\d+)/.exec(request.head)?.[1]);
}

/** All pages, in the original's steps or in those of the answers. */
async function fetchAll(api: MigApi, actionId: number, { limit = 1_000, step = 0 } = {}) {
  const commands: string[] = [];
  for (let offset = 0; ; ) {
    const onCommand = (bytes: Uint8Array) => {
      commands.push(new TextDecoder().decode(bytes));
    };
    const answer = await api.commands(actionId, { offset, limit, onCommand });
    if (answer.kind !== "page") return { answer, commands };
    offset += step || answer.entries;
  }
}

const isPost = ({ request }: Exchange): boolean => request.head.startsWith("POST ");

test("posts and fetches go out byte for byte as the original's", async () => {
  let [right, all] = [0, 0];
  for (const scenario of ["main", "paging", "apikey"]) {
    const apiKey = scenario === "apikey" ? "T3YacEd7Xbvk8Ytfaras80Kpk9OUmCq1" : "";
    const { api, exchanges, server } = await replay(scenario, { apiKey });
    const wanted = exchanges.filter(isPost);
    const ids = [...new Set(exchanges.filter((exchange) => !isPost(exchange)).map(actionIdOf))];
    for (const exchange of wanted) await api.create(actionOf(exchange));
    for (const id of ids) {
      wanted.push(...exchanges.filter((exchange) => actionIdOf(exchange) === id));
      await fetchAll(api, id, { limit: 37, step: 37 });
    }
    expect(server.requests).toHaveLength(wanted.length);
    for (const [index, { request }] of wanted.entries()) {
      all++;
      const sent = server.requests[index];
      expect(normal(sent?.head ?? "")).toBe(normal(request.head));
      expect(sent?.body).toBe(request.body);
      right++;
    }
    expect(server.unmatched).toEqual([]);
  }
  console.log(`golden http: ${right} of ${all}`);
});

describe("a recorded answer", () => {
  test("to a POST gives the action's own bytes", async () => {
    const { api, exchanges } = await replay("main");
    for (const exchange of exchanges.filter(isPost).slice(0, 7)) {
      const answer = await api.create(actionOf(exchange));
      if (answer.kind !== "posted") throw new Error(answer.message);
      const body = exchange.response?.body ?? "";
      const { value } = JSON.parse(body).collection.items[0].data[0];
      const text = new TextDecoder().decode(answer.actionBytes);
      expect(body).toContain(`"value":${text}}`);
      expect(JSON.parse(text)).toEqual(value);
      expect(answer.actionId).toBe(value.id);
      // Rounded up to a millisecond: never before the time itself.
      const lateMs = answer.expireAt - Date.parse(value.expireafter);
      expect([0, 1]).toContain(lateMs);
    }
  });

  test("in three pages gives all commands", async () => {
    const { api } = await replay("paging");
    const { answer, commands } = await fetchAll(api, 28061838278987);
    expect(answer).toEqual({ kind: "end" });
    expect(new Set(commands.map((text) => JSON.parse(text).id)).size).toBe(80);
    expect(commands).toHaveLength(80);
  });

  test("that refuses an action says so", async () => {
    const { api, exchanges } = await replay("reject");
    const refused = exchanges.filter(({ response }) => response?.head.includes(" 500 "));
    expect(refused.length).toBeGreaterThan(4);
    for (const exchange of refused) {
      const { message } = JSON.parse(exchange.response?.body ?? "").collection.error;
      expect(await api.create(actionOf(exchange))).toEqual({
        kind: "unclear",
        refusal: true,
        message: `HTTP 500: ${message}`,
        status: 500,
        retryAfterMs: null,
      });
    }
  });

  test("that refuses a token or a key leaves nothing posted", async () => {
    const late = await replay("expired");
    const [first] = late.exchanges.filter(isPost);
    const answer = await late.api.create(first === undefined ? "" : actionOf(first));
    expect(answer).toMatchObject({ kind: "unsent", refusal: false, status: 401 });
    if (answer.kind === "unsent") expect(answer.message).toContain("this host's clock is");
    expect(late.server.requests).toHaveLength(2);
    const key = await replay("apikey-bad", { apiKey: "wrong" });
    const [posted] = key.exchanges;
    expect(await key.api.create(posted === undefined ? "" : actionOf(posted))).toMatchObject({
      kind: "unsent",
      status: 401,
      message:
        "HTTP 401: Authorization verification failed with error 'API key authentication failed' " +
        "(the API does not know the key that useapikeyauth in [gpg] of .migrc holds)",
    });
    expect(key.server.requests).toHaveLength(1);
  });

  const posts = {
    "fault-post-drop": ["unclear", "cut"],
    "fault-post-dropafter": ["unclear", "cut"],
    "fault-post200": ["unclear", 'HTTP 200: Cannot read the API\'s answer: it has no "collection"'],
    "fault-post202-garbage": ["unclear", "HTTP 202: Cannot read the API's answer:"],
    "fault-post202-noitems": ["unclear", "HTTP 202: no results found"],
    "fault-post202-null": ["unclear", "HTTP 202: Cannot read the API's answer:"],
    "fault-post202-emptyaction": ["unclear", "HTTP 202: "],
    "fault-post500": ["unclear", "HTTP 500: something else"],
    "fault-post302": ["unsent", "HTTP 404: 404 page not found"],
    "fault-post307": ["posted", ""],
    "fault-post401once": ["posted", ""],
  } as const;
  for (const [scenario, [kind, said]] of Object.entries(posts)) {
    test(`after ${scenario} says what became of the action`, async () => {
      const { api, exchanges } = await replay(scenario);
      const [exchange] = exchanges.filter(isPost);
      const answer = await api.create(exchange === undefined ? "" : actionOf(exchange));
      expect(answer.kind).toBe(kind);
      if (answer.kind !== "posted") expect(answer.message).toContain(said);
    });
  }

  const gets = {
    "fault-get-drop": ["failed", "cut"],
    "fault-get-truncate": ["failed", "cut"],
    "fault-get200-empty": ["failed", "Cannot read the API's answer: it is empty"],
    "fault-get200-garbage": ["failed", "Cannot read the API's answer:"],
    "fault-get200-null": ["failed", 'it has no "collection"'],
    "fault-get200-obj": ["failed", 'it has no "collection"'],
    "fault-get200-onechar": ["failed", '"x" at byte 0, wanted a value'],
    "fault-get200-noresults": ["end", ""],
    "fault-get201": ["failed", "HTTP 201"],
    "fault-get204": ["failed", "HTTP 204"],
    "fault-get302": ["end", ""],
    "fault-get401always": ["failed", "HTTP 401"],
    "fault-get401once": ["end", ""],
    "fault-get404-empty": ["failed", "HTTP 404"],
    "fault-get404-html": ["failed", "HTTP 404: "],
    "fault-get404-other": ["failed", "HTTP 404: something else"],
    "fault-get429": ["failed", "HTTP 429"],
    "fault-get500-empty": ["failed", "HTTP 500"],
    "fault-get500-json": ["failed", "HTTP 500: something else"],
    "fault-get500-noresults": ["failed", "HTTP 500: no results found"],
    "fault-page2-500": ["failed", "HTTP 500"],
    "fault-page2-drop": ["failed", "cut"],
  } as const;
  for (const [scenario, [kind, said]] of Object.entries(gets)) {
    test(`after ${scenario} says what became of the page`, async () => {
      const { api, exchanges } = await replay(scenario);
      const [exchange] = exchanges.filter((one) => !isPost(one));
      const { answer } = await fetchAll(api, exchange === undefined ? 0 : actionIdOf(exchange));
      expect(answer.kind).toBe(kind);
      if (answer.kind === "failed") expect(answer.message).toContain(said);
    });
  }
});
