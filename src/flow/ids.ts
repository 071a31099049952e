// Ids: the set of command ids that were met, in 8 to 16 bytes an id. A JavaScript Set takes more
// than 100 bytes, which is too much for the results of a large fleet.
//
// The ids are sorted and found by binary search: who chooses the ids could make a hash table as
// slow as a list.

/** Ids that are kept in a small list of their own before they are merged into the large one. */
const RECENT_MAX = 4_096;

/** Room in that list at first, for a result like most. */
const RECENT_LEAST = 64;

/** A set of numbers that only grows. */
export class Ids {
  /** Both ascending; of the recent ones only the first `#count` are set. */
  #all = new Float64Array(0);
  #recent = new Float64Array(RECENT_LEAST);
  #count = 0;

  /** Adds an id; false when it is there already. */
  add(id: number): boolean {
    const all = this.#all;
    if (all[placeOf(all, all.length, id)] === id) return false;
    const recent = this.#recent;
    const place = placeOf(recent, this.#count, id);
    if (place < this.#count && recent[place] === id) return false;
    recent.copyWithin(place + 1, place, this.#count);
    recent[place] = id;
    this.#count++;
    if (this.#count === RECENT_MAX) this.#merge();
    else if (this.#count === recent.length) this.#grow();
    return true;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#count);
    larger.set(this.#recent);
    this.#recent = larger;
  }

  #merge(): void {
    const all = this.#all;
    const recent = this.#recent;
    const merged = new Float64Array(all.length + RECENT_MAX);
    let from = 0;
    let at = 0;
    for (const id of recent) {
      // Runs of ids are copied at once: most ids come in ascending order.
      const place = placeOf(all, all.length, id);
      merged.set(all.subarray(from, place), at);
      at += place - from;
      from = place;
      merged[at++] = id;
    }
    merged.set(all.subarray(from), at);
    this.#all = merged;
    this.#count = 0;
  }
}

/** How many of the first `length` ids are below this one. */
function placeOf(ids: Float64Array, length: number, id: number): number {
  let from = 0;
  let to = length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ids[middle] as number) < id) from = middle + 1;
    else to = middle;
  }
  return from;
}
