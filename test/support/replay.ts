// Replay: a loopback API that answers as a real one did, from recorded exchanges.
//
// A POST gets the answer that was given for the action of the same name, a GET for commands the one
// for the same action and offset, or for the next offset that was recorded: `limit` is the client's
// own, and the original went on by it, not by what it got. Of several answers to one request each
// is given once, in order, and the last for ever. What was never asked is "no results found".
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { type RawRequest, startRawServer } from "./raw-server.ts";

/** One recorded exchange, a line of test/golden/http. */
export interface Exchange {
  readonly request: { readonly head: string; readonly body: string };
  readonly response: { readonly head: string; readonly body: string } | null;
  readonly fault?: "f:drop" | "f:dropafter" | "f:truncate" | "f:status";
}

export interface Replay {
  /** Of the API, as in `url` of the client configuration. */
  readonly url: string;
  readonly requests: readonly RawRequest[];
  /** Request lines that had not been recorded. */
  readonly unmatched: readonly string[];
  close(): Promise<void>;
}

/** The exchanges of a scenario, such as "paging". */
export function loadExchanges(scenario: string): readonly Exchange[] {
  const file = new URL(`../golden/http/${scenario}.jsonl`, import.meta.url);
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Exchange);
}

/** Starts the API on a free port. */
export async function startReplay(exchanges: readonly Exchange[]): Promise<Replay> {
  const left = [...exchanges];
  const unmatched: string[] = [];
  const server = await startRawServer({
    onRequest: (request, socket) => {
      const [first, second] = matching(left, request);
      if (first === undefined) {
        unmatched.push(lineOf(request));
        socket.write(encode(NOTHING));
        return;
      }
      if (second !== undefined) left.splice(left.indexOf(first), 1);
      play(first, socket);
    },
  });
  const { close, requests } = server;
  return { url: `${server.url}/api/v1/`, requests, unmatched, close };
}

const NOTHING = {
  head: "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
  body: '{"collection":{"version":"1.0","error":{"code":"1","message":"no results found"}}}',
};

function lineOf({ head }: { readonly head: string }): string {
  return head.slice(0, head.indexOf("\r\n"));
}

interface Asked {
  readonly key: string;
  readonly offset: number;
}

function askedOf(request: { readonly head: string; readonly body: string }): Asked {
  const [method = "", target = ""] = lineOf(request).split(" ");
  const { pathname, searchParams } = new URL(target, "http://api.invalid/");
  if (method === "POST") {
    const action = new URLSearchParams(request.body).get("action") ?? "null";
    return { key: `${pathname} ${JSON.parse(action)?.name}`, offset: 0 };
  }
  const key = `${pathname} ${searchParams.get("type")} ${searchParams.get("actionid")}`;
  return { key, offset: Number(searchParams.get("offset")) };
}

/** The answers that fit, in order. */
function matching(exchanges: readonly Exchange[], request: RawRequest): readonly Exchange[] {
  const { key, offset } = askedOf(request);
  const same = exchanges.filter((exchange) => askedOf(exchange.request).key === key);
  const offsets = same.map((exchange) => askedOf(exchange.request).offset);
  const next = Math.min(...offsets.filter((recorded) => recorded >= offset));
  return same.filter((_, index) => offsets[index] === next);
}

function play({ fault, response }: Exchange, socket: Socket): void {
  if (response === null || fault === "f:drop" || fault === "f:dropafter") {
    socket.destroy();
    return;
  }
  const bytes = encode(response);
  if (fault === "f:truncate") socket.end(bytes.subarray(0, bytes.length / 2));
  else socket.write(bytes);
}

/** The answer as on the wire, in chunks or with its length as it had been. */
function encode({ body, head }: { readonly head: string; readonly body: string }): Buffer {
  const bytes = Buffer.from(body);
  const parts = /^Transfer-Encoding: chunked/im.test(head)
    ? [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n0\r\n\r\n")]
    : [bytes];
  const length = `Content-Length: ${bytes.length}`;
  const exact = head.replace(/^Content-Length: \d+/im, length);
  return Buffer.concat([Buffer.from(exact, "latin1"), ...parts]);
}
