// Envelope: the Collection+JSON document that every answer of the API is, and its headers.
import { encodeText } from "../lib/go/json.ts";

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  /** In the order in which they go out; the date and the length are added by the server. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** The error of an answer: the id of the operation, and what went wrong. */
export interface ReplyError {
  readonly code: number;
  readonly message: string;
}

/** Bodies below this many bytes carry Content-Length, others are sent in chunks, as by Go. */
export const CHUNKED_FROM = 2048;

/** The headers that every answer of the API itself has, in alphabetical order as Go sends them. */
const JSON_HEADERS = [
  ["Cache-Control", "no-cache"],
  ["Content-Type", "application/json"],
] as const;

/** A JSON answer with this body. */
export function jsonReply(status: number, body: string): Reply {
  return { status, headers: JSON_HEADERS, body };
}

/** The answer of Go's ServeMux to a path that it does not know. */
export function notFoundReply(): Reply {
  return {
    status: 404,
    headers: [
      ["Content-Type", "text/plain; charset=utf-8"],
      ["X-Content-Type-Options", "nosniff"],
    ],
    body: "404 page not found\n",
  };
}

/**
 * A collection: `items` are those of encodeItem.
 *
 * @param href The address that was asked for.
 */
export function collection(
  href: string,
  items: readonly string[],
  error: ReplyError | null = null,
): string {
  const list = items.length === 0 ? "" : `"items":[${items.join(",")}],`;
  return (
    `{"collection":{"version":"1.0","href":${encodeText(href)},${list}` +
    `"template":{},"error":${encodeError(error)}}}`
  );
}

function encodeError(error: ReplyError | null): string {
  if (error === null) return "{}";
  return `{"code":"${error.code}","message":${encodeText(error.message)}}`;
}

/** An item with one datum, whose value is given as JSON. */
export function encodeItem(href: string, name: string, value: string): string {
  const data = `{"name":${encodeText(name)},"value":${value}}`;
  return `{"href":${encodeText(href)},"data":[${data}]}`;
}
