// Isolate: keeps what code in this worker says and asks for from getting out, as far as it goes by
// the usual ways. For good.

/** What a request is answered that is not sent. */
const ANSWER = { status: 200, headers: { "content-type": "application/json" } } as const;

/**
 * Standard output is the program's own: what is printed goes beside it. Requests by `fetch` are not
 * sent, each is answered by an empty object.
 *
 * @param requested Called with the method of each request and whom it was for, such as
 *   "POST https://example.net".
 */
export function isolateWorker(requested: (what: string) => void): void {
  for (const method of ["log", "info", "debug"] as const) console[method] = console.error;
  const answer = async (input: unknown, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as Request, init);
    requested(`${request.method} ${new URL(request.url).origin}`);
    return new Response("{}", ANSWER);
  };
  globalThis.fetch = answer as typeof globalThis.fetch;
}
