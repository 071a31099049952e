import { describe, expect, test } from "bun:test";
import { Pool } from "../../src/flow/pool.ts";

/** A task that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { task: () => promise, end: resolve };
}

/** Lets every promise that is ready go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("Pool", () => {
  test("runs at most its limit, and the next when one ends", async () => {
    let changes = 0;
    const pool = new Pool(2, () => changes++);
    const tasks = [held(), held(), held()];
    for (const [key, { task }] of tasks.entries()) pool.start(key, task);
    expect({ running: pool.running, free: pool.free }).toEqual({ running: 2, free: 0 });
    tasks[0]?.end();
    await settled();
    expect({ running: pool.running, changes }).toEqual({ running: 2, changes: 1 });
    tasks[1]?.end();
    tasks[2]?.end();
    await settled();
    expect(pool.idle).toBe(true);
  });

  test("asks of work that has waited, and of no other, whether it is still due", async () => {
    const pool = new Pool(1, () => {});
    const [first, over, last] = [held(), held(), held()];
    const begun: string[] = [];
    const start = (name: string, { task }: ReturnType<typeof held>, isDue: boolean) =>
      pool.start(
        name,
        () => {
          begun.push(name);
          return task();
        },
        () => isDue,
      );
    start("first", first, false);
    start("over", over, false);
    start("last", last, true);
    first.end();
    await settled();
    expect([begun, pool.running, pool.waiting]).toEqual([["first", "last"], 1, 0]);
  });

  test("has no room for more than run, however often it is asked", async () => {
    const pool = new Pool(4, () => {});
    for (let key = 0; key < 100 && pool.room > 0; ) {
      // As many as it has room for, as at each turn of the loop.
      for (let room = pool.room; room > 0; room--) pool.start(key++, held().task);
    }
    expect([pool.running, pool.waiting, pool.room]).toEqual([4, 4, 0]);
  });

  test("asks for its limit each time where it can change", async () => {
    let limit = 1;
    const pool = new Pool(
      () => limit,
      () => {},
    );
    const tasks = [held(), held(), held()];
    for (const [key, { task }] of tasks.entries()) pool.start(key, task);
    expect(pool.running).toBe(1);
    limit = 3;
    tasks[0]?.end();
    await settled();
    expect([pool.running, pool.free]).toEqual([2, 1]);
  });

  test("refuses a second task for a key that runs or waits", () => {
    const pool = new Pool(1, () => {});
    expect(pool.start("a", held().task)).toBe(true);
    expect(pool.start("b", held().task)).toBe(true);
    expect(pool.start("a", held().task)).toBe(false);
    expect(pool.start("b", held().task)).toBe(false);
  });

  test("tells when the last piece of work has ended", async () => {
    const told: boolean[] = [];
    const pool = new Pool(1, (isIdle) => void told.push(isIdle));
    const [first, second] = [held(), held()];
    pool.start("a", first.task);
    pool.start("b", second.task);
    first.end();
    await settled();
    second.end();
    await settled();
    expect(told).toEqual([false, true]);
  });

  test("forgets what waits when it is cleared", async () => {
    const pool = new Pool(1, () => {});
    const first = held();
    pool.start("a", first.task);
    pool.start("b", held().task);
    pool.clear();
    first.end();
    await settled();
    expect(pool.idle).toBe(true);
  });
});
