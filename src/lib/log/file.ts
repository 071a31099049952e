// File: log lines to a file that is moved aside when it has grown.
//
// As in the original, the size is looked at before a line is written: at `bytesMax` or more the
// file becomes PATH.1, in place of an older one. So a file can exceed the limit by a line. Unlike
// there, no line is lost on the way.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import type { Carrier } from "./queue.ts";

/** A carrier that has always sent when `send` returns. */
export interface FileCarrier extends Carrier {
  send(line: string): undefined;
}

/** When a file is moved aside. */
export interface FileOptions {
  /** Size in bytes from which the file is moved aside; null for never. */
  readonly bytesMax: number | null;
  /** Called once when the file cannot be moved aside: it goes on growing then. */
  onStuck(error: unknown): void;
}

/**
 * Opens a log file for appending; a new one has mode 0640 less the umask, as the original's: what
 * ships logs reads them by their group.
 *
 * @throws The system's error.
 * @see mig `logging.go` `initLogFile`; test/golden/log holds a rotation of the original
 */
export function openFile(path: string, { bytesMax, onStuck }: FileOptions): FileCarrier {
  let fd = openToAppend(path);
  let stuck = false;

  function rotate(): void {
    if (bytesMax === null) return;
    const opened = fstatSync(fd);
    if (!opened.isFile() || opened.size < bytesMax) return;
    try {
      // Somebody else may have moved the file aside already.
      if (statSync(path, { throwIfNoEntry: false })?.ino === opened.ino) {
        renameSync(path, `${path}.1`);
      }
      const next = openToAppend(path);
      closeSync(fd);
      fd = next;
      stuck = false;
    } catch (error) {
      if (!stuck) onStuck(error);
      stuck = true;
    }
  }

  return {
    send(line) {
      rotate();
      append(fd, Buffer.from(line));
      return undefined;
    },
    close: () => closeSync(fd),
  };
}

/** Writes the whole line or, on a disk that is full in the middle of it, nothing. */
function append(fd: number, line: Uint8Array): void {
  let rest = line;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    const { size } = fstatSync(fd);
    if (rest.length < line.length) ftruncateSync(fd, size - (line.length - rest.length));
    throw error;
  }
}

function openToAppend(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  // Without waiting: opening a FIFO that nobody reads would hold up the whole process.
  return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
}
