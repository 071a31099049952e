// Ports: the effects that libraries have or are handed: Clock, Random, Log, Http, Signer. They know
// no job and no action; what does is in src/ports.ts.
import type { Instant, Milliseconds } from "../time.ts";

/** Wall time to decide by, and waiting. Nothing outside edge/ reads a clock or sets a timer. */
export interface Clock {
  now(): Instant;
  /**
   * Resolves at the wall time `at`, or as soon as `signal` aborts. Never rejects.
   * Follows a clock that is set ahead: an edge implementation looks at it at least once a minute.
   * When it is set back, the wait does not grow: it ends when so much time has gone by.
   */
  until(at: Instant, signal?: AbortSignal): Promise<void>;
  /** Resolves after `ms` of elapsed (monotonic) time, or as soon as `signal` aborts. */
  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** Uniform numbers in [0, 1), for jitter only. */
export interface Random {
  next(): number;
}

/** Severities as syslog names them, in the order of their numbers there, most severe first. */
export const LOG_LEVELS = [
  "emerg",
  "alert",
  "crit",
  "err",
  "warning",
  "notice",
  "info",
  "debug",
] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line is about, as far as it is known: fields of a line in JSON. */
export interface LogSubject {
  readonly job?: string;
  readonly run?: number;
  /** The API's id of an action. */
  readonly action?: number;
  readonly step?: string;
  readonly plugin?: string;
  /** The event of an alarm. */
  readonly alarm?: string;
  /** How many hosts have answered. */
  readonly hosts?: number;
}

export interface Log {
  /** One line. Never throws, never blocks on a peer; a secret must not be in `message`. */
  emit(level: LogLevel, message: string, subject?: LogSubject): void;
}

/** One HTTP exchange as sent. Headers go out in this order and spelling. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
  /** Whether an answer that sends the request elsewhere is followed. @default "followed" */
  readonly redirects?: "followed" | "returned";
  /**
   * Whoever reads an answer of status 200 keeps no part of its body once it has asked for the next:
   * the memory of a large part is given back then. @default false
   */
  readonly lendsParts?: boolean;
  readonly signal?: AbortSignal;
  /**
   * Asked in the turn of the event loop in which the request is written to its socket: false ends
   * it, and nothing was sent. @default it may
   */
  mayLeave?(): boolean;
}

/**
 * What came back. `unreachable` with `sent: false` proves that no byte of the request left; with
 * `sent: true` the other side may have acted on it.
 */
export type HttpAnswer =
  | {
      readonly kind: "answer";
      readonly status: number;
      /** The header's value, its name in any case, or null. */
      header(name: string): string | null;
      /** All of them, with those that came more than once. Missing where nobody asks for it. */
      readonly headers?: readonly (readonly [name: string, value: string])[];
      /**
       * The body as it arrives, decoded from gzip. Iterating throws an Error when the connection
       * is cut, stalls past the time limit or is torn. Leaving the loop early closes the exchange.
       */
      readonly body: AsyncIterable<Uint8Array>;
      /** The origin that a redirect led to, where it is another than was asked. It got no secrets. */
      readonly movedTo?: string;
    }
  | { readonly kind: "unreachable"; readonly sent: boolean; readonly message: string };

/** The HTTP client. Timeouts, TLS, proxies and kept-alive connections are its own matter. */
export interface Http {
  /** Never rejects: what the network did is a value. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Closes idle connections. */
  close(): void;
}

/** The investigator's private key. */
export interface Signer {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /**
   * A detached OpenPGP signature as MIG sends it: base64 in one line, with `=` and the CRC24
   * appended.
   */
  sign(text: Uint8Array): Promise<string>;
}
