// Fetch: what a library takes for the web's `fetch`, over the runner's own HTTP client: the same
// proxies, certificates and time limits as everywhere, and each answer whole before it is given.
import { Buffer } from "node:buffer";
import type { Http, HttpRequest } from "../../lib/ports.ts";

/** What the client sets itself, by the body and the URL. */
const OWN_HEADERS = ["host", "content-length"];

/** Answers that have no body, whatever the server sends. */
const BODILESS = new Set([204, 205, 304]);

/** The part of `fetch` that is used: no streams. Rejects with a TypeError that says why. */
export type WholeFetch = (
  url: string | URL,
  init?: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Uint8Array | string | null;
  },
) => Promise<Response>;

/**
 * @param options.bytesMax Of an answer; a larger one is refused.
 * @param options.signal Ends each request.
 */
export function fetchOver(
  http: Pick<Http, "send">,
  { bytesMax, signal }: { readonly bytesMax: number; readonly signal?: AbortSignal | undefined },
): WholeFetch {
  return async (url, { method = "GET", headers = {}, body = null } = {}) => {
    const given = Object.entries(headers).filter(
      ([name]) => !OWN_HEADERS.includes(name.toLowerCase()),
    );
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const hasBody = method === "PUT" || method === "POST";
    const answer = await http.send({
      method: method as HttpRequest["method"],
      url: String(url),
      headers: given,
      ...(hasBody ? { body: bytes ?? new Uint8Array() } : {}),
      // A request is signed for one host.
      redirects: "returned",
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.kind === "unreachable") throw new TypeError(answer.message);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of answer.body) {
      size += part.length;
      if (size > bytesMax) throw new TypeError(`its answer has more than ${bytesMax} bytes`);
      parts.push(part);
    }
    const { status } = answer;
    const isBodiless = method === "HEAD" || BODILESS.has(status);
    const whole = isBodiless ? null : Buffer.concat(parts);
    return new Response(whole, { status, headers: new Headers(pairs(answer.headers ?? [])) });
  };
}

function pairs(headers: readonly (readonly [string, string])[]): [string, string][] {
  return headers.map(([name, value]) => [name, value]);
}
