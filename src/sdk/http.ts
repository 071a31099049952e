// HTTP: requests of a step, in the words that the runner understands: what may be tried again, and
// when; and what is of no use.
import { retryAfter } from "../lib/http/retry-after.ts";
import { FatalError, RetryError } from "./failure.ts";
import type { FetchOptions, StepFetch } from "./fetch.ts";

/** A service that asks to be left alone, and does not say for how long. */
const BUSY = "60s";

/** Answers by which a service says that it did nothing, and may do it later. */
const PASSING: readonly number[] = [408, 425, 429, 503];

/**
 * The same response when its status is 200 to 299. Otherwise throws what says how to go on: after
 * 408, 425, 429 and 503 the service did nothing, and is asked again when it said (Retry-After), or
 * after a minute; any other 4xx is of no use to repeat; what a 5xx did is unknown, so it is tried
 * again only if the step has `retry`.
 *
 * @throws {RetryError | FatalError | Error}
 * @example
 * ```ts
 * import { ensureOk, type StepContext } from "mig-runner";
 *
 * export async function tell(text: string, context: StepContext): Promise<void> {
 *   const body = JSON.stringify({ text });
 *   const init = { method: "POST", body, idempotent: true };
 *   ensureOk(await context.fetch("https://a.example/", init));
 * }
 * ```
 */
export function ensureOk(response: Response): Response {
  const { headers, ok, status, url } = response;
  if (ok) return response;
  const service = url === "" ? "the service" : new URL(url).origin;
  const message = `${service} answers HTTP ${status}`;
  if (PASSING.includes(status)) {
    // A date is by the service's own clock, which its answer shows.
    const waitMs = retryAfter(headers.get("retry-after"), Date.parse(headers.get("date") ?? ""));
    throw new RetryError(message, { after: waitMs ?? BUSY });
  }
  if (status >= 400 && status < 500) throw new FatalError(message);
  throw new Error(message);
}

/** Methods that do no more when they are called twice. @see RFC 9110, section 9.2.2 */
const IDEMPOTENT = /^(?:GET|HEAD|PUT|DELETE|OPTIONS)$/i;

/** Between tries that reach nobody: twice as long each time, up to this. */
const UNREACHED_MAX_MS = 300_000;

/**
 * For the runner: the `fetch` of one try of a step.
 *
 * When nothing comes back, a request that may be sent twice says that it may be tried again.
 */
export function stepFetch(
  send: (url: string | URL, init: FetchOptions) => Promise<Response>,
  { key, attempt }: { readonly key: string; readonly attempt: number },
): StepFetch {
  return async (url, { idempotent = false, ...init } = {}) => {
    const headers = new Headers(init.headers);
    if (idempotent) headers.set("idempotency-key", key);
    try {
      return await send(url, { ...init, headers });
    } catch (error) {
      const mayRepeat = idempotent || IDEMPOTENT.test(init.method ?? "GET");
      if (!(error instanceof TypeError) || !mayRepeat) throw error;
      const after = Math.min(1_000 * 2 ** (attempt - 1), UNREACHED_MAX_MS);
      throw new RetryError(error.message, { after, cause: error });
    }
  };
}
