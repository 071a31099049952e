// Part: collects the bytes of one part of a stream (a token, or a whole object or array), also
// when the part is cut into several chunks.
import { PageError } from "./fault.ts";
import { Interned } from "./interned.ts";

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Collects one part at a time. `take` answers a copy when the part was cut, else a view. */
export class PartBytes {
  readonly #sizeMax: number;
  /** Where in the present chunk the part begins, null when nothing is kept. */
  #from: number | null = null;
  #carry = new Uint8Array(0);
  #carried = 0;
  readonly #names = new Interned();

  /** @param sizeMax Most bytes of one part; more is a PageError ("large"). */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get isKeeping(): boolean {
    return this.#from !== null;
  }

  /** The part begins at this place of the present chunk. */
  begin(at: number): void {
    this.#from = at;
  }

  /** Ends the part before `end` of the present chunk and answers with it. */
  take(chunk: Uint8Array, end: number): Uint8Array {
    const last = chunk.subarray(this.#from ?? end, end);
    this.#from = null;
    this.#refuseLarge(this.#carried + last.length);
    if (this.#carried === 0) return last;
    const whole = new Uint8Array(this.#carried + last.length);
    whole.set(this.#carry.subarray(0, this.#carried));
    whole.set(last, this.#carried);
    this.#carried = 0;
    return whole;
  }

  /** The same for the inside of a text: its value. */
  takeText(chunk: Uint8Array, end: number, hasEscapes: boolean): string {
    const from = this.#carried > 0 || hasEscapes ? null : this.#from;
    const known = from === null ? null : this.#names.textAt(chunk, from, end);
    if (known !== null) {
      this.#from = null;
      return known;
    }
    const text = UTF8.decode(this.take(chunk, end));
    return hasEscapes ? (JSON.parse(`"${text}"`) as string) : text;
  }

  /** Saves what belongs to the part, before the next chunk comes. */
  carryOver(chunk: Uint8Array): void {
    if (this.#from === null) return;
    const part = chunk.subarray(this.#from);
    const size = this.#carried + part.length;
    this.#refuseLarge(size);
    if (size > this.#carry.length) {
      const carry = new Uint8Array(Math.max(size, Math.min(this.#carry.length * 2, this.#sizeMax)));
      carry.set(this.#carry.subarray(0, this.#carried));
      this.#carry = carry;
    }
    this.#carry.set(part, this.#carried);
    this.#carried = size;
    this.#from = 0;
  }

  #refuseLarge(size: number): void {
    if (size <= this.#sizeMax) return;
    const what = `one part of it is over ${this.#sizeMax} bytes`;
    throw new PageError("large", `Cannot read the API's answer: ${what}`);
  }
}
