// State: a JSON file beside the job, for what one run wants to know of the one before.
//
// Both are for functions of steps: what is read is then saved with the run, and does not change
// when the run is replayed.
import { readFile, rename, writeFile } from "node:fs/promises";

/** What was saved last; `none` when nothing was. */
export async function load<State>(file: URL, none: State): Promise<State> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as State;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return none;
    throw error;
  }
}

/** Saves it whole or not at all. Doing it twice does no harm. */
export async function save(file: URL, state: unknown): Promise<void> {
  const fresh = new URL(`${file.href}.new`);
  await writeFile(fresh, JSON.stringify(state), { mode: 0o600 });
  await rename(fresh, file);
}
