// Collects: which actions wait in line for a place, and which of those are begun.
import { describe, expect, test } from "bun:test";
import { Collects } from "../../src/flow/collects.ts";
import type { ActionRow } from "../../src/journal/inflight.ts";

const row = (id: number): ActionRow => ({ id, state: "posted", nextAt: 5 }) as ActionRow;

/** Two places, and the rows as the journal has them. */
function twoPlaces() {
  const rows = new Map([1, 2, 3, 4, 5].map((id) => [id, row(id)]));
  const journal = { action: (id: number) => rows.get(id) ?? null };
  let mayAsk = true;
  const edges = { journal, limits: { collectsMax: 2 } } as ConstructorParameters<
    typeof Collects
  >[0];
  const pool = new Collects(
    edges,
    () => mayAsk,
    () => {},
  );
  const begun: number[] = [];
  const end = new Map<number, () => void>();
  const giveWay = new Map<number, () => void>();
  const collect = (id: number) =>
    pool.collect(row(id), (give) => {
      begun.push(id);
      giveWay.set(id, give);
      const { promise, resolve } = Promise.withResolvers<void>();
      end.set(id, resolve);
      return promise;
    });
  const down = () => {
    mayAsk = false;
  };
  return { pool, rows, begun, collect, giveWay, end, down };
}

/** Lets every promise that is ready go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("Collects", () => {
  test("takes as many again as have a place, and begins one when a place is given away", () => {
    const { pool, begun, collect, giveWay } = twoPlaces();
    expect(pool.room).toBe(4);
    for (const id of [1, 2, 3]) expect(collect(id)).toBe(true);
    expect([begun, pool.room, pool.keys]).toEqual([[1, 2], 1, [1, 2, 3]]);
    expect(collect(3)).toBe(false);
    giveWay.get(1)?.();
    expect([begun, pool.room]).toEqual([[1, 2, 3], 2]);
  });

  test("begins none that was dropped or put off while it waited", async () => {
    const { pool, rows, begun, collect, end } = twoPlaces();
    for (const id of [1, 2, 3, 4, 5]) collect(id);
    rows.set(3, { ...row(3), state: "failed", nextAt: null });
    rows.set(4, { ...row(4), nextAt: 9 });
    end.get(1)?.();
    await settled();
    expect([begun, pool.running, pool.waiting]).toEqual([[1, 2, 5], 2, 0]);
    rows.delete(5);
    end.get(2)?.();
    end.get(5)?.();
    await settled();
    expect(pool.idle).toBe(true);
  });

  test("begins none that waited while the API is not to be asked", async () => {
    const { pool, begun, collect, end, down } = twoPlaces();
    for (const id of [1, 2, 3, 4]) collect(id);
    down();
    end.get(1)?.();
    await settled();
    expect([begun, pool.running, pool.waiting]).toEqual([[1, 2], 1, 0]);
  });
});
