// Output: what a plugin prints, line by line into the log, within bounds.
//
// The original discards it. Here a pipe of the kernel takes it, so that a plugin can also open
// /dev/stderr by name. Reading never waits, and goes on for a while after the plugin's end, for
// its own children: whoever writes to a pipe without a reader is killed.
import { closeSync, readSync } from "node:fs";
import { errnoCode } from "../lib/os/errno.ts";
import { openPipe } from "../lib/os/runtime.ts";
import { firstOf } from "../text.ts";

/** What is kept of one line, in characters, and of one delivery, in lines. */
export const LINE_CHARACTERS_MAX = 2_000;
export const LINES_MAX = 200;

/** How often a pipe is looked at while the plugin runs. */
const LOOK_MS = 50;

const CHUNK_BYTES = 65_536;

/** One stream of a plugin on its way to the log. */
export interface PluginOutput {
  /** The end for the child. To be closed here once the child has it. */
  readonly writeFd: number;
  /** Reads all that is there now: everything, once the writer has ended. */
  drain(): void;
  /** Lets go of the pipe now if it is at its end, else after `ms`. */
  close(ms: number): void;
}

/**
 * A pipe whose lines go to `onLine`, without their ends, undecodable bytes as U+FFFD.
 *
 * @returns Null where no pipe can be made: the output is then discarded.
 */
export function openOutput(onLine: (line: string) => void): PluginOutput | null {
  const pipe = openPipe();
  if (pipe === null) return null;
  const { readFd, writeFd } = pipe;
  const lines = new LineSplitter(onLine);
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let open = true;

  function end(): void {
    if (!open) return;
    open = false;
    clearInterval(timer);
    lines.end();
    closeSync(readFd);
  }

  /** Reads what is there, at most `chunksMax` times: a fast writer must not hold up the rest. */
  function read(chunksMax: number): void {
    for (let chunks = 0; open && chunks < chunksMax; chunks++) {
      try {
        const length = readSync(readFd, chunk, 0, CHUNK_BYTES, null);
        if (length === 0) end();
        else lines.add(chunk.subarray(0, length));
      } catch (error) {
        if (errnoCode(error) === "EAGAIN") return;
        end();
      }
    }
  }

  const timer = setInterval(() => read(16), LOOK_MS);
  // Whoever writes keeps this process, if anybody does.
  timer.unref();
  return {
    writeFd,
    // A pipe holds 64 KiB by default and a megabyte at most.
    drain: () => read(32),
    close(ms) {
      if (!open) return;
      lines.flush();
      setTimeout(end, ms).unref();
    },
  };
}

/** Cuts bytes into lines, keeps the first of them, and counts the rest. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #line = "";
  #count = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(bytes: Uint8Array): void {
    const pieces = this.#decoder.decode(bytes, { stream: true }).split("\n");
    const last = pieces.pop() ?? "";
    for (const piece of pieces) {
      this.#append(piece);
      this.#emit();
    }
    this.#append(last);
  }

  /** Passes on a last line without an end. */
  flush(): void {
    if (this.#line !== "") this.#emit();
  }

  /** As `flush`, then says how many lines were left out. */
  end(): void {
    this.#append(this.#decoder.decode());
    this.flush();
    const more = this.#count - LINES_MAX;
    if (more > 0) this.#onLine(`${more} more lines were left out`);
    this.#count = 0;
  }

  #append(text: string): void {
    // One character more than is kept shows that there was more.
    this.#line += text.slice(0, LINE_CHARACTERS_MAX + 1 - this.#line.length);
  }

  #emit(): void {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    this.#count++;
    if (this.#count > LINES_MAX) return;
    const isCut = line.length > LINE_CHARACTERS_MAX;
    this.#onLine(isCut ? `${firstOf(line, LINE_CHARACTERS_MAX)}…` : line);
  }
}
