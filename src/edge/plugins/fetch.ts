// Fetch: the web's `fetch` over the runner's own HTTP client.
//
// A plugin so meets the same proxies, certificates, time limits and messages as the runner itself,
// under Bun and under Deno. The runtimes' own `fetch` sends loopback addresses to a proxy, reads
// other variables for certificates, and says of every failure that it failed.
//
// A redirect to another origin (scheme, host or port) gets no header that may be a secret, as
// http/redirect.ts has it, and no body: a request for a token has the secret in its body.
import { messageOf } from "../../errors.ts";
import { isSameOrigin, REDIRECTS_MAX, redirected } from "../../lib/http/redirect.ts";
import type { Http, HttpAnswer, HttpRequest } from "../../lib/ports.ts";
import type { PluginContext } from "../../sdk/plugin.ts";
import { VERSION } from "../../version.ts";

/** As in the context of a plugin. */
export type Fetch = PluginContext<unknown>["fetch"];

/** Opens a client, one that passes by the proxies or one that asks them. */
export type OpenClient = (how: { readonly direct: boolean }) => Http;

/** Advice that is right for the API only: a plugin has no such setting. */
const API_ADVICE = /, or set skipverifycert = on in \[api\] of the client configuration/;

/** Answers that have no body, whatever the server sends. */
const BODILESS = new Set([204, 205, 304]);

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/**
 * A `fetch` that ends when `signal` aborts.
 *
 * Bodies of requests are held in memory, those of answers are not. Rejects with a TypeError that
 * says why nothing came, or with the reason of the signal that ended it.
 */
export function openFetch(open: OpenClient, signal: AbortSignal): Fetch {
  const clients = new Map<boolean, Http>();
  const clientFor = (direct: boolean): Http => {
    const client = clients.get(direct) ?? open({ direct });
    clients.set(direct, client);
    return client;
  };
  return async (url, { signal: own, direct = false, ...init } = {}) => {
    const ending = own ? AbortSignal.any([signal, own]) : signal;
    ending.throwIfAborted();
    const { href, bare } = readUrl(url);
    const request = new Request(bare, init);
    const encoded = await encodeRequest(request, { url: href, signal: ending });
    const answer = await exchange(clientFor(direct), encoded);
    ending.throwIfAborted();
    if (answer.kind === "unreachable") throw new TypeError(answer.message.replace(API_ADVICE, ""));
    if (request.redirect === "error" && isRedirect(answer.status)) {
      throw new TypeError(`Cannot use the answer of "${new URL(bare).origin}": it redirects`);
    }
    return decodeAnswer(answer, request.method);
  };
}

/** Sends a request, and follows what its redirects ask for unless they ask for its body elsewhere. */
async function exchange(client: Http, request: HttpRequest): Promise<HttpAnswer> {
  if (request.body === undefined || request.redirects === "returned") {
    return await client.send(request);
  }
  let current: HttpRequest = { ...request, redirects: "returned" };
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const answer = await client.send(current);
    if (answer.kind === "unreachable") return answer;
    const next = nextRequest(current, answer);
    if (next === null) return answer;
    await answer.body[Symbol.asyncIterator]().return?.();
    current = next;
  }
  const { origin } = new URL(current.url);
  throw new TypeError(`Cannot use the answer of "${origin}": over ${REDIRECTS_MAX} redirects`);
}

/** @throws {TypeError} If the answer asks for what may not be sent. */
function nextRequest(
  request: HttpRequest,
  answer: HttpAnswer & { readonly kind: "answer" },
): HttpRequest | null {
  const from = new URL(request.url);
  let why: string;
  try {
    const next = redirected(request, {
      status: answer.status,
      location: answer.header("location"),
    });
    if (next?.body === undefined) return next;
    const to = new URL(next.url);
    if (isSameOrigin(from, to)) return next;
    why = `it redirects to "${to.origin}", which gets no body of another origin: write its URL`;
  } catch (error) {
    why = messageOf(error);
  }
  throw new TypeError(`Cannot use the answer of "${from.origin}": ${why}`);
}

/** The URL as it is used, and without a user and a password, which a Request refuses. */
function readUrl(url: string | URL): { readonly href: string; readonly bare: string } {
  const parsed = URL.parse(String(url));
  // Not quoted: it may hold a secret.
  if (parsed === null) throw new TypeError("Cannot fetch a URL that is not absolute");
  const { href } = parsed;
  parsed.username = "";
  parsed.password = "";
  return { href, bare: parsed.href };
}

async function encodeRequest(
  request: Request,
  { signal, url }: { readonly signal: AbortSignal; readonly url: string },
): Promise<HttpRequest> {
  const { method, redirect } = request;
  if (!METHODS.includes(method)) throw new TypeError(`Cannot send a ${method} request`);
  const headers = [...request.headers];
  if (!request.headers.has("user-agent")) headers.push(["User-Agent", `mig-runner/${VERSION}`]);
  if (!request.headers.has("accept")) headers.push(["Accept", "*/*"]);
  const bytes = new Uint8Array(await request.arrayBuffer());
  const hasBody = bytes.length > 0 || method === "POST" || method === "PUT" || method === "PATCH";
  return {
    method: method as HttpRequest["method"],
    url,
    headers: headers.map(([name, value]) => [nameOf(name), value]),
    ...(hasBody ? { body: bytes } : {}),
    redirects: redirect === "follow" ? "followed" : "returned",
    signal,
  };
}

/** A header's name as the client knows it; in HTTP the case makes no difference. */
function nameOf(name: string): string {
  return name.toLowerCase() === "user-agent" ? "User-Agent" : name;
}

function isRedirect(status: number): boolean {
  return status >= 301 && status <= 308 && status !== 304;
}

function decodeAnswer(answer: HttpAnswer & { kind: "answer" }, method: string): Response {
  const headers = new Headers();
  const isPacked = /^gzip$/i.test(answer.header("content-encoding") ?? "");
  for (const [name, value] of answer.headers ?? []) {
    // They are about the bytes on the wire, which the client has unpacked.
    if (isPacked && /^content-(?:encoding|length)$/i.test(name)) continue;
    headers.append(name, value);
  }
  const { status } = answer;
  const hasBody = method !== "HEAD" && !BODILESS.has(status);
  return new Response(hasBody ? streamOf(answer.body) : null, { status, headers });
}

/** Read as fast as it is taken; cancelling closes the connection. */
function streamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const parts = body[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const part = await parts.next();
      if (part.done === true) controller.close();
      else controller.enqueue(part.value);
    },
    async cancel() {
      await parts.return?.();
    },
  });
}
