// Bucket: results as objects of an S3 service.
//
//   s3://BUCKET/PREFIX/<YYYYMMDD>/<job>/<actionid>.<16 hex digits>.json
//
// Each upload has a name of its own, so nothing is ever overwritten: of two hosts that collect the
// same, and of a result that is collected again, the row says which object counts. A result is
// written to a file of this host first, so what is slow or fails on the way there is made again
// without asking the API again, and a plugin that is to get it soon reads that file.
import { RunnerError } from "../../errors.ts";
import type { Loan, ResultMark, ResultName, Results, ResultWriter } from "../../ports.ts";
import type { Instant } from "../../time.ts";
import { type Copies, type FetchCopy, removeFile } from "./copies.ts";
import { keyOf, readKey } from "./names.ts";
import { type Objects, PART_BYTES } from "./objects.ts";
import type { Depot, DepotItem } from "./shelf.ts";

/** How a place in a store begins. */
const SCHEME = "s3://";

/** Parts that stand as near are read with one request. */
const GAP_BYTES = 64 * 1024;

/** Requests for parts at the same time. */
const AT_ONCE = 4;

export interface BucketOptions {
  readonly bucket: string;
  /** What the keys begin with; "" or without a slash at its ends. */
  readonly prefix: string;
  readonly objects: Objects;
  readonly copies: Copies;
}

type Part = Parameters<Results["parts"]>[1][number];

/** The results of a bucket. */
export class Bucket implements Results, Depot {
  readonly #options: BucketOptions;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  async create(job: string, date: string, name: ResultName): Promise<ResultWriter> {
    const { copies, objects } = this.#options;
    const key = `${this.#below}${keyOf(job, date, name)}`;
    const place = objects.urlOf(key);
    const file = await copies.create();
    return {
      write: (...parts) => file.write(...parts),
      abort: () => file.abort(),
      async commit(signal) {
        const { place: path, bytes, sha256 } = await file.commit();
        try {
          await objects.put(key, { path, size: bytes }, signal);
        } catch (error) {
          await removeFile(path);
          throw error;
        }
        await copies.keep(place, { path, size: bytes });
        return { place, bytes, sha256 };
      },
    };
  }

  async find(place: string): Promise<ResultMark | null> {
    const size = await this.#options.objects.size(this.#keyIn(place));
    // What is in a place never changes.
    return size === null ? null : { mark: place, size };
  }

  async has(place: string): Promise<boolean> {
    return (await this.find(place)) !== null;
  }

  async *stream(place: string): AsyncGenerator<Uint8Array> {
    yield* this.#stream(place);
  }

  async *#stream(place: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { objects } = this.#options;
    const key = this.#keyIn(place);
    const size = await objects.size(key, signal);
    if (size === null) throw new RunnerError("STORE", `Cannot read result "${place}": it is gone`);
    for (let offset = 0; offset < size; ) {
      const wanted = Math.min(PART_BYTES, size - offset);
      const part = await objects.read(key, { offset, size: wanted }, signal);
      if (part.length !== wanted) {
        const state = `only ${part.length} bytes of ${wanted} came`;
        throw new RunnerError("STORE", `Cannot read result "${place}": ${state}`);
      }
      yield part;
      offset += part.length;
    }
  }

  async parts(place: string, parts: readonly Part[]): Promise<readonly Uint8Array[]> {
    const { objects } = this.#options;
    const key = this.#keyIn(place);
    const runs = runsOf(parts);
    const read: Uint8Array[][] = [];
    for (let at = 0; at < runs.length; at += AT_ONCE) {
      const some = runs.slice(at, at + AT_ONCE).map(async ({ offset, size, parts: inside }) => {
        const bytes = await readLong(objects, key, { offset, size });
        return inside.map((part) =>
          bytes.subarray(part.offset - offset, part.offset - offset + part.size),
        );
      });
      read.push(...(await Promise.all(some)));
    }
    return read.flat();
  }

  async lend(place: string, signal?: AbortSignal): Promise<Loan> {
    const fetch: FetchCopy = async (writer, ended) => {
      for await (const part of this.#stream(place, ended)) await writer.write(part);
    };
    return await this.#options.copies.lend(place, fetch, signal);
  }

  /** Writes, reads and removes a small object. Rejects with what cannot be done. */
  async probe(): Promise<void> {
    const { objects } = this.#options;
    const unique = crypto.getRandomValues(new Uint8Array(8)).toHex();
    const key = `${this.#below}check.${unique}`;
    await objects.putText(key, "mig-runner check");
    await objects.read(key, { offset: 0, size: 1 });
    await objects.remove(key);
  }

  async *list(day: string | null): AsyncGenerator<DepotItem> {
    const { objects } = this.#options;
    const below = `${this.#below}${day === null ? "" : `${day}/`}`;
    for await (const { key, modifiedAt } of objects.list(below)) {
      yield { key: key.slice(this.#below.length), place: objects.urlOf(key), modifiedAt };
    }
  }

  async remove(place: string): Promise<void> {
    await this.#options.objects.remove(this.#keyIn(place));
  }

  async endWrites(before: Instant): Promise<number> {
    const { objects } = this.#options;
    const begun = await objects.uploads(this.#below, before);
    // A bucket may hold what is not this program's.
    const own = begun.filter(({ key }) => readKey(key.slice(this.#below.length)) !== null);
    for (const upload of own) await objects.abort(upload);
    return own.length;
  }

  /** How all keys begin. */
  get #below(): string {
    const { prefix } = this.#options;
    return prefix === "" ? "" : `${prefix}/`;
  }

  #keyIn(place: string): string {
    const { bucket } = this.#options;
    const start = `${SCHEME}${bucket}/`;
    if (place.startsWith(start)) return place.slice(start.length);
    const message = `Cannot read result "${place}": [results] store names another bucket`;
    throw new RunnerError("STORE", message, { hint: `copy its objects to ${start}` });
  }
}

interface PartRun extends Part {
  readonly parts: readonly Part[];
}

/** Parts in the order in which they are asked for, those together that stand behind each other. */
function runsOf(parts: readonly Part[]): readonly PartRun[] {
  const runs: PartRun[] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    const end = last === undefined ? 0 : last.offset + last.size;
    const size = last === undefined ? 0 : part.offset + part.size - last.offset;
    const isNear = part.offset >= end && part.offset - end <= GAP_BYTES && size <= PART_BYTES;
    if (last === undefined || !isNear) runs.push({ ...part, parts: [part] });
    else runs[runs.length - 1] = { offset: last.offset, size, parts: [...last.parts, part] };
  }
  return runs;
}

/** One command may be larger than a part. */
async function readLong(
  objects: Objects,
  key: string,
  { offset, size }: Part,
): Promise<Uint8Array> {
  if (size <= PART_BYTES) return await objects.read(key, { offset, size });
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const wanted = Math.min(PART_BYTES, size - done);
    const part = await objects.read(key, { offset: offset + done, size: wanted });
    bytes.set(part, done);
    done += part.length;
    if (part.length < wanted) return bytes.subarray(0, done);
  }
  return bytes;
}
