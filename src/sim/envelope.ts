// Envelope: the Collection+JSON document that every answer of the API is, and its headers.
//
// Pages of commands are lists of prebuilt buffers: nothing is encoded again for a page.
import { encodeText } from "../lib/go/json.ts";

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  /** In the order in which they go out; the date and the length are added by the server. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: readonly Uint8Array[];
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
export function jsonReply(status: number, body: readonly Uint8Array[]): Reply {
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
    body: [Buffer.from("404 page not found\n")],
  };
}

/** The answer of Go's router to a method that the path has no handler for. */
export function methodNotAllowedReply(): Reply {
  return { status: 405, headers: [], body: [] };
}

/**
 * A collection: `items` are the buffers of encodeItem, between which commas are put.
 *
 * @param href The address that was asked for.
 */
export function collection(
  href: string,
  items: readonly (readonly Uint8Array[])[],
  error: ReplyError | null = null,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const head = `{"collection":{"version":"1.0","href":${encodeText(href)}`;
  parts.push(Buffer.from(items.length === 0 ? `${head},` : `${head},"items":[`));
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push(COMMA);
    parts.push(...item);
  }
  const close = items.length === 0 ? "" : "],";
  parts.push(Buffer.from(`${close}"template":{},"error":${encodeError(error)}}}`));
  return parts;
}

const COMMA = Buffer.from(",");

function encodeError(error: ReplyError | null): string {
  if (error === null) return "{}";
  return `{"code":"${error.code}","message":${encodeText(error.message)}}`;
}

/** What goes before and after the JSON of an item's value. */
export function itemFrame(href: string, name: string): { before: string; after: string } {
  return {
    before: `{"href":${encodeText(href)},"data":[{"name":${encodeText(name)},"value":`,
    after: "}]}",
  };
}

/** An item with one datum, whose value is given as JSON. */
export function encodeItem(href: string, name: string, value: string): Uint8Array[] {
  const { before, after } = itemFrame(href, name);
  return [Buffer.from(before + value + after)];
}
