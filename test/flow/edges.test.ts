// Edges: of one piece of work, which ends with the lease of its job.
import { describe, expect, test } from "bun:test";
import { bound } from "../../src/flow/edges.ts";
import { NOON, openWorld } from "../support/world.ts";

describe("bound()", () => {
  test("writes nothing by what was read before another host may have had the job (I2)", async () => {
    const { edges, journal } = openWorld();
    let isHeld = true;
    const lease = { unbroken: () => () => isHeld, heldSince: () => NOON };
    const { journal: ours } = bound({ ...edges, lease }, "nightly");
    const decide = (decidedAt: number) =>
      ours.write((tables) => tables.setCursor("nightly", { decidedAt, schedule: "" }));
    await decide(NOON);
    isHeld = false;
    await expect(decide(NOON + 1)).rejects.toThrow("another host may have had the job");
    expect(journal.cursor("nightly")?.decidedAt).toBe(NOON);
    expect(ours.cursor("nightly")?.decidedAt).toBe(NOON);
  });

  test("is the same where a host works alone", () => {
    const { edges } = openWorld();
    expect(bound(edges, "nightly")).toBe(edges);
  });
});
