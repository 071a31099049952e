// The program under kill -9, a few times; `bun test/faults/kill.ts` does it two hundred times.
import { expect, test } from "bun:test";
import { killLoop } from "../faults/kill.ts";

test("nothing is lost, posted twice, torn or undelivered when it is killed at random", async () => {
  const { lost, twice, torn, undelivered, posted } = await killLoop(8, 7);
  expect({ lost, twice, torn, undelivered }).toEqual({
    lost: 0,
    twice: 0,
    torn: 0,
    undelivered: 0,
  });
  expect(posted).toBeGreaterThan(0);
}, 120_000);
