// Requests: what steps of a workflow ask for, over the runner's own HTTP client.
import { openHttp } from "../../lib/http/client.ts";
import type { Http } from "../../lib/ports.ts";
import { HOUR_MS, MINUTE_MS, type Milliseconds } from "../../time.ts";
import { type Fetch, openFetch } from "../plugins/fetch.ts";

/** HTTP exchanges that a workflow may have open at the same time. */
const CONNECTIONS_MAX = 64;

/** How long a service may be silent; a step's own `timeout` ends what it asks before. */
const SILENCE_MAX_MS: Milliseconds = 5 * MINUTE_MS;

/** A client with the proxies and certificates that the environment of the runner names. */
function openClient({ direct }: { readonly direct: boolean }): Http {
  const isProxy = ([name]: readonly [string, unknown]): boolean => /_proxy$/i.test(name);
  const kept = Object.entries(process.env).filter((entry) => !direct || !isProxy(entry));
  return openHttp({
    skipVerifyCert: false,
    environment: Object.fromEntries(kept),
    connectTimeoutMs: MINUTE_MS,
    headersTimeoutMs: SILENCE_MAX_MS,
    idleTimeoutMs: SILENCE_MAX_MS,
    exchangeTimeoutMs: HOUR_MS,
    connectionsMax: CONNECTIONS_MAX,
  });
}

/** The requests of one try of a step, which end with the signal. */
export function openRequests(signal: AbortSignal): Fetch {
  return openFetch(openClient, signal);
}
