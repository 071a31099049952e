// MozDef scribe: what the shipped plugin does where the original's runner-scribe failed.
import { describe, expect, test } from "bun:test";
import scribe from "../../plugins/mozdef-scribe.ts";
import { answer, command, expired, resultOf, scribeElements } from "../support/results.ts";
import { type Heard, Listener, type Reply, tryPlugin } from "../support/shipped.ts";

interface ScribeEvent {
  readonly description: string;
  readonly credentialed_checks: boolean;
  readonly vulnerabilities?: readonly { readonly name: string; readonly cve: string }[] | null;
  readonly errors?: readonly string[];
  readonly asset: { readonly hostname: string; readonly os: string; readonly owner: object };
}

const CLEAN = { results: [], humanoutput: false, jsonoutput: false };

/** A command that ran scribe alone. */
function scan(changes: Parameters<typeof command>[0] & { elements?: unknown } = {}): object {
  const { elements = scribeElements(), ...others } = changes;
  return command({ modules: ["scribe"], results: [answer(elements)], ...others });
}

async function deliver(
  result: unknown,
  settings: Record<string, string> = {},
  replies: readonly Reply[] | ((heard: Heard, index: number) => Reply) = [{ status: 200 }],
) {
  await using listener = await Listener.open(replies);
  const own = Object.entries(settings).map(([key, value]) => [
    key,
    value.replace("HERE", listener.url),
  ]);
  const tried = await tryPlugin(scribe, {
    settings: {
      url: `${listener.url}/vulnerability`,
      connections: "1",
      ...Object.fromEntries(own),
    },
    result,
  });
  const posts = listener.heard.filter(({ path }) => path.startsWith("/vulnerability"));
  const events = posts.map(({ body }) => JSON.parse(body) as ScribeEvent);
  return { ...tried, heard: listener.heard, events };
}

const SERVICE = {
  serviceapi: "HERE/service",
  authendpoint: "HERE/token",
  clientid: "id",
  clientsecret: "s3cret",
} as const;

/** A service that gives a token and this list of assets. */
function serving(assets: unknown, token: Reply = tokenReply()): (heard: Heard) => Reply {
  return ({ path }) => {
    if (path.endsWith("/token")) return token;
    return { status: 200, body: path.includes("assets") ? JSON.stringify(assets) : "" };
  };
}

function tokenReply(): Reply {
  return { status: 200, body: JSON.stringify({ access_token: "t0ken", expires_in: "86400" }) };
}

describe("what runner-scribe gets wrong", () => {
  test("S1: a host that was not looked at never gets the event of a clean one", async () => {
    const failed = answer(null, { success: false, errors: ["exit status 2"] });
    const { events } = await deliver(
      resultOf(
        expired("a", { modules: ["scribe"] }),
        command({ host: "b", modules: ["scribe"], results: [failed] }),
        scan({ host: "c", elements: CLEAN }),
        scan({ host: "d", status: "failed" }),
        scan({ host: "e", elements: null }),
      ),
    );
    expect(events.map(({ asset, vulnerabilities }) => [asset.hostname, vulnerabilities])).toEqual([
      ["a", undefined],
      ["b", undefined],
      ["c", null],
      ["d", [expect.objectContaining({ name: "USN-1" })]],
      ["d", undefined],
      ["e", undefined],
    ]);
    const unseen = events.filter(({ errors }) => errors !== undefined);
    expect(unseen.map(({ credentialed_checks }) => credentialed_checks)).toEqual(
      unseen.map(() => false),
    );
    expect(unseen[1]?.errors).toEqual(["operation 1 (scribe) failed: exit status 2"]);
  });

  test("S1: nor does a host of which one command said nothing and one found nothing", async () => {
    const { events } = await deliver(
      resultOf(scan({ host: "a", elements: CLEAN }), expired("a", { modules: ["scribe"] })),
    );
    expect(events.map(({ description }) => description)).toEqual([
      "MIG vulnerability identification failed",
    ]);
  });

  test("S2: a result that is torn, and a service that is down, are failed deliveries", async () => {
    const torn = await deliver('{"action":{"id":1},"commands":[{"id"');
    expect(torn.kind).toBe("failed");
    expect(torn.message).toStartWith("it is not a result: it ends after 36 bytes");
    const down = await deliver(resultOf(scan()), { url: "http://127.0.0.1:1/" });
    expect(down.kind).toBe("failed");
    expect(down.message).toContain("nothing listens there");
  });

  test("S3: answers are looked at, and what failed is tried again", async () => {
    const { events, kind } = await deliver(resultOf(scan()), {}, [
      { status: 503, headers: { "Retry-After": "0" } },
      { action: "close" },
      { status: 200 },
    ]);
    expect(kind).toBe("delivered");
    expect(events.length).toBe(3);
    expect((await deliver(resultOf(scan()), {}, [{ status: 401 }])).kind).toBe("failed");
  });

  test("S4: the request for a token is JSON whatever the secret is", async () => {
    const settings = { ...SERVICE, clientsecret: 's"3\\cret\n' };
    const { heard } = await deliver(resultOf(scan()), settings, serving([]));
    expect(JSON.parse(heard[0]?.body ?? "")).toMatchObject({ client_secret: 's"3\\cret\n' });
  });

  test("S5: without a token or the assets nothing is sent, and no secret is said", async () => {
    const refused = await deliver(resultOf(scan()), SERVICE, serving([], { status: 401 }));
    expect(refused.kind).toBe("failed");
    expect(refused.message).toStartWith("Cannot get a token for the asset service: http://");
    expect(refused.message).not.toContain("s3cret");
    expect(refused.heard.map(({ path }) => path)).toEqual(["/token"]);
    const odd = await deliver(resultOf(scan()), SERVICE, serving({ error: "no" }));
    expect(odd.message).toBe("Cannot get the list of assets: the answer holds no list");
    expect(odd.events).toEqual([]);
    const good = await deliver(resultOf(scan()), SERVICE, serving([]));
    expect(good.heard[1]?.headers.authorization).toBe("Bearer t0ken");
  });

  test("S6: a plain list is a list, and an odd asset does not cost the others", async () => {
    const assets = [
      { asset_identifier: 7, operator: "no" },
      { asset_identifier: "web1.example.net", operator: "it", team: "webops", score: 3.5 },
    ];
    const { events, log } = await deliver(resultOf(scan()), SERVICE, serving(assets));
    expect(events[0]?.asset.owner).toEqual({ operator: "it", team: "webops", v2bkey: "it-webops" });
    expect(log).toEqual(["warning: 1 assets have no name that is a text: they are passed over"]);
    const twice = await deliver(resultOf(scan()), SERVICE, serving(JSON.stringify(assets)));
    expect(twice.events[0]?.asset.owner).toMatchObject({ operator: "it" });
  });

  test("S7: a team without an operator makes a key without a dash", async () => {
    const assets = [{ asset_identifier: "web1.example.net", team: "webops" }];
    const { events } = await deliver(resultOf(scan()), SERVICE, serving(assets));
    expect(events[0]?.asset.owner).toEqual({ operator: "", team: "webops", v2bkey: "webops" });
  });

  test("S8: malformed elements cost neither the good ones nor their host", async () => {
    const results = [{ masterresult: "yes" }, ...(scribeElements("good") as typeof CLEAN).results];
    const { events } = await deliver(
      resultOf(scan({ host: "a", elements: { results } }), scan({ host: "a" })),
    );
    expect(events[0]?.vulnerabilities?.map(({ name }) => name)).toEqual(["good", "USN-1"]);
    expect(events[1]?.errors).toEqual([
      "operation 1 (scribe) gave what cannot be read: " +
        "elements.results[0].masterresult is neither true nor false",
    ]);
  });

  test("S9: a wrong time does not cut off the rest", async () => {
    const odd = { ...scan({ host: "a" }), starttime: "", finishtime: 7 };
    const { events } = await deliver(resultOf(odd, scan({ host: "b" })));
    expect(events.map(({ asset }) => asset.hostname)).toEqual(["a", "b"]);
  });

  test("S10: settings that cannot be read are all said, and nothing is done by half", async () => {
    const settings = { useproxy: "perhaps", serviceapi: "HERE", clientids: "x" };
    const { heard, kind, message } = await deliver(resultOf(scan()), settings);
    expect(kind).toBe("unset");
    expect(message).toContain('unknown key "clientids" (did you mean "clientid"?)');
    expect(message).toContain("useproxy: yes or no is wanted");
    expect(heard).toEqual([]);
    const half = await deliver(resultOf(scan()), { serviceapi: "HERE" });
    expect(half.message).toBe("authendpoint is not set");
  });

  test("S11: agents of one name without an IPv4 address stay apart", async () => {
    const environment = { os: "darwin", addresses: ["fe80::1/64"] };
    const { events } = await deliver(
      resultOf(
        scan({ agent: { id: 1, environment } }),
        scan({ agent: { id: 2, environment } }),
        scan({ agent: { id: 1, environment, tags: { operator: "it" } } }),
      ),
    );
    expect(events.map(({ asset }) => [asset.os, asset.owner])).toEqual([
      ["darwin", { operator: "it", team: "", v2bkey: "it" }],
      ["darwin", { operator: "", team: "", v2bkey: "" }],
    ]);
  });

  test("S12: nothing is listed twice, tests have names, a tag gives the CVE", async () => {
    const tags = [
      { key: "severity", value: "low" },
      { key: "cve", value: "CVE-2026-1" },
    ];
    const { events } = await deliver(
      resultOf(scan(), scan(), scan({ elements: scribeElements("t", "low", { name: "", tags }) })),
    );
    expect(events[0]?.vulnerabilities?.map(({ cve, name }) => [name, cve])).toEqual([
      ["USN-1", ""],
      ["t", "CVE-2026-1"],
    ]);
  });

  test("S13: the assets are asked for below the service's own path", async () => {
    const { heard } = await deliver(resultOf(scan()), SERVICE, serving([]));
    expect(heard[1]?.path).toBe("/service/api/v1/assets/");
  });

  test.each([
    ["no", [] as string[]],
    ["yes", ["POST", "GET", "POST"]],
  ])("S14: useproxy = %s holds for all requests", async (useproxy, wanted) => {
    await using proxy = await Listener.open(
      serving([{ asset_identifier: "web1.example.net", operator: "it" }]),
    );
    const url = "http://mozdef.invalid/vulnerability";
    const { message } = await tryPlugin(scribe, {
      settings: {
        url,
        serviceapi: "http://service.invalid/",
        authendpoint: "http://auth.invalid/token",
        useproxy,
      },
      result: resultOf(scan()),
      environment: { http_proxy: proxy.url },
    });
    expect(proxy.heard.map(({ method }) => method)).toEqual(wanted);
    expect(message === "").toBe(useproxy === "yes");
  });

  test("S15: results of other modules are not taken for scribe's", async () => {
    const results = [answer({ results: [] }), answer(scribeElements("scribe"))];
    const { events } = await deliver(
      resultOf(
        command({ host: "a", results: [answer({ results: [] })] }),
        command({ host: "b", modules: ["file", "scribe"], results }),
        expired("c"),
      ),
    );
    expect(events.map(({ asset }) => asset.hostname)).toEqual(["b"]);
  });
});

describe("mozdef-scribe", () => {
  test("says how many tests could not be evaluated", async () => {
    const elements = scribeElements("x", "high", { masterresult: false, iserror: true });
    const { events, log } = await deliver(resultOf(scan({ elements })));
    expect(events[0]?.vulnerabilities).toBeNull();
    expect(log).toEqual(["notice: 1 scribe tests ended in an error of their own"]);
  });
});
