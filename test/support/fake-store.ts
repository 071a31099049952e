// Fake store: an S3 service in memory, as an HTTP client sees it, with uploads in parts, and with
// faults as a test wants them.
import type { Http, HttpAnswer, HttpRequest } from "../../src/lib/ports.ts";

/** What becomes of a request instead of its answer. */
export type Fault =
  /** Answered so, with nothing done. */
  | number
  /** Nothing comes, and nothing was done. */
  | "lost"
  /** It was done, and nothing comes. */
  | "unanswered"
  /** It was done, and the answer ends in the middle. */
  | "cut";

interface Upload {
  readonly key: string;
  readonly begunAt: string;
  readonly parts: Map<number, Uint8Array>;
}

interface Item {
  readonly bytes: Uint8Array;
  readonly modifiedAt: string;
}

type Reply = {
  readonly status: number;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
};

const BUCKET = "/bucket/";

/** A bucket called `bucket`. */
export class FakeStore implements Pick<Http, "send"> {
  readonly objects = new Map<string, Item>();
  readonly uploads = new Map<string, Upload>();
  /** Each request, such as `PUT site/7.json?partNumber=2`. */
  readonly requests: string[] = [];
  /** Asked before each request is done; null: no fault. */
  fault: (request: string, count: number) => Fault | null = () => null;
  /** What new objects and uploads are dated. */
  now = Date.UTC(2026, 10, 30);
  #uploads = 0;

  put(key: string, text: string, modifiedAt = this.now): void {
    const bytes = new TextEncoder().encode(text);
    this.objects.set(key, { bytes, modifiedAt: new Date(modifiedAt).toISOString() });
  }

  text(key: string): string | undefined {
    const found = this.objects.get(key);
    return found === undefined ? undefined : new TextDecoder().decode(found.bytes);
  }

  send(request: HttpRequest): Promise<HttpAnswer> {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname).slice(BUCKET.length);
    const what = ["partNumber", "uploads", "prefix"]
      .filter((name) => url.searchParams.has(name))
      .map((name) => `${name}=${url.searchParams.get(name)}`);
    const told = `${request.method} ${key}${what.length === 0 ? "" : `?${what.join("&")}`}`;
    const count = this.requests.push(told);
    const fault = this.fault(told, count);
    if (typeof fault === "number") return Promise.resolve(answerOf({ status: fault }));
    const message = "Cannot get an answer: the connection was cut";
    if (fault === "lost") return Promise.resolve({ kind: "unreachable", sent: false, message });
    const reply = this.#reply(request, { key, query: url.searchParams });
    if (fault === "unanswered")
      return Promise.resolve({ kind: "unreachable", sent: true, message });
    return Promise.resolve(answerOf(reply, fault === "cut"));
  }

  #reply(request: HttpRequest, { key, query }: { key: string; query: URLSearchParams }): Reply {
    const { method, body = new Uint8Array() } = request;
    const id = query.get("uploadId");
    const isBucket = key === "";
    if (isBucket && method === "HEAD") return { status: 200 };
    if (isBucket && query.has("uploads")) return { status: 200, body: this.#listUploads(query) };
    if (isBucket) return { status: 200, body: this.#list(query) };
    if (method === "POST" && query.has("uploads")) return { status: 200, body: this.#begin(key) };
    if (id !== null) return this.#upload(method, { id, key, query, body: body.slice() });
    if (method === "PUT") return this.#put(key, body.slice());
    const found = this.objects.get(key);
    if (method === "DELETE") return { status: this.objects.delete(key) ? 204 : 204 };
    if (found === undefined) return { status: 404 };
    const headers = { etag: '"1"', "content-length": `${found.bytes.length}` };
    if (method === "HEAD") return { status: 200, headers };
    return rangeOf(found.bytes, request);
  }

  #put(key: string, bytes: Uint8Array): Reply {
    this.objects.set(key, { bytes, modifiedAt: new Date(this.now).toISOString() });
    return { status: 200, headers: { etag: '"1"' } };
  }

  #begin(key: string): string {
    const id = `upload-${++this.#uploads}`;
    const begunAt = new Date(this.now).toISOString();
    this.uploads.set(id, { key, begunAt, parts: new Map() });
    return `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
  }

  #upload(
    method: string,
    what: { id: string; key: string; query: URLSearchParams; body: Uint8Array },
  ): Reply {
    const upload = this.uploads.get(what.id);
    if (upload === undefined) return { status: 404 };
    if (method === "PUT") {
      upload.parts.set(Number(what.query.get("partNumber")), what.body);
      return { status: 200, headers: { etag: `"part ${what.query.get("partNumber")}"` } };
    }
    this.uploads.delete(what.id);
    if (method === "DELETE") return { status: 204 };
    const parts = [...upload.parts].sort(([left], [right]) => left - right);
    this.#put(what.key, new Uint8Array(Buffer.concat(parts.map(([, bytes]) => bytes))));
    const etag = "<ETag>&quot;1-2&quot;</ETag>";
    const body = `<CompleteMultipartUploadResult>${etag}</CompleteMultipartUploadResult>`;
    return { status: 200, body };
  }

  #list(query: URLSearchParams): string {
    const max = Number(query.get("max-keys") ?? 1_000);
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after)
      .sort();
    const shown = keys.slice(0, max).map((key) => {
      const { modifiedAt, bytes } = this.objects.get(key) as Item;
      const facts = `<LastModified>${modifiedAt}</LastModified><Size>${bytes.length}</Size>`;
      return `<Contents><Key>${key}</Key>${facts}</Contents>`;
    });
    const next = `<NextContinuationToken>${keys[max - 1]}</NextContinuationToken>`;
    const isCut = keys.length > max;
    const rest = `<IsTruncated>${isCut}</IsTruncated>${isCut ? next : ""}`;
    return `<ListBucketResult>${rest}${shown.join("")}</ListBucketResult>`;
  }

  #listUploads(query: URLSearchParams): string {
    const shown = [...this.uploads]
      .filter(([, { key }]) => key.startsWith(query.get("prefix") ?? ""))
      .map(([id, { key, begunAt }]) => {
        const facts = `<UploadId>${id}</UploadId><Initiated>${begunAt}</Initiated>`;
        return `<Upload><Key>${key}</Key>${facts}</Upload>`;
      });
    const rest = "<IsTruncated>false</IsTruncated>";
    return `<ListMultipartUploadsResult>${rest}${shown.join("")}</ListMultipartUploadsResult>`;
  }
}

function rangeOf(bytes: Uint8Array, { headers }: HttpRequest): Reply {
  const [, range = ""] = headers.find(([name]) => name.toLowerCase() === "range") ?? [];
  const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  if (Number(from) >= bytes.length) return { status: 416 };
  const end = to === "" ? bytes.length : Number(to) + 1;
  return { status: range === "" ? 200 : 206, body: bytes.subarray(Number(from), end) };
}

function answerOf({ status, body = "", headers = {} }: Reply, isCut = false): HttpAnswer {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const all = { "content-type": "application/xml", ...headers } as Record<string, string>;
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, isCut ? Math.floor(bytes.length / 2) : bytes.length);
    if (isCut) throw new Error("the connection was cut");
  }
  return {
    kind: "answer",
    status,
    header: (name) => all[name.toLowerCase()] ?? null,
    headers: Object.entries(all),
    body: parts(),
  };
}
