// Tell: alarms by the shipped plugins, on a real listener.
import { describe, expect, test } from "bun:test";
import elastic from "../../plugins/elastic.ts";
import slack from "../../plugins/slack.ts";
import splunk from "../../plugins/splunk.ts";
import webhook from "../../plugins/webhook.ts";
import type { AlarmEvent, PluginModule } from "../../src/sdk/plugin.ts";
import { Listener, type Reply, tryPlugin } from "../support/shipped.ts";

const ALARM: AlarmEvent = {
  kind: "alarm",
  event: "failed",
  of: "failed",
  job: "nightly",
  subject: null,
  run: 7,
  at: "2026-01-02T03:04:05.000Z",
  since: "2026-01-02T03:00:00.000Z",
  count: 3,
  message: "run 7 failed: <no> target\n*x*",
  hint: "mig-runner history 7 tells all of it",
};

const BULK = '{"errors":false,"items":[{"index":{"status":201}}]}';

async function tell(
  module: PluginModule,
  settings: Record<string, unknown> = {},
  replies: readonly Reply[] = [{ status: 200, body: BULK }],
  alarm: AlarmEvent = ALARM,
) {
  await using listener = await Listener.open(replies);
  const all = { url: listener.url, ...settings };
  const tried = await tryPlugin(module, { settings: all, alarm, key: "alarm/1/2" });
  return { ...tried, heard: listener.heard };
}

describe("an alarm", () => {
  test("is a message of slack, in which no word of an agent is a line or a link", async () => {
    const { kind, heard } = await tell(slack);
    expect(kind).toBe("delivered");
    expect(JSON.parse(heard[0]?.body ?? "").text.split("\n")).toEqual([
      "*nightly: failed*",
      "`run 7 failed: &lt;no&gt; target *x*`",
      "`since 2026-01-02T03:00:00.000Z, 3 times`",
      "What to do: mig-runner history 7 tells all of it",
    ]);
  });

  test("of several hosts names the one that has found it, on its line", async () => {
    const { heard } = await tell(slack, {}, undefined, { ...ALARM, host: "al\npha" });
    expect(JSON.parse(heard[0]?.body ?? "").text.split("\n")[2]).toBe(
      "`since 2026-01-02T03:00:00.000Z, 3 times, on host al pha`",
    );
  });

  test("is one signed POST of webhook, with a key that is the same at each try", async () => {
    const { kind, heard } = await tell(webhook, { secret: "s" });
    expect(kind).toBe("delivered");
    expect(JSON.parse(heard[0]?.body ?? "")).toEqual(ALARM);
    expect(heard[0]?.headers["idempotency-key"]).toBe("alarm/1/2/alarm");
    expect(heard[0]?.headers["x-mig-runner-signature"]).toMatch(/^sha256=[0-9a-f]{64}$/);
  });

  test("is an event of splunk, and a document of elastic", async () => {
    const event = JSON.parse((await tell(splunk, { token: "t" })).heard[0]?.body ?? "");
    expect(event).toMatchObject({ sourcetype: "mig:alarm", event: ALARM, time: 1767323045 });
    const lines = (await tell(elastic)).heard[0]?.body.trim().split("\n") ?? [];
    expect(JSON.parse(lines[1] ?? "")).toEqual({ "@timestamp": ALARM.at, ...ALARM });
    const refused = '{"errors":true,"items":[{"index":{"status":400,"error":{"reason":"no"}}}]}';
    const tried = await tell(elastic, {}, [{ status: 200, body: refused }]);
    expect(tried).toMatchObject({ kind: "failed", message: "the alarm was not taken: no" });
  });

  test.each([
    ["slack", slack, {}],
    ["webhook", webhook, {}],
    ["splunk", splunk, { token: "t" }],
    ["elastic", elastic, {}],
  ] as const)("that %s does not get rid of is tried again, or never", async (_, module, more) => {
    expect(await tell(module, more, [{ status: 400, body: "no" }])).toMatchObject({
      kind: "failed",
      final: true,
    });
    const busy = { status: 403, headers: { "retry-after": "60" } };
    expect(await tell(module, more, [busy])).toMatchObject({
      kind: "failed",
      final: false,
      retryAfterMs: 60_000,
    });
  });
});
