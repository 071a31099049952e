// Splunk: one event for each command, by the HTTP event collector.
//
// [plugin "splunk"]
//   url         of the collector, such as https://splunk:8088; its path is added if there is none
//   token       of the collector
//   index       where events go. Default: the token's
//   source      of the events. Default: mig-runner
//   sourcetype  of the events. Default: mig:command
//   elements    what modules found: "object" is members of their own, "text" is one field of JSON.
//               Default: object
//   commands    events in one request, 1 to 10000. Default: 500
//   bytes       bytes of them, 1000 to 100000000. Default: 1000000
//   timeout     for one request. Default: 30s
//
// The event's `kind`, which is an indexed field as well, is "result", or "failure" for a host that
// failed. The indexed field `key` is made of the delivery and the command: the collector takes an
// event twice when a delivery is made again, and a search can leave out the second one by it.
//
// An event that the collector refuses is logged, and the delivery fails for good once the others
// are out; after any other failure the whole is made again.
import { createHash } from "node:crypto";
import { type PluginContext, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { type Batch, batches, type Piece, sendBatch } from "./lib/batch.ts";
import { documentOf } from "./lib/document.ts";
import { itemKey, type Posted, post } from "./lib/post.ts";
import { objectOr } from "./lib/read.ts";
import { duration, oneOf, text, url, whole } from "./lib/settings.ts";
import { eachOf, Tally } from "./lib/tally.ts";

const config = v.strictObject({
  url: url(),
  token: text(),
  index: v.optional(text()),
  source: v.optional(text(), "mig-runner"),
  sourcetype: v.optional(text(), "mig:command"),
  elements: oneOf(["object", "text"], "object"),
  commands: whole({ min: 1, max: 10_000, fallback: 500 }),
  bytes: whole({ min: 1_000, max: 100_000_000, fallback: 1_000_000 }),
  timeout: duration("30s"),
});

type Context = PluginContext<v.InferOutput<typeof config>>;

export default plugin({
  config,
  async deliver(result, context) {
    const { bytes: bytesMax, commands: countMax } = context.config;
    const tally = new Tally(context, "events");
    const send = (batch: Batch): Promise<Posted | null> => postEvents(batch, { context, tally });
    const all = batches(piecesOf(result, context), { countMax, bytesMax });
    await eachOf(all, { tally, width: 1 }, (batch) => sendBatch(batch, { tally, send }));
    tally.finish();
  },
});

async function* piecesOf(
  result: Result,
  { config: settings, key }: Context,
): AsyncGenerator<Piece> {
  const { elements, index, source, sourcetype } = settings;
  for await (const command of result.commands) {
    const { at, fields, host, id, kind, label } = documentOf(command, { elements, result });
    const event = {
      time: at.getTime() / 1_000,
      host,
      source,
      sourcetype,
      ...(index === undefined ? {} : { index }),
      event: fields,
      fields: { kind, key: itemKey(key, id) },
    };
    yield { label, id, text: JSON.stringify(event) };
  }
}

interface Sending {
  readonly context: Context;
  readonly tally: Tally;
}

/** Sends a batch, and again without an event that the collector points at. Null: all is noted. */
async function postEvents({ isLast, pieces }: Batch, at: Sending): Promise<Posted | null> {
  const { context, tally } = at;
  const posted = await post(context, requestOf(pieces, context));
  const faulty = posted.kind === "refused" ? faultyEvent(posted.text, pieces.length) : null;
  if (faulty === null || posted.kind !== "refused") return posted;
  tally.refused(pieces[faulty]?.label ?? "an event", posted.message);
  // Whether those before it were taken is not said, so all the others are sent again.
  const others = { isLast, pieces: pieces.filter((_, index) => index !== faulty) };
  if (others.pieces.length === 0) return null;
  if (tally.isHopeless) tally.failed(posted.message, { count: others.pieces.length });
  else await sendBatch(others, { tally, send: (batch) => postEvents(batch, at) });
  return null;
}

function requestOf(pieces: readonly Piece[], { config: settings, key }: Context) {
  const { timeout: timeoutMs, token, url: collector } = settings;
  const to = new URL(collector);
  if (to.pathname === "/") to.pathname = "/services/collector/event";
  const headers = {
    "Content-Type": "application/json",
    Authorization: `Splunk ${token}`,
    // Tokens with acknowledgement want a channel; the others let it be.
    "X-Splunk-Request-Channel": channelOf(key),
  };
  const body = pieces.map(({ text: event }) => event).join("\n");
  return { url: to.href, headers, body, timeoutMs };
}

/** The event that the collector calls wrong, counted from 0; null when it does not say. */
function faultyEvent(body: string, count: number): number | null {
  try {
    const { "invalid-event-number": number } = objectOr(JSON.parse(body));
    return typeof number === "number" && number >= 0 && number < count ? number : null;
  } catch {
    return null;
  }
}

/** A UUID that is the same at each try of a delivery. */
function channelOf(key: string): string {
  const hash = createHash("sha256").update(key).digest("hex");
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
}
