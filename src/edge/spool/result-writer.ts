// Result writer: a result file while it is written, in large pieces, each soon on the disk.
//
// A piece goes into the system's cache at once, which is a copy in memory, and from time to time
// the disk is waited for. So little is held here whatever the size of the result, a slow disk slows
// its source and nothing else, and the last sync is a short one.
import { writeSync } from "node:fs";
import { assert } from "../../errors.ts";
import { createHash } from "../../lib/late.ts";
import {
  type Attempt,
  discard,
  fileError,
  publish,
  type TemporaryFile,
} from "../../lib/os/durable.ts";
import type { ResultWriter, WrittenResult } from "../../ports.ts";

/** What is gathered until it is written. */
export const BUFFER_BYTES = 256 * 1024;

/** How far the disk may be behind. The system makes a writer wait that is much further ahead. */
export const BEHIND_BYTES_MAX = 8 * 1024 * 1024;

/** Buffers of writers that are closed, for the next ones: the system hands out new memory slowly. */
const spare: Buffer[] = [];

/** How many are kept: 2 MiB at the most. */
const SPARE_MAX = 8;

/** A writer of the result file `attempt.path` by way of a temporary file. */
export function openResult(temporary: TemporaryFile, attempt: Attempt): ResultWriter {
  return new ResultFile(temporary, attempt);
}

class ResultFile implements ResultWriter {
  readonly #temporary: TemporaryFile;
  readonly #attempt: Attempt;
  readonly #buffer = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #hash = createHash("sha256");
  #filled = 0;
  #size = 0;
  #synced = 0;
  #sync: Promise<void> = Promise.resolve();
  #busy = false;
  #open = true;

  constructor(temporary: TemporaryFile, attempt: Attempt) {
    this.#temporary = temporary;
    this.#attempt = attempt;
  }

  write(...parts: readonly Uint8Array[]): Promise<void> | undefined {
    assert(this.#open, "write() after commit() or abort()");
    assert(!this.#busy, "write() before the one before it resolved");
    if (parts.some(({ length }) => length > BEHIND_BYTES_MAX)) return this.#writeLong(parts);
    for (const part of parts) this.#gather(part);
    return this.#isBehind ? this.#catchUp() : undefined;
  }

  /** Writes parts that would each hold up everything else for too long. */
  async #writeLong(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let from = 0; from < part.length; from += BEHIND_BYTES_MAX) {
        this.#gather(part.subarray(from, from + BEHIND_BYTES_MAX));
        if (this.#isBehind) await this.#catchUp();
      }
    }
  }

  get #isBehind(): boolean {
    return this.#size - this.#synced >= BEHIND_BYTES_MAX;
  }

  async commit(): Promise<WrittenResult> {
    assert(this.#open && !this.#busy, "commit() during write(), or twice");
    try {
      this.#put(this.#buffer.subarray(0, this.#filled));
      await publish(this.#temporary, this.#attempt.path);
      this.#close();
      const { path: place } = this.#attempt;
      return { place, bytes: this.#size, sha256: this.#hash.digest("hex") };
    } catch (error) {
      await this.abort();
      throw fileError(this.#attempt, error);
    }
  }

  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#close();
    await this.#sync;
    await discard(this.#temporary);
  }

  /** Nothing is written any more. What is in the buffer has been written, or is not wanted. */
  #close(): void {
    this.#open = false;
    if (spare.length < SPARE_MAX) spare.push(this.#buffer);
  }

  #gather(part: Uint8Array): void {
    // Given up while a long part waited for the disk: the buffer may be another's by now.
    if (!this.#open) return;
    if (this.#filled + part.length > BUFFER_BYTES) {
      this.#put(this.#buffer.subarray(0, this.#filled));
      this.#filled = 0;
    }
    if (part.length > BUFFER_BYTES) {
      this.#put(part);
    } else {
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
    }
  }

  /** @throws {RunnerError} SPOOL. */
  #put(piece: Uint8Array): void {
    try {
      for (let from = 0; from < piece.length; ) {
        from += writeSync(this.#temporary.handle.fd, piece, from);
      }
      this.#size += piece.length;
      this.#hash.update(piece);
    } catch (error) {
      throw fileError(this.#attempt, error);
    }
  }

  /** Waits for the disk. */
  async #catchUp(): Promise<void> {
    this.#busy = true;
    const sync = this.#temporary.handle.datasync();
    this.#sync = sync.catch(() => {});
    try {
      await sync;
      this.#synced = this.#size;
    } catch (error) {
      throw fileError(this.#attempt, error);
    } finally {
      this.#busy = false;
    }
  }
}
