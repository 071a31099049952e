// Answers: what the words and headers of the API's answers mean.
import type { Instant } from "../time.ts";

/**
 * Messages of the API about an action that it would refuse again: about the form, the JSON, the
 * action's own checks, its signatures, and texts that are too long for its database. They do not
 * prove that nothing was stored.
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

/** Where a request went, for messages: without credentials, and without what was asked. */
export function placeOf(base: string, path: string): string {
  const url = URL.parse(base + path.replace(/\?.*$/, ""));
  if (url === null) return base;
  return `${url.origin}${url.pathname}`;
}

/** An answer that says no. */
export interface Refused {
  readonly status: number;
  /** What the API itself says; null when it was not the API that answered. */
  readonly apiMessage: string | null;
  /** What was answered, for people. */
  readonly message: string;
  /** Where the request went. */
  readonly place: string;
  /** The key that signs. */
  readonly key: string;
}

/** What to do about an answer whose words do not say it; in brackets, or nothing. */
export function adviceFor(refused: Refused): string {
  const advice = refused.apiMessage === null ? strangeAdvice(refused) : apiAdvice(refused);
  return advice === null ? "" : ` (${advice})`;
}

/** That something else than a MIG API answers at a place. */
export function strangeAnswer(place: string): string {
  return ` (${place} does not answer as a MIG API does: is url in [api] of .migrc right?)`;
}

const URL_ADVICE = "look at url in [api] of .migrc, which ends like /api/v1/";

function strangeAdvice({ status, message, place }: Refused): string {
  if (/HTTP request (?:was sent )?to (?:an )?HTTPS/i.test(message)) {
    return `${place} speaks TLS: begin url in [api] of .migrc with https://`;
  }
  switch (status) {
    case 404:
    case 405:
      return `there is no MIG API at ${place}: ${URL_ADVICE}`;
    case 407:
      return "the proxy wants a name and a password: put user:password@ into http_proxy or https_proxy";
    case 413:
      return `a proxy in front of the API at ${place} accepts nothing of this size`;
    case 429:
      return `${place} is asked more often than it allows: raise its limit for this host`;
    case 502:
    case 503:
    case 504:
      return `a proxy in front of the API answers for ${place}: is the API itself running?`;
    default:
      return `${place} does not answer as a MIG API does: ${URL_ADVICE}`;
  }
}

function apiAdvice({ apiMessage, key }: Refused): string | null {
  const said = apiMessage ?? "";
  if (/unknown entity|finding investigator/.test(said)) {
    return (
      `the API does not know the key ${key}: register its public key as an active ` +
      "investigator of MIG, which the API sees within 5 minutes"
    );
  }
  if (/API key authentication failed/.test(said)) {
    return "the API does not know the key that useapikeyauth in [gpg] of .migrc holds";
  }
  if (/authentication header not found/.test(said)) {
    return "something on the way to the API takes the token out of the request";
  }
  return null;
}
