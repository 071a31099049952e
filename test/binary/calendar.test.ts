// Calendar: requested on a host without a key, signed on two other machines, installed and posted.
import { expect, test } from "bun:test";
import { aheadLoop } from "../faults/ahead.ts";
import { countSignatures, postedActions } from "../support/ceremony.ts";

test("a calendar makes a host without a key post what two people have signed, once a window", async () => {
  const { posted, ...wrong } = await aheadLoop(4, 7, async (site) => {
    for (const action of postedActions(site)) {
      expect(action.pgpsignatures.length).toBe(2);
      expect(await countSignatures(action)).toBe(2);
    }
  });
  expect(wrong).toEqual({ lost: 0, twice: 0, torn: 0, undelivered: 0, unsound: 0, unsigned: 0 });
  expect(posted).toBeGreaterThan(0);
});
