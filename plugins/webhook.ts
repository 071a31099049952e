// Webhook: the result as JSON, in one POST or in several, for anything that listens to HTTP.
//
// [plugin "webhook"]
//   url       where it goes
//   headers   such as "Authorization: Bearer …"; the key may be repeated
//   secret    signs each body: X-Mig-Runner-Signature: sha256=<HMAC-SHA256 of the body, in hex>
//   commands  commands in one POST, 1 to 10000. Default: 500
//   bytes     bytes of them, 1000 to 100000000. Default: 1000000
//   timeout   for one request. Default: 30s
//
// The body is the result document as executables get it, with the commands of this batch:
//   {"name": JOB, "action": {…}, "commands": […], "batch": {"key": KEY, "last": true}}
// A result without commands is one POST with none. `last` is true in the last POST of a delivery.
// The Idempotency-Key header and `batch.key` are the same at each try of a batch.
//
// Commands are as the API returned them, so a host that failed shows its own status. A refused
// batch (400, 413, 422) is sent again in halves until the command at fault is found: it is logged,
// and the delivery fails for good once the others are out. After any other failure the whole is
// made again.
import { createHmac } from "node:crypto";
import { type PluginContext, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { type Batch, batches, type Piece, sendBatch } from "./lib/batch.ts";
import { hostLabel, readCommand } from "./lib/command.ts";
import { itemKey, type Posted, post } from "./lib/post.ts";
import { duration, headers, text, url, whole } from "./lib/settings.ts";
import { eachOf, Tally } from "./lib/tally.ts";

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
    const tally = new Tally(context, "commands");
    const send = (batch: Batch): Promise<Posted> => postBatch(batch, { context, result });
    let isEmpty = true;
    const all = batches(piecesOf(result), { countMax, bytesMax });
    await eachOf(all, { tally, width: 1 }, async (batch) => {
      isEmpty = false;
      await sendBatch(batch, { tally, send });
    });
    if (isEmpty) await sendBatch({ pieces: [], isLast: true }, { tally, send });
    tally.finish();
  },
});

async function* piecesOf(result: Result): AsyncGenerator<Piece> {
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const id = String(reading.id);
    yield { label: `command ${id} of ${hostLabel(reading)}`, id, text: JSON.stringify(command) };
  }
}

async function postBatch(
  { isLast, pieces }: Batch,
  { context, result }: { readonly context: Context; readonly result: Result },
): Promise<Posted> {
  const { headers: own, secret, timeout: timeoutMs, url: to } = context.config;
  const key = itemKey(context.key, `${pieces[0]?.id ?? "none"}-${pieces.at(-1)?.id ?? "none"}`);
  const name = JSON.stringify(result.job);
  const action = JSON.stringify(result.action);
  const commands = pieces.map(({ text: command }) => command).join(",");
  const batch = JSON.stringify({ key, last: isLast });
  const body = `{"name":${name},"action":${action},"commands":[${commands}],"batch":${batch}}`;
  const signed =
    secret === undefined ? {} : { "X-Mig-Runner-Signature": signatureOf(body, secret) };
  const fixed = { "Content-Type": "application/json", "Idempotency-Key": key, ...signed };
  return await post(context, { url: to, headers: { ...fixed, ...own }, body, timeoutMs });
}

function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
