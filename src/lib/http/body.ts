// Body: an answer's body as it arrives, decoded, with a limit on how long it may stand still.
import type { IncomingMessage } from "node:http";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Milliseconds } from "../../time.ts";
import { runtimeName } from "../os/runtime.ts";
import type { Exchange } from "./exchange.ts";
import { reasonOf } from "./faults.ts";

export interface BodyOptions {
  readonly response: IncomingMessage;
  readonly exchange: Exchange;
  readonly idleTimeoutMs: Milliseconds;
  /** Gets each part back that was handed out, when the reader is done with it. */
  readonly onPart: (part: Uint8Array) => void;
  /** For messages: where the body comes from. */
  readonly origin: string;
}

/**
 * The body, to be read once. The connection is read no faster than the body is taken. When nobody
 * begins to read it within the idle limit, or the reader leaves, the connection is closed.
 */
export function openBody(options: BodyOptions): AsyncIterable<Uint8Array> {
  const { exchange, idleTimeoutMs, response } = options;
  const isGzip = /^gzip$/i.test(response.headers["content-encoding"] ?? "");
  // The error of a pipeline also ends its last stream, where the reader meets it.
  const stream = isGzip ? pipeline(response, createGunzip(), () => {}) : response;
  stream.on("error", () => {});
  stream.once("close", () => exchange.end());
  const close = (error: Error): void => {
    stream.destroy(error);
    exchange.end();
  };
  exchange.onStop = close;
  const unread = setTimeout(() => close(new Error("the answer was not read")), idleTimeoutMs);
  stream.once("close", () => clearTimeout(unread));
  return {
    [Symbol.asyncIterator]: () => {
      clearTimeout(unread);
      const parts = read(stream, options);
      return {
        next: () => parts.next(),
        // A generator that was not begun would do nothing, and the exchange would go on.
        return(value) {
          letGo(stream, exchange);
          return parts.return(value);
        },
      };
    },
  };
}

async function* read(stream: Readable, options: BodyOptions): AsyncGenerator<Uint8Array> {
  const { exchange, idleTimeoutMs, onPart, origin, response } = options;
  const parts = stream.iterator({ destroyOnReturn: true });
  try {
    for (;;) {
      const stalled = new Error(`nothing came for ${idleTimeoutMs / 1_000} s`);
      const timer = setTimeout(() => stream.destroy(stalled), idleTimeoutMs);
      const part = await parts.next().finally(() => clearTimeout(timer));
      if (part.done === true) break;
      yield part.value as Uint8Array;
      // The reader has come back for more, so it is done with this one.
      onPart(part.value as Uint8Array);
    }
    if (!response.complete) throw new Error("the connection was cut");
  } catch (error) {
    throw new Error(`Cannot read the answer of "${origin}" to its end: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    letGo(stream, exchange);
  }
}

/** A reader that leaves early does not want the rest: reading it would hold the connection. */
function letGo(stream: Readable, exchange: Exchange): void {
  if (!stream.readableEnded) stream.destroy();
  exchange.end();
}

/** Longest body of a redirect that is read to keep its connection. */
const DISCARD_MAX = 2_048;

/** Lets go of an answer whose body nobody wants. */
export function discardBody(response: IncomingMessage): void {
  response.on("error", () => {});
  const size = Number(response.headers["content-length"] ?? Number.POSITIVE_INFINITY);
  if (size <= DISCARD_MAX) response.resume();
  else response.destroy();
}

/** Bytes of a part of an answer that has memory of its own, and is worth the call. */
const GIVEN_BACK_MIN = 64 * 1024;

/**
 * Gives back the memory of a part of an answer that nobody looks at any more; false when it is left
 * to the collector. What comes next is written there: new memory costs more than the bytes in it.
 */
export function giveBack(part: Uint8Array): boolean {
  const { buffer, length } = part;
  if (runtimeName() !== "bun" || length < GIVEN_BACK_MIN) return false;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== length) return false;
  buffer.transfer(0);
  return true;
}
