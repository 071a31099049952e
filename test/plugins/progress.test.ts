// Progress: which items of a delivery are done, over many attempts.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Progress, RUNS_MAX } from "../../plugins/lib/progress.ts";

/** As a saved value comes back: through JSON. */
function again(progress: Progress): Progress {
  return new Progress(JSON.parse(JSON.stringify(progress.encode())));
}

describe("Progress", () => {
  test("knows what is done, over any attempts that begin and do any part of it", () => {
    const attempt = fc.array(
      fc.record({ size: fc.integer({ min: 1, max: 9 }), fate: fc.constantFrom("taken", "failed") }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 5 }), fc.integer(), (attempts, dice) => {
        const done = new Set<number>();
        let begun = 0;
        let progress = new Progress(null);
        for (const batches of attempts) {
          for (const [index, { fate, size }] of batches.entries()) {
            // What was left before is tried again now and then.
            const isOld = (dice + index) % 3 === 0 && begun >= size;
            const from = isOld ? begun - size : begun;
            progress.begin([from, from + size]);
            if (!isOld) begun += size;
            if (fate === "failed") continue;
            progress.done([from, from + size]);
            for (let place = from; place < from + size; place++) done.add(place);
          }
          progress = again(progress);
          expect(progress.begun).toBe(begun);
          expect(progress.left).toBe(begun - done.size);
          for (let place = 0; place < begun + 3; place++) {
            expect([place, progress.isDone(place)]).toEqual([place, done.has(place)]);
          }
        }
      }),
    );
  });

  test("keeps the edges of what was sent together", () => {
    const progress = new Progress(null);
    for (const run of [[0, 5] as const, [5, 9] as const, [9, 12] as const]) progress.begin(run);
    progress.done([0, 5]);
    const later = again(progress);
    const edges = Array.from({ length: 14 }, (_, place) => place).filter((p) => later.isEdge(p));
    expect(edges).toEqual([5, 9, 12]);
    expect(later.first).toBe(12);
    expect([later.isLeftBeside([5, 12]), later.isLeftBeside([5, 9])]).toEqual([false, true]);
  });

  test("is bounded, and rather repeats an item than loses one", () => {
    const progress = new Progress(null);
    for (let place = 0; place < 20_000; place++) {
      progress.begin([place, place + 1]);
      if (place % 2 === 0) progress.done([place, place + 1]);
    }
    const text = JSON.stringify(progress.encode());
    expect(text.length).toBeLessThan(65_536);
    const later = again(progress);
    expect(later.begun).toBe(20_000);
    const lost = Array.from({ length: 20_000 }, (_, place) => place).filter(
      (place) => place % 2 === 1 && later.isDone(place),
    );
    expect(lost).toEqual([]);
    expect(later.isDone(2 * (RUNS_MAX - 2))).toBe(true);
  });

  test.each([
    [null],
    ["text"],
    [{ next: -1, runs: [] }],
    [{ next: 1e300, runs: [] }],
    [{ next: 5, runs: [[0]] }],
    [{ next: 5, runs: "x" }],
    [{ next: 5, runs: [[3, 3]] }],
    [
      {
        next: 5,
        runs: [
          [2, 4],
          [1, 2],
        ],
      },
    ],
    [{ next: 5, runs: [[2, 6]] }],
  ])("takes %j for a new beginning", (saved) => {
    const progress = new Progress(saved);
    expect([progress.begun, progress.left, progress.isDone(0)]).toEqual([0, 0, false]);
  });
});
