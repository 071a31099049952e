// Redirect: where an answer sends a request, by the rules of Go's net/http client.
import type { HttpRequest } from "../../ports.ts";

/** Redirects followed for one request. */
export const REDIRECTS_MAX = 10;

/** Headers that prove who is asking. They stay with the host that they were meant for. */
const SECRET = /^(?:authorization|cookie|x-pgpauthorization|x-migapikey)$/i;

/**
 * The request that an answer asks for, or null when it is the last answer. After 301, 302 and 303
 * a POST becomes a GET without its body; 307 and 308 repeat it.
 *
 * @throws {TypeError} If the place named is no http or https URL.
 * @see net/http/client.go `redirectBehavior` of Go 1.19
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
    throw new TypeError(`it redirects to "${location}", which is no http or https URL`);
  }
  const keepsBody = status === 307 || status === 308;
  const { body, ...rest } = request;
  return {
    ...rest,
    ...(keepsBody && body !== undefined ? { body } : {}),
    method: keepsBody ? request.method : "GET",
    url: to.href,
    headers: headersFor(request, { from, to }),
  };
}

/** The same headers with a Referer, and without secrets when they would reach another host. */
function headersFor(
  request: HttpRequest,
  { from, to }: { readonly from: URL; readonly to: URL },
): HttpRequest["headers"] {
  const isDowngrade = from.protocol === "https:" && to.protocol === "http:";
  const isSame = from.hostname === to.hostname && !isDowngrade;
  const kept = request.headers.filter(
    ([name]) => !/^referer$/i.test(name) && (isSame || !SECRET.test(name)),
  );
  if (isDowngrade) return kept;
  // Go sorts headers by name, after User-Agent.
  const later = kept.findIndex(([name]) => /^[S-Z]/.test(name) && name !== "User-Agent");
  const at = later < 0 ? kept.length : later;
  const referer = new URL(from);
  referer.username = "";
  referer.password = "";
  return [...kept.slice(0, at), ["Referer", referer.href], ...kept.slice(at)];
}
