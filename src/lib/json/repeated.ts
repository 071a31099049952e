// Repeated: remembers the last bytes that were read and their value, so that reading the same bytes
// again costs one comparison.
//
// All commands of an action carry the same action, which is a third of their bytes or more.
import { Buffer } from "node:buffer";

/** The last bytes that were read, and their value. */
export class Repeated<Value> {
  #bytes = Buffer.alloc(0);
  #value: Value;

  /** @param value The value before anything was read. */
  constructor(value: Value) {
    this.#value = value;
  }

  /** The value of the remembered bytes. */
  get value(): Value {
    return this.#value;
  }

  /** Where the remembered bytes end when they stand at `from`; -1 when they do not. */
  endAt(chunk: Uint8Array, from: number): number {
    const known = this.#bytes;
    const end = from + known.length;
    if (known.length === 0 || end > chunk.length || known[0] !== chunk[from]) return -1;
    return known.compare(chunk, from, end) === 0 ? end : -1;
  }

  /** Remembers a copy of these bytes instead of the ones before. */
  remember(chunk: Uint8Array, place: { readonly from: number; readonly to: number }, value: Value) {
    this.#bytes = Buffer.from(chunk.subarray(place.from, place.to));
    this.#value = value;
  }
}
