// Result: a result file while it is written, in large pieces and out of step with its source.
//
// One buffer is filled while the other is on its way to the disk, so that a result of any size
// costs the same memory and the network is read while the disk writes.
import assert from "node:assert/strict";
import type { ResultWriter } from "../../ports.ts";
import { type Attempt, discard, fileError, publish, type TemporaryFile } from "./durable.ts";

/** The size of each of the two buffers. */
export const BUFFER_BYTES = 256 * 1024;

/** A writer of the result file `attempt.path` by way of a temporary file. */
export function openResult(temporary: TemporaryFile, attempt: Attempt): ResultWriter {
  return new ResultFile(temporary, attempt);
}

class ResultFile implements ResultWriter {
  readonly #temporary: TemporaryFile;
  readonly #attempt: Attempt;
  #filling = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #flushing = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #filled = 0;
  #size = 0;
  #flush: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;
  #busy = false;
  #open = true;

  constructor(temporary: TemporaryFile, attempt: Attempt) {
    this.#temporary = temporary;
    this.#attempt = attempt;
  }

  write(...parts: readonly Uint8Array[]): Promise<void> | undefined {
    assert(this.#open, "write() after commit() or abort()");
    assert(!this.#busy, "write() before the one before it resolved");
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size > BUFFER_BYTES - this.#filled) return this.#writeOver(parts);
    for (const part of parts) this.#fill(part);
    return undefined;
  }

  /** Writes what does not fit into the buffer as it is. */
  async #writeOver(parts: readonly Uint8Array[]): Promise<void> {
    this.#busy = true;
    try {
      for (const part of parts) {
        for (let from = 0; from < part.length; ) {
          if (this.#filled === BUFFER_BYTES) await this.#swap();
          const piece = part.subarray(from, from + BUFFER_BYTES - this.#filled);
          this.#fill(piece);
          from += piece.length;
        }
      }
    } finally {
      this.#busy = false;
    }
  }

  #fill(piece: Uint8Array): void {
    this.#filling.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  async commit(): Promise<number> {
    assert(this.#open && !this.#busy, "commit() during write(), or twice");
    try {
      await this.#swap();
      await this.#flush;
      this.#check();
      await publish(this.#temporary, this.#attempt.path);
      this.#open = false;
      return this.#size;
    } catch (error) {
      await this.abort();
      throw fileError(this.#attempt, error);
    }
  }

  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#flush;
    await discard(this.#temporary);
  }

  /** Sends the filled buffer to the disk, as soon as the other one is there. */
  async #swap(): Promise<void> {
    await this.#flush;
    this.#check();
    const buffer = this.#filling;
    this.#filling = this.#flushing;
    this.#flushing = buffer;
    const length = this.#filled;
    this.#filled = 0;
    this.#size += length;
    this.#flush = this.#writeAll(buffer, length).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  async #writeAll(buffer: Buffer, length: number): Promise<void> {
    for (let from = 0; from < length; ) {
      const { bytesWritten } = await this.#temporary.handle.write(buffer, from, length - from);
      from += bytesWritten;
    }
  }

  #check(): void {
    if (this.#failure !== null) throw fileError(this.#attempt, this.#failure.error);
  }
}
