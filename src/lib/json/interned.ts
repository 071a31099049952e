// Interned: the texts of short tokens that come again and again, such as the names of members.

/** A longer token is decoded each time. */
const SIZE_MAX = 16;

/** Places for texts. Two texts with the same place replace each other. */
const PLACES = 32;

/** Remembers the last texts that were met. */
export class Interned {
  readonly #texts: string[] = Array.from({ length: PLACES }, () => "");

  /** The text of the bytes from `from` to `to`; null when they are too many, or not all ASCII. */
  textAt(chunk: Uint8Array, from: number, to: number): string | null {
    const size = to - from;
    if (size > SIZE_MAX || size === 0) return null;
    const place = ((chunk[from] as number) * 7 + (chunk[to - 1] as number) + size) % PLACES;
    const text = this.#texts[place] ?? "";
    if (text.length === size && isTextAt(chunk, from, text)) return text;
    const bytes = chunk.subarray(from, to);
    if (bytes.some((byte) => byte > 0x7f)) return null;
    const read = String.fromCharCode(...bytes);
    this.#texts[place] = read;
    return read;
  }
}

function isTextAt(chunk: Uint8Array, from: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== chunk[from + index]) return false;
  }
  return true;
}
