// MozDef: events, each as a POST of its own, as MozDef's loginput takes them.
import type { PluginContext } from "mig-runner";
import { itemKey, post } from "./post.ts";
import { eachOf, Tally } from "./tally.ts";

/** One event on its way. */
export interface MozdefEvent {
  readonly url: string;
  /** What it is about, for the log. */
  readonly label: string;
  /** The same at each try, other for any other event of the delivery. */
  readonly id: string;
  readonly event: object;
}

/** How events are sent. */
export interface MozdefOptions {
  /** Requests at the same time. */
  readonly width: number;
  /** For one try of one request. */
  readonly timeoutMs: number;
  /** Pass by the proxy of the environment. */
  readonly direct?: boolean;
}

/** Posts all events. @throws {Error} When some were not taken, after the others were. */
export async function postEvents(
  context: Pick<PluginContext, "fetch" | "key" | "log" | "signal">,
  events: AsyncIterable<MozdefEvent>,
  { direct = false, timeoutMs, width }: MozdefOptions,
): Promise<void> {
  const tally = new Tally(context, "events");
  await eachOf(events, { tally, width }, async ({ event, id, label, url }) => {
    const headers = {
      "Content-Type": "application/json",
      "Idempotency-Key": itemKey(context.key, id),
    };
    const body = JSON.stringify(event);
    tally.note(await post(context, { url, headers, body, timeoutMs, direct }), label);
  });
  tally.finish();
}

/** An id as the original prints it: with no decimals, halves to the even neighbour. */
export function formatId(id: unknown): string {
  if (typeof id !== "number" || !Number.isFinite(id)) return "";
  const floor = Math.floor(id);
  const isUp = id - floor > 0.5 || (id - floor === 0.5 && floor % 2 !== 0);
  const rounded = floor + (isUp ? 1 : 0);
  return rounded === 0 && (id < 0 || Object.is(id, -0)) ? "-0" : String(BigInt(rounded));
}
