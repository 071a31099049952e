// Timeline: what happens next in a simulated world. The only time there is; it never goes back.
//
// True time is what the world's physics runs on, in whole milliseconds as every clock of a host. The
// wall clock of the runner's host is true time plus an offset that a fault may change.

/** Something that will happen. */
export interface Planned {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** A queue of things to come, by time, and by order of planning within one time. */
export class Timeline {
  #now: number;
  #order = 0;
  readonly #heap: Planned[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  /** True time, in milliseconds since the Unix epoch. */
  get now(): number {
    return this.#now;
  }

  /** Plans `run` for `ms` from now, rounded up as a timer is. Cancel it by `cancel`. */
  after(ms: number, run: () => void): Planned {
    const at = this.#now + Math.max(0, Math.ceil(ms));
    const planned: Planned = { at, order: this.#order++, run };
    this.#push(planned);
    return planned;
  }

  cancel(planned: Planned): void {
    planned.run = null;
  }

  /** When the next thing happens; null when nothing will. */
  get nextAt(): number | null {
    while (this.#heap[0]?.run === null) this.#pop();
    return this.#heap[0]?.at ?? null;
  }

  /** Lets the next thing happen. False when there is none. */
  step(): boolean {
    if (this.nextAt === null) return false;
    const planned = this.#pop();
    this.#now = planned.at;
    const { run } = planned;
    planned.run = null;
    run?.();
    return true;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above]!;
      if (!isBefore(planned, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = planned;
  }

  #pop(): Planned {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(left: Planned, right: Planned): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
