// Answers: what the words and headers of the API's answers mean.
import type { Instant } from "../time.ts";

/**
 * What the API says of an action that it will refuse again: of the form, the JSON, the action's own
 * checks, its signatures, and a text that its database has no room for. The words are no proof that
 * nothing was stored.
 *
 * @see mig-api/action_endpoints.go `createAction`, mig/action.go `Validate`; test/golden/http
 */
const REFUSALS = [
  /^action (name|target|operations|pgpsignatures|validfrom|expireafter) is /,
  /^wring syntax version/,
  /^VerifySignatures\(\) ->/,
  /^unexpected end of JSON input$/,
  /^invalid character /,
  /^invalid URL escape /,
  /^json: /,
  /^parsing time /,
  /^Failed to store action: .*value too long for type/,
];

/** Whether the API has judged the action itself: another try of the same is of no use. */
export function isRefusal(apiMessage: string): boolean {
  return REFUSALS.some((refusal) => refusal.test(apiMessage));
}

/**
 * By how much two clocks differ, in brackets, when a token was refused for its time; else nothing.
 *
 * @param date The answer's Date header.
 */
export function clockHint(apiMessage: string, date: string | null, now: Instant): string {
  if (!apiMessage.includes("timestamp is not within")) return "";
  const aheadSeconds = date === null ? Number.NaN : Math.round((now - Date.parse(date)) / 1_000);
  if (Number.isNaN(aheadSeconds)) return " (compare this host's clock with the API's)";
  const direction = aheadSeconds < 0 ? "behind" : "ahead of";
  return ` (this host's clock is ${Math.abs(aheadSeconds)} s ${direction} the API's)`;
}

/** What to do about a redirect to another origin, which gets no token; in brackets, or nothing. */
export function movedHint(movedTo: string | undefined): string {
  if (movedTo === undefined) return "";
  return (
    ` (a redirect led to ${movedTo}, which gets no token or key, because it is another scheme, ` +
    "host or port: if it is the API, write it as url in [api] of the client configuration)"
  );
}
