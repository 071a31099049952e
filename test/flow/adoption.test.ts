import { expect, test } from "bun:test";
import { Adoption } from "../../src/flow/adoption.ts";
import { NOON, openWorld } from "../support/world.ts";

/** Looks that are counted; each ends when it is let. */
function open(once: boolean, isDone = true) {
  const world = openWorld();
  const looks: (() => void)[] = [];
  const lookedFirst = (): Promise<void> => Promise.resolve();
  const adoption = new Adoption(
    world.edges,
    { entity: () => null },
    {
      once,
      changed() {},
      lookedFirst,
      attempt: (work) =>
        work === lookedFirst
          ? work().then(() => true)
          : new Promise((resolve) => looks.push(() => resolve(isDone))),
    },
  );
  return { world, looks, adoption };
}

/** Lets what was resolved go on. */
async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve();
}

test("a look that is wanted while there is one is made behind it", async () => {
  const { world, looks, adoption } = open(false);
  const started = adoption.start();
  await world.clock.moveTo(NOON + 100);
  await started;
  adoption.want();
  adoption.tick();
  expect([looks.length, adoption.idle]).toEqual([1, false]);
  looks[0]?.();
  await turn();
  adoption.tick();
  adoption.tick();
  expect(looks.length).toBe(2);
  looks[1]?.();
  await turn();
  adoption.tick();
  expect([looks.length, adoption.idle]).toEqual([2, true]);
});

test("a look that failed is made again after a while, unless there is one pass", async () => {
  for (const once of [false, true]) {
    const { world, looks, adoption } = open(once, false);
    const started = adoption.start();
    looks[0]?.();
    await started;
    await world.clock.moveTo(NOON + 29_000);
    adoption.tick();
    expect(looks.length).toBe(1);
    await world.clock.moveTo(NOON + 31_000);
    adoption.tick();
    expect(looks.length).toBe(once ? 1 : 2);
  }
});
