// MozDef: events, each as a POST of its own, as MozDef's loginput takes them.
import type { PluginContext } from "mig-runner";
import { itemKey, post } from "./post.ts";
import { eachOf, type Sent, Tally, type TallyContext } from "./tally.ts";
import { encodeJson } from "./text.ts";

/** One event on its way. */
export interface MozdefEvent {
  readonly url: string;
  /** What it belongs to, such as all that is about one host. */
  readonly group: string;
  /** What it is about, for the log. */
  readonly label: string;
  /** The same at each try, other for any other event of the delivery. */
  readonly id: string;
  readonly event: object;
  /** How many things of its group go out in no event, because they are too many. @default 0 */
  readonly leftOut?: number;
}

/** How events are sent. */
export interface MozdefOptions {
  /** Requests at the same time. */
  readonly width: number;
  /** For one try of one request. */
  readonly timeoutMs: number;
  /** Pass by the proxy of the environment. */
  readonly direct?: boolean;
  /** Names how events are made of a result: other events are not those of an earlier attempt. */
  readonly form: string;
}

/** Posts all events. @throws {Error} When some were not taken, after the others were. */
export async function postEvents(
  context: Pick<PluginContext, "fetch" | "key" | "signal"> & TallyContext,
  events: AsyncIterable<MozdefEvent>,
  { direct = false, form, timeoutMs, width }: MozdefOptions,
): Promise<void> {
  const tally = new Tally(context, { what: "events", form });
  const left = sentOf(tally.remaining(events));
  await eachOf(left, { tally, width }, async ({ event, group, id, label, leftOut, run, url }) => {
    if (leftOut) tally.leftOut(label, leftOut);
    const headers = {
      "Content-Type": "application/json",
      "Idempotency-Key": itemKey(context.key, id),
    };
    const body = encodeJson(event);
    const posted = await post(context, { url, headers, body, timeoutMs, direct });
    tally.note(posted, { run, group, label });
  });
  await tally.finish();
}

async function* sentOf(
  events: AsyncIterable<MozdefEvent & { readonly place: number }>,
): AsyncGenerator<MozdefEvent & Sent> {
  for await (const event of events) yield { ...event, run: [event.place, event.place + 1] };
}

/** An id as the original prints it: with no decimals, halves to the even neighbour. */
export function formatId(id: unknown): string {
  if (typeof id !== "number" || !Number.isFinite(id)) return "";
  const floor = Math.floor(id);
  const isUp = id - floor > 0.5 || (id - floor === 0.5 && floor % 2 !== 0);
  const rounded = floor + (isUp ? 1 : 0);
  return rounded === 0 && (id < 0 || Object.is(id, -0)) ? "-0" : String(BigInt(rounded));
}
