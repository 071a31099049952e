// Server: the sandbox on a loopback port.
//
// Owns:     sockets, the clock, what faults do to the sending of an answer, the log of requests.
// Not here: what is answered (api.ts), what goes wrong when (faults.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { RunnerError } from "../errors.ts";
import type { Clock } from "../lib/ports.ts";
import { type Api, answerRequest, BASE_PATH, routeOf } from "../sim/api.ts";
import { CHUNKED_FROM, type Reply } from "../sim/envelope.ts";
import { type AgentSpec, createFleet } from "../sim/fleet.ts";
import { NO_TWEAKS, type Tweaks } from "../sim/search.ts";
import {
  type AnswerScript,
  type Behaviour,
  createStore,
  type Investigator,
  REALISTIC,
} from "../sim/store.ts";
import { describeActions, type SandboxAction } from "../sim/summary.ts";
import type { Instant } from "../time.ts";
import {
  createFaultPlan,
  type Fault,
  type FaultPlan,
  faultOf,
  replacementOf,
  strike,
} from "./faults.ts";
import { createTrust } from "./trust.ts";

/** How a sandbox is made. Every member may be missing but the keys. */
export interface SandboxOptions {
  /** @default 0, any free port */
  readonly port?: number;
  /** Loopback only. @default "127.0.0.1" */
  readonly host?: "127.0.0.1";
  /** How many agents, or what is to be fixed of each. @default 20 */
  readonly agents?: number | readonly AgentSpec[];
  /** What all made-up values depend on. @default "mig" */
  readonly seed?: string | number;
  /** OpenPGP keys of the investigators, armored or binary, public or secret; several rings. */
  readonly publicKeys: Uint8Array | readonly Uint8Array[];
  /** Values of X-MIGAPIKEY that are accepted. @default none */
  readonly apiKeys?: readonly string[];
  /** @default REALISTIC */
  readonly behaviour?: Partial<Behaviour>;
  /** Scripted answers, asked once for each command. */
  readonly answers?: AnswerScript;
  /** See parseFault. @default none */
  readonly faults?: readonly (Fault | string)[];
  /** Certificate and key in PEM; with them the sandbox speaks HTTPS. */
  readonly tls?: { readonly key: string | Uint8Array; readonly cert: string | Uint8Array };
  /** @default the real clock */
  readonly clock?: Pick<Clock, "now" | "sleep">;
  /** The first id of operations and actions. @default grows from the current second, as in MIG */
  readonly firstId?: number;
  /** Told what a user of the sandbox should know, such as a target that matches nothing. */
  readonly note?: (line: string) => void;
}

/** A request that the sandbox got, for tests. */
export interface SandboxRequest {
  readonly at: Instant;
  /** Requests of one connection have one number; the first is 1. */
  readonly connection: number;
  readonly method: string;
  /** Path and query string, as sent. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The names and values in the order and spelling in which they came. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The status of the answer; null when the connection was dropped. */
  readonly status: number | null;
}

/** A running sandbox. */
export interface Sandbox {
  /** What `[api] url` must be, with a slash at its end. */
  readonly url: string;
  readonly port: number;
  readonly investigators: readonly Investigator[];
  /** What was posted and accepted, oldest first. */
  actions(): SandboxAction[];
  /** What was asked, oldest first; the last REQUESTS_MAX. */
  requests(): SandboxRequest[];
  /** Replaces all faults; each begins to count again. */
  setFaults(faults: readonly (Fault | string)[]): void;
  /** Closes the port and all connections. */
  close(): Promise<void>;
}

/** Requests that are remembered. */
export const REQUESTS_MAX = 10_000;
/** Bodies that are longer end their connection. */
const BODY_MAX_BYTES = 64 * 1024 * 1024;
/** Bytes of a body that are remembered. */
const REMEMBERED_MAX_BYTES = 1024 * 1024;
/** How often a slow answer goes on. */
const TRICKLE_MS = 100;
/** 2013-04-29T18:00:00Z, from which MIG counts its ids. @see mig/action.go `GenID` */
const MIG_EPOCH_SECONDS = 1_367_258_400;

/**
 * Starts a sandbox.
 *
 * @throws {RunnerError} USAGE when it may not listen there, a fault is unknown or no key is given.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { host = "127.0.0.1" } = options;
  if (host !== "127.0.0.1") {
    throw new RunnerError(
      "USAGE",
      `Cannot start sandbox on "${host}": it listens on 127.0.0.1 only`,
    );
  }
  const clock = options.clock ?? REAL_CLOCK;
  const api = createApi(options, clock.now());
  const edge: Edge = {
    api,
    clock,
    plan: createFaultPlan(options.faults ?? [], options.seed ?? "mig"),
    requests: [],
    connections: new WeakMap(),
    connectionCount: 0,
    closing: new AbortController(),
  };
  const server = createListener(options, edge);
  const port = await listen(server, options.port ?? 0);
  api.host = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  return {
    url: `${api.host}${BASE_PATH}/`,
    port,
    investigators: api.trust.investigators,
    actions: () => describeActions(api.store, clock.now()),
    requests: () => [...edge.requests],
    setFaults(faults) {
      edge.plan = createFaultPlan(faults, options.seed ?? "mig");
    },
    async close() {
      edge.closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What the handling of a request needs; `plan` and the counts change. */
interface Edge {
  readonly api: Api;
  readonly clock: Pick<Clock, "now" | "sleep">;
  plan: FaultPlan;
  readonly requests: SandboxRequest[];
  readonly connections: WeakMap<object, number>;
  connectionCount: number;
  readonly closing: AbortController;
}

const REAL_CLOCK: Pick<Clock, "now" | "sleep"> = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

function createApi(options: SandboxOptions, now: Instant): Api {
  const { seed = "mig", agents = 20, publicKeys, apiKeys = [] } = options;
  const rings = publicKeys instanceof Uint8Array ? [publicKeys] : publicKeys;
  const trust = createTrust(rings, apiKeys);
  if (trust.investigators.length === 0) {
    throw new RunnerError("USAGE", "Cannot start sandbox: it has no key to trust", {
      hint: "Give the keyring of an investigator",
    });
  }
  const store = createStore({
    seed,
    fleet: createFleet({ agents, seed, now }),
    behaviour: { ...REALISTIC, ...options.behaviour },
    script: options.answers ?? null,
    createdAt: now,
    note: options.note ?? (() => {}),
  });
  const firstId = (Math.floor(now / 1000) - MIG_EPOCH_SECONDS + 1) * 65_536;
  return { store, trust, host: "", nextId: options.firstId ?? firstId };
}

function createListener(options: SandboxOptions, edge: Edge): Server {
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    serve(edge, request, response).catch(() => request.socket.destroy());
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer(onRequest)
      : (createTlsServer(
          { key: Buffer.from(tls.key), cert: Buffer.from(tls.cert), minVersion: "TLSv1.2" },
          onRequest,
        ) as unknown as Server);
  server.on("clientError", (_, socket) => socket.destroy());
  // A client that polls must not lose a race against an idle timer.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  return server;
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(
        new RunnerError(
          "USAGE",
          `Cannot start sandbox on port "${port}": ${error.message}`,
          { hint: "Stop what listens there, or give another --port and put it into [api] url" },
          { cause: error },
        ),
      );
    });
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function serve(edge: Edge, request: IncomingMessage, response: ServerResponse) {
  const { api, clock } = edge;
  const url = request.url ?? "/";
  const body = await readBody(request);
  if (body === null) {
    request.socket.destroy();
    return;
  }
  const faults = strike(edge.plan, routeOf(url));
  const latency = faultOf(faults, "latency");
  if (latency !== null) await clock.sleep(latency.value, edge.closing.signal);
  const href = api.host + url;
  const instead = replacementOf(faults, { isAfter: false, href });
  const effect =
    instead ??
    (await answerRequest(
      api,
      {
        method: request.method ?? "",
        url,
        header: (name) => headerOf(request, name),
        body,
      },
      { now: clock.now(), tweaks: tweaksOf(faults) },
    ));
  const reply = replacementOf(faults, { isAfter: true, href }) ?? effect;
  remember(edge, request, { body, status: reply === "drop" ? null : reply.status });
  if (reply === "drop") request.socket.destroy();
  else await send(edge, response, reply, faults);
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

function tweaksOf(faults: readonly Fault[]): Tweaks {
  return {
    ...NO_TWEAKS,
    repeatPage: faultOf(faults, "repeat-page") !== null,
    lieCounts: faultOf(faults, "lie-counts") !== null,
    hideFreshMs: faultOf(faults, "hide-fresh")?.value ?? 0,
    resultBytes: faultOf(faults, "huge")?.value ?? 0,
  };
}

/** The body, or null when it is too long or was cut. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > BODY_MAX_BYTES) return null;
      parts.push(part);
    }
  } catch {
    return null;
  }
  return Buffer.concat(parts);
}

function remember(
  edge: Edge,
  request: IncomingMessage,
  { body, status }: { body: Uint8Array; status: number | null },
): void {
  const { socket } = request;
  const known = edge.connections.get(socket);
  const connection = known ?? ++edge.connectionCount;
  edge.connections.set(socket, connection);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  edge.requests.push({
    at: edge.clock.now(),
    connection,
    method: request.method ?? "",
    url: request.url ?? "/",
    headers: Object.fromEntries(headers) as Record<string, string>,
    rawHeaders: request.rawHeaders,
    body: new TextDecoder().decode(body.subarray(0, REMEMBERED_MAX_BYTES)),
    status,
  });
  if (edge.requests.length > REQUESTS_MAX) edge.requests.shift();
}

async function send(
  edge: Edge,
  response: ServerResponse,
  reply: Reply,
  faults: readonly Fault[],
): Promise<void> {
  const body = Buffer.from(reply.body);
  const headers = [
    ...reply.headers.flat(),
    "Date",
    new Date(edge.clock.now()).toUTCString(),
    ...(body.length < CHUNKED_FROM ? ["Content-Length", String(body.length)] : []),
  ];
  response.sendDate = false;
  response.writeHead(reply.status, headers);
  const slow = faultOf(faults, "slow");
  if (faultOf(faults, "cut") !== null) {
    await write(response, body.subarray(0, Math.ceil(body.length / 2)));
    response.socket?.destroy();
  } else if (slow === null) {
    response.end(body);
  } else {
    const step = Math.max(1, Math.ceil((slow.value * TRICKLE_MS) / 1000));
    for (let at = 0; at < body.length && !response.destroyed; at += step) {
      await write(response, body.subarray(at, at + step));
      await edge.clock.sleep(TRICKLE_MS, edge.closing.signal);
      if (edge.closing.signal.aborted) return;
    }
    response.end();
  }
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => response.write(bytes, () => resolve()));
}
