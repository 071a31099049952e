// Answer: a short text as an answer.
import { visible } from "../text.ts";

/** A line of plain text. */
export function plain(status: number, text: string): Response {
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  return new Response(`${visible(text)}\n`, { status, headers });
}
