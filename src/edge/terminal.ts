// Terminal: standard input, output and error of this process.
//
// All that a verb prints leaves by here. Lines for people are made safe to show one by one
// (text.ts): what is inside of a line, whoever wrote it, cannot begin another.
import { fstatSync, readSync, writeSync } from "node:fs";
import { firstOf, shownLine, shownLines, visible, visibleJson } from "../text.ts";

export interface Terminal {
  /** Lines for people, to standard output, whole before it returns. */
  out(lines: readonly string[]): void;
  /** The same to standard error; in red, on a terminal, what must not be overlooked. */
  error(lines: readonly string[], colour?: "red"): void;
  /** A line of JSON, to standard output. */
  json(line: string): void;
  /** A file or a script, to standard output, byte by byte unless that is a terminal. */
  file(text: string): void;
  /**
   * A line that replaces itself, on a terminal only: progress of long work. "" clears it. What has
   * to be counted first is given as a function, which is called only where somebody sees it.
   */
  progress(text: string | (() => string)): void;
  /** Standard input line by line, without the line ends. */
  lines(): Iterable<string>;
}

/** The process's own streams. A closed pipe (`| head`) ends the process quietly. */
export function processTerminal(): Terminal {
  let live: boolean | null = null;
  let shown = false;
  const clear = (): void => {
    if (shown) write(2, "\r\u001b[K");
    shown = false;
  };
  return {
    out(lines) {
      clear();
      write(1, shownLines(lines));
    },
    error(lines, colour) {
      clear();
      const isRed = colour === "red" && isTerminal(2) && (process.env.NO_COLOR ?? "") === "";
      write(2, isRed ? `\u001b[31m${shownLines(lines)}\u001b[39m` : shownLines(lines));
    },
    json(line) {
      clear();
      write(1, `${visibleJson(line)}\n`);
    },
    file(text) {
      clear();
      write(1, isTerminal(1) ? visible(text, "\n") : text);
    },
    progress(line) {
      live ??= isTerminal(2);
      if (!live) return;
      const text = typeof line === "string" ? line : line();
      clear();
      if (text === "") return;
      write(2, firstOf(shownLine(text), (process.stderr.columns ?? 80) - 1));
      shown = true;
    },
    lines: readLines,
  };
}

/** Asks for the stream only when it may be one: making it loads a tenth of the runtime. */
function isTerminal(descriptor: 1 | 2): boolean {
  try {
    if (!fstatSync(descriptor).isCharacterDevice()) return false;
    return (descriptor === 1 ? process.stdout : process.stderr).isTTY === true;
  } catch {
    return false;
  }
}

function write(descriptor: number, text: string): void {
  let bytes: Uint8Array = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") process.exit(0);
      // A pipe that does not block is full: try until its reader has made room.
      if (code !== "EAGAIN") throw error;
    }
  }
}

function* readLines(): Generator<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65_536);
  let rest = "";
  for (;;) {
    const count = readChunk(chunk);
    if (count === 0) break;
    const parts = (rest + decoder.decode(chunk.subarray(0, count), { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

function readChunk(chunk: Uint8Array): number {
  for (;;) {
    try {
      return readSync(0, chunk);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
    }
  }
}
