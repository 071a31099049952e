// The program killed or stopped at random, a few times; test/faults/ does it hundreds of times.
import { expect, test } from "bun:test";
import { killLoop } from "../faults/kill.ts";
import { pauseLoop } from "../faults/pause.ts";

test("nothing is lost, posted twice, torn or undelivered when it is killed at random", async () => {
  const { posted, ...wrong } = await killLoop(8, 7);
  expect(wrong).toEqual({ lost: 0, twice: 0, torn: 0, undelivered: 0, unsound: 0 });
  expect(posted).toBeGreaterThan(0);
});

test("nothing is, when it stands still for longer than every timeout", async () => {
  const { posted, ...wrong } = await pauseLoop(2, 7);
  expect(wrong).toEqual({ lost: 0, twice: 0, torn: 0, undelivered: 0, unsound: 0 });
  expect(posted).toBeGreaterThan(0);
});
