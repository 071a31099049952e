// Fetch: the types of the `fetch` that plugins and steps get. Types only.

/** As for the global `fetch`. */
export interface FetchOptions extends RequestInit {
  /** Pass by the proxy that the environment names (http_proxy, https_proxy). @default false */
  readonly direct?: boolean | undefined;
}

/** As for the global `fetch`. */
export interface StepFetchOptions extends FetchOptions {
  /**
   * Send the step's `key` as the header idempotency-key: a service that knows it does a thing once,
   * although it was asked twice. @default false
   */
  readonly idempotent?: boolean | undefined;
}

/** As the global `fetch`, for a step. */
export type StepFetch = (url: string | URL, init?: StepFetchOptions) => Promise<Response>;
