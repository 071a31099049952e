// Connect: opens the connection that a request goes out on: direct or by proxy, plain or in TLS.
//
// Invariant C1: a socket is handed out only when it is ready for the request's first byte. So
// every error of this file proves that nothing of the request was sent.
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { Milliseconds } from "../../time.ts";
import { ConnectError, reasonBy, TlsError } from "./faults.ts";
import { identityProblem, serverNameOf } from "./identity.ts";
import { basicCredentials, hostOf, portOf } from "./proxy.ts";
import type { Trust } from "./trust.ts";

/** The way to a server. Requests with the same `key` can share a connection. */
export interface Route {
  readonly key: string;
  readonly url: URL;
  readonly proxy: URL | null;
}

export interface ConnectOptions {
  readonly trust: Trust;
  readonly skipVerifyCert: boolean;
  /** For all of it: name look-up, TCP, CONNECT and TLS. */
  readonly timeoutMs: Milliseconds;
}

/** The way to the server of a URL. */
export function routeTo(url: URL, proxy: URL | null): Route {
  // A proxy for plain HTTP serves all servers on one connection; in TLS each needs its own.
  const origin = proxy === null || url.protocol === "https:" ? url.origin : "";
  return { key: `${proxy?.href ?? ""} ${origin}`, url, proxy };
}

/** Whether the request line names the whole URL, as plain HTTP through a proxy needs. */
export function isForwarded(route: Route): boolean {
  return route.proxy !== null && route.url.protocol === "http:";
}

/** Opens a connection. Every error is a ConnectError whose message names the peer and the cure. */
export async function connect(route: Route, options: ConnectOptions): Promise<Socket> {
  const opened: Socket[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateError(opened, options)), options.timeoutMs);
  });
  try {
    return await Promise.race([open(route, options, opened), deadline]);
  } catch (error) {
    for (const socket of opened) socket.destroy();
    if (error instanceof ConnectError) throw error;
    throw new ConnectError(describe(route, error, options), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function lateError(opened: readonly Socket[], { timeoutMs }: ConnectOptions): Error {
  const within = `within ${timeoutMs / 1_000} s`;
  if (!(opened.at(-1) instanceof TLSSocket)) return new Error(`no connection ${within}`);
  return new TlsError("TLS", { cause: new Error(`no TLS handshake ${within}`) });
}

async function open(route: Route, options: ConnectOptions, opened: Socket[]): Promise<Socket> {
  const { proxy, url } = route;
  if (proxy?.protocol === "socks5:") throw new Error("SOCKS proxies are not supported");
  const first = proxy ?? url;
  const socket = connectTcp({ host: hostOf(first), port: portOf(first) });
  opened.push(socket);
  // A socket that fails after a timeout has nobody left to tell; without this it would throw.
  socket.on("error", ignore);
  await ready(socket, "connect");
  socket.setNoDelay(true);
  let top = socket;
  if (first.protocol === "https:") top = await secure(top, first, { options, opened });
  if (proxy === null || url.protocol === "http:") return top;
  await openTunnel(top, url, proxy);
  return await secure(top, url, { options, opened });
}

async function secure(
  socket: Socket,
  url: URL,
  { options, opened }: { options: ConnectOptions; opened: Socket[] },
): Promise<Socket> {
  const host = hostOf(url);
  const servername = serverNameOf(host);
  const secured = connectTls({
    socket,
    host,
    ...(servername === undefined ? {} : { servername }),
    secureContext: options.trust.context(),
    rejectUnauthorized: !options.skipVerifyCert,
    checkServerIdentity: (_, certificate) => {
      const problem = identityProblem(host, certificate);
      return problem === null ? undefined : new Error(problem);
    },
  });
  opened.push(secured);
  secured.on("error", ignore);
  try {
    await ready(secured, "secureConnect");
  } catch (cause) {
    throw new TlsError("TLS could not be set up", { cause });
  }
  return secured;
}

function ignore(): void {}

/** Resolves at the event, rejects at an error or when the peer hangs up first. */
function ready(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error("the connection was cut while it was set up"));
    socket.once("error", reject);
    socket.once("close", closed);
    socket.once(event, () => {
      socket.off("error", reject);
      socket.off("close", closed);
      resolve();
    });
  });
}

/** Longest answer to CONNECT that is read. */
const TUNNEL_ANSWER_MAX = 16_384;

/** Asks the proxy for a tunnel to the server, in the words of Go's client. */
async function openTunnel(socket: Socket, url: URL, proxy: URL): Promise<void> {
  const target = `${url.hostname}:${portOf(url)}`;
  const credentials = basicCredentials(proxy);
  const head = [
    `CONNECT ${target} HTTP/1.1`,
    `Host: ${target}`,
    "User-Agent: Go-http-client/1.1",
    ...(credentials === null ? [] : [`Proxy-Authorization: ${credentials}`]),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const answer = await readHead(socket);
  const [, status = ""] = /^HTTP\/1\.[01] (\d{3}\b[^\r\n]*)/.exec(answer) ?? [];
  if (status.startsWith("200")) return;
  const what = status === "" ? "what it answers is not HTTP" : `it answers "${status}"`;
  const hint = status.startsWith("407") ? "; put user:password@ into https_proxy" : "";
  const name = `proxy "${proxy.host}"`;
  throw new ConnectError(`Cannot reach "${url.host}" through ${name}: ${what}${hint}`);
}

function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const finish = (error: Error | null): void => {
      socket.off("data", read);
      socket.off("error", finish);
      socket.off("close", closed);
      socket.pause();
      if (error === null) resolve(head.toString("latin1"));
      else reject(error);
    };
    const closed = (): void => finish(new Error("the proxy closed the connection"));
    const read = (part: Buffer): void => {
      head = Buffer.concat([head, part]);
      const end = head.indexOf("\r\n\r\n");
      if (end >= 0) {
        const rest = head.subarray(end + 4);
        head = head.subarray(0, end);
        finish(null);
        if (rest.length > 0) socket.unshift(rest);
      } else if (head.length > TUNNEL_ANSWER_MAX) {
        finish(new Error("the proxy's answer is too long"));
      }
    };
    socket.on("data", read);
    socket.once("error", finish);
    socket.once("close", closed);
  });
}

function describe(route: Route, error: unknown, { trust }: ConnectOptions): string {
  const through = route.proxy === null ? "" : ` through proxy "${route.proxy.host}"`;
  const reason = reasonBy(error, { isPlain: false });
  const unread = /certificate/.test(reason) && trust.problem !== null ? `; ${trust.problem}` : "";
  return `Cannot reach "${route.url.origin}"${through}: ${reason}${unread}`;
}
