// Redirect: where an answer sends a request, by the rules of Go's net/http client; and what of the
// request may go there.
import type { HttpRequest } from "../ports.ts";

/** Redirects followed for one request. */
export const REDIRECTS_MAX = 10;

/**
 * Headers that say nothing about who is asking. Any other one may be a secret: services choose the
 * names of the headers for their tokens themselves.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "content-encoding",
  "content-language",
  "content-type",
  "idempotency-key",
  "user-agent",
]);

/** Whether two URLs are of one origin: the same scheme, host and port. */
export function isSameOrigin(a: URL, b: URL): boolean {
  return a.protocol === b.protocol && a.host === b.host;
}

/**
 * The request that an answer asks for, or null when it is the last answer. After 301, 302 and 303
 * a POST becomes a GET without its body; 307 and 308 repeat it. To another origin go only headers
 * that are harmless, and not the path that it came from.
 *
 * @throws {TypeError} If the place named is no http or https URL.
 * @see net/http/client.go `redirectBehavior` of Go 1.19, which keeps more headers
 */
export function redirected(
  request: HttpRequest,
  { status, location }: { readonly status: number; readonly location: string | null },
): HttpRequest | null {
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  if (location === null || location === "") return null;
  const from = new URL(request.url);
  const to = URL.parse(location, request.url);
  if (to === null || !/^https?:$/.test(to.protocol)) {
    throw new TypeError(`it redirects to "${location}", which is not an http or https URL`);
  }
  const keepsBody = status === 307 || status === 308;
  const { body, ...rest } = request;
  return {
    ...rest,
    ...(keepsBody && body !== undefined ? { body } : {}),
    method: keepsBody || request.method === "HEAD" ? request.method : "GET",
    url: to.href,
    headers: headersFor(request, { from, to }),
  };
}

/** The headers that may go to the new place, with a Referer. */
function headersFor(
  request: HttpRequest,
  { from, to }: { readonly from: URL; readonly to: URL },
): HttpRequest["headers"] {
  const isSame = isSameOrigin(from, to);
  const kept = request.headers.filter(([name]) =>
    isSame ? !/^referer$/i.test(name) : HARMLESS.has(name.toLowerCase()),
  );
  if (from.protocol === "https:" && to.protocol === "http:") return kept;
  // Go sorts headers by name, after User-Agent.
  const later = kept.findIndex(([name]) => /^[S-Z]/.test(name) && name !== "User-Agent");
  const at = later < 0 ? kept.length : later;
  return [...kept.slice(0, at), ["Referer", refererOf(from, isSame)], ...kept.slice(at)];
}

/** Without a user; without the path too where another origin would read it: it may be a secret. */
function refererOf(from: URL, isSame: boolean): string {
  const referer = new URL(isSame ? from : from.origin);
  referer.username = "";
  referer.password = "";
  referer.hash = "";
  return referer.href;
}
