// Client: the one place that speaks HTTP.
//
// Owns:     connections and their number, time limits, redirects, gzip, what "sent" means.
// Not here: who asks (mig/token.ts), what answers mean (mig/api.ts), when to ask again (flow/).
//
// Invariants:
//   H1. `sent: false` is said only when no byte of the request can have left.
//   H2. A POST goes out once. Only a GET is repeated, once, when a kept connection turns out dead.
//   H3. A POST gets a connection of its own, or one that has just carried a POST: one that was
//       kept for longer may have died unseen, and would leave its fate open.
//   H4. Every wait ends: for a connection, for the headers, for each part of the body, and in all.
//   H5. At most `connectionsMax` exchanges are open; each gives its place back however it ends.
//   H6. `mayLeave` is asked in the turn in which the request is written to its socket.
import { type IncomingMessage, request as requestHttp } from "node:http";
import type { Milliseconds } from "../../time.ts";
import { collectGarbage } from "../os/runtime.ts";
import type { Http, HttpAnswer, HttpRequest } from "../ports.ts";
import { RouteAgent, type RoutedOptions } from "./agent.ts";
import { discardBody, giveBack, openBody } from "./body.ts";
import { type ConnectOptions, isForwarded, type Route, routeTo } from "./connect.ts";
import { Exchange, Places } from "./exchange.ts";
import { ConnectError, reasonBy, reasonOf } from "./faults.ts";
import { basicCredentials, type Environment, findProxies, type ProxyFinder } from "./proxy.ts";
import { REDIRECTS_MAX, redirected } from "./redirect.ts";
import { readTrust } from "./trust.ts";

/** As long as Go's client keeps a connection that nobody uses. */
const UNUSED_MAX_MS: Milliseconds = 90_000;

/** The shortest time that servers keep connections by their defaults is 5 seconds. */
const POST_KEPT_MS: Milliseconds = 500;

/**
 * Bytes that are read until the garbage is collected: what they may take at most. Each counts
 * twice, as the socket has read it and in the part that was handed out, unless it was given back.
 */
const FORGOTTEN_BYTES_MAX = 32 * 1024 * 1024;

export interface HttpOptions {
  /** Accepts any certificate, as the original's setting of this name does. */
  readonly skipVerifyCert: boolean;
  /** Read for the proxy variables, SSL_CERT_FILE and SSL_CERT_DIR, once. */
  readonly environment: Environment;
  /** Until a connection is ready for the request. */
  readonly connectTimeoutMs: Milliseconds;
  /** From then until the headers of the answer are there. */
  readonly headersTimeoutMs: Milliseconds;
  /** Between two parts of a body; the time that the reader takes does not count. */
  readonly idleTimeoutMs: Milliseconds;
  /** For the whole exchange, body and reader included. */
  readonly exchangeTimeoutMs: Milliseconds;
  /** Exchanges that are open at the same time; more of them wait. */
  readonly connectionsMax: number;
  /**
   * How long a connection that carried a POST is kept for the next one. No server that keeps
   * connections closes them sooner than the default. @default 500 ms
   */
  readonly postKeptMs?: Milliseconds;
}

/** Opens the client. Nothing is connected yet; files named by the environment are read. */
export function openHttp(options: HttpOptions): Http {
  return new HttpClient(options);
}

/** How one try on one connection ended. */
type Try =
  | { readonly kind: "response"; readonly response: IncomingMessage }
  | {
      readonly kind: "failed";
      readonly sent: boolean;
      /** Whether it was on a connection that had been used before. */
      readonly wasKept: boolean;
      readonly message: string;
    };

class HttpClient implements Http {
  readonly #options: HttpOptions;
  readonly #proxyFor: ProxyFinder;
  readonly #places: Places;
  readonly #kept: RouteAgent;
  readonly #busy: RouteAgent;
  readonly #fresh: RouteAgent;
  /** Since the garbage was collected. */
  #forgotten = 0;

  constructor(options: HttpOptions) {
    const { connectionsMax, connectTimeoutMs, environment, skipVerifyCert } = options;
    const { postKeptMs = POST_KEPT_MS } = options;
    const trust = readTrust(environment);
    const how: ConnectOptions = { skipVerifyCert, timeoutMs: connectTimeoutMs, trust };
    this.#options = options;
    this.#proxyFor = findProxies(environment);
    this.#places = new Places(connectionsMax);
    const kept = { keepAlive: true, maxFreeSockets: connectionsMax };
    this.#kept = new RouteAgent(how, { ...kept, unusedMaxMs: UNUSED_MAX_MS });
    this.#busy = new RouteAgent(how, { ...kept, unusedMaxMs: postKeptMs });
    this.#fresh = new RouteAgent(how, { keepAlive: false });
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const url = URL.parse(request.url);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      const message = `Cannot reach "${request.url}": it is not an http or https URL`;
      return { kind: "unreachable", sent: false, message };
    }
    if (!(await this.#places.take(request.signal))) {
      const message = `Cannot reach "${url.origin}": the request was cancelled before it began`;
      return { kind: "unreachable", sent: false, message };
    }
    const exchange = new Exchange({
      signal: request.signal,
      timeoutMs: this.#options.exchangeTimeoutMs,
      ended: () => this.#places.give(),
    });
    const answer = await this.#follow(request, exchange);
    if (answer.kind === "unreachable") exchange.end();
    return answer;
  }

  close(): void {
    this.#kept.close();
    this.#busy.close();
  }

  /** Sends the request, and what its redirects ask for. */
  async #follow(request: HttpRequest, exchange: Exchange): Promise<HttpAnswer> {
    let current = request;
    let sent = false;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const tried = await this.#send(current, exchange);
      if (tried.kind === "failed") {
        return { kind: "unreachable", sent: sent || tried.sent, message: tried.message };
      }
      sent = true;
      const { response } = tried;
      const { origin } = new URL(current.url);
      const status = response.statusCode ?? 0;
      try {
        const location = response.headers.location ?? null;
        const isLast = current.redirects === "returned";
        const next = isLast ? null : redirected(current, { status, location });
        if (next === null) {
          const movedTo = origin === new URL(request.url).origin ? null : origin;
          const isLent = request.lendsParts === true && status === 200;
          return this.#answer(response, { exchange, origin, status, movedTo, isLent });
        }
        current = next;
      } catch (error) {
        const message = `Cannot use the answer of "${origin}": ${reasonOf(error)}`;
        response.destroy();
        return { kind: "unreachable", sent, message };
      }
      discardBody(response);
    }
    const { origin } = new URL(current.url);
    const message = `Cannot use the answer of "${origin}": over ${REDIRECTS_MAX} redirects`;
    return { kind: "unreachable", sent, message };
  }

  #answer(
    response: IncomingMessage,
    about: {
      readonly exchange: Exchange;
      readonly origin: string;
      readonly status: number;
      readonly movedTo: string | null;
      readonly isLent: boolean;
    },
  ): HttpAnswer {
    const { exchange, isLent, movedTo, origin, status } = about;
    const { idleTimeoutMs } = this.#options;
    return {
      kind: "answer",
      status,
      ...(movedTo === null ? {} : { movedTo }),
      header: (name) => {
        const value = response.headers[name.toLowerCase()];
        return value === undefined ? null : String(value);
      },
      headers: pairsOf(response.rawHeaders),
      body: openBody({
        response,
        exchange,
        idleTimeoutMs,
        origin,
        onPart: (part) => this.#forget(part, isLent),
      }),
    };
  }

  /** What answers are read into lies outside of the heap, where the collector sees it too late. */
  #forget(part: Uint8Array, isLent: boolean): void {
    const { length } = part;
    this.#forgotten += isLent && giveBack(part) ? length : 2 * length;
    if (this.#forgotten < FORGOTTEN_BYTES_MAX) return;
    this.#forgotten = 0;
    collectGarbage();
  }

  /** One request without its redirects. */
  async #send(request: HttpRequest, exchange: Exchange): Promise<Try> {
    const { method } = request;
    const isRepeatable = method === "GET";
    const agent = isRepeatable ? this.#kept : method === "POST" ? this.#busy : this.#fresh;
    const tried = await this.#try(request, { agent, exchange });
    if (tried.kind !== "failed" || !tried.wasKept || !isRepeatable) return tried;
    const again = await this.#try(request, { agent: this.#fresh, exchange });
    return again.kind === "failed" ? { ...again, sent: true } : again;
  }

  #try(request: HttpRequest, how: { agent: RouteAgent; exchange: Exchange }): Promise<Try> {
    const url = new URL(request.url);
    const route = routeTo(url, this.#proxyFor(url));
    const { headersTimeoutMs } = this.#options;
    const options: RoutedOptions = {
      agent: how.agent,
      route,
      method: request.method,
      path: pathOf(route),
      headers: headersOf(request, route),
      // Both would add headers of the runtime's own choice.
      setHost: false,
      setDefaultHeaders: false,
    };
    return new Promise((resolve) => {
      const outgoing = requestHttp(options);
      let sent = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        const wasKept = sent && outgoing.reusedSocket;
        const message = describe(route, error);
        resolve({ kind: "failed", sent, wasKept, message });
      };
      outgoing.once("socket", () => {
        if (request.mayLeave?.() === false) {
          const error = new Error("it was not to be sent any more");
          outgoing.destroy(error);
          return fail(error);
        }
        sent = true;
        const late = `no answer within ${headersTimeoutMs / 1_000} s`;
        timer = setTimeout(() => outgoing.destroy(new Error(late)), headersTimeoutMs);
        if (request.mayLeave !== undefined) outgoing.end(request.body);
      });
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        resolve({ kind: "response", response });
      });
      outgoing.on("error", fail);
      outgoing.once("close", () => fail(new Error("the connection was cut")));
      how.exchange.onStop = (error) => outgoing.destroy(error);
      // H6: what may be held back is not handed over before it has been asked.
      if (request.mayLeave === undefined) outgoing.end(request.body);
    });
  }
}

/** The request line's target: the whole URL when a proxy has to forward it. */
function pathOf(route: Route): string {
  const { host, pathname, protocol, search } = route.url;
  return isForwarded(route) ? `${protocol}//${host}${pathname}${search}` : `${pathname}${search}`;
}

/**
 * All headers as Go's transport sends them: Host first, the length after User-Agent, then the
 * caller's, then its own. Alternately names and values, as node:http takes them unchanged.
 */
function headersOf(request: HttpRequest, route: Route): string[] {
  const { body, headers } = request;
  const all: (readonly [string, string])[] = [["Host", route.url.host]];
  const length: [string, string][] =
    body === undefined ? [] : [["Content-Length", `${body.length}`]];
  const credentials = basicCredentials(route.url);
  const isAgent = ([name]: readonly [string, string]): boolean => name === "User-Agent";
  all.push(...headers.filter(isAgent), ...length);
  if (credentials !== null) all.push(["Authorization", credentials]);
  all.push(...headers.filter((header) => !isAgent(header)), ["Accept-Encoding", "gzip"]);
  const forProxy =
    isForwarded(route) && route.proxy !== null ? basicCredentials(route.proxy) : null;
  if (forProxy !== null) all.push(["Proxy-Authorization", forProxy]);
  return all.flat();
}

/** Names and values, which node:http gives alternately. */
function pairsOf(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""]] : []));
}

function describe(route: Route, error: unknown): string {
  if (error instanceof ConnectError) return error.message;
  const { origin, protocol } = route.url;
  const isPlain = protocol === "http:" && route.proxy === null;
  return `Cannot get an answer from "${origin}": ${reasonBy(error, { isPlain })}`;
}
