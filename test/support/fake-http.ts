// Fake HTTP: an HTTP client in memory that answers as a test says and keeps what it was asked.
import type { Http, HttpAnswer, HttpRequest } from "../../src/lib/ports.ts";

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or its parts. */
  readonly body?: string | readonly (string | Uint8Array)[];
  /** Thrown after the last part. */
  readonly cut?: string;
  /** The origin that a redirect led to. */
  readonly movedTo?: string;
}

/** What the client is to answer to a request; anything else is given as it is. */
export type Responder = (request: HttpRequest) => FakeAnswer | HttpAnswer;

export interface FakeHttp extends Http {
  readonly requests: readonly HttpRequest[];
  /** Bodies that were begun or not, but neither read to their end nor left. */
  readonly open: () => number;
}

/** A client that asks `respond`, or gives the answers of a list in turn. */
export function fakeHttp(respond: Responder | readonly (FakeAnswer | HttpAnswer)[]): FakeHttp {
  const requests: HttpRequest[] = [];
  let open = 0;
  const answer = (request: HttpRequest): FakeAnswer | HttpAnswer => {
    if (typeof respond === "function") return respond(request);
    const next = respond[requests.length - 1];
    if (next === undefined) throw new Error(`Unexpected request for ${request.url}`);
    return next;
  };
  return {
    requests,
    open: () => open,
    close: () => {},
    send: (request) => {
      requests.push(request);
      const given = answer(request);
      if ("kind" in given) return Promise.resolve(given);
      open++;
      const body = bodyOf(given, () => open--);
      const { headers = {}, movedTo, status = 200 } = given;
      const moved = movedTo === undefined ? {} : { movedTo };
      const header = (name: string): string | null => headers[name.toLowerCase()] ?? null;
      return Promise.resolve({ kind: "answer", status, header, body, ...moved });
    },
  };
}

async function* bodyOf(answer: FakeAnswer, ended: () => void): AsyncGenerator<Uint8Array> {
  const { body = "", cut } = answer;
  try {
    for (const part of typeof body === "string" ? [body] : body) {
      yield typeof part === "string" ? new TextEncoder().encode(part) : part;
    }
    if (cut !== undefined) throw new Error(cut);
  } finally {
    ended();
  }
}
