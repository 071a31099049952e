// Mutation: the test of the test. Each patch breaks an invariant, and the simulator must say which.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DAMAGE_MUTANT, MUTANTS } from "./mutants.ts";
import { output, searchMutant, withCopy } from "./mutate.ts";

/** Opens a journal that is none, and says what came of it. */
const DAMAGED = `
import { openJournal } from "./src/journal/sqlite/journal.ts";
import { writeFileSync } from "node:fs";
writeFileSync("damaged.db", "SQLite format 3\\0" + "\\x7f".repeat(8000));
try {
  await openJournal({ path: "damaged.db" }).close();
  console.log("I10: it was opened");
} catch (error) {
  const isNamed = error.name === "RunnerError" && error.code === "JOURNAL";
  const hasWayOut = /salvage/.test(error.detail?.hint ?? "");
  console.log(isNamed && hasWayOut ? "it is named" : "I10: " + error.message);
}
`;

describe("The simulator", () => {
  test.each(MUTANTS)("sees $invariant broken when $name", async (mutant) => {
    const said = await withCopy(mutant.edits, (folder) => searchMutant(folder, mutant));
    expect(said).toMatch(new RegExp(`^seed \\d+: ${mutant.invariant}: `, "m"));
  });

  test("has a mutant for each invariant but I10, which no world can break", () => {
    const shown = new Set(MUTANTS.map(({ invariant }) => invariant));
    expect([...shown].sort()).toEqual(["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"]);
  });
});

describe("A damaged journal", () => {
  const open = (folder: string): Promise<string> => {
    writeFileSync(join(folder, "damaged.ts"), DAMAGED);
    return output(folder, ["damaged.ts"]);
  };

  test("is a named error with a way out (I10), and the test of that can fail", async () => {
    expect(await withCopy([], open)).toBe("it is named\n");
    expect(await withCopy(DAMAGE_MUTANT.edits, open)).toStartWith("I10: ");
  });
});
