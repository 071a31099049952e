// Splunk: the shipped plugin on a listener that answers as the HTTP event collector does.
import { describe, expect, test } from "bun:test";
import splunk from "../../plugins/splunk.ts";
import { command, expired, resultOf } from "../support/results.ts";
import { type Heard, Listener, limitOf, type Reply, tryPlugin } from "../support/shipped.ts";

interface Event {
  readonly time: number;
  readonly host: string;
  readonly event: { readonly kind: string; readonly troubles: readonly string[] };
  readonly fields: { readonly kind: string; readonly key: string };
}

const TAKEN = { status: 200, body: '{"text":"Success","code":0}' } as const;

async function deliver(
  result: unknown,
  settings: Record<string, unknown> = {},
  replies: readonly Reply[] | ((heard: Heard, index: number) => Reply) = [TAKEN],
) {
  await using listener = await Listener.open(replies);
  const tried = await tryPlugin(splunk, {
    settings: { url: listener.url, token: "t0ken", ...settings },
    result,
  });
  const requests = listener.heard.map(({ body }) =>
    body.split("\n").map((line) => JSON.parse(line) as Event),
  );
  return { ...tried, heard: listener.heard, requests };
}

function commands(count: number): object {
  return resultOf(...Array.from({ length: count }, (_, id) => command({ id, host: `h${id}` })));
}

/** As the collector refuses a batch because of one event. */
function invalid(number: number): Reply {
  const body = { text: "Invalid data format", code: 6, "invalid-event-number": number };
  return { status: 400, body: JSON.stringify(body) };
}

describe("splunk", () => {
  test("sends one event for each command to the collector", async () => {
    const { heard, kind, requests } = await deliver(commands(2), { index: "security" });
    expect(kind).toBe("delivered");
    expect(heard[0]).toMatchObject({
      method: "POST",
      path: "/services/collector/event",
      headers: { authorization: "Splunk t0ken" },
    });
    expect(heard[0]?.headers["x-splunk-request-channel"]).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(requests[0]?.[0]).toMatchObject({
      time: 1_795_168_809,
      host: "h0",
      source: "mig-runner",
      sourcetype: "mig:command",
      index: "security",
      event: { kind: "result", command: { id: 0 }, found: true },
      fields: { kind: "result", key: "nightly/7/shipped/0" },
    });
  });

  test("marks a host that failed", async () => {
    const { requests } = await deliver(resultOf(expired("a")));
    expect(requests[0]?.[0]?.fields.kind).toBe("failure");
    expect(requests[0]?.[0]?.event.troubles).toContain('its command ended as "expired"');
  });

  test("keeps a path of the collector's own, and cuts batches", async () => {
    await using listener = await Listener.open([TAKEN]);
    const settings = { url: `${listener.url}/hec`, token: "t", commands: "2" };
    await tryPlugin(splunk, { settings, result: commands(5) });
    expect(listener.heard.map(({ path }) => path)).toEqual(["/hec", "/hec", "/hec"]);
  });

  test("leaves out the event that is called wrong and delivers the others", async () => {
    const { final, log, message, requests } = await deliver(commands(4), {}, [invalid(2), TAKEN]);
    expect(final).toBe(true);
    expect(message).toMatch(/^1 of 4 events were refused: http.* answered 400: .*Invalid data/);
    expect(log).toEqual([expect.stringMatching(/^warning: command 2 of h2 was refused/)]);
    expect(requests.map((events) => events.map(({ host }) => host))).toEqual([
      ["h0", "h1", "h2", "h3"],
      ["h0", "h1", "h3"],
    ]);
  });

  test("halves a batch that is refused as a whole", async () => {
    const { kind, requests } = await deliver(commands(4), {}, ({ body }) =>
      body.split("\n").length > 2 ? { status: 413 } : TAKEN,
    );
    expect(kind).toBe("delivered");
    expect(requests.map((events) => events.length)).toEqual([4, 2, 2]);
  });

  test("stops asking a collector that calls everything wrong", async () => {
    const { heard, kind } = await deliver(commands(200), {}, () => invalid(0));
    expect(kind).toBe("failed");
    expect(heard.length).toBeLessThan(120);
  });

  test.each([
    ["403", { status: 403, body: '{"text":"Invalid token","code":4}' }, /403: .*Invalid token/],
    ["503", { status: 503, headers: { "Retry-After": "0" } }, /answered 503$/],
    ["a cut connection", { action: "close" }, /the connection was cut/],
    ["silence", { action: "hang" }, /did not answer within 0\.05 s$/],
  ] as const)("fails on %s, to be made again", async (_, reply, wanted) => {
    const { final, kind, message } = await deliver(commands(2), limitOf(reply), [reply]);
    expect({ kind, final }).toEqual({ kind: "failed", final: false });
    expect(message).toMatch(wanted);
    expect(message).not.toContain("t0ken");
  });

  test("passes on the pause that a busy collector wants", async () => {
    const { retryAfterMs } = await deliver(commands(1), {}, [
      { status: 429, headers: { "Retry-After": "60" } },
    ]);
    expect(retryAfterMs).toBe(60_000);
  });

  test("wants a token", async () => {
    const { kind, message } = await tryPlugin(splunk, {
      settings: { url: "http://127.0.0.1:1/" },
      result: commands(1),
    });
    expect({ kind, message }).toEqual({ kind: "unset", message: "token is not set" });
  });
});
