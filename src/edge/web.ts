// Web: answers HTTP on a port or a unix socket, by a function from request to response.
//
// Owns:     sockets, their bounds, and turning what node has of a request into what the web has.
// Not here: what is answered (web/app.ts), whether a certificate is fit (certificate.ts).
//
// Bounds: connections, the size of a request's head, of a form, the time of a handshake, of a
// request and of an idle connection. Whoever exceeds one loses the connection, and nothing else.
import { lstatSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createPlainServer,
  isIP,
  type Server,
  type Socket,
} from "node:net";
import { umask } from "node:process";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { RunnerError } from "../errors.ts";
import { errnoCode, errnoText } from "../lib/os/errno.ts";

/** Where to listen. */
export type Place =
  | { readonly kind: "port"; readonly host: string; readonly port: number }
  | { readonly kind: "socket"; readonly path: string };

/** Whether a text is an address in numbers. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** What a listener shows of itself by TLS, in PEM. */
export interface Credentials {
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
}

/** What is known of a request beside the request. */
export interface Around {
  readonly host: string | null;
  /** The address from which it came; "" by a unix socket. */
  readonly from: string;
  /** The value of a header that is there once; else null. */
  header(name: string): string | null;
}

/** What answers. It must not throw. */
export type Answer = (request: Request, around: Around) => Response | Promise<Response>;

/** A listener that is open. */
export interface Listener {
  /** Where people find it, such as `http://127.0.0.1:8787/`. */
  readonly url: string;
  /** Shows something else by TLS from the next connection on. */
  renew(credentials: Credentials): void;
  close(): Promise<void>;
}

/** Connections at one time: a browser opens six. */
export const CONNECTIONS_MAX = 64;

/** Bytes of the first line and the headers of a request. */
const HEAD_BYTES_MAX = 16 * 1024;

/** Characters of the path and the query of a request. */
const TARGET_SIZE_MAX = 4_096;

/** Bytes of a form. */
export const FORM_BYTES_MAX = 64 * 1024;

/** How long a request may take to come, an answer to go, and a connection to be idle. */
const IDLE_MS = 30_000;

/** How a place is listened on. */
export interface ListenOptions {
  /** Whether what is sent by POST is read. @default false */
  readonly takesForms?: boolean;
  /** For TLS, on a port. @default without */
  readonly credentials?: Credentials | null;
  /** How long whoever is connected may take for each thing. @default half a minute */
  readonly idleMs?: number;
}

/**
 * Opens a listener.
 *
 * @throws {RunnerError} USAGE, when the place cannot be had.
 */
export async function listen(
  place: Place,
  answer: Answer,
  { takesForms = false, credentials = null, idleMs = IDLE_MS }: ListenOptions = {},
): Promise<Listener> {
  const connections = new Connections(idleMs);
  const server = createServer({ maxHeaderSize: HEAD_BYTES_MAX }, (request, response) => {
    connections.answering(request.socket, response);
    serve(request, response, { answer, takesForms, idleMs }).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = idleMs;
  // Of one that says it does not, Deno ends each connection after an answer.
  Object.defineProperty(server, "listening", { get: () => outer.listening });
  server.on("clientError", (_, socket) => socket.destroy());
  // What listens is not what speaks HTTP: Bun tells of a connection to the latter too late to bound
  // it, and of none whose handshake is not over.
  const talk = (socket: Socket): void => {
    connections.wait(socket);
    server.emit("connection", socket);
  };
  const secure = credentials === null ? null : secureServer(credentials, idleMs, talk);
  const outer = secure ?? createPlainServer();
  outer.on("connection", (socket: Socket) => {
    if (connections.take(socket) && secure === null) talk(socket);
  });
  if (place.kind === "socket") await removeStale(place.path);
  await open(outer, place);
  return {
    url: urlOf(outer, place, secure === null ? "http" : "https"),
    renew: (fresh) => secure?.setSecureContext(contextOf(fresh)),
    async close() {
      const closed = new Promise<void>((resolve) => outer.close(() => resolve()));
      connections.close();
      await closed;
    },
  };
}

/** Only whoever speaks TLS to the end of a handshake may talk. */
function secureServer(
  credentials: Credentials,
  idleMs: number,
  talk: (socket: Socket) => void,
): TlsServer {
  const options = { ...contextOf(credentials), handshakeTimeout: idleMs };
  const secure = createTlsServer({ ...options, ALPNProtocols: ["http/1.1"] }, (socket) => {
    socket.on("error", () => socket.destroy());
    talk(socket);
  });
  secure.on("tlsClientError", (_, socket) => socket.destroy());
  return secure;
}

function contextOf({ certificate, key }: Credentials): {
  cert: Buffer;
  key: Buffer;
  minVersion: "TLSv1.2";
} {
  return { cert: Buffer.from(certificate), key: Buffer.from(key), minVersion: "TLSv1.2" };
}

/** Who is connected, and for how long yet. */
class Connections {
  readonly #idleMs: number;
  readonly #open = new Set<Socket>();
  /** By the socket that speaks HTTP. */
  readonly #talks = new WeakMap<Socket, Talk>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** @returns Whether there was room. */
  take(socket: Socket): boolean {
    if (this.#open.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return false;
    }
    this.#open.add(socket);
    socket.setTimeout(this.#idleMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#open.delete(socket));
    return true;
  }

  /** Waits for a first request: a byte now and then makes none. */
  wait(socket: Socket): void {
    const talk: Talk = { answers: 0, ends: null };
    this.#talks.set(socket, talk);
    socket.once("close", () => stopWaiting(talk));
    this.#wait(socket, talk);
  }

  #wait(socket: Socket, talk: Talk): void {
    stopWaiting(talk);
    if (socket.destroyed) return;
    talk.ends = setTimeout(() => socket.destroy(), this.#idleMs);
  }

  /** A whole request has come: nothing is waited for until it is answered. */
  answering(socket: Socket, response: ServerResponse): void {
    const talk = this.#talks.get(socket);
    if (talk === undefined) return;
    stopWaiting(talk);
    talk.answers += 1;
    response.once("close", () => {
      talk.answers -= 1;
      if (talk.answers === 0) this.#wait(socket, talk);
    });
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

/** What is said by one connection. */
interface Talk {
  /** Requests that are being answered. */
  answers: number;
  /** Ends it when no whole request comes. */
  ends: ReturnType<typeof setTimeout> | null;
}

function stopWaiting(talk: Talk): void {
  if (talk.ends !== null) clearTimeout(talk.ends);
  talk.ends = null;
}

function open(server: Server, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(taken(place, error)));
    if (place.kind === "socket") listenOn(server, place.path, resolve);
    else server.listen(place.port, place.host, resolve);
  });
}

/**
 * Whoever may write to the socket may look. It is made with its mode: of a name in a directory of
 * others, nobody knows what it means a moment later.
 */
function listenOn(server: Server, path: string, listening: () => void): void {
  const before = umask(0o117);
  try {
    server.listen(path, listening);
  } finally {
    umask(before);
  }
}

function taken(place: Place, error: unknown): RunnerError {
  const name = place.kind === "socket" ? place.path : `${place.host}:${place.port}`;
  const why = errnoText(error);
  // The network may come up after this program does.
  const isAbsent = errnoCode(error) === "EADDRNOTAVAIL";
  const hint = isAbsent
    ? "Wait for the network, or give an address that this host has"
    : "Stop what listens there, or give another --listen";
  const about = { hint, ...(isAbsent ? { passing: true } : {}) };
  return new RunnerError("USAGE", `Cannot listen on "${name}": ${why}`, about, { cause: error });
}

/** A socket that nobody listens on any more is left by a process that was killed. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    const message = `Cannot listen on "${path}": it is there, and no socket`;
    throw new RunnerError("USAGE", message, { path, hint: "Move it away, or give another path" });
  }
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(errnoCode(error) !== "ECONNREFUSED"));
  });
  // Listening says then that the address is in use.
  if (!isAlive) unlinkSync(path);
}

function urlOf(server: Server, place: Place, scheme: "http" | "https"): string {
  if (place.kind === "socket") return `unix:${place.path}`;
  const { port } = server.address() as AddressInfo;
  return `${scheme}://${place.host.includes(":") ? `[${place.host}]` : place.host}:${port}/`;
}

interface Serving {
  readonly answer: Answer;
  readonly takesForms: boolean;
  readonly idleMs: number;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, takesForms, idleMs }: Serving,
): Promise<void> {
  const target = request.url ?? "/";
  const method = request.method ?? "GET";
  const isForm = takesForms && method === "POST";
  if ((hasBody(request) && !isForm) || !target.startsWith("/")) return end(response, 400);
  if (target.length > TARGET_SIZE_MAX) return end(response, 414);
  const header = (name: string): string | null => headerOf(request, name);
  const host = header("host");
  if (isForm && !/^application\/x-www-form-urlencoded *(;|$)/i.test(header("content-type") ?? "")) {
    return end(response, 415);
  }
  const form = isForm ? await formOf(request, idleMs) : null;
  if (isForm && form === null) return end(response, 413);
  const asked = requestOf(method, target, form);
  if (asked === null) return end(response, 400);
  const from = request.socket.remoteAddress ?? "";
  const given = await answer(asked, { host, from, header });
  response.writeHead(given.status, Object.fromEntries(given.headers));
  if (method === "HEAD") await given.body?.cancel();
  else if (given.body !== null) await send(response, given.body);
  response.end();
}

function headerOf({ rawHeaders }: IncomingMessage, name: string): string | null {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name.toLowerCase(),
  );
  return values.length === 1 ? (values[0] ?? null) : null;
}

/** All of a form; null for one that is too large. Rejects for one that comes too slowly. */
async function formOf(
  request: IncomingMessage,
  idleMs: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const late = setTimeout(() => request.destroy(), idleMs);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > FORM_BYTES_MAX) return null;
      parts.push(part);
    }
  } finally {
    clearTimeout(late);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Only forms have a body that is read. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Null for what no URL may hold. */
function requestOf(
  method: string,
  target: string,
  body: Uint8Array<ArrayBuffer> | null,
): Request | null {
  try {
    const how = { method: method === "HEAD" ? "GET" : method };
    return new Request(`http://page${target}`, body === null ? how : { ...how, body });
  } catch {
    return null;
  }
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { Connection: "close" });
  response.end();
}

/** A part at a time, as fast as it is taken. */
async function send(response: ServerResponse, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  // Whoever leaves is not waited for.
  response.once("close", () => void reader.cancel().catch(() => {}));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (response.destroyed) throw new Error("nobody reads any more");
      if (!response.write(value)) await drained(response);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      response.off("drain", drain).off("close", close);
      settle();
    };
    const drain = (): void => end(resolve);
    const close = (): void => end(() => reject(new Error("nobody reads any more")));
    response.on("drain", drain).on("close", close);
  });
}
