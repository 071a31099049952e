// Envelope: reads the API's answers that are not pages of commands: the values asked for, or why
// there are none.
//
// Every answer is collection+json, whatever its status; what is not comes from something between
// the API and us. Both are bounded: an answer that is too large is given up, not held.
import { messageOf } from "../errors.ts";
import { tooLarge } from "../lib/json/fault.ts";
import { PageSplitter, type PageSummary } from "./page.ts";

/** Most bytes of one answer that is no page of commands. */
export const ENVELOPE_SIZE_MAX = 64 * 1024 * 1024;

export interface EnvelopeOptions {
  /** Which entries are meant. */
  isWanted(name: string): boolean;
  /** Gets each of their values as it was sent. Answer false to read no further. */
  onValue(bytes: Uint8Array): boolean;
  /** Most bytes of the whole answer. @default ENVELOPE_SIZE_MAX */
  readonly sizeMax?: number;
}

/**
 * Reads an answer to its end, or until `onValue` has what it wants (then the answer is null).
 *
 * @throws {PageError} If it is not collection+json or too large.
 * @throws {Error} What the body throws when the connection fails.
 */
export async function readEnvelope(
  body: AsyncIterable<Uint8Array>,
  options: EnvelopeOptions,
): Promise<PageSummary | null> {
  const { sizeMax = ENVELOPE_SIZE_MAX } = options;
  let size = 0;
  let isDone = false;
  const splitter = new PageSplitter({
    itemSizeMax: ENVELOPE_SIZE_MAX,
    isWanted: (name) => options.isWanted(name),
    onCommand: (bytes) => {
      isDone ||= !options.onValue(bytes);
    },
  });
  for await (const part of body) {
    size += part.length;
    if (size > sizeMax) throw tooLarge(sizeMax);
    splitter.push(part);
    if (isDone) return null;
  }
  return splitter.finish();
}

/** How many bytes are read of an answer that did not come from the API. */
const STRANGE_SIZE_MAX = 4_096;

/** Most characters of somebody else's words in our messages. */
const SHORT_MAX = 300;

/**
 * Why a request failed, for the operator: `HTTP 500: <the API's own message>`, or what else the
 * body says. Reads a bounded part of the body and closes it. Never rejects.
 */
export async function readFailure(
  status: number,
  body: AsyncIterable<Uint8Array>,
): Promise<{ readonly message: string; readonly apiMessage: string | null }> {
  const parts: Uint8Array[] = [];
  const apiMessage = await readMessage(recorded(body, parts));
  if (apiMessage !== null) return { message: `HTTP ${status}: ${shorten(apiMessage)}`, apiMessage };
  // As a stream: half a character at the end, where it was cut, is left out.
  const start = joined(parts).subarray(0, STRANGE_SIZE_MAX);
  const text = new TextDecoder().decode(start, { stream: true });
  const words = shorten(text.replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, " "));
  const isStrange = words !== "" && !text.trimStart().startsWith("{");
  return { message: isStrange ? `HTTP ${status}: ${words}` : `HTTP ${status}`, apiMessage: null };
}

async function readMessage(body: AsyncIterable<Uint8Array>): Promise<string | null> {
  try {
    const nothing = { isWanted: () => false, onValue: () => true };
    return (await readEnvelope(body, nothing))?.errorMessage ?? null;
  } catch {
    return null;
  }
}

/** The body itself; its first bytes are also put into `parts`. */
async function* recorded(
  body: AsyncIterable<Uint8Array>,
  parts: Uint8Array[],
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const part of body) {
    if (size < STRANGE_SIZE_MAX) parts.push(part.slice(0, STRANGE_SIZE_MAX - size));
    size += part.length;
    yield part;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Somebody else's words on one line, without control characters, at most 300 characters. */
export function shorten(text: string): string {
  const line = text
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .toWellFormed();
  const characters = Array.from(line.slice(0, SHORT_MAX * 2));
  if (characters.length <= SHORT_MAX) return characters.join("");
  return `${characters.slice(0, SHORT_MAX - 1).join("")}…`;
}

/** The text of what `readEnvelope` threw, or of what a body threw. */
export function faultText(error: unknown): string {
  return shorten(messageOf(error));
}
