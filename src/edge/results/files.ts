// Files: results that are files, on this host's own disk or in a folder that hosts share.

import { closeSync, read } from "node:fs";
import { stat } from "node:fs/promises";
import { type Attempt, fileError } from "../../lib/os/durable.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import { openRegular } from "../../lib/os/read.ts";
import type { Results } from "../../ports.ts";
import { readResult } from "../spool/stored.ts";

/** A part of a file. */
interface Part {
  readonly offset: number;
  readonly size: number;
}

/** How results are read whose place is the path of a file, where each has a name of its own. */
export const FILES: Omit<Results, "create" | "has"> = {
  async find(path) {
    try {
      const found = await stat(path);
      if (!found.isFile()) return null;
      const { dev, ino, size, mtimeMs } = found;
      return { mark: [dev, ino, size, mtimeMs].join(" "), size };
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(errnoCode(error) ?? "")) return null;
      throw fileError(attemptOn(path), error);
    }
  },
  stream: (path) => readResult(path),
  parts: readParts,
  lend: (path) => Promise.resolve({ path, release: async () => {} }),
};

function attemptOn(path: string): Attempt {
  return { verb: "read", thing: "result", path };
}

/** Reads into `bytes` from a place of the file on. Resolves with how many there were. */
function readAt(descriptor: number, bytes: Uint8Array, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, bytes, 0, bytes.length, from, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

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
      const there = bytes.subarray(0, await readAt(descriptor, bytes, from));
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
