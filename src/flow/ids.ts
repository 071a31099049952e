// Ids: the ids of commands that were met, in 11 to 22 bytes each. A Set takes over 100, and a
// result of a large fleet is not to be felt.

const SIZE_FIRST = 256;

/** A set of whole numbers above 0 that only grows. */
export class Ids {
  /** An id stands at the first free slot from the one that its bits mean; 0 is a free one. */
  #slots = new Float64Array(SIZE_FIRST);
  #size = 0;

  /** Adds an id; false when it is there already. */
  add(id: number): boolean {
    const slot = slotOf(this.#slots, id);
    if (this.#slots[slot] === id) return false;
    this.#slots[slot] = id;
    this.#size++;
    if (this.#size * 4 > this.#slots.length * 3) this.#grow();
    return true;
  }

  #grow(): void {
    const slots = new Float64Array(this.#slots.length * 2);
    for (const id of this.#slots) if (id !== 0) slots[slotOf(slots, id)] = id;
    this.#slots = slots;
  }
}

/** Where an id is, or where it would be. There is always a free slot. */
function slotOf(slots: Float64Array, id: number): number {
  const last = slots.length - 1;
  let bits = Math.imul(id ^ Math.floor(id / 2 ** 32), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  let slot = (bits ^ (bits >>> 16)) & last;
  while (slots[slot] !== 0 && slots[slot] !== id) slot = (slot + 1) & last;
  return slot;
}
