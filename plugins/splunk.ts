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
//   bytes       bytes of them, 1000 to 100000000. Default: 1000000. Of a larger event what modules
//               found is left out as far as needed, and its field `left_out` says how much that is
//   timeout     for one request. Default: 30s
//
// The event's `kind`, which is an indexed field as well, is "result", or "failure" for a host that
// failed. The indexed field `key` is made of the delivery and the command: the collector takes an
// event twice when a delivery is made again, and a search can leave out the second one by it.
//
// An alarm is one event of the sourcetype mig:alarm, its `kind` "alarm".
//
// An event that the collector refuses is logged, and the delivery fails for good once the others
// are out; after any other failure it goes on with what is left.
import { createHash } from "node:crypto";
import { type PluginContext, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { type Batch, batches, type Piece, sendBatch } from "./lib/batch.ts";
import { documentOf } from "./lib/document.ts";
import { itemKey, type Posted, post } from "./lib/post.ts";
import { objectOr } from "./lib/read.ts";
import { duration, oneOf, text, url, whole } from "./lib/settings.ts";
import { eachOf, Tally } from "./lib/tally.ts";
import { tellBy } from "./lib/tell.ts";
import { encodeJson } from "./lib/text.ts";

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
    const { attempt } = context;
    const tally = new Tally(context, { what: "events" });
    const send = (batch: Batch): Promise<Posted | null> => postEvents(batch, { context, tally });
    const all = batches(piecesOf(result, context), { countMax, bytesMax, tally });
    await eachOf(all, { tally, width: 1 }, (batch) => sendBatch(batch, { attempt, tally, send }));
    await tally.finish();
  },
  async alarm(event, context) {
    const { index, source } = context.config;
    const text = encodeJson({
      time: Date.parse(event.at) / 1_000,
      source,
      sourcetype: "mig:alarm",
      ...(index === undefined ? {} : { index }),
      event,
      fields: { kind: "alarm", key: itemKey(context.key, "alarm") },
    });
    await tellBy(context, requestOf([{ text }], context));
  },
});

async function* piecesOf(
  result: Result,
  { config: settings, key }: Context,
): AsyncGenerator<Piece> {
  const { bytes: bytesMax, elements, index, source, sourcetype } = settings;
  let place = 0;
  for await (const command of result.commands) {
    const document = documentOf(command, { elements, result, place: place++, bytesMax });
    const { at, fields, host, id, kind, label, leftOut } = document;
    const event = {
      time: at.getTime() / 1_000,
      host,
      source,
      sourcetype,
      ...(index === undefined ? {} : { index }),
      event: fields,
      fields: { kind, key: itemKey(key, id) },
    };
    yield { label, id, text: encodeJson(event), leftOut };
  }
}

interface Sending {
  readonly context: Context;
  readonly tally: Tally;
}

/** Sends a batch, and again without an event that the collector points at. Null: all is noted. */
async function postEvents(batch: Batch, at: Sending): Promise<Posted | null> {
  const { pieces } = batch;
  const { context, tally } = at;
  const posted = await post(context, requestOf(pieces, context));
  const faulty = posted.kind === "refused" ? faultyEvent(posted.text, pieces.length) : null;
  if (faulty === null || posted.kind !== "refused") return posted;
  const { label = "an event", place = 0 } = pieces[faulty] ?? {};
  const run = [place, place + 1] as const;
  tally.refused({ run, group: `${place}` }, { label, message: posted.message });
  // Whether those before it were taken is not said, so all the others are sent again.
  const others = { ...batch, pieces: pieces.filter((_, index) => index !== faulty) };
  if (others.pieces.length === 0) return null;
  const { attempt } = context;
  if (tally.isHopeless) tally.passedOver(posted.message);
  else await sendBatch(others, { attempt, tally, send: (each) => postEvents(each, at) });
  return null;
}

function requestOf(
  pieces: readonly Pick<Piece, "text">[],
  { config: settings, key }: Pick<Context, "config" | "key">,
) {
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
