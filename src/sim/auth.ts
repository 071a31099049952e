// Auth: who is asking, by a signed token or an API key.
import type { Investigator } from "./store.ts";
import { millisOf, parseTimestamp } from "./timestamp.ts";

/** Whether a signature is good, and whose it is. The message is the API's. */
export type Verdict =
  | { readonly kind: "good"; readonly fingerprint: string }
  | { readonly kind: "bad"; readonly message: string };

/** Judges a detached signature of MIG's one-line form by the trusted keys. */
export type Verify = (text: string, signature: string) => Promise<Verdict>;

/** What authentication needs. */
export interface Trust {
  readonly verify: Verify;
  readonly investigators: readonly Investigator[];
  readonly apiKeys: ReadonlySet<string>;
}

/** How far the time of a token may be from now, to both sides: 10 minutes. */
export const TOKEN_WINDOW_MS = 600_000;

/**
 * Why a request is refused, or null. A token goes before an API key; the same token may come
 * again, as the API does not remember them.
 *
 * @param header Reads a header by its lower-case name.
 */
export async function refuseAccess(
  trust: Trust,
  header: (name: string) => string | null,
  now: number,
): Promise<string | null> {
  const failed = (why: string) => `Authorization verification failed with error '${why}'`;
  const token = header("x-pgpauthorization") ?? "";
  if (token !== "") {
    const why = await refuseToken(trust, token, now);
    return why === null ? null : failed(`verifySignedToken() -> ${why}`);
  }
  const key = header("x-migapikey") ?? "";
  if (key === "") return "Valid authentication header not found";
  return trust.apiKeys.has(key) ? null : failed("API key authentication failed");
}

async function refuseToken(trust: Trust, token: string, now: number): Promise<string | null> {
  const parts = token.split(";");
  const [version = "", time = "", nonce = "", signature = ""] = parts;
  if (parts.length !== 4) return "invalid token format";
  if (version !== "1") return "invalid token version, must be 1";
  const wrong = wrongTime(time);
  if (wrong !== null) return wrong;
  const at = parseTimestamp(time);
  if (at === null || Math.abs(millisOf(at) - now) > TOKEN_WINDOW_MS) {
    return "token timestamp is not within acceptable time limits";
  }
  const verdict = await trust.verify(`${version};${time};${nonce}\n`, signature);
  if (verdict.kind === "bad") return `GetFingerprintFromSignature() -> ${verdict.message}`;
  const isKnown = trust.investigators.some(
    ({ fingerprint }) => fingerprint === verdict.fingerprint,
  );
  return isKnown ? null : "Error while finding investigator: 'sql: no rows in result set'";
}

/** Go's complaint about a time that is not of the one form that tokens have. */
function wrongTime(text: string): string | null {
  const layout = "2006-01-02T15:04:05Z";
  const match = /^\d{4}-\d\d-\d\dT\d\d?:\d\d:\d\d(?:[.,]\d+)?(.*)$/s.exec(text);
  if (match === null)
    return `parsing time "${text}" as "${layout}": cannot parse "${text}" as "2006"`;
  const rest = match[1] ?? "";
  if (rest === "Z") {
    return parseTimestamp(text) === null ? `parsing time "${text}": day out of range` : null;
  }
  if (rest.startsWith("Z")) return `parsing time "${text}": extra text: "${rest.slice(1)}"`;
  return `parsing time "${text}" as "${layout}": cannot parse "${rest}" as "Z"`;
}
