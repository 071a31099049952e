// Shipped plugins: whatever JSON is in a result, one odd item costs neither the delivery nor the
// other hosts, and what is sent is whole JSON without halves of characters.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import elastic from "../../plugins/elastic.ts";
import compliance from "../../plugins/mozdef-compliance.ts";
import scribe from "../../plugins/mozdef-scribe.ts";
import slack from "../../plugins/slack.ts";
import splunk from "../../plugins/splunk.ts";
import webhook from "../../plugins/webhook.ts";
import type { PluginModule } from "../../src/sdk/plugin.ts";
import { answer, command, fileElements, resultOf, scribeElements } from "../support/results.ts";
import { type Heard, Listener, type Reply, tryPlugin } from "../support/shipped.ts";

const RUNS = 50;

/** Halves of characters, ends of lines, names of members of Object, and JSON of any other kind. */
const oddText = fc.oneof(
  fc.constantFrom("\ud83d", "a\nb\u2028", "__proto__", "constructor", "toString", "", "\u0000"),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constant("\u{1f9a0}".repeat(3_000)),
);

const oddValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, 0, -0, 1e300, 1.5, -1, 2 ** 53, "success", "2026-11-20T10:00:00Z"),
    oddText,
    fc.constantFrom({ toString: 1, valueOf: 2 }, { toJSON: null }, [[]], [{}], [null]),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(oddText, tie("value"), { maxKeys: 3 }),
  ),
})).value;

/** All places of a value, as paths. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

interface Sink {
  readonly name: string;
  readonly module: PluginModule;
  readonly settings: object;
  readonly reply: Reply;
  readonly victim: object;
  /** The hosts that a request tells of, in whatever form. */
  readonly lines: (heard: Heard) => readonly string[];
}

const FILE = command({ id: 5, host: "odd" });
const FAILED = command({
  id: 5,
  host: "odd",
  results: [answer(null, { success: false, errors: ["why"] })],
});
const SCRIBE = command({
  id: 5,
  host: "odd",
  modules: ["scribe"],
  results: [answer(scribeElements())],
});
const whole = ({ body }: Heard) => [body];
const SINKS: readonly Sink[] = [
  { name: "slack", module: slack, settings: { hosts: "50" }, reply: { status: 200 } },
  { name: "webhook", module: webhook, settings: { commands: "2" }, reply: { status: 200 } },
  { name: "splunk", module: splunk, settings: { token: "t" }, reply: { status: 200 } },
  {
    name: "splunk, text",
    module: splunk,
    reply: { status: 200 },
    settings: { token: "t", elements: "text" },
  },
  {
    name: "elastic",
    module: elastic,
    settings: {},
    reply: { status: 200, body: '{"errors":false}' },
  },
  {
    name: "elastic, object",
    module: elastic,
    settings: { elements: "object" },
    reply: { status: 200, body: '{"errors":false}' },
  },
  { name: "mozdef-compliance", module: compliance, settings: {}, reply: { status: 200 } },
  { name: "mozdef-scribe", module: scribe, settings: {}, reply: { status: 200 } },
].map((sink) => {
  const isScribe = sink.name === "mozdef-scribe";
  const isLines = /splunk|elastic/.test(sink.name);
  return {
    ...sink,
    victim: isScribe ? SCRIBE : FILE,
    lines: isLines ? ({ body }: Heard) => body.trimEnd().split("\n") : whole,
  };
});

function sound(host: string, id: number, sink: Sink): object {
  return sink.name === "mozdef-scribe"
    ? command({ host, id, modules: ["scribe"], results: [answer(scribeElements())] })
    : command({ host, id, results: [answer(fileElements())] });
}

/** What JSON can hold and code stumbles over. */
const STUMBLES: readonly unknown[] = [
  null,
  true,
  -0,
  1e300,
  "",
  "\ud83d\n",
  [],
  {},
  [null],
  [[[]]],
  { toString: 1, valueOf: 2 },
  [{ toString: null, valueOf: null }],
  { toJSON: 1, length: 3 },
  JSON.parse('{"__proto__":{"x":1},"constructor":null,"":[0]}'),
];

describe.each([...SINKS])("$name", (sink) => {
  test("takes a result with a stumbling block in each place of it at once", async () => {
    await using listener = await Listener.open([sink.reply]);
    const settings = { url: listener.url, ...sink.settings };
    const odd = [sink.victim, FAILED].flatMap((each) =>
      pathsOf(each)
        .slice(1)
        .flatMap((path) => STUMBLES.map((stumble) => replaced(each, path, stumble) as object)),
    );
    expect(odd.length).toBeGreaterThan(500);
    const [first, last] = [sound("first.example.net", 1, sink), sound("last.example.net", 9, sink)];
    const tried = await tryPlugin(sink.module, {
      settings,
      result: resultOf(first, ...odd, last),
    });
    expect(tried).toMatchObject({ kind: "delivered", message: "" });
    expect(tried.log.filter((line) => line.startsWith("warning"))).toEqual([]);
    const all = listener.heard.map(({ body }) => body).join("\n");
    expect(all).toContain("first.example.net");
    if (sink.name !== "slack") expect(all).toContain("last.example.net");
  });

  test("takes a result with any JSON in any place, and all that is sound of it", async () => {
    await using listener = await Listener.open([sink.reply]);
    const settings = { url: listener.url, ...sink.settings };
    const victims = [sink.victim, FAILED];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          ...victims.flatMap((each) => pathsOf(each).map((path) => ({ each, path }))),
        ),
        oddValue,
        async ({ each, path }, odd) => {
          const made = replaced(each, path, odd);
          const isObject = typeof made === "object" && made !== null && !Array.isArray(made);
          const result = resultOf(
            sound("first.example.net", 1, sink),
            isObject ? made : FAILED,
            sound("last.example.net", 9, sink),
          );
          const from = listener.heard.length;
          const tried = await tryPlugin(sink.module, { settings, result });
          expect(tried).toMatchObject({ kind: "delivered", message: "" });
          const lines = listener.heard.slice(from).flatMap(sink.lines);
          for (const line of lines) {
            JSON.parse(line);
            expect(line).not.toMatch(/(?<!\\)(?:\\\\)*\\ud[89a-f]/i);
          }
          const all = lines.join("\n");
          expect(all).toContain("first.example.net");
          expect(all).toContain("last.example.net");
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("takes any JSON for the action of a result", async () => {
    await using listener = await Listener.open([sink.reply]);
    const settings = { url: listener.url, ...sink.settings };
    const { action } = resultOf() as { readonly action: object };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...pathsOf(action).slice(1)),
        oddValue,
        async (path, odd) => {
          const changed = replaced(action, path, odd);
          const own = sound("first.example.net", 1, sink);
          const result = { ...resultOf({ ...own, action: undefined }), action: changed };
          const tried = await tryPlugin(sink.module, { settings, result });
          expect(tried).toMatchObject({ kind: "delivered", message: "" });
        },
      ),
      { numRuns: 20 },
    );
  });
});
