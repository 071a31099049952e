// Copies: files of this host with results that lie in a store, for programs that read files.
//
// A result that was just uploaded is there already, as a file, and each plugin that is to get it
// reads that one. What nobody reads is kept while it is small enough, the newest longest.
import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Attempt, createTemporary, fileError, makeDirectories } from "../../lib/os/durable.ts";
import type { Loan, ResultWriter } from "../../ports.ts";
import { openResult } from "../spool/result-writer.ts";

/** The folder, in the runner directory. */
const FOLDER = "copies";

/** Bytes of copies that nobody reads, and how many there may be. */
const IDLE_BYTES_MAX = 512 * 1024 * 1024;
const IDLE_MAX = 256;

interface Copy {
  readonly path: Promise<string>;
  /** Ends its fetch. */
  readonly ended: AbortController;
  /** Whether it is there. */
  isWhole: boolean;
  size: number;
  readers: number;
}

/** Writes what is in a place, unless nobody waits for it any more. */
export type FetchCopy = (writer: ResultWriter, ended: AbortSignal) => Promise<void>;

export interface CopiesOptions {
  /** The runner directory. */
  readonly directory: string;
  /** Bytes of copies that are kept though nobody reads them. @default 512 MiB */
  readonly idleMax?: number;
}

/** The copies of one process. */
export class Copies {
  readonly #directory: string;
  readonly #idleMax: number;
  /** By place; the one that was read last is the last. */
  readonly #copies = new Map<string, Copy>();

  constructor({ directory, idleMax = IDLE_BYTES_MAX }: CopiesOptions) {
    this.#directory = directory;
    this.#idleMax = idleMax;
  }

  /** Begins a file that becomes a copy, or is removed, later. Rejects with a RunnerError. */
  async create(): Promise<ResultWriter> {
    const unique = crypto.getRandomValues(new Uint8Array(8)).toHex();
    const path = join(this.#directory, FOLDER, `${process.pid}-${unique}.json`);
    const attempt: Attempt = { verb: "write", thing: "copy of a result", path };
    try {
      await makeDirectories(this.#directory, [FOLDER], attempt);
      return openResult(await createTemporary(path), attempt);
    } catch (error) {
      throw fileError(attempt, error);
    }
  }

  /** Takes a file that `create` has made for the copy of a place. */
  async keep(place: string, { path, size }: { path: string; size: number }): Promise<void> {
    const ended = new AbortController();
    this.#copies.set(place, {
      path: Promise.resolve(path),
      ended,
      isWhole: true,
      size,
      readers: 0,
    });
    await this.#tidy();
  }

  /**
   * A copy of a place for as long as it is read.
   *
   * @param fetch Asked for only when there is no copy. It ends when the last who waits for it has.
   * @param signal Ends the wait of this reader alone.
   */
  async lend(place: string, fetch: FetchCopy, signal?: AbortSignal): Promise<Loan> {
    signal?.throwIfAborted();
    const copy = this.#copies.get(place) ?? this.#begin(place, fetch);
    copy.readers++;
    this.#copies.delete(place);
    this.#copies.set(place, copy);
    let isLent = true;
    const release = async (): Promise<void> => {
      if (!isLent) return;
      isLent = false;
      copy.readers--;
      await this.#tidy();
    };
    try {
      return { path: await waitedFor(copy.path, signal), release };
    } catch (error) {
      if (copy.readers === 1 && !copy.isWhole) {
        copy.ended.abort(error);
        this.#forget(place, copy);
      }
      await release();
      throw error;
    }
  }

  #begin(place: string, fetch: FetchCopy): Copy {
    const ended = new AbortController();
    const made = this.#fetch(fetch, ended.signal);
    const path = made.then((file) => file.path);
    const copy: Copy = { path, ended, isWhole: false, size: 0, readers: 0 };
    made.then(
      ({ size }) => {
        copy.size = size;
        copy.isWhole = true;
      },
      // The next who asks fetches it again.
      () => this.#forget(place, copy),
    );
    this.#copies.set(place, copy);
    return copy;
  }

  #forget(place: string, copy: Copy): void {
    if (this.#copies.get(place) === copy) this.#copies.delete(place);
  }

  async #fetch(
    fetch: FetchCopy,
    ended: AbortSignal,
  ): Promise<{ readonly path: string; readonly size: number }> {
    const writer = await this.create();
    try {
      ended.throwIfAborted();
      await fetch(writer, ended);
      ended.throwIfAborted();
      const { place: path, bytes: size } = await writer.commit();
      return { path, size };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** Removes what is too much, the copy first that was read longest ago. */
  async #tidy(): Promise<void> {
    let [bytes, count] = [0, 0];
    for (const [place, copy] of [...this.#copies].reverse()) {
      if (copy.readers > 0) continue;
      bytes += copy.size;
      count++;
      if (bytes <= this.#idleMax && count <= IDLE_MAX) continue;
      this.#copies.delete(place);
      await removeFile(await copy.path);
    }
  }

  /** Removes all copies that nobody reads. */
  async close(): Promise<void> {
    for (const [place, copy] of this.#copies) {
      if (copy.readers > 0) continue;
      this.#copies.delete(place);
      await removeFile(await copy.path);
    }
  }
}

/** Until it is there, or who waits for it does not any more. */
async function waitedFor<Value>(asked: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  if (signal === undefined) return await asked;
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([asked, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Removes the copies of processes that have ended. Never rejects: what stays is tried again. */
export async function removeOldCopies(directory: string): Promise<void> {
  const folder = join(directory, FOLDER);
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid] = /^\.?(\d+)-[0-9a-f]{16}\.json(?:\.[0-9a-f]{16}\.tmp)?$/.exec(name) ?? [];
    if (pid === undefined || (await isRunning(pid))) continue;
    await removeFile(join(folder, name));
  }
}

async function isRunning(pid: string): Promise<boolean> {
  // In a container each process has the same one; this one has made no copies yet.
  if (Number(pid) === process.pid) return false;
  return await stat(`/proc/${pid}`).then(
    () => true,
    () => false,
  );
}

/** What cannot be removed now is removed by the next start. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(() => {});
}
