// Mutation of a cluster: each patch breaks an invariant, and the simulator must say which.
import { describe, expect, test } from "bun:test";
import { searchMutant, withCopy } from "../mutate.ts";
import { CLUSTER_MUTANTS } from "./mutants.ts";

describe("The simulator of several hosts", () => {
  test.each(CLUSTER_MUTANTS)("sees $invariant broken when $name", async (mutant) => {
    const said = await withCopy(mutant.edits, (folder) =>
      searchMutant(folder, mutant, "--hosts", "0"),
    );
    expect(said).toMatch(new RegExp(`^seed \\d+: ${mutant.invariant}: `, "m"));
  });
});
