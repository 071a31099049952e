// Post: one POST to a service, tried until it is clear what became of it.
//
//   taken     2xx
//   refused   400, 413, 422: the service does not want this content; it may want other content
//   failed    anything else, after tries where another try can help: later it may be taken
//
// Each try has a time limit. A service that asks for a pause (Retry-After) gets it, if that is
// short; else the delivery ends and is made again after it. No message has more of a URL than its
// origin, because paths and users of URLs are secrets of some services.
import { createHash } from "node:crypto";
import { type PluginContext, retryAfter } from "mig-runner";
import { lineOf } from "./text.ts";

/** What a POST came to. */
export type Posted =
  | { readonly kind: "taken"; readonly status: number; readonly text: string }
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly text: string;
      readonly message: string;
    }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** Null when the service has not answered. */
      readonly status: number | null;
      /** The pause that the service asked for, a day at most; 0 when it named none. */
      readonly retryAfterMs: number;
    };

/** What is to be sent. */
export interface PostOrder {
  readonly url: string;
  /** The method, for the services that want another. @default "POST" */
  readonly method?: "POST" | "GET" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** For one try. */
  readonly timeoutMs: number;
  /** Pass by the proxy of the environment. @default false */
  readonly direct?: boolean | undefined;
}

/** Tries, the first included. */
export const ATTEMPTS_MAX = 3;

/** Before the second try; twice as long before the third, and so on. */
export const WAIT_FIRST_MS = 250;

/** A longer pause than this is not waited for here. */
export const WAIT_MAX_MS = 20_000;

/** Bytes of an answer that are read. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** Redirects of one try that keep the method and the body. */
const REDIRECTS_MAX = 3;

/** Characters of an answer in a message. */
const QUOTE_MAX = 200;

const REFUSALS = new Set([400, 413, 422]);

/** Answers after which another try can help at once. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Characters of a key that services are known to take. */
const KEY_SIZE_MAX = 200;

/**
 * A key for one item of a delivery: the same at each try, other for any other item. Only characters
 * that a header can hold.
 */
export function itemKey(deliveryKey: string, id: string): string {
  const key = encodeURI(`${deliveryKey}/${id}`.toWellFormed());
  if (key.length <= KEY_SIZE_MAX) return key;
  return createHash("sha256").update(key).digest("hex");
}

/** What of the context is used. */
export type PostContext = Pick<PluginContext, "fetch" | "signal">;

/** Sends, and sends again. Rejects only when the delivery's own signal aborts. */
export async function post(context: PostContext, order: PostOrder): Promise<Posted> {
  for (let attempt = 1; ; attempt++) {
    const { posted, isPassing } = await tryOnce(context, order);
    context.signal.throwIfAborted();
    if (posted.kind !== "failed" || !isPassing || attempt === ATTEMPTS_MAX) return posted;
    if (posted.retryAfterMs > WAIT_MAX_MS) return posted;
    await pause(waitBefore(attempt + 1, posted.retryAfterMs), context.signal);
  }
}

/** How long to wait before a try, counted from 1. */
export function waitBefore(attempt: number, retryAfterMs: number): number {
  return retryAfterMs > 0 ? retryAfterMs : WAIT_FIRST_MS * 2 ** (attempt - 2);
}

/** Resolves after a time. Rejects when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", abort);
    resolve();
  }, ms);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return promise;
}

interface Try {
  readonly posted: Posted;
  /** Whether another try can help. */
  readonly isPassing: boolean;
}

async function tryOnce(context: PostContext, order: PostOrder): Promise<Try> {
  const { origin } = new URL(order.url);
  const limit = AbortSignal.timeout(order.timeoutMs);
  try {
    const answer = await send(context, order, limit);
    const text = await readText(answer);
    return judge(answer, { origin, text });
  } catch (error) {
    const late = `${origin} did not answer within ${order.timeoutMs / 1_000} s`;
    const message = limit.aborted ? late : error instanceof Error ? error.message : String(error);
    return { posted: { kind: "failed", message, status: null, retryAfterMs: 0 }, isPassing: true };
  }
}

/** Follows only what repeats the request at the same service. */
async function send(
  { fetch }: PostContext,
  { body, direct = false, headers = {}, method = "POST", url }: PostOrder,
  signal: AbortSignal,
): Promise<Response> {
  let to = url;
  for (let hop = 0; ; hop++) {
    const sent = body === undefined ? {} : { body };
    const redirect = "manual" as const;
    const answer = await fetch(to, { method, headers, ...sent, redirect, signal, direct });
    const next = URL.parse(answer.headers.get("location") ?? "", to);
    const repeats = answer.status === 307 || answer.status === 308;
    if (!repeats || next === null || next.origin !== new URL(url).origin) return answer;
    if (hop === REDIRECTS_MAX) return answer;
    await answer.body?.cancel();
    to = next.href;
  }
}

function judge(
  { headers, status }: Response,
  { origin, text }: { readonly origin: string; readonly text: string },
): Try {
  if (status >= 200 && status < 300) {
    return { posted: { kind: "taken", status, text }, isPassing: false };
  }
  const where = status >= 300 && status < 400 ? placeOf(headers.get("location"), origin) : "";
  const said = lineOf(text, QUOTE_MAX);
  const message = `${origin} answered ${status}${where}${said === "" ? "" : `: ${said}`}`;
  if (REFUSALS.has(status)) {
    return { posted: { kind: "refused", status, text, message }, isPassing: false };
  }
  const retryAfterMs = retryAfter(headers.get("retry-after"), Date.now()) ?? 0;
  const posted = { kind: "failed", message, status, retryAfterMs } as const;
  return { posted, isPassing: PASSING.has(status) };
}

function placeOf(location: string | null, origin: string): string {
  const to = location === null ? null : URL.parse(location, origin);
  return to === null ? "" : `, a redirect to ${to.origin}: set the URL to where it leads`;
}

/** The answer's text, up to a bound: what is beyond is not read. */
async function readText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0; size <= ANSWER_BYTES_MAX; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}
