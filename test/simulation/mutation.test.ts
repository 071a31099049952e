// Mutation: the test of the test. Each patch breaks an invariant, and the simulator must say which.
import { describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { patience } from "../support/patience.ts";
import { DAMAGE_MUTANT, MUTANTS, type Mutant } from "./mutants.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Every mutant is seen within so many seeds; `npm test` finds nothing in them otherwise. */
const SEEDS_MAX = 200;

/** For one search, on a quiet machine. */
const QUIET_MS = 120_000;

/** Bytes: a world that is told line by line takes a thousandth of that. */
const SAID_MAX = 256 * 1024 * 1024;

/** Makes a copy of the runner and its simulator, changed by a mutant, for as long as `use` takes. */
async function withCopy<Value>(
  edits: Mutant["edits"],
  use: (folder: string) => Promise<Value>,
): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), "mutant-"));
  try {
    for (const path of ["src", "test/simulation", "package.json", "tsconfig.json"]) {
      cpSync(join(ROOT, path), join(folder, path), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    for (const { file, find, replace } of edits) {
      const path = join(folder, "src", file);
      const text = readFileSync(path, "utf8");
      const times = text.split(find).length - 1;
      if (times !== 1) throw new Error(`src/${file} has this ${times} times, not once: ${find}`);
      writeFileSync(
        path,
        text.replace(find, () => replace),
      );
    }
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a program of the copy prints. */
function output(folder: string, argv: readonly string[]): Promise<string> {
  return new Promise((settle) => {
    const options = { cwd: folder, timeout: patience(QUIET_MS), maxBuffer: SAID_MAX };
    execFile(process.execPath, [...argv], options, (_, stdout, stderr) =>
      settle(`${stdout}${stderr}`),
    );
  });
}

function simulation(folder: string, ...words: readonly string[]): Promise<string> {
  return output(folder, ["test/simulation/main.ts", ...words]);
}

/** Whether a simulation says so in a line of its own. */
function isBroken(said: string, invariant: string): boolean {
  return new RegExp(`^seed \\d+: ${invariant}: `, "m").test(said);
}

/** What a seed says that showed the mutant before, or else the first that does. */
async function searchMutant(folder: string, { invariant, seed }: Mutant): Promise<string> {
  // A seed by itself is played without a process of its own for the world.
  const said = await simulation(folder, "--seed", `${seed}`);
  if (isBroken(said, invariant)) return said;
  return await simulation(folder, "--seeds", `${SEEDS_MAX}`, "--processes", "1", "--first");
}

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
