// Result difference: what two results of a job do not share, host by host, from their indexes.
//
// Hosts are the same by their names: an agent gets another number when it is installed again. Of
// hosts of one name the first is taken for the first, the second for the second, and so on.
import { compareNames, type ResultIndex } from "./result-index.ts";

/** What became of a host between two results. */
export const CHANGE_KINDS = ["appeared", "gone", "changed"] as const;

export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** One host that differs, by the places of its commands. */
export interface Change {
  readonly kind: ChangeKind;
  /** Its place in the result before; null: it was not there. */
  readonly before: number | null;
  /** Its place in the result after; null: it is not there any more. */
  readonly after: number | null;
}

/** All that differs, in the order of the names of the hosts: 4 bytes a host on each side. */
export class ResultDifference {
  #size = 0;
  readonly #before: Int32Array;
  readonly #after: Int32Array;
  #same = 0;

  constructor(before: ResultIndex, after: ResultIndex) {
    this.#before = new Int32Array(before.count + after.count);
    this.#after = new Int32Array(before.count + after.count);
    this.#compare(before, after);
  }

  /** Hosts that are as they were. */
  get same(): number {
    return this.#same;
  }

  /** How many hosts became what. */
  counts(): Readonly<Record<ChangeKind, number>> {
    const counts = { appeared: 0, gone: 0, changed: 0 };
    for (let at = 0; at < this.#size; at++) counts[this.#kindAt(at)] += 1;
    return counts;
  }

  /** Hosts that became something, or anything for null, a page of them. */
  select(
    kind: ChangeKind | null,
    page: { readonly from: number; readonly limit: number },
  ): readonly Change[] {
    const chosen: Change[] = [];
    let passed = 0;
    for (let at = 0; at < this.#size && chosen.length < page.limit; at++) {
      const found = this.#kindAt(at);
      if (kind !== null && kind !== found) continue;
      if (passed++ < page.from) continue;
      chosen.push({
        kind: found,
        before: placeOf(this.#before, at),
        after: placeOf(this.#after, at),
      });
    }
    return chosen;
  }

  #kindAt(at: number): ChangeKind {
    if (this.#before[at] === NOWHERE) return "appeared";
    return this.#after[at] === NOWHERE ? "gone" : "changed";
  }

  #add(before: number, after: number): void {
    this.#before[this.#size] = before;
    this.#after[this.#size] = after;
    this.#size += 1;
  }

  #compare(before: ResultIndex, after: ResultIndex): void {
    const left = before.byHost();
    const right = after.byHost();
    let from = 0;
    let to = 0;
    while (from < left.length || to < right.length) {
      const was = left[from] ?? NOWHERE;
      const is = right[to] ?? NOWHERE;
      const order =
        was === NOWHERE ? 1 : is === NOWHERE ? -1 : compareNames(before.host(was), after.host(is));
      if (order < 0) this.#add(was, NOWHERE);
      else if (order > 0) this.#add(NOWHERE, is);
      else if (before.isSame(was, after, is)) this.#same += 1;
      else this.#add(was, is);
      if (order <= 0) from += 1;
      if (order >= 0) to += 1;
    }
  }
}

const NOWHERE = -1;

function placeOf(places: Int32Array, at: number): number | null {
  const place = places[at] ?? NOWHERE;
  return place === NOWHERE ? null : place;
}
