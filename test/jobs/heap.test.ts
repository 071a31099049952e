import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FireHeap } from "../../src/jobs/heap.ts";

describe("FireHeap", () => {
  test("gives the due jobs, the earliest first, and keeps the others", () => {
    const heap = new FireHeap();
    heap.set("c", 30);
    heap.set("a", 10);
    heap.set("b", 20);
    expect(heap.takeDue(20)).toEqual(["a", "b"]);
    expect(heap.next()).toBe(30);
  });

  test("holds one time a job: the one that was set last", () => {
    const heap = new FireHeap();
    heap.set("a", 10);
    heap.set("a", 50);
    expect(heap.takeDue(49)).toEqual([]);
    expect(heap.takeDue(50)).toEqual(["a"]);
    expect(heap.takeDue(50)).toEqual([]);
  });

  test("forgets a job that is set to never", () => {
    const heap = new FireHeap();
    heap.set("a", 10);
    heap.set("a", null);
    expect(heap.next()).toBeNull();
  });

  test("agrees with a sorted list under any order of changes", () => {
    const change = fc.tuple(fc.nat(9), fc.option(fc.nat(99)));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400 }), fc.nat(99), (changes, now) => {
        const heap = new FireHeap();
        const plain = new Map<string, number>();
        for (const [job, at] of changes) {
          heap.set(String(job), at);
          if (at === null) plain.delete(String(job));
          else plain.set(String(job), at);
        }
        const times = [...plain.values()].sort((left, right) => left - right);
        expect(heap.next()).toBe(times[0] ?? null);
        const due = [...plain].filter(([, at]) => at <= now).map(([job]) => job);
        expect(heap.takeDue(now).sort()).toEqual(due.sort());
      }),
    );
  });
});
