// Objects: one bucket of an S3 service: what is put into it, read, listed and removed.
//
// Owns:     credentials that are read again when they are refused, attempts that end, parts one at
//           a time, and that an object is whole before anybody is told of it.
// Not here: what the objects are, and what they are called (bucket.ts).
import { type FileHandle, open } from "node:fs/promises";
import { S3mini, S3ServiceError, type UploadPart } from "s3mini";
import { messageOf, RunnerError } from "../../errors.ts";
import { Places } from "../../lib/http/exchange.ts";
import { collectGarbage } from "../../lib/os/runtime.ts";
import type { Clock, Http, Random } from "../../lib/ports.ts";
import type { Instant, Milliseconds } from "../../time.ts";
import { fetchOver } from "./fetch.ts";

/** Bytes of one part: S3 wants 5 MiB at least, and takes 10,000 parts. */
export const PART_BYTES = 8 * 1024 * 1024;

/** Parts in memory at the same time, of all uploads and readings together. */
const PARTS_MAX = 4;

/** Tries of one request, and the wait after the first that failed; then it is doubled. */
const ATTEMPTS_MAX = 5;
const FIRST_WAIT_MS: Milliseconds = 500;

/** Before as much is taken into memory, what was there before is given back. */
const LARGE_BYTES = 1024 * 1024;

/** Objects that are listed with one request. */
const LISTED_MAX = 1_000;

/** Who asks. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface ObjectsOptions {
  /** Of the service, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Reads them; asked again when the service refuses them. Rejects with a RunnerError. */
  credentials(): Promise<Credentials>;
  readonly http: Pick<Http, "send">;
  readonly clock: Pick<Clock, "sleep">;
  readonly random: Random;
  /** Bytes of one part. @default PART_BYTES */
  readonly partBytes?: number;
  /** How often a request is tried at the most. @default 5 */
  readonly attemptsMax?: number;
}

/** An object as it is listed. */
export interface ListedObject {
  readonly key: string;
  readonly modifiedAt: Instant;
}

/** An upload in parts that has not ended. */
export interface BegunUpload {
  readonly key: string;
  readonly id: string;
  readonly begunAt: Instant;
}

/** How one request is made. */
interface Asking {
  /** What was to be done, for messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** A bucket. Every method rejects with a RunnerError when the service does not do it. */
export class Objects {
  readonly #options: ObjectsOptions;
  readonly #partBytes: number;
  readonly #attemptsMax: number;
  readonly #places = new Places(PARTS_MAX);
  #credentials: Promise<Credentials> | null = null;

  constructor(options: ObjectsOptions) {
    this.#options = options;
    this.#partBytes = options.partBytes ?? PART_BYTES;
    this.#attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX;
  }

  /** Puts a file of this host there. Resolves when the object is whole. */
  async put(key: string, { path, size }: { path: string; size: number }, signal?: AbortSignal) {
    const asking = { what: `write result "${this.urlOf(key)}"`, signal };
    const file = await open(path, "r");
    try {
      if (size <= this.#partBytes) {
        await this.#withPart(file, { from: 0, size }, asking, (client, part) =>
          client.putObject(key, part),
        );
      } else {
        await this.#putParts(key, { file, size }, asking);
      }
    } finally {
      await file.close();
    }
    const found = await this.size(key, signal);
    if (found === size) return;
    const state = found === null ? "it is not there" : `it has ${found} bytes of ${size}`;
    throw this.#error(asking, `after it was written ${state}`);
  }

  /** Puts a short text there. */
  async putText(key: string, text: string): Promise<void> {
    await this.#ask({ what: `write "${this.urlOf(key)}"` }, (client) =>
      client.putObject(key, text),
    );
  }

  async #putParts(
    key: string,
    { file, size }: { readonly file: FileHandle; readonly size: number },
    asking: Asking,
  ): Promise<void> {
    const id = await this.#ask(asking, (client) => client.getMultipartUploadId(key));
    try {
      const parts: UploadPart[] = [];
      for (let from = 0; from < size; from += this.#partBytes) {
        const part = { from, size: Math.min(this.#partBytes, size - from) };
        const sent = await this.#withPart(file, part, asking, (client, bytes) =>
          client.uploadPart(key, id, bytes, parts.length + 1),
        );
        parts.push(sent);
      }
      // What it answers may be an error that came too late for the status: the size tells.
      await this.#ask(asking, async (client, isAgain) => {
        if (isAgain && (await this.size(key, asking.signal)) === size) return;
        await client.completeMultipartUpload(key, id, parts);
      });
    } catch (error) {
      await this.abort({ key, id }).catch(() => {
        // It is found among the uploads that were begun long ago.
      });
      throw error;
    }
  }

  /** Reads a part of a file while there is a place in memory for it, and asks with it. */
  async #withPart<Value>(
    file: FileHandle,
    { from, size }: { readonly from: number; readonly size: number },
    asking: Asking,
    ask: (client: S3mini, part: Uint8Array) => Promise<Value>,
  ): Promise<Value> {
    return await this.#inPlace(asking, async () => {
      forgetParts(size);
      const bytes = new Uint8Array(size);
      const { bytesRead } = await file.read(bytes, 0, size, from);
      if (bytesRead < size) throw this.#error(asking, "its file became shorter meanwhile");
      return await this.#ask(asking, (client) => ask(client, bytes));
    });
  }

  async #inPlace<Value>(asking: Asking, work: () => Promise<Value>): Promise<Value> {
    if (!(await this.#places.take(asking.signal))) throw this.#error(asking, "it was cancelled");
    try {
      return await work();
    } finally {
      this.#places.give();
    }
  }

  /** Bytes of an object; null when there is none. */
  async size(key: string, signal?: AbortSignal): Promise<number | null> {
    const asking = { what: `look for result "${this.urlOf(key)}"`, signal };
    return await this.#ask(asking, async (client) => {
      try {
        return await client.getContentLength(key);
      } catch (error) {
        const cause = error instanceof Error ? error.cause : null;
        if (statusOf(cause) !== 404) throw cause ?? error;
        // A bucket that is gone is no result that is gone.
        if (await client.bucketExists()) return null;
        throw this.#noBucket(asking);
      }
    });
  }

  /** A part of an object, at most as large as a part may be; shorter where the object ends. */
  async read(
    key: string,
    { offset, size }: { readonly offset: number; readonly size: number },
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const asking = { what: `read result "${this.urlOf(key)}"`, signal };
    return await this.#inPlace(asking, () => {
      forgetParts(size);
      return this.#ask(asking, async (client) => {
        const answer = await client.getObjectRaw(key, false, offset, offset + size);
        const bytes = new Uint8Array(await answer.arrayBuffer());
        // Without a status of a part it is the whole, which is no more than a part here.
        return answer.status === 206 ? bytes : bytes.subarray(offset, offset + size);
      });
    });
  }

  /** The objects whose keys begin so, in the order of their keys. */
  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let token: string | undefined;
    do {
      const asking = { what: `list "${this.urlOf(prefix)}"` };
      const page = await this.#ask(asking, async (client) => {
        const found = await client.listObjectsPaged("/", prefix, LISTED_MAX, token);
        if (found == null) throw this.#noBucket(asking);
        return found;
      });
      for (const { Key: key, LastModified: at } of page.objects ?? []) {
        if (key !== "") yield { key, modifiedAt: at.getTime() };
      }
      token = page.nextContinuationToken;
    } while (token !== undefined);
  }

  /** Uploads in parts below a prefix that were begun before then and not ended, up to a thousand. */
  async uploads(prefix: string, before: Instant): Promise<readonly BegunUpload[]> {
    const asking = { what: `list uploads to "${this.urlOf(prefix)}"` };
    const listed = await this.#ask(asking, async (client) => {
      const how = { prefix, "max-uploads": LISTED_MAX };
      return await client.listMultipartUploads("/", "", "GET", how).catch((error: unknown) => {
        if (statusOf(error) !== NOT_IMPLEMENTED) throw error;
        return null;
      });
    });
    return uploadsIn(listed).filter(({ begunAt }) => begunAt < before);
  }

  /** Gives up an upload in parts. One that has ended is no error. */
  async abort({ key, id }: Pick<BegunUpload, "key" | "id">): Promise<void> {
    await this.#ask({ what: `give up the upload of "${this.urlOf(key)}"` }, async (client) => {
      await client.abortMultipartUpload(key, id).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error;
      });
    });
  }

  async remove(key: string): Promise<void> {
    await this.#ask({ what: `remove "${this.urlOf(key)}"` }, (client) => client.deleteObject(key));
  }

  urlOf(key: string): string {
    return `s3://${this.#options.bucket}/${key}`;
  }

  /** Asks until it succeeds, or will not. */
  async #ask<Value>(
    asking: Asking,
    work: (client: S3mini, isAgain: boolean) => Promise<Value>,
  ): Promise<Value> {
    const { clock, random } = this.#options;
    const { signal } = asking;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted === true) throw this.#error(asking, "it was cancelled");
      try {
        return await work(await this.#client(signal), attempt > 1);
      } catch (error) {
        if (error instanceof RunnerError) throw error;
        const status = statusOf(error);
        // Keys may have been exchanged: they are read once more.
        const isRefused = status === 401 || status === 403;
        if (isRefused) this.#credentials = null;
        const goesOn = isRefused ? attempt === 1 : isPassingStatus(status);
        if (!goesOn || attempt >= this.#attemptsMax) throw this.#error(asking, error);
        const step = FIRST_WAIT_MS * 2 ** (attempt - 1);
        if (!isRefused) await clock.sleep(step / 2 + (step / 2) * random.next(), signal);
      }
    }
  }

  /** A client whose requests end with the signal. */
  async #client(signal: AbortSignal | undefined): Promise<S3mini> {
    const { bucket, endpoint, http, region } = this.#options;
    const asked = this.#credentials ?? this.#options.credentials();
    this.#credentials = asked;
    const { accessKey, secretKey } = await asked.catch((error: unknown) => {
      // The next who asks reads them again.
      if (this.#credentials === asked) this.#credentials = null;
      throw error;
    });
    const bytesMax = this.#partBytes + PART_BYTES;
    return new S3mini({
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      endpoint: addressOf(endpoint, bucket),
      region,
      fetch: fetchOver(http, { bytesMax, signal }) as typeof fetch,
    });
  }

  #noBucket(asking: Asking): RunnerError {
    const { bucket, endpoint } = this.#options;
    const why = { message: `there is no bucket "${bucket}" at ${endpoint}`, status: 404 };
    return this.#error(asking, why);
  }

  #error({ what }: Asking, why: unknown): RunnerError {
    const reason = typeof why === "string" ? why : reasonOf(why);
    const hint = hintOf(why);
    const message = `Cannot ${what}: ${reason}`;
    return new RunnerError("STORE", message, hint === null ? {} : { hint }, {
      cause: typeof why === "string" ? undefined : why,
    });
  }
}

/** Some services have the bucket in the name of the host, and then not in the path. */
function addressOf(endpoint: string, bucket: string): string {
  const isInHost = URL.parse(endpoint)?.hostname.startsWith(`${bucket}.`) === true;
  return isInHost ? endpoint : `${endpoint.replace(/\/+$/, "")}/${bucket}`;
}

/** Parts lie outside of the heap, where the collector sees them too late. */
function forgetParts(size: number): void {
  if (size >= LARGE_BYTES) collectGarbage();
}

/** What a list of uploads says, which the library gives as it came: one is no list. */
function uploadsIn(listed: unknown): readonly BegunUpload[] {
  const { ListMultipartUploadsResult: list } = (listed ?? {}) as Record<string, unknown>;
  const { Upload: found = [] } = (list ?? {}) as Record<string, unknown>;
  return [found].flat().flatMap((each) => {
    const { Key, UploadId, Initiated } = (each ?? {}) as Record<string, unknown>;
    const begunAt = Date.parse(String(Initiated));
    if (typeof Key !== "string" || typeof UploadId !== "string" || Number.isNaN(begunAt)) return [];
    return [{ key: Key, id: UploadId, begunAt }];
  });
}

function statusOf(error: unknown): number | null {
  const { status } = (error ?? {}) as { readonly status?: unknown };
  return typeof status === "number" ? status : null;
}

/** What some services answer to what they do not know. */
const NOT_IMPLEMENTED = 501;

/** Without a status nothing came, or it was cut. */
function isPassingStatus(status: number | null): boolean {
  if (status === NOT_IMPLEMENTED) return false;
  return status === null || status >= 500 || status === 408 || status === 429;
}

/** What the service said, with the code that its documentation explains. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  if (status === null || !(error instanceof S3ServiceError)) return messageOf(error);
  const { serviceCode: code = "Unknown" } = error;
  return `the store answers ${status}${code === "Unknown" ? "" : ` (${code})`}`;
}

function hintOf(error: unknown): string | null {
  switch (statusOf(error)) {
    case 301:
    case 307:
      return "set endpoint and region in [results] to those of the bucket";
    case 401:
    case 403:
      return "look at credentials in [results], at what they may do, and at this host's clock";
    case 404:
      return "look at store and endpoint in [results]: the bucket has to be there";
    default:
      return null;
  }
}
