// Elastic: one document for each command, by the bulk API of Elasticsearch and OpenSearch.
//
// [plugin "elastic"]
//   url       of the cluster, such as https://elastic:9200
//   index     where documents go. Default: mig
//   op        index: write over; create: only new ones, as data streams need it. Default: index
//   apikey    as the cluster gives it out, or
//   user      with
//   password
//   elements  what modules found: "text" is one field of JSON, which no mapping can refuse;
//             "object" is members of their own, to search in. Default: text
//   commands  documents in one request, 1 to 10000. Default: 500
//   bytes     bytes of them, 1000 to 100000000. Default: 5000000. Of a larger document what modules
//             found is left out as far as needed, and its field `left_out` says how much that is
//   timeout   for one request. Default: 60s
//
// A document's id is made of the delivery and the command, so a delivery that is made again writes
// over what is there. Its field `kind` is "result", or "failure" for a host that failed.
//
// An alarm is one document, its field `kind` "alarm".
//
// Of a batch that was taken in part only the rest is sent again. A refused document is logged, and
// the delivery fails for good once the others are out; after any other failure it goes on with what
// is left.
import { Fatal, type PluginContext, plugin, type Result, Retry } from "mig-runner";
import * as v from "valibot";
import { type Batch, batches, type Piece, type PlacedPiece, sendBatch } from "./lib/batch.ts";
import { documentOf } from "./lib/document.ts";
import { ATTEMPTS_MAX, itemKey, type Posted, pause, post, waitBefore } from "./lib/post.ts";
import { listOr, objectOr, textOr } from "./lib/read.ts";
import { duration, oneOf, text, url, whole } from "./lib/settings.ts";
import { eachOf, Tally } from "./lib/tally.ts";
import { encodeJson, lineOf } from "./lib/text.ts";

const config = v.strictObject({
  url: url(),
  index: v.optional(text(), "mig"),
  op: oneOf(["index", "create"], "index"),
  apikey: v.optional(text()),
  user: v.optional(text()),
  password: v.optional(text()),
  elements: oneOf(["text", "object"], "text"),
  commands: whole({ min: 1, max: 10_000, fallback: 500 }),
  bytes: whole({ min: 1_000, max: 100_000_000, fallback: 5_000_000 }),
  timeout: duration("60s"),
});

type Context = PluginContext<v.InferOutput<typeof config>>;

export default plugin({
  config,
  async deliver(result, context) {
    const { bytes: bytesMax, commands: countMax } = context.config;
    const { attempt } = context;
    const tally = new Tally(context, { what: "documents" });
    const send = (batch: Batch): Promise<Posted | null> => postBulk(batch, { context, tally });
    const all = batches(piecesOf(result, context), { countMax, bytesMax, tally });
    await eachOf(all, { tally, width: 1 }, (batch) => sendBatch(batch, { attempt, tally, send }));
    await tally.finish();
  },
  async alarm(event, context) {
    const { index, op } = context.config;
    const head = { [op]: { _index: index, _id: itemKey(context.key, "alarm") } };
    const body = { "@timestamp": event.at, ...event };
    const text = `${encodeJson(head)}\n${encodeJson(body)}\n`;
    const posted = await post(context, requestOf([{ text }], context));
    const [answer] = posted.kind === "taken" ? (answersOf(posted.text, 1) ?? []) : [];
    if (posted.kind === "refused") throw new Fatal(posted.message);
    if (posted.kind === "failed") {
      throw new Retry(posted.message, { after: posted.retryAfterMs });
    }
    // That it is there already is as good as taken: an earlier try was.
    if (answer !== undefined && (answer.status < 300 || answer.status === 409)) return;
    throw new Error(`the alarm was not taken: ${answer?.reason ?? "no answer of the bulk API"}`);
  },
});

async function* piecesOf(
  result: Result,
  { config: settings, key }: Context,
): AsyncGenerator<Piece> {
  const { bytes: bytesMax, elements, index, op } = settings;
  let place = 0;
  for await (const command of result.commands) {
    const document = documentOf(command, { elements, result, place: place++, bytesMax });
    const { at, fields, id, label, leftOut } = document;
    const head = { [op]: { _index: index, _id: itemKey(key, id) } };
    const body = { "@timestamp": at.toISOString(), ...fields };
    yield { label, id, text: `${encodeJson(head)}\n${encodeJson(body)}\n`, leftOut };
  }
}

/** Sends a batch, and again what of it may be taken later. Null: each document is noted. */
async function postBulk(
  { group, pieces }: Batch,
  { context, tally }: { readonly context: Context; readonly tally: Tally },
): Promise<Posted | null> {
  let left = pieces;
  for (let attempt = 1; ; attempt++) {
    const posted = await post(context, requestOf(left, context));
    if (posted.kind !== "taken") {
      if (left === pieces || posted.kind === "refused") return posted;
      tally.failed(group, posted);
      return null;
    }
    const answers = answersOf(posted.text, left.length);
    if (answers === null) return unreadable(posted, context);
    const later = noteAnswers(left, { answers, op: context.config.op, tally });
    if (later.pieces.length === 0) return null;
    if (attempt === ATTEMPTS_MAX) {
      tally.failed(group, later);
      return null;
    }
    left = later.pieces;
    await pause(waitBefore(attempt + 1, 0), context.signal);
  }
}

function requestOf(
  pieces: readonly Pick<Piece, "text">[],
  { config: settings }: Pick<Context, "config">,
) {
  const { apikey, password, timeout: timeoutMs, url: cluster, user } = settings;
  const to = new URL(cluster);
  to.pathname = `${to.pathname.replace(/\/+$/, "")}/_bulk`;
  to.searchParams.set("filter_path", "errors,items.*.status,items.*.error");
  const pair = Buffer.from(`${user}:${password ?? ""}`).toString("base64");
  const credentials =
    apikey !== undefined ? `ApiKey ${apikey}` : user !== undefined ? `Basic ${pair}` : null;
  const headers = {
    "Content-Type": "application/x-ndjson",
    ...(credentials === null ? {} : { Authorization: credentials }),
  };
  const body = pieces.map(({ text: lines }) => lines).join("");
  return { url: to.href, headers, body, timeoutMs };
}

/** What the cluster says of one document. */
interface BulkAnswer {
  readonly status: number;
  readonly reason: string;
}

/** One for each document; null when the answer is none of the bulk API. */
function answersOf(body: string, count: number): readonly BulkAnswer[] | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return null;
  }
  const { errors, items } = objectOr(answer);
  if (errors === false) return Array.from({ length: count }, () => ({ status: 200, reason: "" }));
  const answers = listOr(items).map((item) => {
    const [operation] = Object.values(objectOr(item));
    const { error, status } = objectOr(operation);
    const { reason, type } = objectOr(error);
    return {
      status: typeof status === "number" ? status : 0,
      reason: lineOf(
        [type, reason]
          .map((part) => textOr(part))
          .filter(Boolean)
          .join(": "),
        200,
      ),
    };
  });
  return answers.length === count ? answers : null;
}

function unreadable({ status }: Posted, { config: settings }: Context): Posted {
  const { origin } = new URL(settings.url);
  const message = `${origin} did not answer as the bulk API does: is the URL that of the cluster`;
  return { kind: "failed", message, status, retryAfterMs: 0 };
}

interface Noted {
  readonly answers: readonly BulkAnswer[];
  readonly op: "index" | "create";
  readonly tally: Tally;
}

/** Notes what is decided, and answers what may be taken later. */
function noteAnswers(pieces: readonly PlacedPiece[], { answers, op, tally }: Noted) {
  const later: PlacedPiece[] = [];
  let message = "";
  for (const [index, piece] of pieces.entries()) {
    const { label, place } = piece;
    const { reason, status } = answers[index] ?? { status: 0, reason: "" };
    const run = [place, place + 1] as const;
    const isThere = op === "create" && status === 409;
    if ((status >= 200 && status < 300) || isThere) tally.taken(run);
    else if (status === 429 || status >= 500) {
      later.push(piece);
      message = `the cluster answered ${status} to a document: ${reason}`;
    } else {
      const refusal = { label, message: `${status} ${reason}`.trim() };
      tally.refused({ run, group: `${place}` }, refusal);
    }
  }
  return { pieces: later, message };
}
