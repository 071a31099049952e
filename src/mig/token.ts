// Token: the text by which a request shows who sends it: a time and any number, signed.
import type { Instant } from "../time.ts";

/** The original counts its numbers from here, 2013-04-29T18:00:00Z, in Unix seconds. */
const NUMBERS_FROM_SECONDS = 1_367_258_400;

/**
 * The text that the signature of a token covers, with the newline at its end.
 *
 * @param nonce Any whole number; the API accepts a repeated one.
 * @see client/client.go `MakeSignedToken`; test/golden/keyrings/tokens.json.
 */
export function tokenText(now: Instant, nonce: number): string {
  return `1;${new Date(now).toISOString().slice(0, 19)}Z;${nonce}\n`;
}

/** The value of the X-PGPAUTHORIZATION header: the text without its newline, and the signature. */
export function encodeToken(text: string, signature: string): string {
  return `${text.trimEnd()};${signature}`;
}

/**
 * The number that the original's generator gives first when it starts at `now`; the next are one
 * higher each. Below 2^53 until the year 6368.
 *
 * @see mig/action.go `GenID`.
 */
export function firstNonce(now: Instant): number {
  return (Math.floor(now / 1000) - NUMBERS_FROM_SECONDS + 1) * 65_536 + 1;
}
