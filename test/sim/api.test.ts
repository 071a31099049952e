import { describe, expect, test } from "bun:test";
import { type Api, answerRequest, FORM_MAX_BYTES, routeOf } from "../../src/sim/api.ts";
import { createFleet } from "../../src/sim/fleet.ts";
import { NO_TWEAKS } from "../../src/sim/search.ts";
import { createStore, REALISTIC } from "../../src/sim/store.ts";
import { describeActions } from "../../src/sim/summary.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const signers = [
  { id: 1, name: "runner", fingerprint: "A" },
  { id: 2, name: "other", fingerprint: "B" },
];

/** An API that takes the signature "sig A" for the key A, and so on. */
function apiOf(): Api {
  const seed = 1;
  return {
    host: "http://h",
    nextId: 100,
    store: createStore({
      seed,
      fleet: createFleet({ agents: 2, seed, now }),
      behaviour: { ...REALISTIC, silentRate: 0, failedRate: 0, timeoutRate: 0 },
      script: null,
      createdAt: now,
      note: () => {},
    }),
    trust: {
      investigators: signers,
      apiKeys: new Set(["key"]),
      verify: async (_, signature) =>
        signature.startsWith("sig ")
          ? { kind: "good", fingerprint: signature.slice(4) }
          : { kind: "bad", message: "EOF" },
    },
  };
}

async function ask(
  api: Api,
  url: string,
  {
    body = "",
    at = now,
    type = "application/x-www-form-urlencoded",
    method = "GET",
    key = "key",
  } = {},
) {
  const headers: Record<string, string> = { "x-migapikey": key, "content-type": type };
  const header = (name: string) => headers[name] ?? null;
  const request = { method, url, header, body: Buffer.from(body) };
  const reply = await answerRequest(api, request, { now: at, tweaks: NO_TWEAKS });
  const text = reply.body;
  const { collection } = text.startsWith("{") ? JSON.parse(text) : { collection: {} };
  return { status: reply.status, text, item: collection.items?.[0], error: collection.error };
}

function form(changes: Record<string, unknown> = {}): string {
  const action = {
    name: "n",
    target: "id > 0",
    validfrom: "2026-11-23T11:59:00Z",
    expireafter: "2026-11-23T12:05:00Z",
    operations: [{ module: "timedrift", parameters: {} }],
    pgpsignatures: ["sig A"],
    syntaxversion: 2,
    ...changes,
  };
  return `action=${encodeURIComponent(JSON.stringify(action))}`;
}

const CREATE = "/api/v1/action/create/";

describe("answerRequest()", () => {
  test("counts operations and actions in one row of ids", async () => {
    const api = apiOf();
    const created = await ask(api, CREATE, { method: "POST", body: form() });
    expect(created.item.data[0].name).toBe("action ID 101");
    const refused = await ask(api, CREATE, { method: "POST", body: form({ name: "" }) });
    expect(refused.error).toEqual({ code: "102", message: "action name is empty" });
    const unread = await ask(api, CREATE, { method: "POST", body: "action={" });
    expect(unread.error.code).toBe("104");
    expect((await ask(api, CREATE, { method: "POST", body: "" })).error.code).toBe("105");
  });

  test("runs an action although it refuses a second signature of one investigator", async () => {
    const api = apiOf();
    const twice = form({ pgpsignatures: ["sig A", "sig A"] });
    const refused = await ask(api, CREATE, { method: "POST", body: twice });
    expect(refused.status).toBe(500);
    expect(refused.error.message).toContain("duplicate key value");
    expect(describeActions(api.store, now + 60_000)).toMatchObject([
      { id: 101, investigators: ["runner"], counters: { sent: 2 } },
    ]);
    const both = form({ pgpsignatures: ["sig A", "sig B"] });
    expect((await ask(api, CREATE, { method: "POST", body: both })).status).toBe(202);
  });

  test("holds an action until it is valid", async () => {
    const api = apiOf();
    const early = form({ validfrom: "2026-11-23T12:03:00Z" });
    expect((await ask(api, CREATE, { method: "POST", body: early })).status).toBe(202);
    const sent = (at: number) => describeActions(api.store, at)[0]?.counters.sent;
    const validFrom = Date.UTC(2026, 10, 23, 12, 3);
    expect([sent(validFrom - 1), sent(validFrom + 1_000)]).toEqual([0, 2]);
  });

  test("stores nothing when one of several signatures is bad", async () => {
    const api = apiOf();
    const bad = await ask(api, CREATE, {
      method: "POST",
      body: form({ pgpsignatures: ["sig A", "stale"] }),
    });
    expect(bad.error.message).toBe("VerifySignatures() -> EOF");
    expect(describeActions(api.store, now)).toEqual([]);
  });

  test("looks into forms only, up to their limit", async () => {
    const api = apiOf();
    const json = await ask(api, CREATE, { method: "POST", body: form(), type: "text/plain" });
    expect(json.error.message).toBe("unexpected end of JSON input");
    const long = await ask(api, CREATE, {
      method: "POST",
      body: `a=${"x".repeat(FORM_MAX_BYTES)}`,
    });
    expect(long.error.message).toBe("http: POST too large");
    const deep = await ask(api, CREATE, {
      method: "POST",
      body: form({ operations: JSON.parse(`${"[".repeat(900)}${"]".repeat(900)}`) }),
    });
    expect(deep.error.message).toStartWith("json: cannot unmarshal array");
  });

  test("shows an action, a command and an agent by id", async () => {
    const api = apiOf();
    await ask(api, CREATE, { method: "POST", body: form() });
    const at = now + 600_000;
    const action = await ask(api, "/api/v1/action?actionid=101", { at });
    expect(action.item.data[0]).toMatchObject({ name: "action", value: { status: "completed" } });
    const found = await ask(api, "/api/v1/search?type=command&actionid=101", { at });
    const { id, agent } = found.item.data[0].value;
    const command = await ask(api, `/api/v1/command?commandid=${id}`, { at });
    const { action: of, agent: on, ...rest } = found.item.data[0].value;
    const { counters: _, investigators: __, ...bare } = of;
    expect(command.item).toEqual({
      href: `http://h/api/v1/command?commandid=${id}`,
      data: [
        {
          name: "command",
          value: {
            ...rest,
            action: { ...bare, counters: {} },
            agent: {
              id: on.id,
              name: on.name,
              version: on.version,
              queueloc: expect.stringMatching(/^(linux|darwin|windows)\.[0-9a-f]{40}$/),
              mode: expect.stringMatching(/^(daemon|checkin)$/),
              starttime: on.starttime,
              destructiontime: on.destructiontime,
              heartbeatts: on.heartbeatts,
              refreshts: on.refreshts,
              environment: { isproxied: false, aws: {} },
            },
          },
        },
      ],
      links: [{ rel: "action", href: "http://h/api/v1/action?actionid=101" }],
    });
    const shown = await ask(api, `/api/v1/agent?agentid=${agent.id}`, { at });
    expect(shown.item.data[0].value.name).toBe(agent.name);
  });

  test("counts its agents on the dashboard, and shows the last ten actions", async () => {
    const api = apiOf();
    const idsAt = async (at: number) => {
      const { items } = JSON.parse((await ask(api, "/api/v1/dashboard", { at })).text).collection;
      const [summary, ...actions] = items as readonly { href: string; data: { name: string }[] }[];
      return { summary, ids: actions.map(({ href }) => Number(href.split("=")[1])) };
    };
    const { summary, ids } = await idsAt(now);
    expect(ids).toEqual([]);
    expect(summary?.href).toBe("http://h/api/v1/dashboard");
    expect(summary?.data.map(({ name }) => name)).toEqual([
      "online agents",
      "online agents by version",
      "online endpoints",
      "idle agents",
      "idle agents by version",
      "idle endpoints",
      "new endpoints",
      "endpoints running 2 or more agents",
      "disappeared endpoints",
      "flapping endpoints",
    ]);
    const numbers = (summary?.data ?? []) as readonly { value?: number }[];
    expect((numbers[0]?.value ?? 0) + (numbers[3]?.value ?? 0)).toBe(2);
    for (let count = 0; count < 12; count++)
      await ask(api, CREATE, { method: "POST", body: form() });
    const shown = await idsAt(now + 60_000);
    expect(shown.ids).toHaveLength(10);
    expect((await ask(api, "/api/v1/dashboard")).status).toBe(200);
  });

  test("answers 500 to a signer that is nobody's, and stores the action all the same", async () => {
    const api = apiOf();
    const body = form({ pgpsignatures: ["sig A", "sig C"] });
    const answer = await ask(api, CREATE, { method: "POST", body });
    expect(answer.status).toBe(500);
    expect(answer.error.message).toBe(
      "Error while finding investigator: 'sql: no rows in result set'",
    );
    expect(api.store.actions.size).toBe(1);
  });

  test.each([
    ["2026-02-30T00:00:00Z", String.raw`parsing time "\"2026-02-30T00:00:00Z\"": day out of range`],
    [
      "tomorrow",
      String.raw`parsing time "\"tomorrow\"" as "\"2006-01-02T15:04:05Z07:00\"": ` +
        String.raw`cannot parse "tomorrow\"" as "2006"`,
    ],
    [
      "2026-02-03 00:00:00Z",
      String.raw`parsing time "\"2026-02-03 00:00:00Z\"" as "\"2006-01-02T15:04:05Z07:00\"": ` +
        String.raw`cannot parse " 00:00:00Z\"" as "T"`,
    ],
  ])("says of the time %s what Go does", async (validfrom, message) => {
    const answer = await ask(apiOf(), CREATE, { method: "POST", body: form({ validfrom }) });
    expect(answer).toMatchObject({ status: 500, error: { message } });
  });

  test.each([
    ["/api/v1/action?actionid=7", 404, "Action ID '7' not found"],
    ["/api/v1/command?commandid=7", 404, "Command ID '7' not found"],
    ["/api/v1/agent?agentid=7", 404, "Agent ID '7' not found"],
    ["/api/v1/action?actionid=0", 400, "Invalid Action ID '0'"],
    ["/api/v1/agent?agentid=x", 500, "Wrong parameters 'agentid'"],
    ["/api/v1/command", 500, "runtime error: index out of range"],
  ])("answers %s with %d", async (url, status, message) => {
    const answer = await ask(apiOf(), url);
    expect(answer.status).toBe(status);
    expect(answer.error.message).toContain(message);
  });

  test.each(["/", "/api/v1", "/api/v1/search/", "/api/v1/action/create", "/api/v2/search"])(
    "does not know %s",
    async (url) => {
      expect(await ask(apiOf(), url)).toMatchObject({ status: 404, text: "404 page not found\n" });
    },
  );

  test("describes the form of an action to those who may post one", async () => {
    expect((await ask(apiOf(), CREATE)).status).toBe(200);
    expect((await ask(apiOf(), CREATE, { key: "nobody" })).status).toBe(401);
  });

  test("does not know a method that the resource has not", async () => {
    expect((await ask(apiOf(), "/api/v1/search?type=agent", { method: "POST" })).status).toBe(404);
    expect((await ask(apiOf(), CREATE, { method: "PUT" })).status).toBe(404);
  });
});

describe("routeOf()", () => {
  test("knows the two routes that a runner uses", () => {
    expect(routeOf("/api/v1/search?type=command")).toBe("search");
    expect(routeOf("/api/v1/action/create/")).toBe("create");
    expect(routeOf("/api/v1/heartbeat")).toBe("any");
  });
});
