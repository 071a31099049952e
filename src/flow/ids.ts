// Ids: the ids of commands that were met, in 8 to 16 bytes each. A Set takes over 100, and a result
// of a large fleet is not to be felt.
//
// Sorted, and found by halves: whoever chooses the ids can make a table of hashes as slow as a
// list.

/** Ids that are put in their place one by one, before they are merged into all others. */
const RECENT_MAX = 4_096;

/** A set of numbers that only grows. */
export class Ids {
  /** Both ascending; of the recent ones only the first `#count` are set. */
  #all = new Float64Array(0);
  readonly #recent = new Float64Array(RECENT_MAX);
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
    return true;
  }

  #merge(): void {
    const [all, recent] = [this.#all, this.#recent];
    const merged = new Float64Array(all.length + RECENT_MAX);
    let [from, at] = [0, 0];
    for (const id of recent) {
      // In runs: most ids come in the order in which they were given.
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
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ids[middle] as number) < id) from = middle + 1;
    else to = middle;
  }
  return from;
}
