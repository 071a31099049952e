// Large results: one huge command costs the others nothing, and an attempt that ended early is
// gone on with, in every shipped plugin.
import { describe, expect, test } from "bun:test";
import elastic from "../../plugins/elastic.ts";
import compliance from "../../plugins/mozdef-compliance.ts";
import scribe from "../../plugins/mozdef-scribe.ts";
import slack from "../../plugins/slack.ts";
import splunk from "../../plugins/splunk.ts";
import webhook from "../../plugins/webhook.ts";
import type { PluginModule } from "../../src/sdk/plugin.ts";
import { answer, command, fileElements, resultOf, scribeElements } from "../support/results.ts";
import { type Heard, Listener, type Reply, tryPlugin } from "../support/shipped.ts";

const FINDINGS = 30_000;

interface Sink {
  readonly name: string;
  readonly module: PluginModule;
  readonly settings: object;
  /** Requests that a delivery of three commands may take. */
  readonly requestsMax: number;
}

const SINKS: readonly Sink[] = [
  { name: "slack", module: slack, settings: {}, requestsMax: 1 },
  { name: "webhook", module: webhook, settings: {}, requestsMax: 3 },
  { name: "splunk", module: splunk, settings: { token: "t" }, requestsMax: 3 },
  { name: "elastic", module: elastic, settings: { bytes: "1000000" }, requestsMax: 3 },
  { name: "mozdef-compliance", module: compliance, settings: { events: "300" }, requestsMax: 305 },
  { name: "mozdef-scribe", module: scribe, settings: {}, requestsMax: 4 },
];

const TAKEN: Reply = { status: 200, body: '{"errors":false}' };

function findings(module: string, count: number): object {
  if (module === "scribe") {
    const tests = Array.from({ length: count }, (_, index) => {
      const [one] = (scribeElements(`USN-${index}`) as { results: object[] }).results;
      return one;
    });
    return { results: tests };
  }
  const found = (fileElements() as { rootlogin: object[] }).rootlogin[0];
  const all = Array.from({ length: count }, (_, index) => ({ ...found, file: `/tmp/${index}` }));
  return { rootlogin: all, gone: [{ ...found, file: "" }] };
}

function commandOf(sink: Sink, id: number, count = 1): object {
  const module = sink.name === "mozdef-scribe" ? "scribe" : "file";
  const results = [answer(findings(module, count))];
  return command({ id, host: `host${id}.example.net`, modules: [module], results });
}

describe.each([...SINKS])("$name", (sink) => {
  test("sends the other hosts' findings, whatever one host has found", async () => {
    await using listener = await Listener.open([TAKEN]);
    const settings = { url: listener.url, ...sink.settings };
    const huge = commandOf(sink, 1, FINDINGS);
    const result = resultOf(huge, commandOf(sink, 2), commandOf(sink, 3));
    const tried = await tryPlugin(sink.module, { settings, result });
    expect(tried).toMatchObject({ kind: "delivered", message: "" });
    expect(listener.heard.length).toBeLessThanOrEqual(sink.requestsMax);
    const sent = listener.heard.map(({ body }) => body).join("\n");
    for (const id of [1, 2, 3]) expect(sent).toContain(`host${id}.example.net`);
    if (sink.name === "slack") return;
    for (const { body } of listener.heard) expect(body.length).toBeLessThan(1_100_000);
    // What was left out is counted, in the log and for the receiver.
    const [line = ""] = tried.log;
    expect(line).toMatch(/^warning: .*host1.*: \d+ findings were left out/);
    const [count] = /\d+(?= findings)/.exec(line) ?? [];
    expect(sent).toMatch(new RegExp(`"left_out":${count}|"${count} (?:of its|vulnerabilities)`));
  });
});

/** Takes so many requests, then ends the delivery as a time limit would. */
async function interrupted(
  sink: Sink,
  {
    after,
    progress,
    attempt,
    result,
  }: { after: number; progress: unknown; attempt: number; result: object },
): Promise<{ heard: readonly Heard[]; kind: string; progress: unknown }> {
  const stop = new AbortController();
  await using listener = await Listener.open((_, index) => {
    if (index < after) return TAKEN;
    stop.abort(new Error("its time limit passed"));
    return { action: "hang" };
  });
  const settings = {
    url: listener.url,
    connections: "1",
    commands: "2",
    ...sink.settings,
  };
  const known = Object.keys(sink.settings);
  const wanted = /mozdef/.test(sink.name) ? ["url", "connections"] : ["url", "commands"];
  const own = Object.fromEntries(
    Object.entries(settings).filter(([key]) => [...wanted, ...known].includes(key)),
  );
  const { signal } = stop;
  const tried = await tryPlugin(sink.module, { settings: own, result, progress, attempt, signal });
  return { heard: listener.heard.slice(0, after), kind: tried.kind, progress: tried.progress };
}

describe.each(SINKS.filter(({ name }) => name !== "slack"))(
  "$name, at its second attempt",
  (sink) => {
    test("goes on where the first was ended, also when that is all that happens", async () => {
      const result = resultOf(...Array.from({ length: 12 }, (_, id) => commandOf(sink, 10 + id)));
      const bodies: string[] = [];
      let progress: unknown = null;
      let kind = "failed";
      let attempt = 0;
      for (; kind === "failed" && attempt < 20; attempt++) {
        const ended = await interrupted(sink, {
          after: 2,
          progress,
          attempt: attempt + 1,
          result,
        });
        ({ kind, progress } = ended);
        bodies.push(
          ...ended.heard.map(({ body, headers }) => `${headers["idempotency-key"]} ${body}`),
        );
      }
      expect(kind).toBe("delivered");
      // Nothing that was taken goes out again.
      const hosts = bodies.flatMap((body) => [...new Set(body.match(/host\d+/g))]);
      const times = Map.groupBy(hosts, (host) => host);
      expect([...times.keys()].sort()).toEqual(
        Array.from({ length: 12 }, (_, id) => `host${10 + id}`),
      );
      const perHost = sink.name === "mozdef-compliance" ? 2 : 1;
      expect([...times.values()].map((all) => all.length)).toEqual(Array(12).fill(perHost));
    });
  },
);
