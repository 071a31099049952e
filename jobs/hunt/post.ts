// Post: a request to a service, in the words that the runner understands: what may be tried again,
// when, and what is of no use.
import { Fatal, Retry, retryAfter, type StepContext } from "mig-runner";

/**
 * Posts JSON and gives the beginning of what comes back. The key is the same at each try, so a
 * service that knows the header does the thing once although it was asked twice.
 */
export async function post(url: string, body: object, context: StepContext): Promise<string> {
  const { key, signal } = context;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(body),
    signal,
  });
  const { status } = response;
  if (status === 429) {
    const waitMs = retryAfter(response.headers.get("retry-after"), Date.now());
    throw new Retry("too many requests", { after: waitMs ?? "60s" });
  }
  if (status >= 400 && status < 500) throw new Fatal(`${url} answers HTTP ${status}`);
  if (!response.ok) throw new Error(`${url} answers HTTP ${status}`);
  return (await response.text()).slice(0, 1_000);
}
