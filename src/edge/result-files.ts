// Result files: the files of results as the page reads them, in a stream or here and there.

import { closeSync, read } from "node:fs";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import { openRegular, streamRegular } from "../lib/os/read.ts";

/** A part of a file. */
interface Part {
  readonly offset: number;
  readonly size: number;
}

/** Files of this host. They are looked at, and never changed. */
export function resultFiles(): {
  markOf(path: string): Promise<{ readonly mark: string; readonly size: number } | null>;
  stream(path: string): AsyncIterable<Uint8Array>;
  read(path: string, parts: readonly Part[]): Promise<readonly Uint8Array[]>;
} {
  return {
    async markOf(path) {
      try {
        const found = await stat(path);
        if (!found.isFile()) return null;
        const { dev, ino, size, mtimeMs } = found;
        return { mark: [dev, ino, size, mtimeMs].join(" "), size };
      } catch {
        return null;
      }
    },
    stream: (path) => streamRegular(path),
    read: readParts,
  };
}

const readAt = promisify(read);

/** Bytes that are read at once, when parts follow each other. */
const READ_BYTES = 4 * 1024 * 1024;

/** Parts that the file does not have any more are shorter than they were. */
async function readParts(path: string, parts: readonly Part[]): Promise<readonly Uint8Array[]> {
  const descriptor = openRegular(path);
  try {
    const all: Uint8Array[] = [];
    while (all.length < parts.length) {
      const run = runOf(parts, all.length);
      const from = run[0]?.offset ?? 0;
      const bytes = new Uint8Array(endOf(run.at(-1)) - from);
      const { bytesRead } = await readAt(descriptor, bytes, 0, bytes.length, from);
      const there = bytes.subarray(0, bytesRead);
      all.push(
        ...run.map(({ offset, size }) => there.subarray(offset - from, offset - from + size)),
      );
    }
    return all;
  } finally {
    closeSync(descriptor);
  }
}

/** The parts from one on that stand behind each other in the file, as many as are read at once. */
function runOf(parts: readonly Part[], at: number): readonly Part[] {
  const from = parts[at]?.offset ?? 0;
  let end = at + 1;
  while (end < parts.length) {
    const [before, next] = [parts[end - 1], parts[end]];
    const isNear = next !== undefined && next.offset - endOf(before) < GAP_BYTES;
    if (!isNear || next.offset < endOf(before) || endOf(next) - from > READ_BYTES) break;
    end++;
  }
  return parts.slice(at, end);
}

/** What may stand between two parts that are read at once. */
const GAP_BYTES = 4_096;

function endOf(part: Part | undefined): number {
  return part === undefined ? 0 : part.offset + part.size;
}
