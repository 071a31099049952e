// Read: the bytes of a file, which is a regular one and not larger than it may be.
//
// Reading always ends, whatever the file is: a FIFO is opened without waiting for a writer, a
// device is refused, and a file that grows meanwhile is read up to the limit.
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { type Flaw, findFlaw, flawOf, type Look, thisUser } from "./ownership.ts";

/** A file that must not be read, or is none. Its message says what it is, such as "it is …". */
export class UnfitFile extends Error {
  override readonly name = "UnfitFile";
  /** Who else can have written it, when it is refused for that. */
  readonly flaw: Flaw | null;
  /** The system's code where it has one for this. */
  readonly code: "EISDIR" | undefined;

  constructor(
    message: string,
    { flaw = null, code }: { readonly flaw?: Flaw | null; readonly code?: "EISDIR" } = {},
  ) {
    super(message);
    this.flaw = flaw;
    this.code = code;
  }

  /** How to mend it. */
  get hint(): string | undefined {
    return this.flaw?.mend;
  }
}

export interface ReadOptions {
  /** Bytes; a larger file is refused. */
  readonly sizeMax: number;
  /** Whether a link under the file's own name is followed. @default true */
  readonly follow?: boolean;
  /** Refuses a file that others can have written: see ownership.ts. @default null: no look */
  readonly owned?: Look | null;
}

/**
 * The bytes of a regular file.
 *
 * @throws {UnfitFile} When it is none, is too large, or can have been written by others.
 * @throws The system's error, whose `code` is an errno.
 */
export function readRegular(path: string, options: ReadOptions): Uint8Array {
  const { sizeMax, follow = true, owned = null } = options;
  // Before it is opened, which is an effect for some devices; the file itself once more afterwards.
  if (owned !== null) refuse(findFlaw(path, owned));
  const { descriptor, found } = openWith(path, { follow });
  try {
    if (owned !== null)
      refuse(flawOf(path, found, { user: owned.user ?? thisUser(), subject: "it" }));
    return readAll(descriptor, { size: found.size, sizeMax });
  } finally {
    closeSync(descriptor);
  }
}

/** The text of a regular file, as `readRegular`. */
export function readText(path: string, options: ReadOptions): string {
  return new TextDecoder().decode(readRegular(path, options));
}

/**
 * Opens a regular file for reading.
 *
 * @returns Its descriptor, which the caller closes.
 * @throws {UnfitFile} When it is none. @throws The system's error.
 */
export function openRegular(
  path: string,
  { follow = true }: { readonly follow?: boolean } = {},
): number {
  return openWith(path, { follow }).descriptor;
}

/** The same, with what the system says of the open file. */
function openWith(
  path: string,
  { follow }: { readonly follow: boolean },
): { readonly descriptor: number; readonly found: Stats } {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
  const descriptor = openSync(path, flags);
  try {
    const found = fstatSync(descriptor);
    assertRegular(found);
    return { descriptor, found };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** The bytes of a large regular file, in chunks. Iterating throws what `openRegular` does. */
export async function* streamRegular(
  path: string,
  { chunkBytes = 256 * 1024 }: { readonly chunkBytes?: number } = {},
): AsyncGenerator<Uint8Array> {
  const fd = openRegular(path);
  for await (const chunk of createReadStream(path, { fd, highWaterMark: chunkBytes })) {
    yield chunk as Uint8Array;
  }
}

function refuse(flaw: Flaw | null): void {
  if (flaw !== null) throw new UnfitFile(flaw.state, { flaw });
}

/**
 * For what others open by its name, such as SQLite, which would wait for ever at a FIFO.
 *
 * @throws {UnfitFile} When there is something that is no regular file.
 */
export function assertRegularAt(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined) assertRegular(found);
}

/** @throws {UnfitFile} When it is no regular file. */
export function assertRegular(found: Pick<Stats, "isFile" | "isDirectory">): void {
  if (found.isDirectory()) throw new UnfitFile("it is a directory", { code: "EISDIR" });
  if (!found.isFile()) throw new UnfitFile("it is not a regular file");
}

function readAll(
  descriptor: number,
  { size, sizeMax }: { readonly size: number; readonly sizeMax: number },
): Uint8Array {
  if (size > sizeMax) throw tooLarge(size, sizeMax);
  // Some file systems say 0, and a file may grow: it is read to its end, or to one byte too many.
  let bytes = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length > sizeMax) throw tooLarge(length, sizeMax);
    if (length < bytes.length) continue;
    const wider = Buffer.allocUnsafe(Math.min(sizeMax + 1, Math.max(4096, bytes.length * 2)));
    bytes.copy(wider, 0, 0, length);
    bytes = wider;
  }
}

function tooLarge(size: number, sizeMax: number): UnfitFile {
  return new UnfitFile(`it has ${size} bytes, at most ${sizeMax} are allowed`);
}
