// Mutate: a copy of the runner and its simulator that is broken by a mutant, and what it shows.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { patience } from "../support/patience.ts";
import type { Mutant } from "./mutants.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Every mutant is seen within so many seeds; `npm test` finds nothing in them otherwise. */
const SEEDS_MAX = 200;

/** For one search, on a quiet machine. */
const QUIET_MS = 120_000;

/** Bytes: a world that is told line by line takes a thousandth of that. */
const SAID_MAX = 256 * 1024 * 1024;

/** Makes a copy of the runner and its simulator, changed by a mutant, for as long as `use` takes. */
export async function withCopy<Value>(
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
export function output(folder: string, argv: readonly string[]): Promise<string> {
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

/**
 * What a seed says that showed the mutant before, or else the first that does.
 *
 * @param words What else the simulator is told.
 */
export async function searchMutant(
  folder: string,
  { invariant, seed }: Mutant,
  ...words: readonly string[]
): Promise<string> {
  // A seed by itself is played without a process of its own for the world.
  const said = await simulation(folder, ...words, "--seed", `${seed}`);
  if (isBroken(said, invariant)) return said;
  const search = ["--seeds", `${SEEDS_MAX}`, "--processes", "1", "--first"];
  return await simulation(folder, ...words, ...search);
}
