// Channel: how messages go between the daemon and its workers: one line of JSON each.
//
// What comes from a worker may have been written by foreign code: it is data, and no more.
import { readSync, writeSync } from "node:fs";
import { errnoCode } from "../lib/os/errno.ts";
import { readDescriptor } from "../lib/os/runtime.ts";

// As they are before any foreign code runs.
const { parse, stringify } = JSON;
const { exit } = process;

/** The descriptor of a worker's end. */
const CHANNEL_FD = 3;

/** Characters of one message to the daemon. */
const MESSAGE_SIZE_MAX = 64 * 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;

/** How long to wait before a full channel is tried again. */
const FULL_MS = 1;

/** What a worker died of. */
export interface WorkerFailure {
  readonly message: string;
  /** Empty when it was no Error. */
  readonly stack: string;
}

/** What a line of a worker holds. */
export type Frame =
  | { readonly kind: "message"; readonly message: unknown }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly failure: WorkerFailure };

/** One message as a line. */
export function encodeLine(message: unknown): string {
  return `${stringify(message)}\n`;
}

/** What a worker says; a line that is nothing of the kind is the message null. */
export function decodeFrame(line: string): Frame {
  try {
    const parsed: unknown = parse(line);
    if (!Array.isArray(parsed)) return { kind: "message", message: null };
    const [kind, body] = parsed as unknown[];
    if (kind === "message") return { kind, message: body ?? null };
    if (kind === "ready") return { kind };
    if (kind === "failed") {
      const { message, stack } = body as Partial<WorkerFailure>;
      return { kind, failure: { message: String(message), stack: String(stack) } };
    }
  } catch {
    // No JSON.
  }
  return { kind: "message", message: null };
}

/** Cuts a text that comes in pieces into lines. */
export class LineReader {
  #pieces: string[] = [];
  #size = 0;

  /** Whether a line has become longer than any may be. */
  get isOverfull(): boolean {
    return this.#size > MESSAGE_SIZE_MAX;
  }

  /** The lines that end in this piece. */
  add(text: string): string[] {
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    if (lines[0] !== undefined) {
      lines[0] = [...this.#pieces, lines[0]].join("");
      this.#pieces = [];
      this.#size = 0;
    }
    if (last !== "") this.#pieces.push(last);
    this.#size += last.length;
    return lines;
  }
}

/** A worker's end of the channel. */
export interface WorkerChannel {
  /** Waits for the next message, with everything else standing still. For the first one. */
  receive(): unknown;
  send(message: unknown): void;
  /** Says that foreign code may run from now on. */
  ready(): void;
  /** Says what this process is about to die of. */
  fail(failure: WorkerFailure): void;
  /** Calls `listener` with each message from now on, in order, and ends this process after. */
  listen(listener: (message: unknown) => void): void;
}

/** The worker's end. @throws {Error} When this process is no worker. */
export function openChannel(): WorkerChannel {
  const reader = new LineReader();
  const early: string[] = [];

  function receive(): unknown {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const decoder = new TextDecoder();
    while (early.length === 0) {
      const length = readSync(CHANNEL_FD, chunk, 0, chunk.length, null);
      if (length === 0) throw new Error("the runner is gone");
      early.push(...reader.add(decoder.decode(chunk.subarray(0, length), { stream: true })));
    }
    return parse(early.shift() ?? "null");
  }

  return {
    receive,
    send: (message) => writeAll(encodeLine(["message", message])),
    ready: () => writeAll(encodeLine(["ready"])),
    fail: (failure) => writeAll(encodeLine(["failed", failure])),
    listen(listener) {
      for (const line of early.splice(0)) queueMicrotask(() => listener(parse(line)));
      const input = readDescriptor(CHANNEL_FD);
      input.setEncoding("utf8");
      input.on("data", (text: string) => {
        for (const line of reader.add(text)) listener(parse(line));
      });
      input.on("end", () => exit(0));
      input.on("close", () => exit(0));
      input.on("error", () => exit(0));
    },
  };
}

/** Waits until all is written: a worker has nothing to do that is worth more. */
function writeAll(text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(CHANNEL_FD, rest, 0, rest.length));
    } catch (error) {
      if (errnoCode(error) !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
}
