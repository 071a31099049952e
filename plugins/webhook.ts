// Webhook: the result as JSON, in one POST or in several, for anything that listens to HTTP.
//
// [plugin "webhook"]
//   url       where it goes
//   headers   such as "Authorization: Bearer …"; the key may be repeated
//   secret    signs each body: X-Mig-Runner-Signature: sha256=<HMAC-SHA256 of the body, in hex>
//   commands  commands in one POST, 1 to 10000. Default: 500
//   bytes     bytes of them, 1000 to 100000000. Default: 1000000. Of a larger command as much is
//             left out as needed, and its member `left_out` says how much that is
//   timeout   for one request. Default: 30s
//
// The body is the result document as executables get it, with the commands of this batch:
//   {"name": JOB, "action": {…}, "commands": […], "batch": {"key": KEY, "last": true}}
// A result without commands is one POST with none. `last` is true in the last POST of a delivery,
// when all others were taken or refused. The Idempotency-Key header and `batch.key` are the same at
// each try of a batch.
//
// An alarm is one POST of its JSON: {"kind": "alarm", "event": …}, see docs/operations.md.
//
// Commands are as the API returned them, so a host that failed shows its own status. A refused
// batch (400, 413, 422) is sent again in halves until the command at fault is found: it is logged,
// and the delivery fails for good once the others are out. After any other failure it goes on with
// what is left.
import { createHmac } from "node:crypto";
import { type Command, type PluginContext, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { type Batch, batches, type Piece, sendBatch } from "./lib/batch.ts";
import { commandId, hostLabel, readCommand } from "./lib/command.ts";
import { itemKey, type Posted, post } from "./lib/post.ts";
import { objectOr } from "./lib/read.ts";
import { duration, headers, text, url, whole } from "./lib/settings.ts";
import { shorten, sizeOf } from "./lib/shorten.ts";
import { eachOf, Tally } from "./lib/tally.ts";
import { tellBy } from "./lib/tell.ts";
import { encodeJson } from "./lib/text.ts";

const config = v.strictObject({
  url: url(),
  headers: headers(),
  secret: v.optional(text()),
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
    const tally = new Tally(context, { what: "commands" });
    const send = (batch: Batch): Promise<Posted> => {
      const isLast = batch.isLast && !tally.progress.isLeftBeside(batch.run);
      return postBatch({ ...batch, isLast }, { context, result });
    };
    const pieces = piecesOf(result, bytesMax);
    const all = orEmpty(batches(pieces, { countMax, bytesMax, tally }), tally);
    await eachOf(all, { tally, width: 1 }, (batch) => sendBatch(batch, { attempt, tally, send }));
    await tally.finish();
  },
  async alarm(event, context) {
    const { headers: own, secret, timeout: timeoutMs, url: to } = context.config;
    const body = encodeJson(event);
    const headers = headersOf({ body, key: itemKey(context.key, "alarm"), secret });
    await tellBy(context, { url: to, headers: { ...headers, ...own }, body, timeoutMs });
  },
});

function headersOf({
  body,
  key,
  secret,
}: {
  readonly body: string;
  readonly key: string;
  readonly secret: string | undefined;
}): Readonly<Record<string, string>> {
  const signed =
    secret === undefined ? {} : { "X-Mig-Runner-Signature": signatureOf(body, secret) };
  return { "Content-Type": "application/json", "Idempotency-Key": key, ...signed };
}

/** One batch of nothing where a result has no commands: the receiver hears of it too. */
async function* orEmpty(all: AsyncIterable<Batch>, tally: Tally): AsyncGenerator<Batch> {
  let isEmpty = true;
  for await (const batch of all) {
    isEmpty = false;
    yield batch;
  }
  if (isEmpty && !tally.progress.isDone(0))
    yield { pieces: [], isLast: true, run: [0, 1], group: "" };
}

async function* piecesOf(result: Result, bytesMax: number): AsyncGenerator<Piece> {
  let place = 0;
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const id = commandId(reading, place++);
    yield {
      label: `command ${id} of ${hostLabel(reading)}`,
      id,
      ...textOfCommand(command, bytesMax),
    };
  }
}

/** As it came; of one that is too large, with as much of its results as goes in. */
function textOfCommand(command: Command, bytesMax: number): Pick<Piece, "text" | "leftOut"> {
  if (sizeOf(command, bytesMax) <= bytesMax) return { text: encodeJson(command) };
  const { leftOut, value } = shorten(command, bytesMax - LEFT_OUT_BYTES);
  return { text: encodeJson({ ...objectOr(value), left_out: leftOut }), leftOut };
}

/** Of the member that says what was left out. */
const LEFT_OUT_BYTES = 40;

async function postBatch(
  { isLast, pieces }: Batch,
  { context, result }: { readonly context: Context; readonly result: Result },
): Promise<Posted> {
  const { headers: own, secret, timeout: timeoutMs, url: to } = context.config;
  const key = itemKey(context.key, `${pieces[0]?.id ?? "none"}-${pieces.at(-1)?.id ?? "none"}`);
  const name = encodeJson(result.job);
  const action = encodeJson(result.action);
  const commands = pieces.map(({ text: command }) => command).join(",");
  const batch = JSON.stringify({ key, last: isLast });
  const body = `{"name":${name},"action":${action},"commands":[${commands}],"batch":${batch}}`;
  const fixed = headersOf({ body, key, secret });
  return await post(context, { url: to, headers: { ...fixed, ...own }, body, timeoutMs });
}

function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
