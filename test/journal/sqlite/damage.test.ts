// Damaged journals, a few; `bun test/faults/damage.ts` tries thousands.
import { expect, test } from "bun:test";
import { damageLoop } from "../../faults/damage.ts";

test("works or is refused by name, and is salvaged then, whatever is damaged (I10)", async () => {
  const { nameless, lost, worked, refused, savedShare } = await damageLoop(24, 7);
  expect([nameless, lost]).toEqual([[], []]);
  expect(worked).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
  expect(savedShare).toBeGreaterThan(0);
});
