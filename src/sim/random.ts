// Random: numbers that depend on nothing but the seed and what they are for.
//
// Every number is a hash of a label, not the next of a sequence, so that one more agent or one more
// request does not change what the others do.

/** A hash of the parts, as an unsigned 32-bit integer (FNV-1a, then the mixer of MurmurHash3). */
export function hash(...parts: readonly (string | number)[]): number {
  const text = parts.join("\u0000");
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** A number in [0, 1) that the parts decide. */
export function uniform(...parts: readonly (string | number)[]): number {
  return hash(...parts) / 0x1_0000_0000;
}

/** One of the list, which must not be empty, by the hash of the parts. */
export function pick<Item>(list: readonly Item[], ...parts: readonly (string | number)[]): Item {
  const item = list[hash(...parts) % list.length];
  if (item === undefined) throw new RangeError("Cannot pick from an empty list");
  return item;
}

/** The list in an order that the parts decide. */
export function shuffled<Item>(list: readonly Item[], ...parts: (string | number)[]): Item[] {
  return list
    .map((item, index) => ({ item, key: hash(...parts, index) }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}

/** Lower-case hexadecimal digits, `length` of them. */
export function hexDigits(length: number, ...parts: readonly (string | number)[]): string {
  let text = "";
  for (let block = 0; text.length < length; block++) {
    text += hash(...parts, block)
      .toString(16)
      .padStart(8, "0");
  }
  return text.slice(0, length);
}
