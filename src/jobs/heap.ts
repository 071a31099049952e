// Heap: the jobs by their next fire time. One heap for all jobs instead of a timer for each.
import type { Instant } from "../time.ts";

/** A job and its next fire time. */
export interface Entry {
  readonly job: string;
  readonly at: Instant;
}

/** A binary min-heap with one live entry a job; replaced entries are skipped when they surface. */
export class FireHeap {
  #entries: Entry[] = [];
  readonly #live = new Map<string, Instant>();

  /** Sets the next fire time of `job`; null takes it out. */
  set(job: string, at: Instant | null): void {
    if (at === null) {
      this.#live.delete(job);
      return;
    }
    if (this.#live.get(job) === at) return;
    this.#live.set(job, at);
    this.#push({ job, at });
    if (this.#entries.length > 2 * this.#live.size + 64) this.#rebuild();
  }

  /** The next fire time of one job, or null. */
  at(job: string): Instant | null {
    return this.#live.get(job) ?? null;
  }

  /** The earliest fire time, or null when nothing is scheduled. */
  next(): Instant | null {
    this.#dropStale();
    return this.#entries[0]?.at ?? null;
  }

  /** Takes out and returns the jobs that are due, the earliest first. */
  takeDue(now: Instant): string[] {
    const due: string[] = [];
    for (;;) {
      this.#dropStale();
      const top = this.#entries[0];
      if (top === undefined || top.at > now) return due;
      this.#pop();
      this.#live.delete(top.job);
      due.push(top.job);
    }
  }

  /** The jobs that will be due by then, in no order. They stay in. */
  dueBy(at: Instant): readonly Entry[] {
    const found: Entry[] = [];
    const open = [0];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const entry = this.#entries[index];
      if (entry === undefined || entry.at > at) continue;
      if (this.#live.get(entry.job) === entry.at) found.push(entry);
      open.push(2 * index + 1, 2 * index + 2);
    }
    return found;
  }

  #dropStale(): void {
    for (;;) {
      const top = this.#entries[0];
      if (top === undefined || this.#live.get(top.job) === top.at) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#entries = [];
    for (const [job, at] of this.#live) this.#push({ job, at });
  }

  #push(entry: Entry): void {
    const entries = this.#entries;
    let index = entries.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || parent.at <= entry.at) break;
      entries[index] = parent;
      index = above;
    }
    entries[index] = entry;
  }

  #pop(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = entries[child];
      if (left === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && right.at < left.at) child++;
      const smaller = entries[child];
      if (smaller === undefined || smaller.at >= last.at) break;
      entries[index] = smaller;
      index = child;
    }
    entries[index] = last;
  }
}
