// Progress: which items of a delivery are done, so that its next attempt goes on where this ended.
//
//   0 ─────────────────────── next ──────▶   items by their places in the result
//   done, but for the `runs`  │ not begun
//
// A run is what was begun together, such as a batch: its edges are kept, so that the same items go
// out together again, under the same key.
import * as v from "valibot";

/** Places from one up to another, without that. */
export type Run = readonly [from: number, to: number];

/** Runs that are kept; of more than that some done items are taken for undone, and sent again. */
export const RUNS_MAX = 1_000;

const place = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const Saved = v.object({
  next: place,
  runs: v.pipe(
    v.array(v.tuple([place, place])),
    v.maxLength(RUNS_MAX),
    v.check((runs) => areInOrder(runs)),
  ),
});

function areInOrder(runs: readonly Run[]): boolean {
  return runs.every(([from, to], index) => from < to && from >= (runs[index - 1]?.[1] ?? 0));
}

/** What is done of a delivery, and what is left. */
export class Progress {
  readonly #first: number;
  readonly #edges: ReadonlySet<number>;
  #next: number;
  #runs: Run[];

  /** @param saved What `encode` gave in an earlier attempt; anything else is a new beginning. */
  constructor(saved: unknown) {
    const { success, output } = v.safeParse(Saved, saved);
    const isSound = success && (output.runs.at(-1)?.[1] ?? 0) <= output.next;
    this.#next = isSound ? output.next : 0;
    this.#runs = isSound ? output.runs : [];
    this.#first = this.#next;
    this.#edges = new Set([this.#next, ...this.#runs.flat()]);
  }

  /** The first place that no earlier attempt has begun. */
  get first(): number {
    return this.#first;
  }

  /** How many items were begun, in all attempts. */
  get begun(): number {
    return this.#next;
  }

  /** How many of them are not done. */
  get left(): number {
    return this.#runs.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** Whether something that was begun outside of a run is not done. */
  isLeftBeside([from, to]: Run): boolean {
    return this.#runs.some(([first, last]) => first < from || to < last);
  }

  isDone(place: number): boolean {
    return place < this.#next && (this.#runs[this.#runAt(place)]?.[0] ?? place + 1) > place;
  }

  /** Whether what was sent together in an earlier attempt ended before this place. */
  isEdge(place: number): boolean {
    return this.#edges.has(place);
  }

  /** Takes the items of a run as begun; those of an earlier attempt are already. */
  begin([from, to]: Run): void {
    if (to <= this.#next) return;
    this.#runs.push([Math.max(from, this.#next), to]);
    this.#next = to;
  }

  done([from, to]: Run): void {
    const first = this.#runAt(from);
    const last = this.#runAt(to - 1);
    const isIn = (this.#runs[last]?.[0] ?? to) < to;
    const touched = this.#runs.slice(first, isIn ? last + 1 : last);
    const rest = touched.flatMap((run) => outside(run, [from, to]));
    this.#runs.splice(first, touched.length, ...rest);
  }

  /** Which run a place is in, or the first one behind it. Runs are in order and do not overlap. */
  #runAt(place: number): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.[1] ?? 0) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** As `new Progress` takes it. Not longer than 64 KiB. */
  encode(): object {
    const runs = this.#runs.length <= RUNS_MAX ? this.#runs : united(this.#runs);
    const kept = runs.slice(0, RUNS_MAX - 1);
    const [begin] = runs.slice(RUNS_MAX - 1);
    const end = runs.at(-1);
    const rest = begin !== undefined && end !== undefined ? [[begin[0], end[1]]] : [];
    return { next: this.#next, runs: [...kept, ...rest] };
  }
}

/** The same places, those that follow each other as one run. */
function united(runs: readonly Run[]): readonly Run[] {
  const all: Run[] = [];
  for (const run of runs) {
    const last = all.at(-1);
    if (last?.[1] === run[0]) all[all.length - 1] = [last[0], run[1]];
    else all.push(run);
  }
  return all;
}

/** What of a run is outside of another. */
function outside([start, end]: Run, [from, to]: Run): readonly Run[] {
  const before: Run = [start, Math.min(end, from)];
  const after: Run = [Math.max(start, to), end];
  return [before, after].filter(([first, last]) => first < last);
}
